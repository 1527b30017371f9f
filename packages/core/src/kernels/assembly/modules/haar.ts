export { haarConfigure, haarScratch, haarStrip } from "../haar";
export { heapBase } from "../heap";
