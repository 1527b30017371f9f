export { pointwise } from "../pointwise";
export { heapBase } from "../heap";
