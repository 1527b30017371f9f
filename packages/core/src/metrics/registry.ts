import { classFid, frechetByClass } from "./class-frechet.ts";
import type { MetricFactory } from "./definition.ts";
import { prdc } from "./density-coverage.ts";
import { fid, frechet, sfid } from "./frechet.ts";
import { fidInfinity, frechetToInfinity } from "./frechet-infinity.ts";
import { isInfinity } from "./inception-infinity.ts";
import { is } from "./inception-score.ts";
import { kid } from "./kernel-distance.ts";
import { mmd } from "./mean-discrepancy.ts";
import { memorisationFrechet, mifid } from "./memorisation.ts";
import { pr } from "./precision-recall.ts";
import { vendi } from "./vendi-score.ts";

/** Every metric of sets by its name, in the order in which they are listed. */
const all = {
  fid,
  sfid,
  is,
  kid,
  pr,
  prdc,
  mifid,
  "fid-infinity": fidInfinity,
  "is-infinity": isInfinity,
  "class-fid": classFid,
  vendi,
  mmd,
  frechet,
  "frechet-infinity": frechetToInfinity,
  "mi-frechet": memorisationFrechet,
  "class-frechet": frechetByClass,
};

/** The name of a metric of sets of images. */
export type MetricName = keyof typeof all;

/** All of them. */
export const metricNames: readonly MetricName[] = Object.keys(all) as MetricName[];

/** The functions that make each of them from its options. */
export const metricFactories = Object.values(all) as readonly unknown[] as readonly MetricFactory[];
