import { existsSync } from "node:fs";
import { join } from "node:path";
import { lpips } from "../../packages/core/src/losses/index.ts";
import { type Cached, keepDistortedGroups, openCache } from "./cache.ts";
import { scales } from "./enlarged.ts";
import { enlargedSide, keepEnlargedGroups } from "./enlarged-groups.ts";
import { learnedPackages, type Method, publishedMethods, simpleMethods } from "./enlargers.ts";
import { side } from "./groups.ts";
import { ownNetwork } from "./own-networks.ts";

/** Everything that the groups depend on, besides the photographs, the published networks and the code. */
const recipe = {
  seed: 23,
  /** A chunk has a group of each kind of every so many photographs. */
  every: 7,
  /** One photograph of so many is not learned from. */
  heldBack: 14,
  /** Each of the photographs that are held back has so many groups of each kind. */
  ofHeldBack: 4,
  /** The numbers of steps after which a network for super-resolution enlarges crops. */
  networkSteps: [100, 200, 400],
  /** The number of networks before the first chunk; every second chunk has another, until all are there. */
  networksAtFirst: 6,
  patches: { 2: 48, 3: 72, 4: 64 },
} as const;

const ownLosses = [
  "l1",
  "l1 + 0.1*lpips(net=alex)",
  "l1 + 0.1*lpips(net=tiny,version=1)",
  "l1 + 0.1*lpips(net=tiny)",
  "l1 + 0.5*ssim",
  "l1 + 0.05*lpips(net=alex)",
  "l1 + 0.3*lpips(net=alex)",
  "l1 + 0.1*ssim",
  "l1 + 0.3*lpips(net=tiny)",
];
/** Every network there is in the end, in the order in which they are trained. */
const ownNetworks = ownLosses.flatMap((loss, index) => scales.map((scale) => ({ scale, loss, seed: 501 + index })));

/** Folders that groups are made from, and the one where they are kept. */
export interface Places {
  readonly photographs: string;
  readonly published: string;
  readonly cache: string;
}

/** The kinds of groups, and the sides of their images. */
export const kinds = { enlarged: enlargedSide, distorted: side } as const;

/** Crops that were reduced and enlarged again, or distorted. */
export type Kind = keyof typeof kinds;

const chunkFolder = (cache: string, kind: Kind, chunk: number | string) =>
  join(cache, `${kind}-${String(chunk).padStart(3, "0")}`);
const heldBackFolder = (cache: string, kind: Kind, round: number) => chunkFolder(cache, kind, `held-back-${round}`);

/** Whether a photograph is left out of learning, by its place in the order of names. */
export function isHeldBack(index: number): boolean {
  return index % recipe.heldBack === recipe.heldBack - 1;
}

type Methods = Record<number, Method[]>;

/** Methods by scale that are there before any network is trained. */
async function methodsAtFirst(published: string): Promise<Methods> {
  const methods: Methods = {};
  for (const scale of scales) {
    methods[scale] = [
      ...simpleMethods(scale),
      ...(await publishedMethods(join(published, "node_modules"), learnedPackages[scale], scale)),
    ];
  }
  return methods;
}

/** Adds some of the networks trained here, in their order, to the methods. */
async function addNetworks(
  methods: Methods,
  [from, to]: readonly [number, number],
  { photographs, cache }: Places,
  reportProgress: (text: string) => void,
): Promise<void> {
  const where = { photographs, cache: join(cache, "networks") };
  for (const network of ownNetworks.slice(from, to)) {
    for (const steps of recipe.networkSteps) {
      const whole = { ...network, steps, patch: recipe.patches[network.scale], after: recipe.networkSteps };
      const enlarge = await ownNetwork(whole, where, reportProgress);
      methods[network.scale].push({ name: `ours, ${network.loss}, ${steps}`, enlarge });
    }
  }
}

/** Distances under which images are descended in some groups. */
const exploited = () => (["1", "2"] as const).map((version) => lpips({ net: "tiny", version }));

/** Keeps the first chunks of groups to learn from; those that are complete already stay as they are. */
export async function keepChunks(count: number, places: Places, reportProgress: (text: string) => void): Promise<void> {
  const { photographs, published, cache } = places;
  const methods = await methodsAtFirst(published);
  let networks = 0;
  for (let chunk = 0; chunk < count; chunk++) {
    const wanted = Math.min(ownNetworks.length, recipe.networksAtFirst + Math.floor(chunk / 2));
    await addNetworks(methods, [networks, wanted], places, reportProgress);
    networks = wanted;
    const takes = (index: number) => index % recipe.every === chunk % recipe.every && !isHeldBack(index);
    const drawing = { seed: 1000 * recipe.seed + chunk, takes };
    const enlarging = { ...drawing, name: `${networks} networks`, methods, exploited: exploited() };
    await keepEnlargedGroups(chunkFolder(cache, "enlarged", chunk), photographs, enlarging, reportProgress);
    await keepDistortedGroups(chunkFolder(cache, "distorted", chunk), photographs, drawing, reportProgress);
    reportProgress(`chunk ${chunk + 1} of ${count}`);
  }
}

/** Keeps groups of the photographs that are held back. */
export async function keepHeldBack(places: Places, reportProgress: (text: string) => void): Promise<void> {
  const { photographs, published, cache } = places;
  const methods = await methodsAtFirst(published);
  await addNetworks(methods, [0, recipe.networksAtFirst], places, reportProgress);
  for (let round = 0; round < recipe.ofHeldBack; round++) {
    const drawing = { seed: 1000 * recipe.seed - 1 - round, takes: isHeldBack };
    const enlarging = { ...drawing, name: "held back", methods, exploited: exploited() };
    await keepEnlargedGroups(heldBackFolder(cache, "enlarged", round), photographs, enlarging, reportProgress);
    await keepDistortedGroups(heldBackFolder(cache, "distorted", round), photographs, drawing, reportProgress);
  }
}

async function open(folders: readonly string[], kind: Kind): Promise<Cached[]> {
  const missing = folders.find((folder) => !existsSync(join(folder, "done.json")));
  if (missing) throw new Error(`${missing} is not complete: keep the groups first`);
  return Promise.all(folders.map((folder) => openCache(folder, kinds[kind])));
}

/** Opens the first chunks of a kind. */
export function openChunks(cache: string, kind: Kind, count: number): Promise<Cached[]> {
  return open(
    Array.from({ length: count }, (_, chunk) => chunkFolder(cache, kind, chunk)),
    kind,
  );
}

/** Opens the groups of a kind of photographs that are held back. */
export function openHeldBack(cache: string, kind: Kind): Promise<Cached[]> {
  return open(
    Array.from({ length: recipe.ofHeldBack }, (_, round) => heldBackFolder(cache, kind, round)),
    kind,
  );
}
