import { module } from "./generated/variation.ts";
import { inStrips } from "./kernel.ts";
import { variation as strips } from "./strips/variation.ts";

/** Total variation in all its forms. */
export const variation = inStrips(strips, [module]);
