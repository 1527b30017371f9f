export { addFloats, features, featuresConfigure, featuresScratch, featuresSlopes } from "../features";
export { phase, phaseScratch, phaseSlopes, planeOf, spectra } from "../phase";
export { heapBase } from "../heap";
