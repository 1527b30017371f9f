import { checkArguments } from "../arguments.ts";
import type { Ops } from "../graph/ops.ts";
import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { activation, chain, type Layer, parallel, shapesOf } from "./layer.ts";
import { averagePool, conv, maxPool, relu } from "./layers.ts";
import { Network } from "./network.ts";
import { batchNorm } from "./norms.ts";
import { frozenPass } from "./passes.ts";

type Size = readonly [h: number, w: number];

/** `BasicConv2d`: convolution without bias, batch norm, ReLU. */
function unit(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number | Size,
  options: { stride?: number; padding?: number | Size } = {},
): Layer {
  return chain(
    conv(`${name}.conv`, inputs, outputs, kernel, { ...options, bias: false }),
    batchNorm(`${name}.bn`, outputs, { epsilon: 1e-3 }),
    relu,
  );
}

/** In which the two networks differ. */
interface Variant {
  name: string;
  classes: number;
  /** Whether the zeros around an image count in its average pools. */
  countIncludePad: boolean;
  /** The pool of the last block. */
  lastPool: "max" | "average";
}

/** The blocks of Inception v3 (Szegedy et al. 2016) under the names of torchvision's `InceptionV3`. */
function blocks({ countIncludePad, lastPool }: Variant): (readonly [tap: string, layer: Layer])[] {
  const average = averagePool(3, 1, { padding: 1, countIncludePad });
  const [row, column]: Size[] = [
    [1, 7],
    [7, 1],
  ];
  const alongRow = { padding: [0, 3] as Size };
  const alongColumn = { padding: [3, 0] as Size };
  const halving = { stride: 2 };

  const a = (name: string, inputs: number, pooled: number) =>
    parallel(
      unit(`${name}.branch1x1`, inputs, 64, 1),
      chain(unit(`${name}.branch5x5_1`, inputs, 48, 1), unit(`${name}.branch5x5_2`, 48, 64, 5, { padding: 2 })),
      chain(
        unit(`${name}.branch3x3dbl_1`, inputs, 64, 1),
        unit(`${name}.branch3x3dbl_2`, 64, 96, 3, { padding: 1 }),
        unit(`${name}.branch3x3dbl_3`, 96, 96, 3, { padding: 1 }),
      ),
      chain(average, unit(`${name}.branch_pool`, inputs, pooled, 1)),
    );
  const b = (name: string, inputs: number) =>
    parallel(
      unit(`${name}.branch3x3`, inputs, 384, 3, halving),
      chain(
        unit(`${name}.branch3x3dbl_1`, inputs, 64, 1),
        unit(`${name}.branch3x3dbl_2`, 64, 96, 3, { padding: 1 }),
        unit(`${name}.branch3x3dbl_3`, 96, 96, 3, halving),
      ),
      maxPool(3, 2),
    );
  const c = (name: string, middle: number) =>
    parallel(
      unit(`${name}.branch1x1`, 768, 192, 1),
      chain(
        unit(`${name}.branch7x7_1`, 768, middle, 1),
        unit(`${name}.branch7x7_2`, middle, middle, row, alongRow),
        unit(`${name}.branch7x7_3`, middle, 192, column, alongColumn),
      ),
      chain(
        unit(`${name}.branch7x7dbl_1`, 768, middle, 1),
        unit(`${name}.branch7x7dbl_2`, middle, middle, column, alongColumn),
        unit(`${name}.branch7x7dbl_3`, middle, middle, row, alongRow),
        unit(`${name}.branch7x7dbl_4`, middle, middle, column, alongColumn),
        unit(`${name}.branch7x7dbl_5`, middle, 192, row, alongRow),
      ),
      chain(average, unit(`${name}.branch_pool`, 768, 192, 1)),
    );
  const d = (name: string) =>
    parallel(
      chain(unit(`${name}.branch3x3_1`, 768, 192, 1), unit(`${name}.branch3x3_2`, 192, 320, 3, halving)),
      chain(
        unit(`${name}.branch7x7x3_1`, 768, 192, 1),
        unit(`${name}.branch7x7x3_2`, 192, 192, row, alongRow),
        unit(`${name}.branch7x7x3_3`, 192, 192, column, alongColumn),
        unit(`${name}.branch7x7x3_4`, 192, 192, 3, halving),
      ),
      maxPool(3, 2),
    );
  const cross = (name: string) =>
    parallel(
      unit(`${name}a`, 384, 384, [1, 3], { padding: [0, 1] }),
      unit(`${name}b`, 384, 384, [3, 1], { padding: [1, 0] }),
    );
  const e = (name: string, inputs: number, pool: Layer) =>
    parallel(
      unit(`${name}.branch1x1`, inputs, 320, 1),
      chain(unit(`${name}.branch3x3_1`, inputs, 384, 1), cross(`${name}.branch3x3_2`)),
      chain(
        unit(`${name}.branch3x3dbl_1`, inputs, 448, 1),
        unit(`${name}.branch3x3dbl_2`, 448, 384, 3, { padding: 1 }),
        cross(`${name}.branch3x3dbl_3`),
      ),
      chain(pool, unit(`${name}.branch_pool`, inputs, 192, 1)),
    );

  return [
    ["Conv2d_1a_3x3", unit("Conv2d_1a_3x3", 3, 32, 3, halving)],
    ["Conv2d_2a_3x3", unit("Conv2d_2a_3x3", 32, 32, 3)],
    ["Conv2d_2b_3x3", unit("Conv2d_2b_3x3", 32, 64, 3, { padding: 1 })],
    ["maxpool1", maxPool(3, 2)],
    ["Conv2d_3b_1x1", unit("Conv2d_3b_1x1", 64, 80, 1)],
    ["Conv2d_4a_3x3", unit("Conv2d_4a_3x3", 80, 192, 3)],
    ["maxpool2", maxPool(3, 2)],
    ["Mixed_5b", a("Mixed_5b", 192, 32)],
    ["Mixed_5c", a("Mixed_5c", 256, 64)],
    ["Mixed_5d", a("Mixed_5d", 288, 64)],
    ["Mixed_6a", b("Mixed_6a", 288)],
    ["Mixed_6b", c("Mixed_6b", 128)],
    ["Mixed_6c", c("Mixed_6c", 160)],
    ["Mixed_6d", c("Mixed_6d", 160)],
    ["Mixed_6e", c("Mixed_6e", 192)],
    ["Mixed_7a", d("Mixed_7a")],
    ["Mixed_7b", e("Mixed_7b", 1280, average)],
    ["Mixed_7c", e("Mixed_7c", 2048, lastPool === "max" ? maxPool(3, 1, { padding: 1 }) : average)],
  ];
}

/**
 * The features that {@link Inception} gives of an image.
 *
 * - `64`, `192`, `768`, `2048`: that many channels after the first max pool, the second, `Mixed_6e` and `Mixed_7c`, averaged over space: [n, c, 1, 1].
 *   2048 is FID's.
 * - `spatial`: the first 7 channels of `Mixed_6d.branch1x1`, [n, 7, 17, 17] of 299x299 pixels; {@link flattenSpatial} makes the 2023 values of sFID.
 * - `logits`, `logits-no-bias`: the classifier's, with its bias or, as in the original Inception Score code, without: [n, classes, 1, 1].
 */
export type InceptionFeature = "64" | "192" | "768" | "2048" | "spatial" | "logits" | "logits-no-bias";

/** Averaged over space. */
const pooled = activation((o, x) => o.mean(x, "hw"));

const classifier = (classes: number, bias: boolean) =>
  chain(pooled, conv("fc", 2048, classes, 1, { shape: [classes, 2048], bias }));

/** The tap that each feature is made of, and how. */
const features: Record<InceptionFeature, { tap: string; head: (classes: number) => Layer }> = {
  "64": { tap: "maxpool1", head: () => pooled },
  "192": { tap: "maxpool2", head: () => pooled },
  "768": { tap: "Mixed_6e", head: () => pooled },
  "2048": { tap: "Mixed_7c", head: () => pooled },
  spatial: {
    tap: "Mixed_6c",
    head: () =>
      chain(
        unit("Mixed_6d.branch1x1", 768, 192, 1),
        activation((o, x) => o.slice(x, "c", 0, 7)),
      ),
  },
  logits: { tap: "Mixed_7c", head: (classes) => classifier(classes, true) },
  "logits-no-bias": { tap: "Mixed_7c", head: (classes) => classifier(classes, false) },
};

/** All that {@link Inception.features} can give. */
export const inceptionFeatures = Object.keys(features) as InceptionFeature[];

/**
 * Inception v3 with averaged features and a classifier. Images are 299x299 in [-1, 1].
 *
 * @example
 * ```ts
 * import { inceptionFid } from "@reconloss/core/nets";
 * inceptionFid.tensors(["logits"])["fc.weight"]; // [1008, 2048]
 * ```
 */
export class Inception {
  /** The name that its checkpoint goes by. */
  readonly name: string;
  readonly classes: number;
  /** Without what averages and classifies. */
  readonly network: Network;

  constructor(variant: Variant) {
    checkArguments("Inception", { variant: [variant, "object", ["name", "classes"]] });
    this.name = variant.name;
    this.classes = variant.classes;
    this.network = new Network(variant.name, () => blocks(variant));
  }

  /** The names and shapes of the tensors that these features need. */
  tensors(wanted: readonly InceptionFeature[] = inceptionFeatures): TensorShapes {
    return {
      ...this.network.tensors(wanted.map((feature) => features[feature].tap)),
      ...shapesOf(chain(...wanted.map((feature) => features[feature].head(this.classes)))),
    };
  }

  /**
   * The features, in the order in which they are asked for.
   *
   * @param image - [n, 3, 299, 299] in [-1, 1]
   * @throws {ReconlossError} `checkpoint` for a tensor that is missing
   */
  features<T>(o: Ops<T>, image: T, weights: StateDict, wanted: readonly InceptionFeature[]): T[] {
    const taps = [...new Set(wanted.map((feature) => features[feature].tap))];
    const values = this.network.features(o, image, weights, taps);
    return wanted.map((feature) => {
      const head = features[feature].head(this.classes);
      const pass = frozenPass(o, weights, { ...head.parameters, ...head.buffers });
      return head.apply(pass, values[taps.indexOf(features[feature].tap)]);
    });
  }
}

/**
 * The Inception of the FID literature: TensorFlow's graph of 2015-12-05 with 1008 outputs, as in pytorch-fid and torch-fidelity. Average pools leave
 * padding out, and the last block pools maxima. Weights: `pt_inception-2015-12-05-6726825d.pth`.
 */
export const inceptionFid = new Inception({
  name: "inception-fid",
  classes: 1008,
  countIncludePad: false,
  lastPool: "max",
});

/** torchvision's `inception_v3` with 1000 classes: the Inception Score of ignite and of sbarratt. */
export const inceptionV3 = new Inception({
  name: "inception_v3",
  classes: 1000,
  countIncludePad: true,
  lastPool: "average",
});

/**
 * The `spatial` feature [n, 7, h, w] of a batch as rows of h w 7 values, row by row, pixel by pixel, channel by channel: the order of the
 * ADM evaluator.
 *
 * @example
 * ```ts
 * import { flattenSpatial } from "@reconloss/core/nets";
 * Array.from(flattenSpatial(Float32Array.of(1, 2, 3, 4), [1, 2, 1, 2])); // [1, 3, 2, 4]
 * ```
 */
export function flattenSpatial(data: Float32Array, shape: readonly number[]): Float32Array {
  checkArguments("flattenSpatial", { data: [data, "list"], shape: [shape, "list"] });
  const [, c, h, w] = shape;
  const plane = h * w;
  return data.map((_, at) => {
    const image = Math.floor(at / (c * plane));
    const inImage = at % (c * plane);
    return data[image * c * plane + (inImage % c) * plane + Math.floor(inImage / c)];
  });
}
