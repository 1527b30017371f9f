export { type CompareOptions, comparePairs } from "./compare.ts";
export { type Condition, holding, parseConditions } from "./conditions.ts";
export { decimalsFor, formatNumber, isWorse, worstFirst } from "./numbers.ts";
export { toCsv, toJson } from "./serialise.ts";
export { summarise, unpairedFailures } from "./summary.ts";
export type { Comparison, Failure, Note, Outcome, PairResult } from "./types.ts";
