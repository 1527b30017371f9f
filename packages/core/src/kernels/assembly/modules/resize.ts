export { resizeAcross, resizeDown } from "../resize";
export { heapBase } from "../heap";
