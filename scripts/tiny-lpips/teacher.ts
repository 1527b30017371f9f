import { compile } from "../../packages/core/src/graph/compile.ts";
import { lpips } from "../../packages/core/src/losses/index.ts";
import { lpipsHeads, lpipsNetwork } from "../../packages/core/src/nets/table.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { openWeights, readStateDict } from "../../packages/reconloss/src/weights/index.ts";
import { type Group, members, pairs } from "./groups.ts";

/** Layers of AlexNet that LPIPS compares. */
export const layers = lpipsNetwork("alex").taps.length;
/** Rows and columns of a map of cells of images of a side, each the mean of what a layer says of some 16x16 pixels. */
export function cellsOf(side: number): number {
  return Math.floor(side / 16) - 1;
}
/** The number of positions of each layer in a cell, along either axis. */
export const positions = [4, 2, 1, 1, 1];

/** The teacher's distances of every pair of some groups. */
export interface Answers {
  /** LPIPS's part of each layer: [group, pair, layer]. */
  readonly parts: Float32Array;
  /** The axes of the values: [group, pair, layer, row, column]. */
  readonly maps: Float32Array;
}

type Teacher = (groups: readonly Group[]) => Promise<Answers>;

const opened = new Map<number, Promise<Teacher>>();

/**
 * LPIPS-alex 0.1 of all pairs of groups.
 *
 * @param side - height and width of their images
 * @throws {ReconlossError} `missing-weights` where the published weights are not on this machine and cannot be downloaded
 */
export function openTeacher(side: number): Promise<Teacher> {
  const teacher = opened.get(side) ?? compileTeacher(side);
  opened.set(side, teacher);
  return teacher;
}

async function compileTeacher(side: number): Promise<Teacher> {
  const { definition } = lpips({ net: "alex" });
  await definition?.prepare?.();
  const checkpoint = await openWeights("lpips-alex");
  const shapes = lpipsHeads("alex");
  const heads = await readStateDict(checkpoint, shapes).finally(() => checkpoint.close());

  const names = Array.from({ length: members }, (_, index) => `image${index}`);
  const inputs = Object.fromEntries(names.map((input) => [input, ["n", 3, side, side] as const]));
  const program = await compile<string, "parts" | "maps">(inputs, (o, images) => {
    const features = names.map((input) => definition!.targetFeatures!(o, images[input]));
    const places = pairs.flatMap(([a, b]) =>
      Object.keys(shapes).map((name, layer) => {
        const { data } = heads[name];
        const head = o.constant(data, [1, data.length, 1, 1]);
        return o.sum(o.mul(o.square(o.sub(features[a][layer], features[b][layer])), head), "c");
      }),
    );
    return {
      parts: o.concat(places.map((place) => o.mean(place, "hw"))),
      maps: o.concat(places.map((place, index) => o.avgPool(place, positions[index % layers]))),
    };
  });
  return async (groups) => {
    const images = names.map((input, member) => {
      const data = new Float32Array(groups.length * 3 * side * side);
      for (const [index, group] of groups.entries()) data.set(group[member].data, index * 3 * side * side);
      return [input, new Tensor(data, [groups.length, 3, side, side])] as const;
    });
    const { parts, maps } = await program.run(Object.fromEntries(images));
    return { parts: Float32Array.from(parts.data), maps: Float32Array.from(maps.data) };
  };
}
