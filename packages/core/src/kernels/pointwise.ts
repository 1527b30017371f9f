import { module } from "./generated/pointwise.ts";
import { inStrips } from "./kernel.ts";
import { pointwise as strips } from "./strips/pointwise.ts";
import type { PointwiseSpec } from "./types.ts";

/** l1, mse and Charbonnier. */
export const pointwise = inStrips<PointwiseSpec>(strips, [module]);
