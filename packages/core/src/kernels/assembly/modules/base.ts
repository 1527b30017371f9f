export { inspect } from "../inspect";
export { unpack8, unpack16 } from "../unpack";
export { heapBase } from "../heap";
