import type { Ops } from "../../src/graph/ops.ts";
import { unitLength } from "../../src/losses/lpips.ts";
import { lpipsScaling, normalise, tinyTaps, trainableHead, trainableTiny } from "../../src/nets/index.ts";
import type { Objective } from "../../src/train/index.ts";
import { members, pairs } from "./groups.ts";
import { cells } from "./teacher.ts";

/** Added before roots are taken: differences far below this are not worth a network's effort. */
const least = 3e-4;

/**
 * The distances of all pairs of each group, as means over cells of 16x16 pixels: [groups, pair, row, column]. Members are channels, so that what is computed of a group
 * follows from its part of the batch alone, and parts can be computed beside each other.
 */
function distances<T>(o: Ops<T>, images: T, tensors: Readonly<Record<string, T>>): T {
  const features = Array.from({ length: members }, (_, member) => {
    const image = o.slice(images, "c", 3 * member, 3 * (member + 1));
    return trainableTiny(o, normalise(o, image, lpipsScaling), tensors).map((x) => unitLength(o, x));
  });
  const layers = tinyTaps.map((_, layer) => {
    const head = trainableHead(o, tensors, layer);
    const places = o.concat(
      pairs.map(([a, b]) => o.conv2d(o.square(o.sub(features[a][layer], features[b][layer])), head)),
    );
    const size = o.dims(places)[2] as number;
    return size === cells ? places : o.avgPool(places, size / cells);
  });
  return layers.reduce((sum, layer) => o.add(sum, layer));
}

/**
 * How far the distances of all pairs are from the teacher's, as a whole and at every cell, each as the mean absolute difference of roots: errors count
 * about as much as they are seen, and small distances are not drowned by large ones.
 */
export function objective<T>(
  o: Ops<T>,
  tensors: Readonly<Record<string, T>>,
  { images, maps, values }: Readonly<Record<string, T>>,
): Objective<T> {
  const found = distances(o, images, tensors);
  const root = (x: T) => o.sqrt(o.add(x, least));
  const apart = (a: T, b: T) => o.mean(o.abs(o.sub(root(a), root(b))), "nchw");
  const value = apart(o.mean(found, "hw"), values);
  const place = apart(found, maps);
  return { loss: o.add(value, place), report: { value, place } };
}
