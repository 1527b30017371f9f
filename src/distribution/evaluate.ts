import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ReconlossError } from "../errors.ts";
import type { AlphaOptions } from "../image/index.ts";
import { type Resizer, resizers } from "../image/resize.ts";
import type { FeatureRows, Side } from "../metrics/features.ts";
import { frechetResult } from "../metrics/frechet.ts";
import { type InceptionScoreOptions, inceptionScore } from "../metrics/inception-score.ts";
import { type KernelDistanceOptions, kernelDistance } from "../metrics/kernel-distance.ts";
import type { MetricResult, Protocol } from "../metrics/metric.ts";
import type { Statistics } from "../metrics/moments.ts";
import { type PrecisionRecallOptions, precisionRecall } from "../metrics/precision-recall.ts";
import type { InceptionFeature } from "../nets/inception.ts";
import { weightsCache } from "../weights/folders.ts";
import { type SetDetails, setDetails } from "./details.ts";
import { type ExtractedSet, extractFeatures, type UnreadableImage } from "./extract.ts";
import {
  type Extractor,
  inceptionExtractor,
  inputFor,
  networks,
  type OnnxExtractorOptions,
  onnxExtractor,
  tinyExtractor,
} from "./extractor.ts";
import { FeatureStore } from "./feature-store.ts";
import { openSet, type SetSource } from "./image-set.ts";
import { statisticsOf } from "./statistics.ts";
import type { StatisticsFile } from "./statistics-file.ts";

/** The metrics of sets of images. */
export type MetricName = "fid" | "sfid" | "is" | "kid" | "pr" | "frechet";

/** All of them. */
export const metricNames: readonly MetricName[] = ["fid", "sfid", "is", "kid", "pr", "frechet"];

/** Which features each metric is made of. */
const featuresOf = {
  "inception-fid": { fid: "2048", sfid: "spatial", is: "logits-no-bias", kid: "2048", pr: "2048", frechet: "2048" },
  inception_v3: { fid: "2048", sfid: "spatial", is: "logits", kid: "2048", pr: "2048", frechet: "2048" },
} as const satisfies Record<string, Record<MetricName, InceptionFeature>>;

/** Work under way. */
export interface DistributionProgress {
  readonly side: Side;
  /** Images done, of `total`. */
  readonly done: number;
  readonly total: number;
}

/** How images become features. */
export interface FeatureOptions extends AlphaOptions {
  /** Default `clean`. */
  resizer?: Resizer;
  /** `inception-fid` (default), `inception_v3`, `tiny` (part of the package; its Frechet distance is no FID), or the path of an ONNX model. */
  network?: string;
  /** The path of the network's checkpoint; default: found or downloaded by name. Or an extractor of your own instead of `network`. */
  weights?: string;
  /** For an ONNX model. */
  onnx?: OnnxExtractorOptions;
  /** Your own network; `network`, `weights` and `onnx` do not count then. */
  extractor?: Extractor;
  /** Images that the network takes at once; it changes no number. Default 4. */
  batch?: number;
  /** The folder in which features are kept for the next run, or `false` to keep none. Default: in reconloss's cache folder. */
  cache?: string | false;
  onProgress?: (progress: DistributionProgress) => void;
}

/** Options of {@link evaluateDistribution}. */
export interface DistributionOptions extends FeatureOptions {
  /** Default `fid`; `frechet` for the network `tiny`. */
  metrics?: readonly MetricName[];
  inceptionScore?: InceptionScoreOptions;
  kernelDistance?: KernelDistanceOptions;
  precisionRecall?: PrecisionRecallOptions;
  /** Also finds what a report shows: the outputs nearest to and farthest from any real image, and the spectra. Default false. */
  details?: boolean;
}

/** What became of one side. */
export interface SetReport {
  readonly path: string;
  /** Images that count; absent for statistics that do not say. */
  readonly images?: number;
  /** How many of them were computed now rather than found in the cache. */
  readonly computed: number;
  readonly unreadable: readonly UnreadableImage[];
}

/** All numbers of a comparison of two sets of images. */
export interface DistributionReport {
  /** By metric. */
  readonly results: Readonly<Partial<Record<MetricName, MetricResult>>>;
  readonly protocol: Protocol;
  readonly outputs: SetReport;
  readonly reals?: SetReport;
  readonly warnings: readonly string[];
  /** Where they were asked for, and the reals are images. */
  readonly details?: SetDetails;
}

/**
 * Compares a set of output images with a set of real ones, in one pass over the files for all metrics. Features go through a cache on disk, keyed by
 * content, network and resizer: memory does not grow with the features, and work that was interrupted, even killed, goes on where it
 * was and gives the same bits.
 *
 * @param outputs - a folder (with its subfolders), or an `.npz` file of samples (`arr_0`, [n, h, w, 3], 8 bits)
 * @param reals - the same, or an `.npz` file of statistics for fid and sfid; not needed for the Inception Score
 * @throws {ReconlossError} `file` when a path does not lead to images; `invalid-argument` for metrics that cannot be computed of what is
 *   given; `missing-weights`. Images that cannot be read are listed in the report instead.
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
  const metrics = [...new Set(options.metrics ?? [frechetOf(options)])];
  checkOptions(metrics, reals, options);
  const sources: { output: SetSource; real?: SetSource } = { output: await openSet(outputs, options) };
  try {
    const usesReals = options.details || metrics.some((metric) => metric !== "is");
    if (reals !== undefined && usesReals) sources.real = await openSet(reals, options);
    refuseStatistics(metrics, sources);
    const needed: MetricName[] = options.details ? [...new Set([...metrics, frechetOf(options)])] : metrics;
    return await withFeatures(needed, options, async (features) => {
      const output = (await features.of("output", sources.output)) as SetFeatures;
      const real = sources.real && (await features.of("real", sources.real));
      const result = await report(metrics, options, features, output, real, { outputs, reals });
      const isComparison = options.details && real !== undefined && "rows" in real;
      return isComparison ? { ...result, details: await detailsOf(sources, output, real) } : result;
    });
  } finally {
    for (const source of [sources.output, sources.real]) if (source && "images" in source) await source.images.close();
  }
}

/**
 * Statistics of a set of images for {@link frechetDistance} and files: FID's, and with `spatial` sFID's too.
 *
 * @param path - a folder, or an `.npz` file of samples
 * @throws {ReconlossError} as {@link evaluateDistribution}
 *
 * @example
 * ```ts
 * import { computeStatistics } from "reconloss/distribution";
 * const error = await computeStatistics("no-such-folder").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function computeStatistics(
  path: string,
  options: FeatureOptions & { spatial?: boolean } = {},
): Promise<{ statistics: StatisticsFile; set: SetReport; warnings: readonly string[] }> {
  const metrics: MetricName[] = options.spatial ? ["fid", "sfid"] : [frechetOf(options)];
  checkOptions(metrics, path, options);
  const source = await openSet(path, options);
  if ("statistics" in source) throw new ReconlossError("invalid-argument", `${path} holds statistics already`);
  try {
    return await withFeatures(metrics, options, async (features) => {
      const set = (await features.of("real", source)) as SetFeatures;
      const fid = await statisticsOf(set.rows("fid"));
      const sfid = options.spatial ? await statisticsOf(set.rows("sfid")) : undefined;
      const { protocol } = features;
      return { statistics: { fid, sfid, protocol }, set: setReport(path, set), warnings: setWarnings("real", set) };
    });
  } finally {
    await source.images.close();
  }
}

/** The network that is part of the package. */
const isTiny = ({ extractor, network }: FeatureOptions) => extractor === undefined && network === "tiny";

/** The Frechet distance of a network's main features: only of Inception's is it FID. */
function frechetOf(options: FeatureOptions): "fid" | "frechet" {
  return isTiny(options) ? "frechet" : "fid";
}

function checkOptions(metrics: readonly MetricName[], reals: string | undefined, options: FeatureOptions): void {
  const fail = (problem: string): never => {
    throw new ReconlossError("invalid-argument", `evaluateDistribution: ${problem}`);
  };
  const unknown = metrics.filter((metric) => !metricNames.includes(metric));
  if (unknown.length > 0) fail(`there is no metric ${unknown.join(", ")}; there are: ${metricNames.join(", ")}`);
  if (metrics.length === 0) fail("no metric is asked for");
  if (options.resizer !== undefined && !resizers.includes(options.resizer)) {
    fail(`resizer must be one of ${resizers.join(", ")}, got ${options.resizer}`);
  }
  const { batch = 1 } = options;
  if (!Number.isInteger(batch) || batch < 1 || batch > 1024) fail(`batch must be from 1 to 1024, got ${batch}`);
  if (reals === undefined && metrics.some((metric) => metric !== "is")) {
    fail(`${metrics.filter((metric) => metric !== "is").join(", ")} need reals to compare with`);
  }
  const inceptions = metrics.filter((metric) => metric === "fid" || metric === "sfid" || metric === "is");
  if (isTiny(options) && inceptions.length > 0) {
    fail(`${inceptions.join(", ")} are of Inception's features; of network tiny there are frechet, kid and pr`);
  }
  const isOther = options.extractor !== undefined || !((options.network ?? "inception-fid") in networks);
  if (isOther && metrics.includes("sfid")) fail("sfid is of spatial features of inception-fid or inception_v3");
}

function refuseStatistics(
  metrics: readonly MetricName[],
  { output, real }: { output: SetSource; real?: SetSource },
): void {
  if ("statistics" in output) {
    throw new ReconlossError("invalid-argument", "evaluateDistribution: outputs must be images, not statistics");
  }
  if (real === undefined || "images" in real) return;
  const impossible = metrics.filter((metric) => metric === "kid" || metric === "pr");
  if (impossible.length > 0) {
    throw new ReconlossError(
      "invalid-argument",
      `evaluateDistribution: ${impossible.join(" and ")} need the real images, statistics are not enough`,
    );
  }
  if (metrics.includes("sfid") && real.statistics.sfid === undefined) {
    throw new ReconlossError(
      "invalid-argument",
      "evaluateDistribution: the statistics have no mu_s and sigma_s for sfid",
    );
  }
}

/** The features of one side, by metric. */
interface SetFeatures extends ExtractedSet {
  rows(metric: MetricName): FeatureRows;
}

/** Turns sets into features that are stored until the work is done. */
interface Features {
  readonly protocol: Protocol;
  of(side: Side, source: SetSource): Promise<SetFeatures | StatisticsFile>;
}

async function withFeatures<T>(
  metrics: readonly MetricName[],
  options: FeatureOptions,
  use: (features: Features) => Promise<T>,
): Promise<T> {
  const { resizer = "clean", batch = 4 } = options;
  const { extractor, outputOf } = await chooseExtractor(metrics, resizer, options);
  const temporary = options.cache === false ? await mkdtemp(join(tmpdir(), "reconloss-features-")) : undefined;
  const folder = temporary ?? (options.cache || join(dirname(weightsCache()), "features"));
  const stores: Record<string, FeatureStore> = {};
  try {
    for (const output of extractor.outputs) {
      // Whatever changes the features of a file is in the name of the folder.
      const key = createHash("sha256").update(
        JSON.stringify([
          extractor.key,
          extractor.size,
          output,
          resizer,
          options.alpha ?? null,
          options.background ?? null,
        ]),
      );
      stores[output] = await FeatureStore.open(join(folder, key.digest("hex").slice(0, 32)));
    }
    return await use({
      protocol: {
        network: extractor.name,
        weights: extractor.key.slice(0, 16),
        resize: resizer,
        size: extractor.size.join("x"),
        input: extractor.input,
      },
      of: async (side, source) => {
        if ("statistics" in source) return source.statistics;
        const total = source.images.count;
        let done = 0;
        const extracted = await extractFeatures(source.images, extractor, stores, {
          resizer,
          batch,
          onImage: () => options.onProgress?.({ side, done: ++done, total }),
        });
        const hashes = extracted.images.map(({ hash }) => hash);
        return { ...extracted, rows: (metric) => stores[outputOf(metric)].rows(hashes) };
      },
    });
  } finally {
    for (const store of Object.values(stores)) await store.close();
    if (temporary) await rm(temporary, { recursive: true, force: true });
  }
}

async function chooseExtractor(
  metrics: readonly MetricName[],
  resizer: Resizer,
  { extractor, network = "inception-fid", weights, onnx }: FeatureOptions,
): Promise<{ extractor: Extractor; outputOf: (metric: MetricName) => string }> {
  if (extractor === undefined && Object.hasOwn(networks, network)) {
    const name = network as keyof typeof networks;
    const outputOf = (metric: MetricName) => featuresOf[name][metric];
    const features = [...new Set(metrics.map(outputOf))];
    const input = inputFor(network, resizer);
    return { extractor: await inceptionExtractor({ network: name, features, weights, input }), outputOf };
  }
  const own = network === "tiny" ? tinyExtractor : () => onnxExtractor(network, onnx);
  const chosen = extractor ?? (await own());
  return { extractor: chosen, outputOf: () => chosen.outputs[0] };
}

/** The details of two sets in the features of FID. */
async function detailsOf(sources: { output: SetSource; real?: SetSource }, output: SetFeatures, real: SetFeatures) {
  const nameIn =
    (source: SetSource | undefined, { indices }: SetFeatures) =>
    (row: number) =>
      source && "images" in source ? source.images.name(indices[row]) : "";
  const rows = { output: output.rows("fid"), real: real.rows("fid") };
  return setDetails(rows, { output: nameIn(sources.output, output), real: nameIn(sources.real, real) });
}

async function report(
  metrics: readonly MetricName[],
  options: DistributionOptions,
  { protocol }: Features,
  output: SetFeatures,
  real: SetFeatures | StatisticsFile | undefined,
  paths: { outputs: string; reals: string | undefined },
): Promise<DistributionReport> {
  const results: Partial<Record<MetricName, MetricResult>> = {};
  for (const metric of metrics) results[metric] = await resultOf(metric, options, protocol, output, real);
  const realReport =
    real === undefined || paths.reals === undefined
      ? undefined
      : "rows" in real
        ? setReport(paths.reals, real)
        : { path: paths.reals, images: real.fid.count, computed: 0, unreadable: [] };
  return {
    results,
    protocol,
    outputs: setReport(paths.outputs, output),
    ...(realReport ? { reals: realReport } : {}),
    warnings: [
      ...setWarnings("output", output),
      ...(real === undefined
        ? []
        : "rows" in real
          ? setWarnings("real", real)
          : protocolWarnings(protocol, real.protocol)),
      ...new Set(Object.values(results).flatMap(({ warnings }) => warnings)),
    ],
  };
}

async function resultOf(
  metric: MetricName,
  options: DistributionOptions,
  protocol: Protocol,
  output: SetFeatures,
  real: SetFeatures | StatisticsFile | undefined,
): Promise<MetricResult> {
  const rows = output.rows(metric);
  if (metric === "is") return inceptionScore(rows, { ...options.inceptionScore, protocol });
  const ofTiny = isTiny(options) ? "(features=tiny)" : "";
  if (metric === "fid" || metric === "sfid" || metric === "frechet") {
    const stored = metric === "sfid" ? "sfid" : "fid";
    const ofReals = real && "rows" in real ? await statisticsOf(real.rows(metric)) : real?.[stored];
    return frechetResult(await statisticsOf(rows), ofReals as Statistics, { name: metric + ofTiny, protocol });
  }
  const realRows = (real as SetFeatures).rows(metric);
  return metric === "kid"
    ? { ...(await kernelDistance(rows, realRows, { ...options.kernelDistance, protocol })), metric: metric + ofTiny }
    : precisionRecall(rows, realRows, { ...options.precisionRecall, protocol });
}

function setReport(path: string, { images, computed, unreadable }: ExtractedSet): SetReport {
  return { path, images: images.length, computed, unreadable };
}

function setWarnings(side: Side, { images, unreadable }: ExtractedSet): string[] {
  const sizes = new Map(images.map(({ height, width }) => [`${width}x${height}`, width * height]));
  const ordered = [...sizes].sort(([, a], [, b]) => a - b).map(([size]) => size);
  const count = new Set(images.map(({ hash }) => hash)).size;
  return [
    ...(unreadable.length > 0 ? [`${unreadable.length} ${side} images could not be read and are in no number`] : []),
    ...(ordered.length > 1
      ? [
          `${side} images have ${ordered.length} sizes, ${ordered[0]} to ${ordered.at(-1)}: each is resized by another factor`,
        ]
      : []),
    ...(count < images.length ? [`${images.length - count} ${side} images are copies of others`] : []),
  ];
}

/** Published statistics are of one protocol; numbers against them need the same. */
function protocolWarnings(ours: Protocol, theirs: Protocol | undefined): string[] {
  if (theirs === undefined) return ["the statistics do not say by which network and resizer they were made"];
  return Object.keys(ours)
    .filter((key) => theirs[key] !== undefined && theirs[key] !== ours[key])
    .map((key) => `the statistics were made with ${key} ${theirs[key]}, the outputs' features with ${ours[key]}`);
}
