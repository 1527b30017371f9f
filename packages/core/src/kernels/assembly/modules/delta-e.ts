export { deltaE, deltaEScratch } from "../delta-e";
export { linearTable } from "../lab";
export { heapBase } from "../heap";
