import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind, counted } from "@reconloss/core/internal";
import {
  type FeatureKind,
  type FeatureRows,
  type LabelledRows,
  type MetricFactory,
  type MetricName,
  metricFactories,
  type Protocol,
  type SetMetric,
  type SetResult,
  type SetState,
  type Side,
  type Statistics,
} from "@reconloss/core/metrics";
import { decodeSummary } from "@reconloss/core/pixels";
import { withoutSecrets } from "../http.ts";
import type { IgnoredFiles } from "../image/index.ts";
import { type SetDetails, setDetails } from "./details.ts";
import type { ExtractedSet, UnreadableImage } from "./extract.ts";
import type { StoredImage } from "./feature-store.ts";
import { checkFeatureOptions, type FeatureOptions, type Features, type SetFeatures, withFeatures } from "./features.ts";
import { type ImageSet, type KnownSet, nameOf, type SetSource } from "./image-set.ts";
import { openSet } from "./inputs/open.ts";
import { readLabels } from "./labels.ts";
import { chosenMetrics, resultName, usualOfStatistics } from "./metrics.ts";
import { wholeNameOf, withPatches } from "./patches.ts";
import type { StatisticsFile } from "./statistics-file.ts";

/** Options of {@link evaluateDistribution}. */
export interface DistributionOptions extends FeatureOptions {
  /**
   * Each by its name with options, such as `kid(kernel=rbf)`, or as it is made: `kid({ kernel: "rbf" })`, or by `defineMetric`. Default `fid`; of other
   * networks than Inception what they are known for: `mmd` of `clip`, else `frechet`.
   */
  metrics?: readonly (MetricName | (string & {}) | SetMetric | MetricFactory)[];
  /** CSV files with the class of each image, a row for each with its name in the set and its class. Default: what the sets say, such as subfolders. */
  labels?: { readonly output?: string; readonly real?: string };
  /** Statistics that were made with another network or resizer than the other side are warned of instead of refused. Default false. */
  allowMismatch?: boolean;
  /** Also finds what a report shows: the outputs nearest to and farthest from any real image, and the spectra. Default false. */
  details?: boolean;
}

/** The result of reading one side. */
export interface SetReport {
  /** Of an address, without what may be secret in it: the name, the password and the query. */
  readonly path: string;
  /** Images that count, or patches of them; absent for statistics that do not say. */
  readonly images?: number;
  /** Of patches: of how many images they are, and how many more are smaller than a patch, and in no number. */
  readonly patchesOf?: { readonly images: number; readonly smaller: number };
  /** The number of them that were computed now rather than found in the cache. */
  readonly computed: number;
  readonly unreadable: readonly UnreadableImage[];
  /** The conversions of pixels on their way, and the numbers of images: `2 rotated by EXIF, 1 CMYK`; absent where nothing was. */
  readonly decode?: string;
  /** Of a folder: how many of its files are no images, by extension. */
  readonly ignoredFiles?: IgnoredFiles;
  /** The metrics that are of the file's statistics, where it has images too. */
  readonly fromStatistics?: readonly string[];
}

/** The number of images of a side, in words. */
export function countOf({ images, patchesOf }: Pick<SetReport, "images" | "patchesOf">): string {
  if (images === undefined) return "an unknown number of images";
  const whole = counted(patchesOf?.images ?? images, "image", "images");
  return patchesOf === undefined ? whole : `${counted(images, "patch", "patches")} of ${whole}`;
}

/** All numbers of a comparison of two sets of images. */
export interface DistributionReport {
  /** By metric, as it was asked for: `fid`, `kid(kernel=rbf)`. */
  readonly results: Readonly<Record<string, SetResult>>;
  readonly protocol: Protocol;
  readonly outputs: SetReport;
  readonly reals?: SetReport;
  readonly warnings: readonly string[];
  /** Absent where they were not asked for, or the reals are no images. */
  readonly details?: SetDetails;
}

/**
 * Compares a set of output images with a set of real ones, in one pass over the files for all metrics. Features go through a cache on disk, keyed by
 * content, network and resizer: memory does not grow with the features, and work that was interrupted, even killed, goes on where it
 * was and gives the same bits.
 *
 * @param outputs - a set of images: a folder, a list (`.txt`, `.jsonl`), `.tar`, `.zip`, `.parquet`, `.npy` or `.npz` (`arr_0`, [n, h, w, 3], 8 bits), a pattern of them
 *   (`shard-{000..199}.tar`) or several with `::` between them, each but folders also at an address; or an `.npz` file of statistics (`mu`, `sigma`; for sfid `mu_s`,
 *   `sigma_s`), or of both: fid and sfid are then of the statistics, all else of the images
 * @param reals - the same; not needed for the Inception Score
 * @throws {ReconlossError} `file` when a path does not lead to images or statistics; `invalid-argument` for metrics that cannot be computed of
 *   what is given, and for statistics of another network or resizer; `missing-weights`. Images that cannot be read are listed in the report instead.
 *
 * @example
 * ```ts
 * import { evaluateDistribution } from "reconloss/distribution";
 * const error = await evaluateDistribution("no-such-folder", "reals").catch((caught) => caught);
 * error.message; // "no-such-folder does not exist"
 * ```
 */
export async function evaluateDistribution(
  outputs: string,
  reals: string | undefined,
  options: DistributionOptions = {},
): Promise<DistributionReport> {
  return withComparison(outputs, reals, options, async (comparison) => {
    if (comparison.needed.length === 0) return finishComparison(comparison, undefined);
    return withFeatures(comparison.needed, options, (features) => finishComparison(comparison, features));
  });
}

/** A comparison whose sides are open, before any image is read. */
export interface OpenComparison {
  readonly metrics: readonly SetMetric[];
  readonly options: DistributionOptions;
  readonly output: OpenSide;
  readonly real?: OpenSide;
  /** The reals, where no metric is of them: they are not looked at. */
  readonly unusedReals?: string;
  /** The features that are needed of the images of either side. */
  readonly needed: readonly FeatureKind[];
  readonly hasDetails: boolean;
}

/** Checks what is asked for, opens both sides, uses them and closes them. */
export async function withComparison<T>(
  outputs: string,
  reals: string | undefined,
  options: DistributionOptions,
  use: (comparison: OpenComparison) => Promise<T>,
  known: Readonly<Partial<Record<Side, KnownSet>>> = {},
): Promise<T> {
  checkKind("outputs", outputs, "string");
  if (reals !== undefined) checkKind("reals", reals, "string");
  checkFields("options", options, {
    metrics: "list",
    labels: "object",
    allowMismatch: "boolean",
    details: "boolean",
  });
  if (options.labels !== undefined) checkFields("options.labels", options.labels, { output: "string", real: "string" });
  checkFeatureOptions(options);
  const asked = chosenMetrics(options.metrics, options);
  refuseUnusedLabels(asked, options.labels);
  const compared = asked.filter(({ info }) => info.needs.real !== undefined);
  if (reals === undefined && compared.length > 0) refuse(`${labelsOf(compared)} need a set of real images`);
  const usesReals = reals !== undefined && (options.details || compared.length > 0);
  const sources: SetSource[] = [];
  try {
    sources.push(await openSet(outputs, { ...options, parts: known.output?.parts }));
    if (usesReals) sources.push(await openSet(reals, { ...options, parts: known.real?.parts }));
    const metrics = options.metrics === undefined ? await usualFor(sources, options, asked) : asked;
    const hasDetails = options.details === true && usesReals && sources.every(({ images }) => images);
    const ofDetails: readonly FeatureKind[] = hasDetails ? ["main"] : [];
    const imagesOf = async (side: Side, source: SetSource) =>
      source.images && withPatches(await source.images(), source.path, options.patches, known[side]?.sizes);
    const output = await openSide("output", sources[0], metrics, ofDetails, imagesOf);
    const real = usesReals ? await openSide("real", sources[1], metrics, ofDetails, imagesOf) : undefined;
    const needed = [...new Set([...output.kinds, ...(real?.kinds ?? [])])];
    const unused = reals === undefined || usesReals ? {} : { unusedReals: withoutSecrets(reals) };
    return await use({ metrics, options, output, real, ...unused, needed, hasDetails });
  } finally {
    for (const source of sources) await source.close();
  }
}

/** The usual metrics: where both sides are statistics and no network is named, those of the network that the statistics are of. */
async function usualFor(
  sources: readonly SetSource[],
  { network, extractor }: DistributionOptions,
  usual: readonly SetMetric[],
): Promise<readonly SetMetric[]> {
  if (network !== undefined || extractor !== undefined || sources.some(({ images }) => images)) return usual;
  const statistics = await sources[0].statistics?.();
  return statistics ? [usualOfStatistics(statistics.protocol)] : usual;
}

/** The numbers of a comparison, with features wherever they come from; none where no metric is of images. */
export async function finishComparison(
  { metrics, options, output, real, unusedReals, hasDetails }: OpenComparison,
  features: Pick<Features, "protocol" | "notes" | "of"> | undefined,
): Promise<DistributionReport> {
  const notUsed =
    unusedReals === undefined ? [] : [`${unusedReals} is not used: no requested metric needs real images`];
  if (features === undefined) {
    const reported = await report(metrics, options, undefined, output, real);
    return { ...reported, warnings: [...notUsed, ...reported.warnings] };
  }
  const { protocol, notes, of } = features;
  // Told before hours of work, not after.
  mismatches(protocol, [output, real], options);
  const labels = {
    output: await labelsFor(metrics, output, options.labels?.output),
    real: real && (await labelsFor(metrics, real, options.labels?.real)),
  };
  const extract = async (side: OpenSide): Promise<ReadSide> => {
    if (side.images === undefined) return side;
    const features = enough(side, real !== undefined, await of(side.side, side.images));
    return { ...side, features, labels: labels[side.side]?.labels };
  };
  const [outputRead, realRead] = [await extract(output), real && (await extract(real))];
  const reported = await report(metrics, options, protocol, outputRead, realRead);
  const unused = [labels.output, labels.real].flatMap((each) => each?.warnings ?? []);
  const result = { ...reported, warnings: [...notUsed, ...notes, ...unused, ...reported.warnings] };
  return hasDetails ? { ...result, details: await detailsOf(outputRead, realRead as ReadSide) } : result;
}

/**
 * Statistics of a set of images for {@link frechetDistance} and files: FID's, and with `spatial` sFID's too.
 *
 * @param path - a set of images, as of {@link evaluateDistribution}
 * @throws {ReconlossError} as {@link evaluateDistribution}
 *
 * @example
 * ```ts
 * import { computeStatistics } from "reconloss/distribution";
 * const error = await computeStatistics("no-such-folder").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function computeStatistics(path: string, options: StatisticsOptions = {}): Promise<ComputedStatistics> {
  return withImages(path, options, (side) =>
    withFeatures(side.kinds, options, (features) => finishStatistics(side, features)),
  );
}

/** Options of {@link computeStatistics}. */
export interface StatisticsOptions extends FeatureOptions {
  /** Those of sFID too. Default false. */
  spatial?: boolean;
}

/** Statistics of a set, and what became of it. */
export interface ComputedStatistics {
  readonly statistics: StatisticsFile;
  readonly set: SetReport;
  readonly warnings: readonly string[];
}

/** Checks what is asked for, opens a set of images, uses it and closes it. */
export async function withImages<T>(
  path: string,
  options: StatisticsOptions,
  use: (side: OpenSide & { readonly images: ImageSet }) => Promise<T>,
  known: KnownSet = {},
): Promise<T> {
  checkKind("path", path, "string");
  checkFields("options", options, { spatial: "boolean" });
  checkFeatureOptions(options);
  // Refuses sfid where the network has none.
  if (options.spatial) chosenMetrics(["sfid"], options);
  const source = await openSet(path, { ...options, parts: known.parts });
  try {
    const { path: name } = source;
    if (!source.images) throw new ReconlossError("invalid-argument", `${name} already holds statistics`);
    const kinds: readonly FeatureKind[] = options.spatial ? ["main", "spatial"] : ["main"];
    const images = await withPatches(await source.images(), name, options.patches, known.sizes);
    return await use({ side: "real", path: name, kinds, images });
  } finally {
    await source.close();
  }
}

/** The statistics of an open set, with features wherever they come from. */
export async function finishStatistics(
  side: OpenSide & { readonly images: ImageSet },
  { of, protocol, notes }: Pick<Features, "protocol" | "notes" | "of">,
): Promise<ComputedStatistics> {
  const { path, kinds, images } = side;
  const set = enough(side, true, await of("real", images));
  const fid = await momentsIn(path, set, "main");
  const sfid = kinds.includes("spatial") ? await momentsIn(path, set, "spatial") : undefined;
  const warnings = [...notes, ...setWarnings("real", set, images)];
  return { statistics: { fid, sfid, protocol }, set: setReport(path, set, images), warnings };
}

/** Images that cannot be read, told one by one. */
const unreadableShown = 20;

/** The set, unless so few of its images could be read that no number is left to say it beside. */
function enough({ path, images: whole }: OpenSide, isCompared: boolean, set: SetFeatures): SetFeatures {
  const isPatches = whole?.cut !== undefined;
  const { images, unreadable } = set;
  const least = isCompared ? 2 : 1;
  if (unreadable.length === 0 || images.length >= least) return set;
  const reasons = unreadable.slice(0, unreadableShown).map(({ name, reason }) => `${name}: ${reason}`);
  const left = unreadable.length - reasons.length;
  const list = [...reasons, ...(left > 0 ? [`${left} more`] : [])].join("; ");
  const found = isPatches
    ? `${counted(images.length, "patch", "patches")} of the images in ${path} can be read`
    : `${images.length} of ${counted(images.length + unreadable.length, "image", "images")} in ${path} can be read`;
  throw new ReconlossError("image", `${found}, ${counted(least, "is", "are")} needed; ${list}`);
}

/** Mean and covariance of a set. */
async function momentsIn(path: string, set: SetFeatures, kind: FeatureKind): Promise<Statistics> {
  const { length } = set.images;
  if (length < 2) refuse(`of ${path}, a covariance needs at least 2 images, got ${length}`);
  return set.statistics(kind);
}

function refuse(problem: string): never {
  throw new ReconlossError("invalid-argument", problem);
}

const labelsOf = (metrics: readonly SetMetric[], between = ", ") => metrics.map(({ label }) => label).join(between);

/** One side, with what the metrics need of it. */
export interface OpenSide {
  readonly side: Side;
  readonly path: string;
  /** The moments that stand for the images where mean and covariance are enough. */
  readonly statistics?: StatisticsFile;
  /** The features that are needed of the images. */
  readonly kinds: readonly FeatureKind[];
  readonly images?: ImageSet;
}

interface ReadSide extends OpenSide {
  readonly features?: SetFeatures;
  /** The class of each image of the set, where a metric needs it. */
  readonly labels?: readonly string[];
}

/** The class of each image, where a metric needs it, and what there is to say of the file that says it. */
async function labelsFor(
  metrics: readonly SetMetric[],
  { side, path, images }: OpenSide,
  file: string | undefined,
): Promise<{ labels: readonly string[]; warnings: readonly string[] } | undefined> {
  const metric = metrics.find(({ info }) => info.needs[side] === "labelled");
  if (metric === undefined || images === undefined) return undefined;
  const inFile = file === undefined ? undefined : await readLabels(file);
  const labels: string[] = [];
  const unused = new Set(inFile?.keys());
  for (let index = 0; index < images.count; index++) {
    const name = await wholeNameOf(images, index);
    const label = inFile ? inFile.get(name) : await images.label?.(index);
    if (label === undefined) {
      const where = file ? `in ${file}` : "a folder for each class, a list with labels, or a CSV file of them";
      refuse(`${metric.label} needs the class of each image, but ${name} of ${path} has none: ${where}`);
    }
    labels.push(label);
    unused.delete(name);
  }
  const warnings =
    unused.size === 0
      ? []
      : [`${file}: ignored: ${counted(unused.size, "row names", "rows name")} no image of ${path}: ${firstOf(unused)}`];
  return { labels, warnings };
}

/** Names that are told one by one. */
const namesShown = 5;

function firstOf(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, namesShown).join(", ");
  return names.size > namesShown ? `${shown} and ${names.size - namesShown} more` : shown;
}

/** Refuses classes that no metric takes. */
function refuseUnusedLabels(metrics: readonly SetMetric[], labels: DistributionOptions["labels"]): void {
  const given = labels?.output ?? labels?.real;
  const takes = ({ info }: Pick<SetMetric, "info">) => info.needs.output === "labelled";
  if (given === undefined || metrics.some(takes)) return;
  const metricsWithClasses = metricFactories.filter(takes).map(({ info }) => info.name);
  refuse(`${given} has classes, which only apply to ${metricsWithClasses.join(", ")}; none of these is requested`);
}

async function openSide(
  side: Side,
  source: SetSource,
  metrics: readonly SetMetric[],
  ofDetails: readonly FeatureKind[],
  imagesOf: (side: Side, source: SetSource) => Promise<ImageSet | undefined>,
): Promise<OpenSide> {
  const { path } = source;
  const ofMoments = metrics.some(({ info }) => info.needs[side] === "moments");
  const statistics = ofMoments ? await source.statistics?.() : undefined;
  const ofImages = metrics.filter(({ info }) => info.needs[side] && !statisticsFor(info, side, statistics));
  if (!source.images && ofImages.length > 0) {
    const [{ info }] = ofImages;
    refuse(
      statistics && info.needs[side] === "moments"
        ? `the statistics have no mu_s and sigma_s for ${info.name}: ${path}`
        : `${labelsOf(ofImages, " and ")} need the ${side} images, statistics are not enough: ${path}`,
    );
  }
  const kinds = [...new Set([...ofImages.map(({ info }) => info.features), ...ofDetails])];
  return { side, path, statistics, kinds, ...(kinds.length > 0 ? { images: await imagesOf(side, source) } : {}) };
}

/** The contents of a statistics file that stand for the images of one side. */
function statisticsFor(
  { features, needs }: SetMetric["info"],
  side: Side,
  file: StatisticsFile | undefined,
): Statistics | undefined {
  if (needs[side] !== "moments" || features === "logits") return undefined;
  return features === "spatial" ? file?.sfid : file?.fid;
}

/** The details of two sets in their main features. */
async function detailsOf(output: ReadSide, real: ReadSide): Promise<SetDetails> {
  const rowsOf = ({ features }: ReadSide) => (features as SetFeatures).rows("main");
  const nameIn =
    ({ images, features }: ReadSide) =>
    (row: number) =>
      nameOf(images as ImageSet, (features as SetFeatures).indices[row]);
  return setDetails({ output: rowsOf(output), real: rowsOf(real) }, { output: nameIn(output), real: nameIn(real) });
}

async function report(
  metrics: readonly SetMetric[],
  options: DistributionOptions,
  ofFeatures: Protocol | undefined,
  output: ReadSide,
  real: ReadSide | undefined,
): Promise<DistributionReport> {
  const protocol = ofFeatures ?? output.statistics?.protocol ?? real?.statistics?.protocol ?? {};
  const warnings = mismatches(protocol, [output, real], options);
  const results: Record<string, SetResult> = {};
  const [ofOutputs, ofReals] = [states(output), real && states(real)];
  for (const metric of metrics) {
    const { needs } = metric.info;
    const sets = { output: await ofOutputs(metric), ...(needs.real && ofReals ? { real: await ofReals(metric) } : {}) };
    results[metric.label] = await metric.compute(sets, { name: resultName(metric, protocol, sets.output), protocol });
  }
  const sideReport = (side: ReadSide): SetReport => {
    const { path, statistics, features, images } = side;
    if (features === undefined || images === undefined)
      return { path, images: statistics?.fid.count, computed: 0, unreadable: [] };
    const fromStatistics = metrics.filter(({ info }) => statisticsFor(info, side.side, statistics));
    const labels = fromStatistics.map(({ label }) => label);
    return { ...setReport(path, features, images), ...(labels.length > 0 ? { fromStatistics: labels } : {}) };
  };
  return {
    results,
    protocol,
    outputs: sideReport(output),
    ...(real ? { reals: sideReport(real) } : {}),
    warnings: [
      ...[output, real].flatMap((side) =>
        side?.features && side.images ? setWarnings(side.side, side.features, side.images) : [],
      ),
      ...warnings,
      ...new Set(Object.values(results).flatMap((result) => result.warnings)),
    ],
  };
}

/** Rows with the classes of the images at their places. */
function labelled(rows: FeatureRows, indices: readonly number[], labels: readonly string[]): LabelledRows {
  const { count, dimension } = rows;
  return { count, dimension, read: (wanted) => rows.read(wanted), labels: indices.map((index) => labels[index]) };
}

/** Returns the data that each metric needs of a side; mean and covariance of the same features are computed once. */
function states({ side, path, statistics, features, labels }: ReadSide): (metric: SetMetric) => Promise<SetState> {
  const computed = new Map<FeatureKind, Promise<Statistics>>();
  return async ({ info }) => {
    const stored = statisticsFor(info, side, statistics);
    if (stored) return stored;
    const set = features as SetFeatures;
    if (info.needs[side] === "rows") return set.rows(info.features);
    if (info.needs[side] === "labelled")
      return labelled(set.rows(info.features), set.indices, labels as readonly string[]);
    const moments = computed.get(info.features) ?? momentsIn(path, set, info.features);
    computed.set(info.features, moments);
    return moments;
  };
}

/** The values of fields that a protocol leaves out. */
const defaultProtocol: Protocol = { decode: "stored", device: "cpu", patches: "none" };

/**
 * The differences between the protocols of statistics and of the other side: numbers between different networks or resizers mean nothing.
 *
 * @returns warnings
 * @throws {ReconlossError} `invalid-argument` unless mismatches are allowed
 */
function mismatches(
  protocol: Protocol,
  sides: readonly (OpenSide | undefined)[],
  { allowMismatch = false }: DistributionOptions,
): string[] {
  return sides.flatMap((side) => {
    if (side?.statistics === undefined) return [];
    const theirs = side.statistics.protocol;
    if (theirs === undefined) return ["the statistics do not name the network and resizer they were computed with"];
    const other = sides.find((each) => each !== side);
    const others = other?.images ? `the ${other.side}s' features` : "the others";
    const [reported, here] = [
      { ...defaultProtocol, ...theirs },
      { ...defaultProtocol, ...protocol },
    ];
    const found = Object.keys(here)
      .filter((key) => Object.hasOwn(reported, key) && reported[key] !== here[key])
      .map((key) => `the statistics were computed with ${key} ${reported[key]}, ${others} with ${here[key]}`);
    if (found.length > 0 && !allowMismatch) {
      refuse(`${side.path}: ${found.join("; ")}; compute both with the same settings, or use --allow-mismatch`);
    }
    return found;
  });
}

/** The whole images that those of an extracted set are patches of, or that they are: the first row of each. */
function wholeImages({ images, indices }: ExtractedSet, { cut }: ImageSet): readonly StoredImage[] {
  if (cut === undefined) return images;
  const numbers = indices.map((index) => cut.from(index).image);
  return images.filter((_, row) => numbers[row] !== numbers[row - 1]);
}

function setReport(path: string, extracted: ExtractedSet, set: ImageSet): SetReport {
  const { images, computed, unreadable, ignoredFiles = {} } = extracted;
  const whole = wholeImages(extracted, set);
  const decode = decodeSummary(whole.flatMap((image) => image.decode.map((kind) => ({ kind }))));
  return {
    path,
    images: images.length,
    ...(set.cut ? { patchesOf: { images: whole.length, smaller: set.cut.smaller } } : {}),
    computed,
    unreadable,
    ...(decode === undefined ? {} : { decode }),
    ...(Object.keys(ignoredFiles).length > 0 ? { ignoredFiles } : {}),
  };
}

function setWarnings(side: Side, { images, unreadable }: ExtractedSet, { cut }: ImageSet): string[] {
  const sizes = new Map(images.map(({ height, width }) => [`${width}x${height}`, width * height]));
  const ordered = [...sizes].sort(([, a], [, b]) => a - b).map(([size]) => size);
  const count = new Set(images.map(({ hash }) => hash)).size;
  return [
    ...(unreadable.length > 0
      ? [
          `${counted(unreadable.length, `${side} image could not be read and is`, `${side} images could not be read and are`)} left out of every metric`,
        ]
      : []),
    ...(cut && cut.smaller > 0
      ? [
          `${counted(cut.smaller, `${side} image is`, `${side} images are`)} smaller than a patch of ${cut.size}x${cut.size}, and left out of every metric`,
        ]
      : []),
    ...(ordered.length > 1
      ? [
          `${side} images have ${ordered.length} sizes, ${ordered[0]} to ${ordered.at(-1)}: they are resized by different factors`,
        ]
      : []),
    ...(count < images.length
      ? [
          cut
            ? counted(
                images.length - count,
                `${side} patch is a copy of another`,
                `${side} patches are copies of others`,
              )
            : counted(
                images.length - count,
                `${side} image is a copy of another`,
                `${side} images are copies of others`,
              ),
        ]
      : []),
  ];
}
