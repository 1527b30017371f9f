export { pointwise, pointwiseBytes } from "../pointwise";
export { heapBase } from "../heap";
