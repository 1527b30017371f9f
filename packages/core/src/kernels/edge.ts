import { module } from "./generated/edge.ts";
import { inStrips } from "./kernel.ts";
import { edge as strips } from "./strips/edge.ts";
import type { EdgeSpec } from "./types.ts";

/** Charbonnier's error of Laplacians. */
export const edge = inStrips<EdgeSpec>(strips, [module]);
