import { type PreparedImage, ReconlossError } from "@reconloss/core";
import { checkArguments, preparePixels } from "@reconloss/core/internal";
import { alphaOf, checkMatchOptions, type MatchOptions, matchRead } from "../matchers/match.ts";
import type { ComparatorOptions, ComparatorResult, Screenshot } from "./screenshot.ts";

function read(name: string, { data, metadata: { width, height } }: Screenshot, options: MatchOptions): PreparedImage {
  if (data.length !== 4 * width * height) {
    const problem = `${name} has ${data.length} bytes; ${width}x${height} pixels of RGBA are ${4 * width * height}`;
    throw new ReconlossError("shape", `comparator: ${problem}`);
  }
  return preparePixels(`comparator: ${name}`, { data, width, height, channels: 4 }, alphaOf(options), {
    canCompare: true,
  });
}

/** The work of `comparator`, with everything that it needs. */
export async function compareScreenshots(
  reference: Screenshot,
  actual: Screenshot,
  given: ComparatorOptions,
): Promise<ComparatorResult> {
  const fields = ["data", "metadata"] as const;
  checkArguments("comparator", {
    ...{ reference: [reference, "object", fields], actual: [actual, "object", fields] },
    options: [given, "object"],
  });
  const { createDiff = false, ...options } = given;
  checkMatchOptions("comparator", options);
  const target = read("reference", reference, options);
  const output = read("actual", actual, options);
  const { pass, lines, diff } = await matchRead({ output, target }, options);
  if (pass) return { pass, diff: null, message: null };
  const made = createDiff ? await diff?.() : undefined;
  const picture = made ? Buffer.from(made.picture.data) : null;
  return { pass, diff: picture, message: lines.join("\n") };
}
