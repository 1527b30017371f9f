import { resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind, labelledMetric, lastAtMost } from "@reconloss/core/internal";
import {
  blockImages,
  type FeatureKind,
  type FeatureRows,
  loadState,
  MomentsState,
  momentsOf,
  type Protocol,
  parseMetric,
  type SetMetric,
  type Side,
  saveState,
} from "@reconloss/core/metrics";
import { finishComparison, type OpenComparison, type OpenSide, withComparison } from "../distribution/evaluate.ts";
import type { UnreadableImage } from "../distribution/extract.ts";
import { networks } from "../distribution/extractor.ts";
import { type FeatureOptions, type Features, type SetFeatures, withFeatures } from "../distribution/features.ts";
import { type ImageSet, type KnownSet, knownOf, nameOf } from "../distribution/image-set.ts";
import type { DistributionOptions, DistributionReport } from "../distribution/index.ts";
import { blocksIn } from "../distribution/statistics.ts";
import { isUrl, withoutSecrets } from "../http.ts";
import type { PixelOptions } from "../image/index.ts";
import { pixelOptionsOf } from "../image/read.ts";
import { networkPresets } from "../onnx/presets.ts";
import { checkFile, type KnownFile, knownFiles, loadKnownPlugins } from "./files.ts";
import { imageBytes, type PartImage, packImages, unpackImages } from "./images.ts";
import { type RunContext, refuseMachineFaults, type ShardKind } from "./kind.ts";
import { checkListing, type Listing, planRanges } from "./listing.ts";
import { type Manifest, type PlannedRange, writeManifest } from "./manifest.ts";
import { type Part, PartReader, type WriteContent } from "./part.ts";
import { checkParts, type PartsPlace } from "./place.ts";
import { type ShardCount, shardRanges } from "./ranges.ts";

/** The inputs of a plan of sets of images, beside the options of their comparison; a network of one's own must be a file. */
export interface DistributionPlan
  extends Omit<DistributionOptions, "extractor" | "cache" | "batch" | "onProgress">,
    ShardCount,
    PartsPlace {
  /** Modules with metrics of one's own; their code is run. */
  plugin?: readonly string[];
}

/** The merged sets. */
export interface MergedDistribution {
  readonly report: DistributionReport;
  /** The options by which the images became pixels. */
  readonly pixels: PixelOptions;
}

/** The features of any plan of images. */
export interface FeatureSettings {
  /** {@link Extractor.key} of the network; absent where no metric is of images. */
  readonly network?: string;
  readonly protocol: Protocol;
  readonly notes: readonly string[];
  /** The output of the network that holds each kind of features. */
  readonly outputOf: Readonly<Partial<Record<FeatureKind, string>>>;
  /** The number of images of each side that are looked at. */
  readonly counts: Readonly<Partial<Record<Side, number>>>;
  /** The contents of the sets as they were planned: files that a shard has no images of are not opened. */
  readonly known: Readonly<Partial<Record<Side, KnownSet>>>;
}

interface Settings extends FeatureSettings {
  readonly outputs: string;
  readonly reals?: string;
  readonly options: Omit<DistributionOptions, "metrics">;
  readonly metrics: readonly { readonly spec: string; readonly label: string }[];
  readonly plugins: readonly KnownFile[];
  /** The files that say classes. */
  readonly classes: readonly KnownFile[];
}

/**
 * Plans the comparison of two sets of images in shards.
 *
 * @param folder - the work folder, which is made
 * @param outputs - as `evaluateDistribution` takes it
 * @param reals - the same
 * @throws {ReconlossError} as `evaluateDistribution`, before any image is read; `invalid-argument` where the folder holds another plan
 *
 * @example
 * ```ts
 * import { planDistribution } from "reconloss/shards";
 * const error = await planDistribution("work", "no-such-folder", "reals", { shards: 40 }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function planDistribution(
  folder: string,
  outputs: string,
  reals: string | undefined,
  plan: DistributionPlan,
): Promise<Manifest> {
  for (const [name, value] of Object.entries({ folder, outputs })) checkKind(name, value, "string");
  if (reals !== undefined) checkKind("reals", reals, "string");
  checkFields("plan", plan, { parts: "string" });
  checkParts(plan);
  shardRanges([], blockImages, plan);
  const { shards: _, shardSize: __, parts, plugin = [], ...own } = plan;
  const options = portable<DistributionOptions>(own);
  const plugins = await knownFiles(plugin);
  const classes = await knownFiles(Object.values(options.labels ?? {}).filter((file) => file !== undefined));
  const { metrics: factories } = await loadKnownPlugins(plugins);
  const paths = { outputs: anywhere(outputs), ...(reals === undefined ? {} : { reals: anywhere(reals) }) };
  const asked = options.metrics?.map((metric) =>
    typeof metric === "string" ? parseMetric(metric, factories) : metric,
  );
  return withComparison(paths.outputs, paths.reals, { ...options, metrics: asked }, async (comparison) => {
    const metrics = comparison.metrics.map(({ spec, label }) => ({ spec, label }));
    // What other processes cannot make of its text is refused now.
    await metricsOf({ metrics, plugins });
    const { metrics: ___, ...others } = options;
    const { shards, ...ofFeatures } = await planSides(sidesOf(comparison), comparison.needed, options, plan);
    const settings: Settings = { ...paths, options: others, metrics, plugins, classes, ...ofFeatures };
    return writeManifest(folder, { kind: "distribution", settings: { ...settings }, shards, parts });
  });
}

/** The options that JSON keeps, with absolute paths: a shard may be computed anywhere. */
export function portable<Options extends FeatureOptions & Pick<DistributionOptions, "labels">>(
  options: Options,
): Options {
  for (const name of ["extractor", "onProgress"] as const) {
    if (options[name] === undefined) continue;
    throw new ReconlossError(
      "invalid-argument",
      `${name} cannot be passed to other processes; give the network as a file`,
    );
  }
  const { network, weights, labels } = options;
  const known = [...Object.keys(networks), "tiny", ...Object.keys(networkPresets)];
  const isFile = network !== undefined && !known.includes(network);
  const files = {
    ...(isFile ? { network: resolve(network) } : {}),
    ...(weights === undefined ? {} : { weights: resolve(weights) }),
    ...(labels === undefined ? {} : { labels: { output: onDisk(labels.output), real: onDisk(labels.real) } }),
  };
  return { ...options, ...files };
}

const onDisk = (file: string | undefined) => (file === undefined ? undefined : resolve(file));

/** An input as every process finds it: absolute paths, addresses as they are; several stand with `::` between them. */
export function anywhere(input: string): string {
  return input
    .split("::")
    .map((each) => (isUrl(each) ? withNothingSecret(each) : resolve(each)))
    .join("::");
}

/** An address that a plan may keep. */
function withNothingSecret(url: string): string {
  const visible = withoutSecrets(url);
  if (visible === url) return url;
  throw new ReconlossError(
    "invalid-argument",
    `${visible} was given with a name, a password or a query, which a plan would store in plain text; write the address into a list (.txt), and plan that`,
  );
}

/** The sides whose images are looked at. */
function sidesOf({ output, real }: OpenComparison): OpenSide[] {
  return [output, real].flatMap((side) => (side?.images ? [side] : []));
}

const listed = (images: ImageSet): Listing => ({
  count: images.count,
  identity: async (index) => {
    const name = await nameOf(images, index);
    return JSON.stringify([name, await images.bytes?.(index)]);
  },
});

/** Divides open sides, and says what there is to know of the network. */
export async function planSides(
  sides: readonly OpenSide[],
  needed: readonly FeatureKind[],
  options: FeatureOptions,
  count: ShardCount,
): Promise<FeatureSettings & { readonly shards: PlannedRange[][] }> {
  const inputs = sides.map(({ side, images }) => ({ input: side as string, count: (images as ImageSet).count }));
  const listings = Object.fromEntries(sides.map(({ side, images }) => [side, listed(images as ImageSet)]));
  const shards = await planRanges(shardRanges(inputs, blockImages, count), listings);
  const counts = Object.fromEntries(inputs.map(({ input, count: images }) => [input, images]));
  const known = Object.fromEntries(sides.map(({ side, images }) => [side, knownOf(images as ImageSet)]));
  const base = { shards, counts, known };
  if (needed.length === 0) return { ...base, protocol: {}, notes: [], outputOf: {} };
  return withFeatures(needed, { ...options, cache: false }, async ({ key, protocol, notes, outputOf }) => {
    const outputs = Object.fromEntries(needed.map((kind) => [kind, outputOf(kind)]));
    return { ...base, network: key, protocol, notes, outputOf: outputs };
  });
}

/** The metrics of a plan, with plugins that are those of the plan. */
async function metricsOf({ metrics, plugins }: Pick<Settings, "metrics" | "plugins">): Promise<SetMetric[]> {
  const { metrics: factories } = await loadKnownPlugins(plugins);
  return metrics.map(({ spec, label }) => labelledMetric(parseMetric(spec, factories), label));
}

/** Opens what was planned. */
async function withPlanned<T>(settings: Settings, use: (comparison: OpenComparison) => Promise<T>): Promise<T> {
  const { outputs, reals, known } = settings;
  const options = { ...settings.options, metrics: await metricsOf(settings) };
  return withComparison(outputs, reals, options, use, known);
}

/** The images of one side in a part, and the positions of the numbers of each output of the network in its content. */
interface PartSide {
  readonly side: Side;
  readonly images: number;
  readonly unreadable: readonly UnreadableImage[];
  /** By output, where its rows are: where a metric needs them. */
  readonly rows: Readonly<Record<string, { readonly dimension: number; readonly at: number }>>;
  /** By output, where the state of its moments is: where a metric needs those. */
  readonly moments: Readonly<Record<string, { readonly at: number; readonly bytes: number }>>;
  /** The position of the images' records. */
  readonly at: number;
}

/** Rows that are in memory at a time. */
const rowsAtOnce = 256;

/** The context in which the ranges of a shard are computed. */
export interface RangeWork {
  readonly needed: readonly FeatureKind[];
  readonly options: FeatureOptions;
  readonly settings: FeatureSettings;
  wanted(side: OpenSide, features: Features): readonly Wanted[];
}

/** Computes the ranges of a shard and writes its part. */
export async function runRanges(
  ranges: readonly PlannedRange[],
  sides: readonly OpenSide[],
  { needed, options, settings, wanted }: RangeWork,
  context: RunContext,
): Promise<void> {
  if (ranges.length === 0) return context.write({ sides: [] }, async () => {});
  const found = (range: PlannedRange) => sides.find(({ side }) => side === range.input) as OpenSide;
  const check = async (range: PlannedRange) => {
    const { images, path } = found(range);
    await checkListing(range, path, listed(images as ImageSet));
  };
  for (const range of ranges) await check(range);
  const here = { ...options, cache: context.cache, batch: context.batch, onProgress: context.onItem };
  await withFeatures(needed, here, async (features) => {
    if (features.key !== settings.network) {
      const problem = "the network's weights, runtime or device on this machine differ from the plan";
      throw new ReconlossError("missing-weights", problem);
    }
    const extracted: Extracted[] = [];
    for (const range of ranges) {
      const side = found(range);
      const images = subset(side.images as ImageSet, range);
      const { signal } = context;
      const set = await features.of(side.side, images, { signal, onUnreadable: refuseMachineFaults });
      // A disk that went away looks like images that are not there.
      if (set.unreadable.length > 0) await check(range);
      extracted.push({ range, set, wanted: wanted(side, features) });
    }
    await writeExtracted(extracted, context);
  });
}

/** Metrics of sets of images; a part has the features of its images. */
export const distributionKind: ShardKind<MergedDistribution> = {
  extension: ".part",

  async run(manifest, shard, context) {
    const settings = manifest.settings as unknown as Settings;
    return withPlanned(settings, async (comparison) => {
      const { needed, options } = comparison;
      const wanted = (side: OpenSide, features: Features) => wantedOf(comparison, side, features);
      await runRanges(manifest.shards[shard], sidesOf(comparison), { needed, options, settings, wanted }, context);
    });
  },

  async merge(manifest, parts) {
    const settings = manifest.settings as unknown as Settings;
    for (const file of settings.classes) await checkFile(`the file of classes ${file.name}`, file);
    const reader = new PartReader();
    try {
      return await withPlanned(settings, async (comparison) => {
        const { protocol, notes } = settings;
        const of = async (side: Side, images: ImageSet) => mergedSet(side, images, settings, parts, reader);
        const features = comparison.needed.length === 0 ? undefined : { protocol, notes, of };
        const report = await finishComparison(comparison, features);
        return { report, pixels: pixelOptionsOf(comparison.options) };
      });
    } finally {
      await reader.close();
    }
  },
};

/** The images of a range as a set of its own. */
function subset(images: ImageSet, { start, end }: PlannedRange): ImageSet {
  const { cut } = images;
  return {
    ...(cut ? { cut: { ...cut, from: (index) => cut.from(start + index) } } : {}),
    count: end - start,
    name: (index) => images.name(start + index),
    load: (index) => images.load(start + index),
  };
}

/** The data that metrics need of an output of the network. */
export interface Wanted {
  readonly output: string;
  readonly kind: FeatureKind;
  readonly rows: boolean;
  readonly moments: boolean;
}

/** The data that is needed of one side; a page of details shows rows of the main features. */
function wantedOf(
  { metrics, hasDetails }: OpenComparison,
  { side, kinds }: OpenSide,
  { outputOf }: Features,
): Wanted[] {
  const outputs = new Map(kinds.map((kind) => [outputOf(kind), kind]));
  return [...outputs].map(([output, kind]) => {
    const needs = metrics.filter(({ info }) => outputOf(info.features) === output).map(({ info }) => info.needs[side]);
    const ofDetails = hasDetails && outputOf("main") === output;
    const ofRows = needs.some((need) => need === "rows" || need === "labelled");
    return { output, kind, rows: ofDetails || ofRows, moments: ofDetails || needs.includes("moments") };
  });
}

/** The result of one range. */
interface Extracted {
  readonly range: PlannedRange;
  readonly set: SetFeatures;
  readonly wanted: readonly Wanted[];
}

/** The moments of the blocks of a range, as bytes. */
async function momentsBytes({ start, end }: PlannedRange, set: SetFeatures, kind: FeatureKind): Promise<Uint8Array> {
  const places = set.indices.map((index) => start + index);
  return saveState(await momentsOf(set.rows(kind), places, [start / blockImages, blocksIn(end)]));
}

/** Writes a part: of each range, the records of its images, then of each output its rows and its moments. */
async function writeExtracted(extracted: readonly Extracted[], { write }: RunContext): Promise<void> {
  const pieces: ((append: WriteContent) => Promise<void>)[] = [];
  let at = 0;
  const place = (bytes: number, piece: (append: WriteContent) => Promise<void>) => {
    pieces.push(piece);
    at += bytes;
    return at - bytes;
  };
  const sides: PartSide[] = [];
  for (const { range, set, wanted } of extracted) {
    const images = set.images.map((image, i) => ({ ...image, index: range.start + set.indices[i] }));
    const records = place(images.length * imageBytes, (append) => append(packImages(images)));
    const rows: Record<string, PartSide["rows"][string]> = {};
    const moments: Record<string, PartSide["moments"][string]> = {};
    for (const { output, kind, ...needs } of wanted) {
      const all = set.rows(kind);
      const { count, dimension } = all;
      if (needs.rows)
        rows[output] = { dimension, at: place(4 * count * dimension, (append) => writeRows(all, append)) };
      if (needs.moments) {
        const bytes = await momentsBytes(range, set, kind);
        moments[output] = { bytes: bytes.length, at: place(bytes.length, (append) => append(bytes)) };
      }
    }
    const { unreadable } = set;
    sides.push({ side: range.input as Side, images: images.length, unreadable, at: records, rows, moments });
  }
  await write({ sides }, async (append) => {
    for (const piece of pieces) await piece(append);
  });
}

async function writeRows(rows: FeatureRows, append: WriteContent): Promise<void> {
  for (let start = 0; start < rows.count; start += rowsAtOnce) {
    const indices = Array.from({ length: Math.min(rowsAtOnce, rows.count - start) }, (_, i) => start + i);
    const { buffer, byteOffset, byteLength } = await rows.read(indices);
    await append(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

/** The images of one side in all parts, in order. */
export async function mergedSet(
  side: Side,
  images: ImageSet,
  { counts, outputOf }: FeatureSettings,
  parts: readonly Part[],
  reader: PartReader,
): Promise<SetFeatures> {
  if (images.count !== counts[side]) {
    throw new ReconlossError(
      "content",
      `the ${side} images have changed since they were planned: there were ${counts[side]}, now there are ${images.count}`,
    );
  }
  const pieces = parts.flatMap((part) => {
    const { sides } = part.header.content as { sides: readonly PartSide[] };
    return sides.filter((each) => each.side === side).map((of) => ({ part, of }));
  });
  const filled = pieces.filter(({ of }) => of.images > 0);
  const found: PartImage[] = [];
  for (const { part, of } of pieces) {
    for (const image of unpackImages(await reader.read(part, of.at, of.images * imageBytes))) found.push(image);
  }
  return {
    images: found,
    indices: found.map(({ index }) => index),
    unreadable: distinctFailures(
      pieces.flatMap(({ of }) => of.unreadable),
      images,
    ),
    ignoredFiles: images.ignoredFiles,
    computed: 0,
    rows: (kind) => new PartRows(filled, outputOf[kind] as string, reader),
    statistics: async (kind) => {
      const output = outputOf[kind] as string;
      const merged = new MomentsState();
      for (const { part, of } of pieces) {
        const { at, bytes } = of.moments[output];
        merged.merge((await loadState(await reader.read(part, at, bytes))).state as MomentsState);
      }
      return merged.statistics(blocksIn(images.count));
    },
  };
}

/** The images that could not be read in all parts: one whose patches are in two shards is told once. */
function distinctFailures(unreadable: readonly UnreadableImage[], { cut }: ImageSet): UnreadableImage[] {
  return unreadable.filter(({ name }, i) => cut === undefined || name !== unreadable[i - 1]?.name);
}

/** The rows of one output of the network in all parts, in order. */
class PartRows implements FeatureRows {
  readonly count: number;
  readonly dimension: number;
  readonly #pieces: { part: Part; first: number; end: number; at: number }[] = [];
  readonly #reader: PartReader;

  constructor(pieces: readonly { part: Part; of: PartSide }[], output: string, reader: PartReader) {
    let first = 0;
    for (const { part, of } of pieces) {
      const end = first + of.images;
      this.#pieces.push({ part, first, end, at: of.rows[output].at });
      first = end;
    }
    this.count = first;
    this.dimension = pieces[0]?.of.rows[output].dimension ?? 0;
    this.#reader = reader;
  }

  async read(indices: ArrayLike<number>): Promise<Float32Array> {
    const rowBytes = 4 * this.dimension;
    const rows = new Float32Array(indices.length * this.dimension);
    const bytes = new Uint8Array(rows.buffer);
    for (let i = 0; i < indices.length; ) {
      const piece = this.#pieceOf(indices[i]);
      // Rows that follow each other are read at once.
      let run = 1;
      while (i + run < indices.length && indices[i + run] === indices[i] + run && indices[i] + run < piece.end) run++;
      const position = piece.at + (indices[i] - piece.first) * rowBytes;
      bytes.set(await this.#reader.read(piece.part, position, run * rowBytes), i * rowBytes);
      i += run;
    }
    return rows;
  }

  #pieceOf(index: number) {
    const pieces = this.#pieces;
    return pieces[lastAtMost(pieces.length, (at) => pieces[at].first, index)];
  }
}
