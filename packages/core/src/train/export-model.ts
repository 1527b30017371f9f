import { checkArguments } from "../arguments.ts";
import { buildModel } from "../graph/model.ts";
import type { Model } from "../nets/model.ts";
import { mapValues } from "../records.ts";
import type { Tensor } from "../tensor.ts";

/** The options of {@link exportModel}. */
export interface ExportModelOptions {
  /** Channels of the input. Default 3. */
  channels?: number;
  /** Texts that travel in the file. */
  metadata?: Record<string, string>;
}

/**
 * A trained network as one portable ONNX file, weights included: input `input` [n, channels, h, w], output `output`, both float32.
 *
 * @param tensors - the values of all parameters and buffers
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import type { Model } from "@reconloss/core/nets";
 * import { constant } from "@reconloss/core/nets";
 * import { exportModel } from "@reconloss/core/train";
 * const gain: Model = {
 *   name: "gain",
 *   parameters: { gain: { shape: [3], initialize: constant(1) } },
 *   buffers: {},
 *   forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
 * };
 * exportModel(gain, { gain: Tensor.full([1, 3, 1, 1], 2) }) instanceof Uint8Array; // an .onnx file
 * ```
 */
export function exportModel(
  model: Model,
  tensors: Readonly<Record<string, Tensor>>,
  options: ExportModelOptions = {},
): Uint8Array {
  checkArguments("exportModel", {
    model: [model, "object", ["parameters"]],
    tensors: [tensors, "object"],
    options: [options, "object?"],
  });
  const { channels = 3, metadata } = options;
  return buildModel(
    { input: ["n", channels, "h", "w"] },
    (o, { input }) => {
      const values = mapValues(tensors, ({ data, shape }) => o.constant(data, shape));
      return { output: model.forward(o, input, values, false).output };
    },
    metadata,
  ).bytes;
}
