import type { MetricFactory } from "./definition.ts";
import { fid, frechet, sfid } from "./frechet.ts";
import { is } from "./inception-score.ts";
import { kid } from "./kernel-distance.ts";
import { pr } from "./precision-recall.ts";

/** Every metric of sets by its name, in the order in which they are listed. */
const all = { fid, sfid, is, kid, pr, frechet };

/** The name of a metric of sets of images. */
export type MetricName = keyof typeof all;

/** All of them. */
export const metricNames: readonly MetricName[] = Object.keys(all) as MetricName[];

/** What makes each of them from its options. */
export const metricFactories = Object.values(all) as readonly unknown[] as readonly MetricFactory[];
