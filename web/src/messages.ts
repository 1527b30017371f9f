/** One 8-bit image, red, green, blue and alpha in turn. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** An option of a loss, as controls need it. */
export interface OptionInfo {
  readonly name: string;
  readonly default: number | string | boolean;
  readonly accepts: string;
  readonly words?: readonly string[];
  readonly help: string;
}

/** A loss, as lists and controls need it. */
export interface LossInfo {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly better: "lower" | "higher" | "target";
  readonly options: readonly OptionInfo[];
  readonly presets: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A specification that needs no file; absent where there is none. */
  readonly here?: string;
  /** Specifications that need published files. */
  readonly weighted: readonly WeightedSpec[];
}

/** A specification that needs published files. */
export interface WeightedSpec {
  readonly spec: string;
  readonly needs: readonly { readonly file: string; readonly url: string; readonly isHere: boolean }[];
}

/** Two images of two folders. */
export interface FilePair {
  readonly name: string;
  readonly output: File;
  readonly target: File;
}

/** The number of a loss for one pair of images. */
export interface Measured {
  readonly spec: string;
  readonly value: number;
  readonly better: "lower" | "higher" | "target";
  readonly decimals: number;
  readonly milliseconds: number;
  /** Of a prior: the target's own value. */
  readonly targetValue?: number;
  readonly hasMap: boolean;
  /** Of a network: where it ran, and why not on the GPU. */
  readonly network?: { readonly device: "cpu" | "webgpu"; readonly reason?: string };
}

/** The error map of a loss, one plane. */
export interface ErrorMap {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** A point of a response curve. */
export interface Response {
  readonly spec: string;
  readonly strength: number;
  /** Undefined where the loss cannot be computed of the image. */
  readonly value?: number;
}

/** The state of a descent. */
export interface Descent {
  readonly step: number;
  readonly value: number;
  readonly image: Pixels;
  readonly milliseconds: number;
}

/** A request of the page to the worker; `id` comes back with every answer. */
export type Request = { readonly id: number } & (
  | { readonly kind: "describe" }
  | { readonly kind: "read"; readonly specs: readonly string[] }
  | { readonly kind: "measure"; readonly output: Pixels; readonly target: Pixels; readonly specs: readonly string[] }
  | { readonly kind: "folders"; readonly pairs: readonly FilePair[]; readonly specs: readonly string[] }
  | { readonly kind: "weights"; readonly files: readonly File[] }
  | { readonly kind: "map"; readonly output: Pixels; readonly target: Pixels; readonly spec: string }
  | {
      readonly kind: "distort";
      readonly image: Pixels;
      readonly distortion: string;
      readonly strength: number;
      readonly seed: number;
    }
  | {
      readonly kind: "respond";
      readonly image: Pixels;
      readonly distortion: string;
      readonly strengths: readonly number[];
      readonly specs: readonly string[];
      readonly seed: number;
    }
  | {
      readonly kind: "descend";
      readonly target: Pixels;
      readonly start: "noise" | "grey";
      readonly spec: string;
      readonly learningRate: number;
    }
  | { readonly kind: "stop" }
);

/** A specification as the grammar understands it. */
export interface ReadSpec {
  readonly typed: string;
  readonly spec?: string;
  readonly name?: string;
  readonly options?: Readonly<Record<string, number | string | boolean>>;
  readonly error?: string;
}

export type Answer = { readonly id: number } & (
  | { readonly kind: "losses"; readonly losses: readonly LossInfo[]; readonly distortions: readonly string[] }
  | { readonly kind: "specs"; readonly specs: readonly ReadSpec[] }
  | { readonly kind: "measured"; readonly measured: Measured }
  | {
      readonly kind: "pair";
      readonly pair: number;
      readonly spec: string;
      readonly result: Measured | { error: string };
    }
  | { readonly kind: "map"; readonly map: ErrorMap }
  | { readonly kind: "image"; readonly image: Pixels }
  | { readonly kind: "response"; readonly response: Response }
  | { readonly kind: "descent"; readonly descent: Descent }
  | { readonly kind: "failed"; readonly spec?: string; readonly error: string }
  | { readonly kind: "done" }
);
