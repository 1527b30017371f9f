import { ReconlossError } from "../errors.ts";
import type { Loss } from "../losses/index.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";

/** An output and its target, decoded. */
export interface Images {
  output: Tensor;
  target: Tensor;
}

/** A grey image as a colour image with three equal channels. */
function toColour(grey: Tensor): Tensor {
  const [n, , h, w] = grey.shape;
  const shape: Shape = [n, 3, h, w];
  const data = new Float32Array(n * 3 * h * w);
  for (let image = 0; image < n; image++) {
    const plane = grey.image(image).data;
    for (let channel = 0; channel < 3; channel++) data.set(plane, (image * 3 + channel) * h * w);
  }
  return new Tensor(data, shape);
}

/** Two images with equally many channels: where just one is grey, it becomes colour, and `converted` says which. */
export function matchChannels({ output, target }: Images): Images & { converted?: keyof Images } {
  const [a, b] = [output.shape[1], target.shape[1]];
  if (a === 1 && b === 3) return { output: toColour(output), target, converted: "output" };
  if (a === 3 && b === 1) return { output, target: toColour(target), converted: "target" };
  return { output, target };
}

/** @throws {ReconlossError} `shape` when the two have different sizes */
export function checkSizes({ output, target }: Images): void {
  if (output.shape[2] === target.shape[2] && output.shape[3] === target.shape[3]) return;
  const shapes = `output is ${formatShape(output.shape)} but target is ${formatShape(target.shape)}`;
  throw new ReconlossError("shape", `compare: ${shapes}; both must have the same height and width`);
}

/** A loss of one pair. */
export interface Measurement {
  value: number;
  /** What a prior makes of the target itself. */
  targetValue?: number;
  /** The score before it is said, where those are what is averaged. */
  score?: number;
  map?: Tensor;
  /** In how many tiles it was computed, where not at once. */
  tiles?: number;
}

/** Computes one loss of one pair. */
export async function measure(loss: Loss, { output, target }: Images, wants: { map?: boolean }): Promise<Measurement> {
  const evaluation = await loss.evaluate(output, target, { map: wants.map === true && loss.hasMap });
  const { value, unlimited = value, scores, map, tiles } = evaluation;
  return {
    // What a training may count as finite must not be in a mean, where it would hide other pairs.
    value: unlimited,
    map,
    tiles,
    ...(loss.better === "target" ? { targetValue: await loss.value(target) } : {}),
    ...(loss.definition?.poolScores ? { score: scores[0] } : {}),
  };
}
