export { unpack8, unpack16 } from "./unpack";
export { inspect } from "./inspect";
export { pointwise } from "./pointwise";
export { variation } from "./variation";
export { deltaE, deltaEScratch } from "./delta-e";
export { derivativesConfigure, derivativesScratch, derivativesStrip, similarityConfigure } from "./derivatives";
export { linearTable } from "./lab";
export { halve, mix, unhalve } from "./pyramid";
export { chaseBulges, clearRows } from "./reflections";
export { resizeAcross, resizeDown } from "./resize";
export { ssimConfigure, ssimScratch, ssimStrip, ssimUnpad } from "./ssim";
export {
  linearLight, linearLightGradient, opponentsGradient, ssimulacra2Plane, ssimulacra2Scratch, toOpponents,
} from "./ssimulacra2";

/** The first free address of memory. */
export function heapBase(): usize {
  return __heap_base;
}
