import type { Loss } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { reduce } from "../../packages/reconloss/src/tasks/degrade.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { distortions } from "../distortions/index.ts";
import { keepGroups } from "./cache.ts";
import type { Method } from "./enlargers.ts";
import { drawCrop, members } from "./groups.ts";

/** Height and width of the crops: a multiple of all scales and of the teacher's cells. */
export const enlargedSide = 144;

/** Part of one image and the rest of another. */
function between(a: Tensor, b: Tensor, share: number): Tensor {
  return new Tensor(
    a.data.map((value, at) => (1 - share) * value + share * b.data[at]),
    a.shape,
  );
}

/** More of what an image has that another has not, or less. */
function beyond(a: Tensor, b: Tensor, share: number): Tensor {
  return new Tensor(
    a.data.map((value, at) => Math.min(1, Math.max(0, value + share * (value - b.data[at])))),
    a.shape,
  );
}

/** What methods add to an image, drawn by the name of the distortion: much weaker than where distortions are learned. */
const residues = ["sharpen", "sharpen", "noise", "grain", "ringing", "unevenDetail", "jpeg"] as const;

/** What an image has before it is enlarged, in some groups. */
const inputFaults = ["noise", "blur", "jpeg"] as const;

/** An output as it is, or a little changed: mixed with the crop or with another output, taken further from it, or with a residue. */
function varied(output: Tensor, others: readonly Tensor[], random: Random): Tensor {
  const draw = random.uniform();
  if (draw < 0.1) return between(output, random.pick(others), random.between(0.1, 0.8));
  if (draw < 0.16) return beyond(output, random.pick(others), random.between(0.1, 0.5));
  if (draw < 0.28) return distortions[random.pick(residues)](output, random.between(0.05, 0.3), random);
  return output;
}

/**
 * An image that a loss is told is nearer to the target than it is: its pixels follow the loss's gradient, as far as steps of a size go.
 *
 * @param size - of a step, for the largest pixels of the gradient's sign
 */
async function descended(loss: Loss, start: Tensor, target: Tensor, steps: number, size: number): Promise<Tensor> {
  const prepared = await loss.prepareTarget(target);
  let image = start;
  const memory = new Float32Array(start.data.length);
  for (let step = 0; step < steps; step++) {
    const { grad } = await loss.valueAndGrad(image, prepared);
    let square = 0;
    for (let at = 0; at < memory.length; at++) {
      memory[at] = 0.9 * memory[at] + grad.data[at];
      square += memory[at] ** 2;
    }
    const scale = size / (Math.sqrt(square / memory.length) + 1e-12);
    image = new Tensor(
      image.data.map((value, at) => Math.min(1, Math.max(0, value - scale * memory[at]))),
      image.shape,
    );
  }
  return image;
}

/** The photographs and methods that groups are drawn from. */
export interface EnlargedGroups {
  readonly seed: number;
  /** Photographs that have a group each, by their place in the order of names. */
  takes(index: number): boolean;
  /** Says what the methods are, so that a folder of others is not taken for theirs. */
  readonly name: string;
  /** By scale. */
  readonly methods: Readonly<Record<number, readonly Method[]>>;
  /** The distances under one of which a group's last image is descended in some. */
  readonly exploited: readonly Loss[];
}

/** Groups of crops that were reduced and enlarged by four methods each, and what the teacher says of them, kept in a folder. */
export async function keepEnlargedGroups(
  folder: string,
  photographs: string,
  { seed, takes, name, methods, exploited }: EnlargedGroups,
  reportProgress: (text: string) => void,
): Promise<void> {
  const wanted = JSON.stringify({ name, seed, version: 3 });
  await keepGroups(folder, photographs, { wanted, side: enlargedSide, takes, reportProgress }, async (image, index) => {
    const random = new Random("enlarged", seed, index);
    const target = asFile(drawCrop(image, enlargedSide, random));
    const scale = random.pick([2, 3, 4]);
    // In one group of ten what is enlarged is not quite what the methods expect.
    const small = reduce(target, scale);
    const fault = random.uniform() < 0.1 ? distortions[random.pick(inputFaults)] : undefined;
    const input = asFile(fault ? fault(small, random.between(0.02, 0.25), random) : small);
    const unused = [...methods[scale]];
    const outputs: Tensor[] = [];
    while (outputs.length < members - 1) {
      const [method] = unused.splice(random.below(unused.length), 1);
      outputs.push(asFile(await method.enlarge(input)));
    }
    if (random.uniform() < 0.2) {
      const [steps, size] = [random.pick([4, 8, 16]), random.pick([0.001, 0.002, 0.004])];
      outputs[3] = asFile(await descended(random.pick(exploited), random.pick(outputs), target, steps, size));
    }
    const kept = outputs.map((output, k) =>
      asFile(k === 0 ? output : varied(output, [target, outputs[0], outputs[1]], random)),
    );
    return [[target, ...kept]];
  });
}
