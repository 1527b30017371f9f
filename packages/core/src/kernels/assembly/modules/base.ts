export { inspect, sameBytes } from "../inspect";
export { unpack8, unpack16 } from "../unpack";
export { heapBase } from "../heap";
