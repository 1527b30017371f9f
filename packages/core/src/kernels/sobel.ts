import { module } from "./generated/derivatives.ts";
import { inStrips } from "./kernel.ts";
import { derivatives } from "./strips/derivatives.ts";
import type { SobelSpec } from "./types.ts";

/** First derivatives against the target's. */
export const sobel = inStrips<SobelSpec>(derivatives, [module]);
