/** A tensor of a checkpoint: PyTorch's shape and order. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a checkpoint by the names that the official implementation gives them. */
export type StateDict = Readonly<Record<string, WeightTensor>>;

/** The tensors that a network needs: their names and shapes. */
export type TensorShapes = Readonly<Record<string, readonly number[]>>;
