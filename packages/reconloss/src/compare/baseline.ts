import { type Better, type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkArguments, splitList } from "@reconloss/core/internal";
import { anyPair, findLoss } from "./conditions.ts";
import { badness } from "./numbers.ts";
import { statisticOf } from "./statistics.ts";
import type { BaselineRecord, Change, Comparison, PairResult, Unit } from "./types.ts";

/** The numbers of an earlier run. */
export interface Baseline {
  /** The file that they are from, for messages. */
  file: string;
  /** The kind of what its pairs are. */
  unit: Unit;
  /** The part of the frames of videos that was compared; undefined of images, and where the file does not tell. */
  planes?: string;
  /** The losses by label. */
  losses: Readonly<Record<string, { spec: string; better: Better }>>;
  mean: Readonly<Record<string, number>>;
  /** By the pair's name. */
  pairs: ReadonlyMap<string, Pick<PairResult, "values" | "targetValues">>;
}

/** The amount by which a loss may be worse: over all pairs, and in each. */
export interface Tolerance {
  overall: number;
  pair: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers of JSON, where those that are not finite are words. */
function numbersOf(value: unknown): Record<string, number> | undefined {
  if (!isRecord(value)) return undefined;
  const words: Readonly<Record<string, number>> = { Infinity: Infinity, "-Infinity": -Infinity, NaN: Number.NaN };
  const entries = Object.entries(value).map(([key, number]) => [key, words[number as string] ?? number] as const);
  if (entries.some(([, number]) => typeof number !== "number")) return undefined;
  return Object.fromEntries(entries) as Record<string, number>;
}

/**
 * The numbers of an earlier run from what `toJson` and `reconloss compare --json` give of it; frames of videos count as pairs.
 *
 * @param file - what errors call it
 * @throws {ReconlossError} `content` for text that is no such result, or one of several methods
 */
export function parseBaseline(text: string, file: string): Baseline {
  checkArguments("parseBaseline", { text: [text, "text"], file: [file, "text"] });
  const baselines = readBaselines(text, file);
  const own = baselines.get(undefined);
  if (own !== undefined) return own;
  const methods = [...baselines.keys()].join(", ");
  throw new ReconlossError("content", `${file} contains several methods (${methods}), not a single comparison`);
}

/** The name by which a later run knows a frame: its file, or its number, whatever the clock of its video says. */
export const frameKey = ({ frame, name }: { readonly frame: number; readonly name?: string }) =>
  name ?? `frame ${frame}`;

/** A result in JSON as the pairs and means of a comparison, or of each method of several. */
function resultsOf(
  read: Record<string, unknown>,
): Map<string | undefined, { pairs: unknown; mean: unknown; unit: Unit }> {
  const { pairs, mean, frames, statistics, pooled, methods } = read;
  if (isRecord(methods)) {
    const own = (method: string) =>
      Array.isArray(pairs) ? pairs.filter((pair) => isRecord(pair) && pair.method === method) : undefined;
    return new Map(
      Object.entries(methods).map(([name, method]) => [
        name,
        { pairs: own(name), mean: isRecord(method) ? method.mean : undefined, unit: "pair" },
      ]),
    );
  }
  if (!Array.isArray(frames)) return new Map([[undefined, { pairs, mean, unit: "pair" }]]);
  const named = frames.map((frame) =>
    isRecord(frame) ? { ...frame, name: frameKey(frame as { frame: number }) } : frame,
  );
  const means = isRecord(statistics)
    ? Object.entries(statistics).map(([key, of]) => [key, isRecord(of) ? of.mean : undefined] as const)
    : [];
  const all = { ...Object.fromEntries(means), ...(isRecord(pooled) ? pooled : {}) };
  return new Map([[undefined, { pairs: named, mean: all, unit: "frame" }]]);
}

/** {@link parseBaseline} of one comparison, or of each method of several, by its name. */
export function readBaselines(text: string, file: string): Map<string | undefined, Baseline> {
  const fail = (reason: string): never => {
    throw new ReconlossError("content", `${file} is not a result of reconloss compare --json: ${reason}`);
  };
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    fail((error as Error).message);
  }
  const content = isRecord(read) ? read : {};
  const { losses } = content;
  const planes = typeof content.planes === "string" ? { planes: content.planes } : {};
  const results = [...resultsOf(content)].map(([method, { pairs, mean, unit }]) => {
    const means = numbersOf(mean);
    if (!Array.isArray(pairs) || means === undefined) return fail("it lacks losses, pairs or mean");
    return { method, pairs, unit, mean: means };
  });
  if (!isRecord(losses) || results.length === 0) return fail("it lacks losses, pairs or mean");
  const directions: readonly unknown[] = ["lower", "higher", "target"];
  for (const [label, loss] of Object.entries(losses)) {
    if (isRecord(loss) && typeof loss.spec === "string" && directions.includes(loss.better)) continue;
    fail(`loss ${label} lacks its spec or its direction`);
  }
  const known = losses as Baseline["losses"];
  return new Map(
    results.map(({ method, mean, pairs, unit }) => [
      method,
      { file, unit, ...planes, losses: known, mean, pairs: pairsByName(pairs, fail) },
    ]),
  );
}

/** The numbers of pairs by their names. */
function pairsByName(pairs: readonly unknown[], fail: (reason: string) => never): Baseline["pairs"] {
  const byName = new Map<string, Pick<PairResult, "values" | "targetValues">>();
  for (const pair of pairs) {
    const { name, values, targetValues = {} } = isRecord(pair) ? pair : {};
    const [numbers, targets] = [numbersOf(values), numbersOf(targetValues)];
    if (typeof name !== "string") return fail("a pair has no name; write the file again");
    if (numbers === undefined || targets === undefined) return fail(`pair ${name} has values that are not numbers`);
    if (byName.has(name)) return fail(`two pairs are called ${name}`);
    byName.set(name, { values: numbers, targetValues: targets });
  }
  return byName;
}

/** Half of the last digit that a loss is shown with: what is worse by less looks the same. */
const shownAlike = ({ decimals }: Loss) => 0.5 * 10 ** -decimals;

/**
 * Parses by how much each loss may be worse, from a list: `psnr=0.1` over all pairs and in each, `any(psnr)=0.5` in each. What is not listed may be worse by half of the last digit that it is shown
 * with.
 *
 * @param losses - those that are computed
 * @param more - losses of one's own
 * @returns by label
 * @throws {ReconlossError} `syntax` for text that is no list of tolerances, `invalid-argument` for a loss that is not computed, or one that several are called
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { parseTolerances } from "reconloss/compare";
 * const tolerances = parseTolerances("psnr=0.1, any(psnr)=0.5", parseLosses("psnr, ssim"));
 * tolerances.get("psnr")?.pair; // 0.5
 * tolerances.get("ssim")?.overall; // 0.00005
 * ```
 */
export function parseTolerances(
  text: string,
  losses: readonly Loss[],
  more: readonly LossFactory[] = [],
): Map<string, Tolerance> {
  checkArguments("parseTolerances", {
    ...{ text: [text, "text"], losses: [losses, "objects"], more: [more, "list?"] },
  });
  const given = new Map<string, Partial<Tolerance>>();
  for (const part of text.trim() === "" ? [] : splitList(text)) {
    const { quantity = "", amount = "" } = /^(?<quantity>.+)=\s*(?<amount>[^=()\s]+)$/.exec(part)?.groups ?? {};
    const { inner } = anyPair.exec(quantity.trim())?.groups ?? {};
    const number = Number(amount);
    if (amount === "" || !(number >= 0)) {
      const form = "loss=number or any(loss)=number, the number at least 0";
      throw new ReconlossError("syntax", `tolerance: tolerances are written ${form}, got "${part}"`);
    }
    const name = (inner ?? quantity).trim();
    const found = findLoss(name, losses, more);
    if (found.length !== 1) {
      const labels = (found.length > 0 ? found : losses).map(({ label }) => label).join(", ");
      const problem = found.length > 0 ? "may be any of" : "is not among the metrics:";
      throw new ReconlossError("invalid-argument", `tolerance: ${name} ${problem} ${labels}`);
    }
    const key = inner === undefined ? "overall" : "pair";
    const before = given.get(found[0].label) ?? {};
    if (before[key] !== undefined) {
      throw new ReconlossError("invalid-argument", `tolerance: ${quantity.trim()} is listed twice`);
    }
    given.set(found[0].label, { ...before, [key]: number });
  }
  return new Map(
    losses.map((loss) => {
      const { overall = shownAlike(loss), pair = overall } = given.get(loss.label) ?? {};
      return [loss.label, { overall, pair }];
    }),
  );
}

/** By how much a number is worse than before; what is not a number is worse than any that is. */
function worseBy(before: number, now: number): number {
  if (Object.is(before, now)) return 0;
  if (Number.isNaN(now)) return Number.POSITIVE_INFINITY;
  return Number.isNaN(before) ? Number.NEGATIVE_INFINITY : now - before;
}

const isWorse = ({ worseBy, tolerance, now }: Change) => worseBy > tolerance || Number.isNaN(now);

/**
 * The label of the earlier loss of the same label or specification; undefined where there is none.
 *
 * @throws {ReconlossError} `invalid-argument` where the loss of this label had other options
 */
export function earlierOf(loss: Loss, { losses, file }: Baseline): string | undefined {
  const same = losses[loss.label];
  if (same !== undefined && same.spec !== loss.spec) {
    const problem = `${loss.label} was ${same.spec} in ${file} and is ${loss.spec} now; they cannot be compared`;
    throw new ReconlossError("invalid-argument", `baseline: ${problem}`);
  }
  return same ? loss.label : Object.keys(losses).find((label) => losses[label].spec === loss.spec);
}

/**
 * Holds the numbers of a comparison against those of an earlier run. Nothing may be worse by more than its tolerance, neither a loss over all pairs nor in one of them, and nothing that one of the
 * two has may be missing in the other. A loss over all pairs is taken over those that are finite in both, so that a pair which became identical worsens no mean.
 *
 * @param tolerances - by label, {@link parseTolerances}
 * @throws {ReconlossError} `invalid-argument` where a loss had other options before
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { compareWithBaseline, parseBaseline, parseTolerances, summarise, toJson } from "reconloss/compare";
 * const losses = parseLosses("psnr");
 * const pair = (psnr: number) => ({ name: "a.png", output: "x/a.png", target: "y/a.png", width: 8, height: 8, values: { psnr } });
 * const run = (psnr: number) => summarise(losses, [{ result: pair(psnr), failures: [], notes: [], maps: {} }]);
 * const before = parseBaseline(toJson(run(31)), "results.json");
 * compareWithBaseline(run(30.95), before, parseTolerances("psnr=0.1", losses)).pass; // true
 * compareWithBaseline(run(30.5), before, parseTolerances("psnr=0.1", losses)).moved[0].worseBy; // 0.5
 * ```
 */
export function compareWithBaseline(
  comparison: Comparison,
  baseline: Baseline,
  tolerances: ReadonlyMap<string, Tolerance>,
): BaselineRecord {
  checkArguments("compareWithBaseline", {
    comparison: [comparison, "object", ["losses", "pairs", "failed"]],
    baseline: [baseline, "object", ["losses", "pairs"]],
    tolerances: [tolerances, "object"],
  });
  const { losses, pairs } = comparison;
  const { file } = baseline;
  const missing: BaselineRecord["missing"] = [];
  const overall: Change[] = [];
  const moved: BaselineRecord["moved"] = [];
  const now = new Map(pairs.map((pair) => [pair.name, pair]));
  for (const name of baseline.pairs.keys())
    if (!now.has(name)) missing.push({ pair: name, text: `only ${file} has it` });
  for (const name of now.keys()) if (!baseline.pairs.has(name)) missing.push({ pair: name, text: `${file} lacks it` });

  const earlier = new Map(losses.map((loss) => [loss.label, earlierOf(loss, baseline)]));
  const known = [...earlier.values()];
  for (const label of Object.keys(baseline.losses)) {
    if (!known.includes(label)) missing.push({ loss: label, text: `only ${file} has it` });
  }
  for (const loss of losses) {
    const { label, better } = loss;
    const before = earlier.get(label);
    if (before === undefined) {
      missing.push({ loss: label, text: `${file} lacks it` });
      continue;
    }
    const tolerance = tolerances.get(label) ?? { overall: 0, pair: 0 };
    // What a loss is worse by is a difference of how bad it is; shown is its own value, and the distance of a prior.
    const shown = (bad: number) => (better === "higher" ? -bad : bad);
    const finite: [number, number][] = [];
    for (const pair of pairs) {
      const past = baseline.pairs.get(pair.name);
      if (past === undefined) continue;
      const [was, is] = [past.values[before], pair.values[label]];
      if (was === undefined && is === undefined) continue;
      if (was === undefined || is === undefined) {
        const text = was === undefined ? `${file} lacks it` : `only ${file} has it`;
        missing.push({ pair: pair.name, loss: label, text });
        continue;
      }
      const bad = [
        badness(better, was, past.targetValues?.[before]),
        badness(better, is, pair.targetValues?.[label]),
      ] as [number, number];
      if (bad.every(Number.isFinite)) finite.push(bad);
      const change = {
        loss: label,
        before: shown(bad[0]),
        now: shown(bad[1]),
        worseBy: worseBy(...bad),
        tolerance: tolerance.pair,
      };
      if (isWorse(change) || change.worseBy < -tolerance.pair) moved.push({ pair: pair.name, ...change });
    }
    const all = overallOf(loss, finite, baseline.mean[before], comparison.mean[label]);
    if (all === undefined) continue;
    overall.push({
      loss: label,
      before: shown(all[0]),
      now: shown(all[1]),
      worseBy: worseBy(...all),
      tolerance: tolerance.overall,
    });
  }
  // By how many tolerances each moved, so that losses of different units stand in one order.
  const extent = ({ worseBy, tolerance }: Change) => worseBy / (tolerance || Number.MIN_VALUE);
  moved.sort((a, b) => (extent(a) === extent(b) ? 0 : extent(b) > extent(a) ? 1 : -1));
  const pass = missing.length === 0 && !overall.some(isWorse) && !moved.some(isWorse);
  return { file, pass, overall, moved, missing };
}

/** The badness of a loss over all pairs, before and now. */
function overallOf(
  { better, definition }: Loss,
  finite: readonly [number, number][],
  before: number | undefined,
  now: number | undefined,
): [number, number] | undefined {
  // What pools its scores over all pairs has a place for those of infinite number too.
  if (definition?.poolScores && before !== undefined && now !== undefined) {
    return [badness(better, before), badness(better, now)];
  }
  if (finite.length === 0) return undefined;
  return [
    statisticOf(
      "mean",
      finite.map(([was]) => was),
    ),
    statisticOf(
      "mean",
      finite.map(([, is]) => is),
    ),
  ];
}

/** The changes that are worse than they may be. */
export function worsened({ overall, moved }: BaselineRecord): (Change & { pair?: string })[] {
  return [...overall, ...moved].filter(isWorse);
}
