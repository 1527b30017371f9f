import { jsonText } from "@reconloss/core/internal";
import { protocolInWords } from "../compare/apply-protocol.ts";
import type { BaselineRecord, Verdict } from "../compare/index.ts";
import { csvLine, lossesInJson, pairInJson, verdictInJson } from "../compare/serialise.ts";
import { checkJudgement } from "./table.ts";
import type { Judgement } from "./types.ts";

/** Conditions that were checked of each method. */
export type VerdictsByMethod = ReadonlyMap<string, readonly Verdict[]>;

/** The comparison of each method with an earlier run, methods that only that run has among them. */
export type BaselinesByMethod = ReadonlyMap<string, BaselineRecord>;

/**
 * The judgement as one JSON object: `targets`, `methods` (where their outputs are, how many pairs each has, and the means over them), `losses` (specification, options, direction, by label), `groups`, `columns` (the table: of each metric and data set
 * how many images and, by method, mean, interval, place, and the difference from the best with its interval, p and corrected p), `pairs` (every image of every method), `statistics` (how intervals and tests were
 * made), `protocol`, `notes`, `failed`, `conditions`, and `baseline` by method. Infinity and NaN are the strings "Infinity", "-Infinity" and "NaN".
 *
 * @param verdicts - what `checkConditions` gave of each method, where there were conditions
 * @param baselines - what `compareWithBaseline` gave of each method, where there was an earlier run
 */
export function judgementToJson(
  judgement: Judgement,
  verdicts?: VerdictsByMethod,
  baselines?: BaselinesByMethod,
): string {
  checkJudgement("judgementToJson", judgement);
  const { targets, methods, losses, images, groups, columns, statistics, protocol, notes, failed } = judgement;
  const object = {
    targets,
    methods: Object.fromEntries(
      methods.map(({ name, outputs, comparison }) => {
        const { pairs, mean, decode, ignoredFiles } = comparison;
        return [name, { outputs, pairs: pairs.length, mean, decode, ignoredFiles }];
      }),
    ),
    losses: lossesInJson(losses),
    groups,
    columns: columns.map(({ label, better, group, images: count, of, cells, best, targetMean }) => ({
      ...{ metric: label, better, group, images: count, of },
      best: best === undefined ? undefined : methods[best].name,
      targetMean,
      methods: Object.fromEntries(cells.map((cell, method) => [methods[method].name, cell])),
    })),
    pairs: images.flatMap(({ name, group, pairs }) =>
      pairs.flatMap((pair, method) =>
        pair === undefined ? [] : [{ ...pairInJson(pair), image: name, group, method: methods[method].name }],
      ),
    ),
    ...{ statistics, protocol, notes, failed },
    baseline: baselines && Object.fromEntries(baselines),
    conditions:
      verdicts &&
      [...verdicts].flatMap(([method, list]) => list.map((verdict) => ({ method, ...verdictInJson(verdict) }))),
  };
  return jsonText(object, 2);
}

/**
 * The table as a CSV file (RFC 4180): a row for each method and data set, with each metric's mean, the ends of its interval, the corrected p against the best and how many images they are of. The `dataset` of all images
 * is empty. Numbers have all their digits; the best has no p. The last column, `protocol`, is there under one.
 */
export function judgementToCsv(judgement: Judgement): string {
  checkJudgement("judgementToCsv", judgement);
  const { methods, columns, losses, groups, protocol } = judgement;
  const titles = losses.flatMap(({ label }) => [
    label,
    `${label} low`,
    `${label} high`,
    `${label} p`,
    `${label} images`,
  ]);
  const by = protocol === undefined ? [] : [protocolInWords(protocol)];
  const rows = [...groups, undefined].flatMap((group) => {
    const own = columns.filter((column) => column.group === group);
    return methods.map(({ name }, method) => {
      const cells = own.flatMap(({ cells, images }) => {
        const { mean, interval, againstBest } = cells[method];
        return [mean, interval?.[0], interval?.[1], againstBest?.adjusted, images];
      });
      return csvLine([group, name, ...cells, ...by]);
    });
  });
  return [csvLine(["dataset", "method", ...titles, ...by.map(() => "protocol")]), ...rows].join("");
}
