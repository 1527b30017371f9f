import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, flag, integer, number } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { sobel as kernel } from "../kernels/sobel.ts";
import { filterSeparable, type Separable, sobelKernels } from "./filters.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The kernels of each mode and order, before they are normalised. */
const kernels: Record<"sobel" | "diff", readonly (readonly Separable[])[]> = {
  sobel: [
    sobelKernels,
    [
      { down: [1, 4, 6, 4, 1], across: [-1, 0, 2, 0, -1] },
      { down: [1, 2, 0, -2, -1], across: [-1, -2, 0, 2, 1] },
      { down: [-1, 0, 2, 0, -1], across: [1, 4, 6, 4, 1] },
    ],
  ],
  diff: [
    [
      { down: [1], across: [-1, 0, 1] },
      { down: [-1, 0, 1], across: [1] },
    ],
    [
      { down: [1], across: [1, -2, 1] },
      { down: [1, 0, -1], across: [-1, 0, 1] },
      { down: [1, -2, 1], across: [1] },
    ],
  ],
};

/** The kernels of a derivative: across and down, or for order 2 across, mixed and down. */
export function derivativeKernels(mode: "sobel" | "diff", order: number, normalized: boolean): readonly Separable[] {
  const ofOrder = kernels[mode][order - 1];
  if (!normalized) return ofOrder;
  const total = (weights: readonly number[]) => weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  return ofOrder.map(({ down, across }) => ({
    down,
    across: across.map((weight) => weight / (total(down) * total(across))),
  }));
}

/**
 * Edge loss by Sobel's derivatives: how far those of the output are from the target's, the mean over pixels, channels and directions.
 *
 * - `form=derivative` (default) compares each direction: equals `l1_loss(spatial_gradient(output), spatial_gradient(target))` of kornia, with its `mode`, `order` and
 *   `normalized`; `distance=mse` the squared errors.
 * - `form=magnitude` compares the length, `sqrt(gx^2 + gy^2 + eps^2)`: equals the same of kornia's `sobel`, whose `eps=1e-6` is not squared there.
 *
 * `order=2` has three directions: across, mixed, down. Kernels are correlations, divided by the sum of their sizes (`normalized=false`: not), over an image whose border is
 * repeated. Any number of channels and any size; in units of the images, squared with `distance=mse`. Images that differ by a constant give 0 and a gradient of 0.
 * A weight makes it `sum(weight error) / sum(weight)`. First derivatives have a fused kernel, second ones are computed by ONNX Runtime.
 *
 * @throws {ReconlossError} `invalid-argument` for `form=magnitude` with `order=2`
 *
 * @example
 * ```ts
 * import { sobel, Tensor } from "@reconloss/core";
 * const edge = Tensor.from([0, 0, 1, 1], [1, 1, 1, 4]);
 * await sobel().value(edge, Tensor.full([1, 1, 1, 4], 0)); // 0.125: two pixels of 0.5 across, none down
 * ```
 */
export const sobel = defineLoss({
  name: "sobel",
  summary: "Sobel derivatives against the target's: edges",
  formula: "mean |S(x - y)|; S Sobel's derivatives",
  use: "Beside a pixel loss, for sharper edges. A change of level costs nothing, so never alone.",
  better: "lower",
  source: "kornia, spatial_gradient and sobel",
  options: {
    ...imageOptions,
    form: choice(["derivative", "magnitude"], "derivative", "each direction by itself, or their length"),
    mode: choice(["sobel", "diff"], "sobel", "smoothed differences, or central differences alone"),
    order: integer(1, "derivative: first or second derivatives", { min: 1, max: 2 }),
    normalized: flag(true, "divide kernels by the sum of their sizes"),
    distance: choice(["l1", "mse"], "l1", "absolute or squared errors"),
    eps: number(1e-3, "magnitude: rounds the tip, in units of the images", { above: 0 }),
  },
  refuse: refuseImages,
  units: ({ form, distance }) => ({
    degree: distance === "l1" ? 1 : 2,
    lengths: form === "magnitude" ? ["eps"] : [],
  }),
  define: (options) => {
    const { form, mode, order, normalized, distance, eps } = options;
    if (form === "magnitude" && order === 2) {
      throw new ReconlossError(
        "invalid-argument",
        "sobel: form=magnitude applies only to first derivatives; order must be 1",
      );
    }
    const ofOrder = derivativeKernels(mode, order, normalized);
    const derivatives = <T>(o: Ops<T>, x: T) => ofOrder.map((kernel) => filterSeparable(o, x, kernel, "replicate"));
    const length = <T>(o: Ops<T>, x: T) => {
      const [across, down] = derivatives(o, x).map((derivative) => o.square(derivative));
      return o.sqrt(o.add(o.add(across, down), eps ** 2));
    };
    const spec = { kind: "sobel", form, mode, normalized, distance, epsilon: eps } as const;
    const error = <T>(o: Ops<T>, { output, target }: Images<T>) => {
      const differences =
        form === "magnitude" ? [o.sub(length(o, output), length(o, target))] : derivatives(o, o.sub(output, target));
      const errors = differences.map((x) => (distance === "l1" ? o.abs(x) : o.square(x)));
      return o.mul(
        errors.reduce((sum, error) => o.add(sum, error)),
        1 / errors.length,
      );
    };
    return meanOfErrors(options, error, order === 1 ? { kernel: { kernel, spec } } : {});
  },
});
