import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { Network } from "../../packages/core/src/nets/network.ts";
import { lpipsScaling, normalise, unitLength } from "../../packages/core/src/nets/normalise.ts";
import { tinyTaps } from "../../packages/core/src/nets/tiny.ts";
import type { Objective } from "../../packages/reconloss/src/train/index.ts";
import { members, pairs } from "./groups.ts";
import { positions } from "./teacher.ts";
import { features, head } from "./trainable.ts";

/** Added before roots are taken: differences far below this are not worth a network's effort. */
const least = 3e-4;

/**
 * The distances of all pairs of each group by each layer, at its positions: [groups, pair, row, column]. Members are channels, so that what is computed of a group
 * follows from its part of the batch alone, and parts can be computed beside each other.
 */
function distances<T>(o: Ops<T>, images: T, tensors: Readonly<Record<string, T>>, edition: Network): T[] {
  const ofMembers = Array.from({ length: members }, (_, member) => {
    const image = o.slice(images, "c", 3 * member, 3 * (member + 1));
    return features(o, normalise(o, image, lpipsScaling), tensors, edition).map((x) => unitLength(o, x));
  });
  return tinyTaps.map((_, layer) => {
    const weights = head(o, tensors, layer);
    return o.concat(
      pairs.map(([a, b]) => o.conv2d(o.square(o.sub(ofMembers[a][layer], ofMembers[b][layer])), weights)),
    );
  });
}

/** The weights of the parts of the objective relative to the totals. */
export interface Shares {
  /** Each layer's part of the distances. */
  readonly parts: number;
  /** The differences between the distances of a group, and their order, where these are asked for. */
  readonly differ: number;
  readonly order: number;
}

/**
 * The errors of the distances of all pairs against the teacher's, as a whole and at every cell, each as the mean absolute difference of roots: errors count
 * about as much as they are seen, and small distances are not drowned by large ones. The total should be right, and each layer's part of it be what the layer of
 * AlexNet in its place says, which has the same positions: who sees by the same means is likelier to be right where it was not taught.
 *
 * Of a batch these are the images, what the teacher says as maps [groups, layer by layer all pairs, row, column], and their means as values [groups, layer by layer all pairs, 1, 1];
 * the variant `ranked` asks for differences and order as well.
 */
export function objectiveOf(edition: Network, { parts: share, differ, order }: Shares) {
  return <T>(
    o: Ops<T>,
    tensors: Readonly<Record<string, T>>,
    { images, ...answers }: Readonly<Record<string, T>>,
    variant = "",
  ): Objective<T> => {
    const root = (x: T) => o.sqrt(o.add(x, least));
    const apart = (a: T, b: T) => o.mean(o.abs(o.sub(root(a), root(b))), "nchw");
    const sum = (terms: readonly T[]) => terms.reduce((a, b) => o.add(a, b));
    const byLayer = (of: T) => tinyTaps.map((_, k) => o.slice(of, "c", k * pairs.length, (k + 1) * pairs.length));
    const places = distances(o, images, tensors, edition);
    const maps = places.map((layer, k) => (positions[k] === 1 ? layer : o.avgPool(layer, positions[k])));
    const compared = [
      { found: places.map((layer) => o.mean(layer, "hw")), taught: byLayer(answers.values) },
      { found: maps, taught: byLayer(answers.maps) },
    ];
    const total = sum(compared.map(({ found, taught }) => apart(sum(found), sum(taught))));
    const parts = sum(compared.flatMap(({ found, taught }) => found.map((layer, k) => apart(layer, taught[k]))));
    const near = o.add(total, o.mul(parts, share));
    if (variant !== "ranked") return { loss: near, report: { total, parts } };
    const ranking = ranked(o, root(sum(compared[0].found)), root(sum(compared[0].taught)));
    const loss = sum([near, o.mul(ranking.differ, differ), o.mul(ranking.order, order)]);
    return { loss, report: { total, parts, ...ranking } };
  };
}

/** The difference of two distances, in roots, below which their order is uncertain. */
const nearness = 0.02;

/**
 * The errors of the differences between a group's distances from its first image against the teacher's: their mean absolute error, and the cross-entropy of which of two
 * is the larger, as a logistic function of their difference.
 *
 * @param found - roots of the distances of all pairs
 */
export function ranked<T>(o: Ops<T>, found: T, taught: T): { differ: T; order: T } {
  const toFirst = pairs.flatMap(([a], index) => (a === 0 ? [index] : []));
  const both = toFirst.flatMap((i) => toFirst.filter((j) => j > i).map((j) => [i, j] as const));
  const differences = (of: T) => o.concat(both.map(([i, j]) => o.sub(o.channel(of, i), o.channel(of, j))));
  const [mine, theirs] = [differences(found), differences(taught)];
  const differ = o.mean(o.abs(o.sub(mine, theirs)), "nchw");
  const [z, y] = [mine, theirs].map((x) => o.div(x, nearness));
  const softplus = (x: T) => o.add(o.relu(x), o.log1p(o.exp(o.neg(o.abs(x)))));
  // With p = 1 / (1 + exp(-y)): p softplus(-z) + (1 - p) softplus(z) = softplus(z) - p z.
  const p = o.exp(o.neg(softplus(o.neg(y))));
  const order = o.mean(o.sub(softplus(z), o.mul(p, z)), "nchw");
  return { differ, order };
}
