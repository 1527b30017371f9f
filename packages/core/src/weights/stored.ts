import type { DType } from "./elements.ts";

/** A run of elements in a file, which one or many tensors view. */
export interface StoredRun {
  readonly dtype: DType;
  /** Number of elements. */
  readonly count: number;
  /** Bytes `[offset, offset + length)` of the run. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A tensor in a file: a strided view of a run. Offsets and strides are in elements. */
export interface StoredTensor {
  readonly run: StoredRun;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The tensors that a format's reader finds in a file; no tensor data has been read yet. */
export interface CheckpointContents {
  readonly format: "torch" | "safetensors";
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Text stored beside the tensors (safetensors only). */
  readonly metadata: Readonly<Record<string, string>>;
  /** The keys under which the tensors were, where they were not the object itself. */
  readonly container?: string;
  /** Says what was chosen, where there was a choice. */
  readonly notes?: readonly string[];
}
