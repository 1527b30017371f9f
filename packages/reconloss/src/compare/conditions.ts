import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkArguments, parseLoss, splitList } from "@reconloss/core/internal";
import type { AppliedProtocol } from "./apply-protocol.ts";
import { protocols } from "./protocols.ts";
import { type Statistic, statisticOf, statisticPattern } from "./statistics.ts";
import { PairNumbers } from "./summary.ts";
import type { Comparison, MapStatistic } from "./types.ts";

/** The meaning of the signs of conditions. */
const operators: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

/** A condition that must not be true of a comparison: `psnr<30`, `min(psnr)<25`, `any(deltaE.max>10)`, `group(psnr<30)`, `ours:psnr<30`. */
export interface Condition {
  /** As it was typed. */
  text: string;
  /** The label of the loss; `total` of a protocol's. */
  label: string;
  /** A statistic of the loss's map within each image, which is then what is compared. */
  map?: Statistic;
  /** A plane of frames, `y`, `u` or `v`, whose own number is then what is compared. */
  plane?: string;
  /** The quantity over the pairs: a statistic, `any` of them by itself, or what a protocol makes of the means of all. */
  over: Statistic | "any" | "total";
  /** Whether it is about the pairs of each group by themselves. */
  byGroup?: true;
  /** The only method that it is about; undefined of all. */
  method?: string;
  operator: string;
  limit: number;
}

/** The outcome of a condition over some pairs. */
export interface Measured {
  /** Whether it holds, which is what should not be; also where a pair lacks the number, since nothing shows that all is well. */
  holds: boolean;
  /** The statistic that decides: over the finite numbers, unless it holds with the infinite ones only; of `any`, the least or the most. Undefined of no number. */
  value?: number;
  /** The number of pairs that value is of. */
  of: number;
  /** The number of pairs that have the number. */
  measured: number;
  /** The number of pairs that lack it: it could not be computed, the pair could not be compared, or an image has no partner. */
  missing: number;
}

/** The outcome of a condition. */
export interface Verdict extends Measured {
  condition: Condition;
  /** Of a condition on each group, the outcome in each; above it is then that of the group that decides, with the pairs of all. Absent where pairs have no groups: all are one. */
  groups?: readonly (Measured & { group: string })[];
}

/** A quantity, a sign and a limit. */
export const comparisonPattern = /^(?<quantity>[^<>]+?)\s*(?<operator><=|>=|<|>)\s*(?<limit>[^\s<>]+)$/;
/** A statistic of the numbers of pairs. */
export const ofPairs = new RegExp(`^(?<over>${statisticPattern})\\s*\\((?<inner>.*)\\)$`, "i");
/** A statistic of a map. */
export const ofMap = new RegExp(`^(?<inner>.+)\\.(?<statistic>${statisticPattern})$`, "i");
/** Each pair by itself. */
export const anyPair = /^any\s*\((?<inner>.*)\)$/i;

/** Each group by itself. */
const eachGroup = /^group\s*\((?<inner>.*)\)$/i;

function asStatistic(option: string, text: string, condition: string): Statistic {
  const name = text.toLowerCase();
  if (/^p\d/.test(name) && Number(name.slice(1)) > 100) {
    throw new ReconlossError("syntax", `${option}: in "${condition}", percentiles are from p0 to p100, got ${text}`);
  }
  return name as Statistic;
}

const plain = (text: string) => text.replace(/\s+/g, "").toLowerCase();

/** The specification of a text, or undefined where it is none. */
function specOf(text: string, more: readonly LossFactory[]): string | undefined {
  try {
    return parseLoss(text, more).spec;
  } catch (error) {
    if (error instanceof ReconlossError) return undefined;
    throw error;
  }
}

/** The loss that a text names, as it was typed, by its specification, or by its name alone where only one has it. */
export function findLoss(text: string, losses: readonly Loss[], more: readonly LossFactory[]): readonly Loss[] {
  const typed = losses.filter(({ label }) => plain(label) === plain(text));
  if (typed.length > 0) return typed;
  const spec = specOf(text, more);
  const same = losses.filter((loss) => loss.spec === spec);
  return same.length > 0 ? same : losses.filter(({ name }) => plain(name) === plain(text) || name === spec);
}

/** The name of a protocol's total in a condition. */
const total = "total";

/** Refuses a condition on a total where there is none. */
function checkTotal(option: string, text: string, applied: AppliedProtocol | undefined): void {
  if (applied?.protocol.total !== undefined) return;
  const named = protocols.filter((protocol) => protocol.total !== undefined).map(({ name }) => name);
  const problem = applied ? `protocol ${applied.protocol.name} has no total` : "only a protocol has a total";
  throw new ReconlossError(
    "invalid-argument",
    `${option}: in "${text}", ${problem}; these have one: ${named.join(", ")}`,
  );
}

/** The scope of a condition: one method of several, and each group. */
function scopeOf(
  text: string,
  methods: readonly string[],
): { rest: string; scope: Pick<Condition, "method" | "byGroup"> } {
  // The longest match: a method may be called as the beginning of another.
  const [method] = methods.filter((name) => text.startsWith(`${name}:`)).sort((a, b) => b.length - a.length);
  const own = method === undefined ? text : text.slice(method.length + 1).trim();
  const { inner } = eachGroup.exec(own)?.groups ?? {};
  return {
    rest: inner?.trim() ?? own,
    scope: { ...(method === undefined ? {} : { method }), ...(inner === undefined ? {} : { byGroup: true }) },
  };
}

function parseCondition(option: string, text: string, losses: readonly Loss[], context: ConditionContext): Condition {
  const { losses: more = [], applied, methods = [], planes = [], ofFrames = false } = context;
  const { rest, scope } = scopeOf(text, methods);
  const whole = anyPair.exec(rest)?.groups;
  const {
    quantity = "",
    operator = "",
    limit = "",
  } = comparisonPattern.exec(whole?.inner.trim() ?? rest)?.groups ?? {};
  const number = Number(limit);
  if (quantity === "" || Number.isNaN(number)) {
    throw new ReconlossError(
      "syntax",
      `${option}: conditions are written loss<number, min(loss)<number, any(loss<number) or group(loss<number), with <, <=, > or >=, got "${text}"`,
    );
  }
  if (whole && scope.byGroup) {
    const problem = "any(...) tests each pair separately, whatever its group; omit group(...)";
    throw new ReconlossError("syntax", `${option}: in "${text}", ${problem}`);
  }
  // The longest match first: a loss may be called like anything, its own name wins.
  const readings: (Pick<Condition, "over" | "map" | "plane"> & { name: string })[] = [];
  const addReadings = (over: Condition["over"], name: string) => {
    readings.push({ over, name });
    const plane = planes.find((each) => plain(name).endsWith(`.${each}`));
    if (plane !== undefined) readings.push({ over, name: name.slice(0, name.lastIndexOf(".")).trim(), plane });
    const { inner, statistic } = ofMap.exec(name)?.groups ?? {};
    if (inner !== undefined) readings.push({ over, name: inner.trim(), map: asStatistic(option, statistic, text) });
  };
  addReadings(whole ? "any" : "mean", quantity);
  const { over, inner } = (whole ? undefined : ofPairs.exec(quantity)?.groups) ?? {};
  if (over !== undefined) addReadings(asStatistic(option, over, text), inner.trim());

  for (const { over, map, plane, name } of readings) {
    const [loss, ...others] = findLoss(name, losses, more);
    if (loss === undefined) continue;
    if (others.length > 0) {
      const labels = [loss, ...others].map(({ label }) => label).join(", ");
      throw new ReconlossError(
        "invalid-argument",
        `${option}: in "${text}", ${name} is ambiguous: it may refer to any of ${labels}`,
      );
    }
    if (map !== undefined && ofFrames) {
      const problem = `maps within frames are not measured for videos; for a statistic over frames, write ${map}(${name})${operator}${limit}`;
      throw new ReconlossError("invalid-argument", `${option}: in "${text}", ${problem}`);
    }
    if (map !== undefined) checkMap(option, loss, text);
    const part = { ...(map ? { map } : {}), ...(plane ? { plane } : {}) };
    return { text, ...scope, label: loss.label, ...part, over, operator, limit: number };
  }
  const { name } = readings[readings.length - 1];
  if (readings.some((reading) => plain(reading.name) === total)) {
    checkTotal(option, text, applied);
    if (plain(quantity) === total && !whole && !scope.byGroup) {
      return { text, ...scope, label: total, over: total, operator, limit: number };
    }
    throw new ReconlossError(
      "syntax",
      `${option}: in "${text}", total is one value for all pairs; write total${operator}${limit}`,
    );
  }
  const known = losses.map(({ label }) => label).join(", ");
  const others = methods.length > 0 ? `; the methods are ${methods.join(", ")}` : "";
  throw new ReconlossError("invalid-argument", `${option}: ${name} is not among the metrics: ${known}${others}`);
}

function checkMap(option: string, { label, hasMap, definition }: Loss, text: string): void {
  if (!hasMap) throw new ReconlossError("invalid-argument", `${option}: in "${text}", ${label} has no map`);
  if (!definition?.mapsErrors) return;
  throw new ReconlossError(
    "invalid-argument",
    `${option}: in "${text}", the map of ${label} does not show its values but the terms they are computed from; use mse for the squared error of pixels`,
  );
}

/**
 * Conditions from a list separated by commas. `psnr<30` is about the mean over pairs; `min(psnr)<25`, `max`, `median`, `std` and percentiles such as `p5(ssim)<0.9`
 * about another statistic; `any(ssim<0.5)` about each pair by itself. In place of a loss, `deltaE.max` and `l1.p99` are statistics of its map within each
 * image. A loss is named as it was typed, by its specification, or by its name alone where only one has it.
 *
 * `group(psnr<30)`, with any of these but `any(...)` inside, is about each group of pairs by itself: data sets in folders of their own, or the groups of a list. Of several methods
 * `ours:psnr<30` is about one.
 *
 * `total<3` is about what a protocol makes of the means, such as the score of `ntire2026`.
 *
 * @param losses - those that are computed
 * @param more - losses of one's own, as {@link parseLoss} takes them
 * @param applied - the protocol, where one is used
 * @param methods - the names of the methods that are compared, where there are several
 * @throws {ReconlossError} `syntax` for text that is not a condition, `invalid-argument` for a loss that is not computed, a name that several have, or a map that a loss
 * does not have, or a total that there is not
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { parseConditions } from "reconloss/compare";
 * const [first, second] = parseConditions("psnr<30, any(deltaE.max>10)", parseLosses("psnr(crop=4), deltaE"));
 * [first.label, first.over]; // ["psnr(crop=4)", "mean"]
 * [second.label, second.map, second.over]; // ["deltaE", "max", "any"]
 * ```
 */
export function parseConditions(
  text: string,
  losses: readonly Loss[],
  more: readonly LossFactory[] = [],
  applied?: AppliedProtocol,
  methods: readonly string[] = [],
): Condition[] {
  checkArguments("parseConditions", {
    ...{ text: [text, "text"], losses: [losses, "objects"], more: [more, "list?"] },
    ...{ applied: [applied, "object?", ["protocol"]], methods: [methods, "texts?"] },
  });
  return conditionsOf("fail", text, losses, { losses: more, applied, methods });
}

/** The names that conditions may have besides those of the losses that are computed. */
export interface ConditionContext {
  /** Losses of one's own. */
  readonly losses?: readonly LossFactory[];
  readonly applied?: AppliedProtocol;
  readonly methods?: readonly string[];
  /** The planes that losses may be measured of: `psnr.y`. */
  readonly planes?: readonly string[];
  /** Whether they are of frames of videos, within which no maps are measured. */
  readonly ofFrames?: boolean;
}

/** {@link parseConditions}, under the name of the option that errors begin with. */
export function conditionsOf(
  option: string,
  text: string,
  losses: readonly Loss[],
  context: ConditionContext = {},
): Condition[] {
  return splitList(text).map((part) => parseCondition(option, part, losses, context));
}

/** Whether a condition is about more than one image: a statistic of pairs, each of them, or their groups. */
export function isOfSeveral({ over, byGroup }: Condition): boolean {
  return over !== "mean" || byGroup === true;
}

/** The losses that conditions name, each once and in order, where nobody says which are computed. What is no condition is left for {@link conditionsOf} to refuse. */
export function lossesIn(text: string, more: readonly LossFactory[] = []): Loss[] {
  const losses = new Map<string, Loss>();
  for (const whole of splitList(text)) {
    const part = scopeOf(whole, []).rest;
    const { quantity } = comparisonPattern.exec(anyPair.exec(part)?.groups?.inner.trim() ?? part)?.groups ?? {};
    if (quantity === undefined) continue;
    const name = ofPairs.exec(quantity)?.groups?.inner.trim() ?? quantity;
    const names = [name, ofMap.exec(name)?.groups?.inner.trim() ?? name];
    const loss = parseLoss(names.find((each) => specOf(each, more) !== undefined) ?? names[1], more);
    if (!losses.has(loss.spec)) losses.set(loss.spec, loss);
  }
  return [...losses.values()];
}

/** Whether a number is on the side of the limit that a condition names; none and NaN are not. */
export function isTrueOf({ operator, limit }: Condition, value: number | undefined): boolean {
  return value !== undefined && operators[operator](value, limit);
}

/** Whether a condition holds of a number by itself: NaN shows that nothing is well. */
export function holdsOf(condition: Condition, value: number): boolean {
  return Number.isNaN(value) || isTrueOf(condition, value);
}

/** The name of the number that a condition is about, among the values of a pair. */
export function keyOf({ label, map, plane }: Pick<Condition, "label" | "map" | "plane">): string {
  const part = map ?? plane;
  return part ? `${label}.${part}` : label;
}

/** The map statistics that conditions need, for {@link CompareOptions.mapStatistics}. */
export function mapStatisticsOf(conditions: readonly Condition[]): MapStatistic[] {
  checkArguments("mapStatisticsOf", { conditions: [conditions, "objects"] });
  const found = conditions.flatMap((condition) => {
    const { label, map } = condition;
    return map ? [[keyOf(condition), { label, statistic: map }] as const] : [];
  });
  return [...new Map(found).values()];
}

/** A number that is compared with the limit, and how many pairs it is of. */
interface Reading {
  value: number;
  of: number;
}

/** The numbers that a condition compares with its limit: the statistic of the finite numbers, then that of all numbers, infinite ones included. */
function readings(
  { over, label, map, plane, operator }: Condition & { over: Exclude<Condition["over"], typeof total> },
  losses: readonly Loss[],
  numbers: PairNumbers,
  all: readonly number[],
): Reading[] {
  const loss = losses.find((candidate) => candidate.label === label);
  const pooled = over === "mean" && !map && loss ? numbers.pooled(loss, keyOf({ label, plane })) : undefined;
  if (pooled !== undefined) return [{ value: pooled, of: all.length }];
  // Any pair is beyond a limit where the least or the most is.
  const any = operator.startsWith("<") ? "min" : "max";
  const sets = over === "any" ? [all] : [all.filter(Number.isFinite), all];
  return sets
    .filter(({ length }) => length > 0)
    .map((values) => ({ value: statisticOf(over === "any" ? any : over, values), of: values.length }));
}

/**
 * Checks conditions on a comparison. One holds where a pair lacks the number or it is NaN: a gate never passes on what was not measured. Infinite numbers, as the PSNR of
 * identical images, mask nothing: a statistic is compared over the finite numbers and, with them, over all, and the condition holds where either does. So
 * identical images pass `psnr<30` by themselves, and do not pass `psnr>50`.
 *
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { checkConditions, parseConditions, summarise } from "reconloss/compare";
 * const pair = (psnr: number) => ({ name: "a.png", output: "x/a.png", target: "y/a.png", width: 8, height: 8, values: { psnr } });
 * const outcomes = [28, Infinity].map((psnr) => ({ result: pair(psnr), failures: [], notes: [], maps: {} }));
 * const losses = parseLosses("psnr");
 * const [verdict] = checkConditions(parseConditions("psnr<30", losses), summarise(losses, outcomes));
 * [verdict.holds, verdict.value]; // [true, 28]
 * ```
 */
export function checkConditions(conditions: readonly Condition[], comparison: Comparison): Verdict[] {
  checkArguments("checkConditions", {
    conditions: [conditions, "list"],
    comparison: [comparison, "object", ["losses", "pairs", "measured", "failed"]],
  });
  return verdictsOf(conditions, comparison, PairNumbers.of(comparison.pairs, comparison.losses));
}

/** {@link checkConditions} of pairs that are not held, by their numbers. */
export function verdictsOf(
  conditions: readonly Condition[],
  { losses, failed, protocol }: Comparison,
  numbers: PairNumbers,
): Verdict[] {
  const notCompared = failed.filter(({ loss }) => loss === undefined);
  const groups = [...new Set([...numbers.groups, ...notCompared.flatMap(({ group }) => group ?? [])])];
  return conditions.map((condition): Verdict => {
    if (condition.over === total) {
      return { condition, ...ofTotal(condition, protocol?.total?.value, numbers.count, notCompared.length) };
    }
    const of = (some: PairNumbers, lacking: number) => measuredBy(condition, losses, some, lacking);
    if (!condition.byGroup || groups.length === 0) return { condition, ...of(numbers, notCompared.length) };
    const each = groups.map((group) => {
      const lacking = notCompared.filter((failure) => failure.group === group).length;
      return { group, ...of(numbers.ofGroup(group), lacking) };
    });
    return { condition, ...ofGroups(condition, each, numbers.count + notCompared.length), groups: each };
  });
}

/** The outcome of a condition on a protocol's total, which lacks of all pairs what it lacks. */
function ofTotal(condition: Condition, value: number | undefined, count: number, notCompared: number): Measured {
  if (value === undefined) return { holds: true, of: 0, measured: 0, missing: count + notCompared };
  return { holds: holdsOf(condition, value), value, of: count, measured: count, missing: notCompared };
}

/** The outcome of a condition over some pairs, and others that could not be compared. */
function measuredBy(
  condition: Condition,
  losses: readonly Loss[],
  numbers: PairNumbers,
  notCompared: number,
): Measured {
  const over = condition.over as Exclude<Condition["over"], typeof total>;
  const all = numbers.values(keyOf(condition));
  const missing = numbers.count - all.length + notCompared;
  const isMet = ({ value }: Reading) => holdsOf(condition, value);
  const compared = readings({ ...condition, over }, losses, numbers, all);
  const holds = missing > 0 || all.length === 0 || all.some(Number.isNaN) || compared.some(isMet);
  const decides = compared.find(isMet) ?? compared[0] ?? { of: 0 };
  return { holds, ...decides, measured: all.length, missing };
}

/** The outcome over all groups: it holds where it does in one, and where a pair is of none. */
function ofGroups({ operator }: Condition, each: readonly Measured[], pairs: number): Measured {
  const sum = (of: (one: Measured) => number) => each.reduce((total, one) => total + of(one), 0);
  const measured = sum((one) => one.measured);
  const further = (a: Measured, b: Measured) => {
    if (a.value === undefined || b.value === undefined) return b.value === undefined ? a : b;
    return Number.isNaN(a.value) || (operator.startsWith("<") ? a.value <= b.value : a.value >= b.value) ? a : b;
  };
  const { value, of } = each.reduce(further);
  const missing = pairs - measured;
  const holds = missing > 0 || each.some((one) => one.holds);
  return { holds, ...(value === undefined ? {} : { value }), of, measured, missing };
}
