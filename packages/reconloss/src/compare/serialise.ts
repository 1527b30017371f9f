import type { Loss } from "@reconloss/core";
import { checkArguments, jsonText, printable } from "@reconloss/core/internal";
import { protocolInWords } from "./apply-protocol.ts";
import type { Verdict } from "./conditions.ts";
import type { Comparison, Failure, Outcome, PairResult } from "./types.ts";

/**
 * The comparison as one JSON object, everything by the label of the loss, which is the text that was typed: `losses` (canonical specification, options, direction),
 * `pairs`, `mean`, `measured` (how many pairs have a number), `notFinite` (how many of those are infinite or NaN, and in no mean), `statistics` (n, mean, median,
 * min, max and std of the finite numbers), `targetMean` of priors, `decode` (what was done to pixels, `2 rotated by EXIF, 1 CMYK`), `protocol` (its name and source, what was changed, its total), `baseline` (what became of the numbers of an earlier run), `notes`, `failed`, `ignoredFiles` (how many
 * files of either folder are no images, by extension), and `conditions` with what became of each. Infinity and NaN are the strings
 * "Infinity", "-Infinity" and "NaN".
 *
 * @param verdicts - what {@link checkConditions} gave, where there were conditions
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise, toJson } from "reconloss/compare";
 * const { losses } = JSON.parse(toJson(summarise(parseLosses("lpips(net=alex)"), [])));
 * losses["lpips(net=alex)"].spec; // "lpips": alex is the default
 * ```
 */
export function toJson(comparison: Comparison, verdicts?: readonly Verdict[]): string {
  checkArguments("toJson", { comparison: [comparison, "object", ["losses", "pairs", "measured", "failed"]] });
  const { losses, pairs, mean, measured, notFinite, statistics, targetMean, notes, failed, decode } = comparison;
  const object = {
    losses: lossesInJson(losses),
    pairs: pairs.map(pairInJson),
    protocol: comparison.protocol,
    baseline: comparison.baseline,
    ...{ mean, measured, notFinite, statistics, targetMean, decode, notes, failed },
    ignoredFiles: comparison.ignoredFiles,
    conditions: verdicts?.map(verdictInJson),
  };
  return jsonText(object, 2);
}

/** Losses by label. */
export function lossesInJson(losses: readonly Loss[]) {
  return Object.fromEntries(losses.map(({ label, spec, options, better }) => [label, { spec, options, better }]));
}

/** A verdict with its condition as it was typed. */
export function verdictInJson({ condition, ...verdict }: Verdict) {
  return { condition: condition.text, ...verdict };
}

/** A pair with the name by which a later run knows it. */
export function pairInJson({ name, output, target, group, width, height, values, targetValues }: PairResult) {
  return { name, output, target, group, width, height, values, targetValues };
}

export type Cell = string | number | null | undefined;

/**
 * A field of a CSV file (RFC 4180). Control characters are escaped, so that a row is a line. Text that a spreadsheet would take for a formula stands behind
 * an apostrophe, its sign for text; numbers do not.
 */
function csvField(value: Cell): string {
  if (typeof value === "number") return String(value);
  const text = printable(value ?? "").replace(/^[=+\-@]/, "'$&");
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row of a CSV file. */
export const csvLine = (cells: readonly Cell[]) => `${cells.map(csvField).join(",")}\r\n`;

/**
 * The comparison as a CSV file (RFC 4180): a row for each pair, with the numbers by label (of a prior also the target's own), map statistics that were asked
 * for and in `error` what failed, then a row for each image or pair without numbers. There is no row of means, so that a column holds pairs alone; an empty
 * field is a number that was not measured. Numbers have all their digits. Under a protocol the last column, `protocol`, names it and what was changed.
 *
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise, toCsv } from "reconloss/compare";
 * toCsv(summarise(parseLosses("psnr, tv"), [])).trimEnd(); // "output,target,width,height,psnr,tv,tv of target,error"
 * ```
 */
export function toCsv(comparison: Comparison): string {
  checkArguments("toCsv", { comparison: [comparison, "object", ["losses", "pairs", "measured", "failed"]] });
  const { pairs, failed } = comparison;
  const errors = ({ output, target }: PairResult) =>
    failed.filter((failure) => failure.output === output && failure.target === target).map(({ error }) => error);
  const { head, row, rest } = csvRows(comparison);
  return [head, ...pairs.map((pair) => row(pair, errors(pair))), rest].join("");
}

/** The pieces of a CSV file: what comes before the pairs, the row of each, and what comes after them. */
function csvRows({ losses, measured, failed, protocol }: Comparison) {
  const by = protocol === undefined ? [] : [protocolInWords(protocol)];
  const columns = columnsOf(losses, Object.keys(measured));
  const titles = ["output", "target", "width", "height", ...columns.map(({ title }) => title), "error"];
  return {
    head: csvLine([...titles, ...by.map(() => "protocol")]),
    row: (pair: PairResult, errors: readonly string[]) => {
      const { output, target, width, height } = pair;
      return csvLine([output, target, width, height, ...columns.map(({ of }) => of(pair)), errors.join("; "), ...by]);
    },
    rest: failed
      .filter(({ loss }) => loss === undefined)
      .map(({ output, target, error }) => csvLine([output, target, "", "", ...columns.map(() => ""), error, ...by]))
      .join(""),
  };
}

/** {@link toCsv} in pieces, of pairs that come one after the other. */
export async function* csvPieces(comparison: Comparison, outcomes: AsyncIterable<Outcome>): AsyncGenerator<string> {
  const { head, row, rest } = csvRows(comparison);
  yield head;
  for await (const { result, failures } of outcomes) {
    if (result !== undefined)
      yield row(
        result,
        failures.map(({ error }) => error),
      );
  }
  yield rest;
}

/** The field of each line of JSON that names the protocol. */
const byProtocol = (protocol: LinesProtocol | undefined) =>
  protocol === undefined ? {} : { protocol: protocolInWords(protocol) };

/** The protocol that lines of JSON name. */
type LinesProtocol = Parameters<typeof protocolInWords>[0];

/** The line of JSON of a pair or image that could not be compared. */
export function failureLine({ output, target, error }: Failure, protocol?: LinesProtocol, more: object = {}): string {
  return `${jsonText({ ...more, output, target, error, ...byProtocol(protocol) })}\n`;
}

/** The lines of JSON of an outcome, with what else they are to say. */
export function outcomeLines(outcome: Outcome, protocol?: LinesProtocol, more: object = {}): string {
  const { result, failures } = outcome;
  if (result === undefined) return failures.map((failure) => failureLine(failure, protocol, more)).join("");
  const errors = failures.map(({ loss, error }) => ({ loss, error }));
  const line = { ...more, ...pairInJson(result), ...(errors.length > 0 ? { errors } : {}), ...byProtocol(protocol) };
  return `${jsonText(line)}\n`;
}

/**
 * A line of JSON for each pair, as they stand in {@link toJson}, with `errors` where losses of it failed; then one for each pair and image that could not be compared: `output`,
 * `target` and `error`. Under a protocol each line names it.
 */
export async function* jsonLines(
  { failed, protocol }: Comparison,
  outcomes: AsyncIterable<Outcome>,
): AsyncGenerator<string> {
  for await (const outcome of outcomes) if (outcome.result !== undefined) yield outcomeLines(outcome, protocol);
  for (const failure of failed) if (failure.loss === undefined) yield failureLine(failure, protocol);
}

/**
 * {@link toJson} in pieces, of pairs that are not held.
 *
 * @param outcomes - gives all of them, each time it is called
 */
export async function* jsonPieces(
  comparison: Comparison,
  verdicts: readonly Verdict[] | undefined,
  outcomes: () => AsyncIterable<Outcome>,
): AsyncGenerator<string> {
  // What is at the top is not indented any further, and no text has a line break in it.
  const [head, rest] = toJson({ ...comparison, pairs: [], notes: [] }, verdicts).split('\n  "pairs": []');
  const [middle, tail] = rest.split('\n  "notes": []');
  yield `${head}\n  "pairs": `;
  yield* listPieces(outcomes(), ({ result }) => (result === undefined ? [] : [pairInJson(result)]));
  yield `${middle}\n  "notes": `;
  yield* listPieces(outcomes(), ({ notes }) => notes);
  yield tail;
}

async function* listPieces(
  outcomes: AsyncIterable<Outcome>,
  of: (outcome: Outcome) => readonly unknown[],
): AsyncGenerator<string> {
  let isFirst = true;
  for await (const outcome of outcomes) {
    for (const item of of(outcome)) {
      yield `${isFirst ? "[" : ","}\n    ${jsonText(item, 2).replaceAll("\n", "\n    ")}`;
      isFirst = false;
    }
  }
  yield isFirst ? "[]" : "\n  ]";
}

interface Column {
  title: string;
  of(pair: PairResult): Cell;
}

/** The columns of numbers: losses, the target's own value beside a prior's, then map statistics. */
function columnsOf(losses: readonly Loss[], keys: readonly string[]): Column[] {
  const number = (key: string): Column => ({ title: key, of: ({ values }) => values[key] });
  const ofLosses = losses.flatMap(({ label, better }) => {
    const target: Column = { title: `${label} of target`, of: ({ targetValues }) => targetValues?.[label] };
    return better === "target" ? [number(label), target] : [number(label)];
  });
  const mapStatistics = keys.filter((key) => losses.some(({ label }) => key.startsWith(`${label}.`)));
  return [...ofLosses, ...mapStatistics.map(number)];
}
