export { variation } from "../variation";
export { heapBase } from "../heap";
