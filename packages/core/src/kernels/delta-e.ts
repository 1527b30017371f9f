import { checkColours } from "./colours.ts";
import { module } from "./generated/delta-e.ts";
import { inStrips } from "./kernel.ts";
import { deltaE as strips } from "./strips/delta-e.ts";

/** Colour differences. */
export const deltaE = inStrips(strips, [module], (name, _, shape) => checkColours(name, shape));
