import "../weights/disk.ts";

export { type JudgeOptions, judge, type MethodOutputs } from "./judge.ts";
export { type JudgementInput, judgementOf, type StatisticalOptions } from "./judgement.ts";
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
