export { derivativesConfigure, derivativesScratch, derivativesStrip, similarityConfigure } from "../derivatives";
export { heapBase } from "../heap";
