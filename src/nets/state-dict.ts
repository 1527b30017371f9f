export type { StateDict, TensorShapes, WeightTensor } from "../weights/state-dict.ts";
