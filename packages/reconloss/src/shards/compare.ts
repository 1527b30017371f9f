import { resolve } from "node:path";
import { type Device, type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkDevice, checkFields, checkKind, checkPixelRange, parseLosses } from "@reconloss/core/internal";
import { modelOptionsUnder } from "../compare/apply-protocol.ts";
import { type Condition, keyOf, verdictsOf } from "../compare/conditions.ts";
import {
  type AppliedProtocol,
  applyProtocol,
  type Comparison,
  comparePairs,
  type ModelMetricOptions,
  mapStatisticsOf,
  type Outcome,
  openModelMetric,
  parseConditions,
  unpairedFailures,
  type Verdict,
} from "../compare/index.ts";
import { lineOf, outcomeOf } from "../compare/line.ts";
import { checkLoadOptions, type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import type { ModelMetricText } from "../compare/model-metric.ts";
import { type NoteGroup, Outcomes, summaryOf } from "../compare/summary.ts";
import { type ImagePair, type Pairing, type PairOptions, pairPaths } from "../image/index.ts";
import { pixelOptionsOf } from "../image/read.ts";
import { fileSha256 } from "../weights/download.ts";
import { resolveWeights } from "../weights/locate.ts";
import { checkFile, type KnownFile, knownFiles, loadKnownPlugins } from "./files.ts";
import { refuseMachineFaults, type ShardKind } from "./kind.ts";
import { checkListing, type Listing, planRanges, sizeOf } from "./listing.ts";
import { type Manifest, writeManifest } from "./manifest.ts";
import { contentLines } from "./part.ts";
import { checkParts, type PartsPlace } from "./place.ts";
import { type ShardCount, shardRanges } from "./ranges.ts";

/** The metrics and models of a plan of pairs, beside the options of comparing. */
export interface ComparisonPlan extends LoadOptions, PairOptions, ShardCount, PartsPlace {
  /** The losses, as `reconloss compare` takes them; needed where there is no protocol. */
  metrics?: string;
  /** A protocol, as `reconloss compare` takes it. */
  protocol?: string;
  /** Those of them, by label, that pairs may go without where their shape is refused. */
  optional?: readonly string[];
  /** Conditions on the merged numbers, as `reconloss compare --fail` takes them. */
  fail?: string;
  /** Metrics that models of one's own compute, as `reconloss compare --metric-model` takes them. */
  models?: readonly ModelMetricText[];
  /** Modules with losses of one's own; their code is run. */
  plugin?: readonly string[];
  /** The device of networks; default: the CPU. */
  device?: Device;
  /** As of `comparePairs`. */
  inspect?: boolean;
}

interface Settings {
  readonly outputs: string;
  readonly targets: string;
  readonly metrics?: string;
  readonly protocol?: string;
  readonly optional: readonly string[];
  readonly fail?: string;
  readonly plugins: readonly KnownFile[];
  readonly models: readonly (ModelMetricText & KnownFile)[];
  readonly weights: readonly KnownFile[];
  readonly pixels: LoadOptions;
  /** The options of pairing and of regions; absent in plans of earlier versions. */
  readonly pairing?: PairOptions;
  readonly device: Device;
  readonly inspect?: boolean;
  readonly unpaired: Pairing["unpaired"];
  readonly ignoredFiles?: Pairing["ignoredFiles"];
  readonly proposal?: Pairing["proposal"];
}

/** The merged pairs, with what became of the conditions where there were some. */
export interface MergedComparison {
  readonly outputs: string;
  readonly targets: string;
  /** The options by which the images became pixels. */
  readonly pixels: LoadOptions;
  /** A pattern by which more images would pair. */
  readonly pairing: Pick<Pairing, "proposal">;
  readonly comparison: Comparison;
  readonly verdicts?: readonly Verdict[];
  /** Losses of one's own, from the modules of the plan. */
  readonly plugins: readonly LossFactory[];
  /** The notes on pairs, with the number of pairs of each. */
  readonly noteGroups: readonly NoteGroup[];
  /** All pairs one after the other, as often as it is called: from memory, or from their parts where they are too many. */
  outcomes(): AsyncGenerator<Outcome, void, void>;
}

const input = "pair";
/** Pairs do not depend on each other. */
const blockPairs = 1;

/**
 * Plans the comparison of many pairs in shards.
 *
 * @param folder - the work folder, which is made
 * @param outputs - an image, or a folder, as `reconloss compare` takes it
 * @param targets - the same
 * @throws {ReconlossError} as `comparePairs`, before any pair is read; `invalid-argument` where the folder holds another plan
 *
 * @example
 * ```ts
 * import { planComparison } from "reconloss/shards";
 * const error = await planComparison("work", "outputs", "targets", { metrics: "psnr", shards: 0 }).catch((caught) => caught);
 * error.message; // "the number of shards must be a whole number of at least 1, got 0"
 * ```
 */
export async function planComparison(
  folder: string,
  outputs: string,
  targets: string,
  options: ComparisonPlan,
): Promise<Manifest> {
  for (const [name, value] of Object.entries({ folder, outputs, targets })) checkKind(name, value, "string");
  checkFields("options", options, {
    metrics: "string",
    protocol: "string",
    models: "list",
    optional: "list",
    fail: "string",
    plugin: "list",
    device: "string",
    parts: "string",
    inspect: "boolean",
  });
  checkParts(options);
  if (options.metrics === undefined && options.protocol === undefined) {
    throw new ReconlossError("invalid-argument", "options.metrics is needed, or options.protocol");
  }
  shardRanges([], blockPairs, options);
  const loading = loadOptionsOf(options);
  checkLoadOptions("options", loading);
  checkDevice("options", options.device);
  const { metrics, protocol, models = [], optional = [], fail, plugin = [], device = "cpu" } = options;
  const plugins = await knownFiles(plugin);
  const { losses: factories } = await loadKnownPlugins(plugins);
  const files = await knownFiles(models.map(({ path }) => path));
  const known = models.map((model, i) => ({ ...model, path: files[i].name, sha256: files[i].sha256 }));
  const { losses, applied } = await lossesOf({ metrics, protocol, models: known, pixels: loading }, factories);
  checkPixelRange(losses, "files");
  if (fail !== undefined) parseConditions(fail, losses, factories, applied);
  const { pair, exclude, ignore, inspect } = options;
  const masks = options.masks === undefined ? undefined : resolve(options.masks);
  const pairing = { pair, exclude, masks, ignore };
  const { pairs, unpaired, ignoredFiles, proposal } = await pairPaths(resolve(outputs), resolve(targets), pairing);
  const settings: Settings = {
    outputs: resolve(outputs),
    targets: resolve(targets),
    metrics,
    protocol,
    optional,
    fail,
    plugins,
    models: known,
    weights: await weightsOf(losses),
    pixels: { ...loading, ...applied?.pixels },
    pairing,
    device,
    inspect,
    unpaired,
    ignoredFiles,
    proposal,
  };
  const ranges = shardRanges([{ input, count: pairs.length }], blockPairs, options);
  const shards = await planRanges(ranges, { [input]: listed(pairs) });
  return writeManifest(folder, { kind: "compare", settings: { ...settings }, shards, parts: options.parts });
}

/** The losses of a plan, with models that are those of the plan, and its protocol. */
async function lossesOf(
  { metrics, protocol, models, pixels }: Pick<Settings, "metrics" | "protocol" | "models" | "pixels">,
  factories: readonly LossFactory[],
): Promise<{ losses: readonly Loss[]; applied?: AppliedProtocol }> {
  const own: Loss[] = [];
  for (const { name, path, options, sha256 } of models) {
    await checkFile(`model ${path}`, { name: path, sha256 });
    const all = modelOptionsUnder(protocol, name, options) as unknown as ModelMetricOptions;
    own.push(await openModelMetric(name, path, all, factories));
  }
  if (protocol === undefined) return { losses: [...parseLosses(metrics ?? "", factories), ...own] };
  const applied = applyProtocol(protocol, { ...pixelOptionsOf(pixels), metrics, models: own, losses: factories });
  return { losses: applied.losses, applied };
}

/** The files of the networks that losses run. */
async function weightsOf(losses: readonly Loss[]): Promise<KnownFile[]> {
  const names = [...new Set(losses.flatMap(({ definition }) => definition?.weights ?? []))];
  const files: KnownFile[] = [];
  for (const name of names) files.push({ name, sha256: await fileSha256(await resolveWeights(name)) });
  return files;
}

const listed = (pairs: readonly ImagePair[]): Listing => ({
  count: pairs.length,
  identity: async (index) => {
    const { output, target, mask, ignore } = pairs[index];
    const regions = [
      ...(mask === undefined ? [] : [mask, await sizeOf(mask)]),
      ...(ignore === undefined ? [] : [ignore]),
    ];
    return JSON.stringify([output, await sizeOf(output), target, await sizeOf(target), ...regions]);
  },
});

/** The losses and conditions of a plan, with plugins and weights that are those of the plan. */
async function prepare(settings: Settings) {
  const { fail, plugins, weights } = settings;
  const { losses: factories } = await loadKnownPlugins(plugins);
  const { losses, applied } = await lossesOf(settings, factories);
  for (const { name, sha256 } of await weightsOf(losses)) {
    if (weights.some((known) => known.name === name && known.sha256 === sha256)) continue;
    throw new ReconlossError(
      "missing-weights",
      `weights ${name} on this machine differ from the file that was planned`,
    );
  }
  const parse = (text: string | undefined) =>
    text === undefined ? undefined : parseConditions(text, losses, factories, applied);
  return { losses, applied, plugins: factories, parse, conditions: parse(fail) };
}

/** Refuses conditions on what no shard has measured. */
function checkMeasured(more: readonly Condition[], planned: readonly Condition[]): void {
  const unknown = more.find((one) => one.map && !planned.some((other) => keyOf(other) === keyOf(one)));
  if (unknown === undefined) return;
  const problem = `the plan measured no ${keyOf(unknown)}; its own --fail says which statistics of maps it measures`;
  throw new ReconlossError("invalid-argument", `fail: in "${unknown.text}", ${problem}`);
}

/** Losses over pairs of images; a part has a line of JSON for each pair. */
export const compareKind: ShardKind<MergedComparison> = {
  extension: ".jsonl",

  async run({ settings, shards }, shard, { signal, onItem, write }) {
    const known = settings as unknown as Settings;
    const lines: string[] = [];
    for (const range of shards[shard]) {
      const { losses, conditions } = await prepare(known);
      const { pairs } = await pairPaths(known.outputs, known.targets, known.pairing);
      await checkListing(range, `${known.outputs} or ${known.targets}`, listed(pairs));
      const options = {
        ...known.pixels,
        optional: new Set(known.optional),
        mapStatistics: mapStatisticsOf(conditions ?? []),
        device: known.device,
        inspect: known.inspect,
        onError: refuseMachineFaults,
      };
      for await (const outcome of comparePairs(pairs.slice(range.start, range.end), losses, options)) {
        lines.push(`${lineOf(outcome)}\n`);
        onItem();
        signal?.throwIfAborted();
      }
    }
    await write({ pairs: lines.length }, async (append) => {
      for (const line of lines) await append(line);
    });
  },

  async merge({ settings }, parts, { mostHeld, fail }) {
    const known = settings as unknown as Settings;
    const { losses, applied, plugins, parse, conditions: planned } = await prepare(known);
    const more = parse(fail);
    checkMeasured(more ?? [], planned ?? []);
    const conditions = planned || more ? [...(planned ?? []), ...(more ?? [])] : undefined;
    // What a condition is about may be left out of no pair.
    const optional = new Set(known.optional.filter((label) => !more?.some((condition) => condition.label === label)));
    const all = new Outcomes(losses, mostHeld);
    async function* outcomes(): AsyncGenerator<Outcome, void, void> {
      if (all.held !== undefined) return yield* all.held;
      for (const part of parts) for await (const line of contentLines(part)) yield outcomeOf(line);
    }
    for (const part of parts) for await (const line of contentLines(part)) all.add(outcomeOf(line));
    const comparison: Comparison = {
      ...summaryOf(losses, all, unpairedFailures(known.unpaired), optional, applied),
      ...(known.ignoredFiles === undefined ? {} : { ignoredFiles: known.ignoredFiles }),
    };
    const { outputs, targets, pixels } = known;
    return {
      outputs,
      targets,
      pixels,
      comparison,
      plugins,
      pairing: { proposal: known.proposal },
      noteGroups: all.groups,
      outcomes,
      ...(conditions ? { verdicts: verdictsOf(conditions, comparison, all.numbers) } : {}),
    };
  },
};
