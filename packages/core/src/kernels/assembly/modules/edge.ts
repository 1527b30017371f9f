export { edgeScratch, edgeStrip } from "../edge";
export { heapBase } from "../heap";
