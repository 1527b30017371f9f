import "../weights/disk.ts";

export { type JudgeOptions, judge, type MethodOutputs } from "./judge.ts";
export { type JudgementInput, judgementOf, type StatisticalOptions } from "./judgement.ts";
export { toLatex } from "./latex.ts";
export { toMarkdown } from "./markdown.ts";
export { type BaselinesByMethod, judgementToCsv, judgementToJson, type VerdictsByMethod } from "./serialise.ts";
export { type JudgementTable, judgementTable, type TableCell, type TableColumn, type TableOptions } from "./table.ts";
export type {
  Difference,
  Interval,
  JudgedCell,
  JudgedColumn,
  JudgedImage,
  JudgedMethod,
  Judgement,
  MethodFailure,
  MethodNote,
  Statistical,
} from "./types.ts";
