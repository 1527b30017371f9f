export { decimateRow, decimateScratch, undecimateRow } from "../decimate";
export { informationConfigure, informationScratch, informationStrip } from "../information";
export { heapBase } from "../heap";
