import { checkObject, described } from "../arguments.ts";
import { evaluateDefinition } from "../definitions/evaluate.ts";
import { ReconlossError } from "../errors.ts";
import { buildModel } from "../graph/model.ts";
import type { InputDims } from "../graph/program.ts";
import { mapValues } from "../records.ts";
import { isLoss, type Loss } from "./loss.ts";

/** The results that {@link exportLoss} writes besides the value. */
export interface ExportOptions {
  /** The gradient with respect to the output, as `grad`. Default false. */
  grad?: boolean;
  /** The map, as `map`, where the loss has one. Default false. */
  map?: boolean;
  /** A third input `weight`, how much each pixel counts in its image, [n, 1, h, w]. Default false. */
  weight?: boolean;
  /** Channels of the images. Default 3. */
  channels?: number;
  /** Height and width of the images, needed by losses whose mathematics depends on them, such as ms-ssim. Default: any. */
  size?: readonly [height: number, width: number];
}

/**
 * A loss as one portable ONNX file, weights included: it runs wherever ONNX runs, at any batch size and, without `size`, any height and width.
 *
 * Inputs: `output` and, unless the loss is a prior, `target`, float32 [n, channels, h, w], and with the option `weight` that too. Outputs: `value` [1, 1, 1, 1] and
 * `perImage` [n, 1, 1, 1] in float64; with the options `grad`, d value / d output, and `map`, both float32. The metadata holds the
 * specification, every option as JSON, the direction and the source. The file computes; it does not check shapes and ranges as the loss itself does.
 *
 * @throws {ReconlossError} `invalid-argument` for a loss that is not one graph, a map that the loss does not have, or a size that is needed and not given;
 * also what loading its weights throws
 * @example
 * ```ts
 * import { exportLoss, parseLoss } from "@reconloss/core";
 * const file = await exportLoss(parseLoss("l1 + 0.1*ssim"), { grad: true });
 * file instanceof Uint8Array; // an .onnx file
 * ```
 */
export async function exportLoss(loss: Loss, options: ExportOptions = {}): Promise<Uint8Array> {
  if (!isLoss(loss))
    throw new ReconlossError("invalid-argument", `exportLoss: loss must be a loss, got ${described(loss)}`);
  checkObject("exportLoss", "options", options);
  const { grad = false, map = false, weight: isWeighted = false, channels = 3, size } = options;
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${loss.spec} ${problem}`);
  const definition = loss.definition;
  if (definition === undefined) throw refuse("cannot be written as one graph");
  if (definition.needsInput)
    throw refuse("needs the input that outputs were made from, which its file could not receive");
  if (map && !loss.hasMap) throw refuse("has no map");
  if (definition.bySize && size === undefined) throw refuse("depends on the size of the images; give size");
  for (const [name, number] of Object.entries({ channels, height: size?.[0] ?? 1, width: size?.[1] ?? 1 })) {
    if (!Number.isInteger(number) || number < 1)
      throw refuse(`needs a whole number of ${name}, got ${described(number)}`);
  }

  await definition.prepare?.();
  const dims: InputDims = ["n", channels, ...(size ?? ["h", "w"])] as InputDims;
  const inputs: Record<string, InputDims> = loss.needsTarget ? { output: dims, target: dims } : { output: dims };
  if (isWeighted) inputs.weight = [dims[0], 1, dims[2], dims[3]];
  const { bytes } = buildModel<string, string>(
    inputs,
    (o, { output, target = output, weight }) => {
      // What may change later is written as it is now.
      const state = mapValues(definition.state?.() ?? {}, ({ data, shape }) => o.constant(data, shape));
      const values = evaluateDefinition(o, definition, { output, target, weight, state }, { grad, map });
      const named = { value: values.value, perImage: values.perImage, grad: values.grad, map: values.map };
      return Object.fromEntries(Object.entries(named).filter(([, x]) => x !== undefined));
    },
    {
      spec: loss.spec,
      options: JSON.stringify(loss.options, (_, value) =>
        Number.isFinite(value) || typeof value !== "number" ? value : String(value),
      ),
      better: loss.better,
      offset: String(loss.offset),
    },
  );
  return bytes;
}
