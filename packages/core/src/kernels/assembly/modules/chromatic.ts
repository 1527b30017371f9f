export { chromaticConfigure, chromaticScratch, chromaticStrip } from "../chromatic";
export { complexDeviations, complexPowers, deviationSlopes } from "../powers";
export { heapBase } from "../heap";
