import type { Loss } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { reduce } from "../../packages/reconloss/src/tasks/degrade.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { crop } from "../choosing/photographs.ts";
import { keepGroups } from "./cache.ts";
import type { Method } from "./enlargers.ts";
import { type Group, members } from "./groups.ts";

/** Height and width of the crops: a multiple of all scales and of the teacher's cells. */
export const enlargedSide = 144;

/** Part of one image and the rest of another. */
function between(a: Tensor, b: Tensor, share: number): Tensor {
  return new Tensor(
    a.data.map((value, at) => (1 - share) * value + share * b.data[at]),
    a.shape,
  );
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
  readonly perPhotograph: number;
  /** Only every so many photographs. */
  readonly every: number;
  /** Says what the methods are, so that a folder of others is not taken for theirs. */
  readonly name: string;
  /** By scale. */
  readonly methods: Readonly<Record<number, readonly Method[]>>;
  /** Methods of which each group has one at least. */
  readonly always?: Readonly<Record<number, readonly Method[]>>;
  /** The distance under which a group's last image is descended in some. */
  readonly tiny?: Loss;
}

/** Groups of crops that were reduced and enlarged by four methods each, and what the teacher says of them, kept in a folder. */
export async function keepEnlargedGroups(
  folder: string,
  photographs: string,
  { seed, perPhotograph, every, name, methods, always, tiny }: EnlargedGroups,
  reportProgress: (text: string) => void,
): Promise<void> {
  const wanted = JSON.stringify({ name, seed, perPhotograph, every, version: 2 });
  await keepGroups(folder, photographs, { wanted, side: enlargedSide, reportProgress }, async (photograph, index) => {
    if (index % every !== seed % every) return [];
    const groups: Group[] = [];
    for (let k = 0; k < perPhotograph; k++) {
      const random = new Random("enlarged", seed, index, k);
      const [, , h, w] = photograph.shape;
      if (Math.min(h, w) < enlargedSide) continue;
      const [top, left] = [random.below(h - enlargedSide + 1), random.below(w - enlargedSide + 1)];
      const target = asFile(crop(photograph, left, top, enlargedSide));
      // By four twice as often: there methods differ most.
      const scale = random.pick([2, 3, 4, 4]);
      const input = asFile(reduce(target, scale));
      const left4 = [...methods[scale]];
      const chosen = Array.from({ length: members - 1 }, (_, member) => {
        if (member === 0 && always) return random.pick(always[scale]);
        return left4.splice(random.below(left4.length), 1)[0];
      });
      const outputs: Tensor[] = [];
      for (const method of chosen) outputs.push(asFile(await method.enlarge(input)));
      if (tiny && random.uniform() < 0.3) {
        const [steps, size] = [random.pick([5, 10, 20]), random.pick([0.001, 0.002, 0.004])];
        outputs[3] = asFile(await descended(tiny, random.pick(outputs), target, steps, size));
      } else if (random.uniform() < 0.4) {
        const other = random.pick([target, outputs[0], outputs[1]]);
        outputs[3] = asFile(between(outputs[2], other, random.between(0.1, 0.8)));
      }
      groups.push([target, ...outputs]);
    }
    return groups;
  });
}
