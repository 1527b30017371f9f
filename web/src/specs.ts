import { splitList } from "../../packages/core/src/internal.ts";

/** The specifications of a list, each once; undefined of an empty list. */
export function splitSpecs(text: string): readonly string[] | undefined {
  const specs = splitList(text).filter((spec) => spec !== "");
  return specs.length === 0 ? undefined : [...new Set(specs)];
}
