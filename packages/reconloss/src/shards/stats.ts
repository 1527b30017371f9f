import { checkFields, checkKind } from "@reconloss/core/internal";
import { blockImages } from "@reconloss/core/metrics";
import {
  type ComputedStatistics,
  finishStatistics,
  type OpenSide,
  type StatisticsOptions,
  withImages,
} from "../distribution/evaluate.ts";
import type { Features } from "../distribution/features.ts";
import { anywhere, type FeatureSettings, mergedSet, planSides, portable, runRanges } from "./distribution.ts";
import type { ShardKind } from "./kind.ts";
import { type Manifest, writeManifest } from "./manifest.ts";
import { PartReader } from "./part.ts";
import { checkParts, type PartsPlace } from "./place.ts";
import { type ShardCount, shardRanges } from "./ranges.ts";

/** The settings of a plan of the statistics of a set. */
export interface StatisticsPlan
  extends Omit<StatisticsOptions, "extractor" | "cache" | "batch" | "onProgress">,
    ShardCount,
    PartsPlace {}

interface Settings extends FeatureSettings {
  readonly path: string;
  readonly options: StatisticsOptions;
}

/**
 * Plans the statistics of a set of images, such as those of FID, in shards.
 *
 * @param folder - the work folder, which is made
 * @param path - the images, as `computeStatistics` takes them
 * @throws {ReconlossError} as `computeStatistics`, before any image is read; `invalid-argument` where the folder holds another plan
 *
 * @example
 * ```ts
 * import { planStatistics } from "reconloss/shards";
 * const error = await planStatistics("work", "no-such-folder", { shards: 40 }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function planStatistics(folder: string, path: string, plan: StatisticsPlan): Promise<Manifest> {
  for (const [name, value] of Object.entries({ folder, path })) checkKind(name, value, "string");
  checkFields("plan", plan, { parts: "string" });
  checkParts(plan);
  shardRanges([], blockImages, plan);
  const { shards: _, shardSize: __, parts, ...own } = plan;
  const options = portable<StatisticsOptions>(own);
  return withImages(anywhere(path), options, async (side) => {
    const { shards, ...ofFeatures } = await planSides([side], side.kinds, options, plan);
    const settings: Settings = { path: side.path, options, ...ofFeatures };
    return writeManifest(folder, { kind: "stats", settings: { ...settings }, shards, parts });
  });
}

/** Moments alone are needed. */
const wanted = ({ kinds }: OpenSide, { outputOf }: Features) =>
  kinds.map((kind) => ({ output: outputOf(kind), kind, rows: false, moments: true }));

/** Statistics of a set of images; a part has the moments of its blocks. */
export const statsKind: ShardKind<ComputedStatistics> = {
  extension: ".part",

  async run({ settings: planned, shards }, shard, context) {
    const settings = planned as unknown as Settings;
    const { path, options, known } = settings;
    const run = (side: OpenSide) =>
      runRanges(shards[shard], [side], { needed: side.kinds, options, settings, wanted }, context);
    await withImages(path, options, run, known.real);
  },

  async merge({ settings: planned }, parts) {
    const settings = planned as unknown as Settings;
    const { path, options, protocol, notes } = settings;
    const reader = new PartReader();
    try {
      return await withImages(
        path,
        options,
        (side) =>
          finishStatistics(side, {
            protocol,
            notes,
            of: (which, images) => mergedSet(which, images, settings, parts, reader),
          }),
        settings.known.real,
      );
    } finally {
      await reader.close();
    }
  },
};
