export { linearLight, linearLightGradient, opponentsGradient, ssimulacra2Plane, ssimulacra2Scratch, toOpponents } from "../ssimulacra2";
export { heapBase } from "../heap";
