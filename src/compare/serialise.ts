import type { Comparison } from "./types.ts";

/** JSON has no infinity and no NaN: they become words. */
function replaceNonFinite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/**
 * The comparison as one JSON object: `losses` (options and direction by specification), `pairs`, `mean`, `failed`. Infinity and NaN are the strings "Infinity",
 * "-Infinity" and "NaN".
 *
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise, toJson } from "reconloss/compare";
 * JSON.parse(toJson(summarise(parseLosses("l1"), []))).losses.l1.better; // "lower"
 * ```
 */
export function toJson({ losses, pairs, mean, failed }: Comparison): string {
  const object = {
    losses: Object.fromEntries(losses.map(({ spec, options, better }) => [spec, { options, better }])),
    pairs: pairs.map(({ output, target, width, height, values }) => ({ output, target, width, height, values })),
    mean,
    failed,
  };
  return JSON.stringify(object, replaceNonFinite, 2);
}

/** A field of a CSV file (RFC 4180). */
function csvField(value: string | number | null | undefined): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The comparison as a CSV file (RFC 4180): a row for each pair, with its losses by specification and in `error` what failed, then a row for each
 * image or pair without numbers. Numbers have all their digits.
 */
export function toCsv({ losses, pairs, failed }: Comparison): string {
  const specs = losses.map(({ spec }) => spec);
  const errors = (output: string, target: string) =>
    failed.filter((failure) => failure.output === output && failure.target === target).map(({ error }) => error);
  const rows: (string | number | null | undefined)[][] = [
    ["output", "target", "width", "height", ...specs, "error"],
    ...pairs.map(({ output, target, width, height, values }) => [
      output,
      target,
      width,
      height,
      ...specs.map((spec) => values[spec]),
      errors(output, target).join("; "),
    ]),
    ...failed
      .filter(({ loss }) => loss === undefined)
      .map(({ output, target, error }) => [output, target, "", "", ...specs.map(() => ""), error]),
  ];
  return `${rows.map((row) => row.map(csvField).join(",")).join("\r\n")}\r\n`;
}
