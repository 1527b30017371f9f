export { colourTable, magma } from "./colour-map.ts";
export { type ErrorMap, falseColour, toErrorMap, topOf } from "./error-map.ts";
export { type FailedMap, type MapFile, writeMapScales, writeMaps } from "./map-files.ts";
export { type MethodsReportOptions, writeMethodsReport } from "./methods-report.ts";
export type { PageText } from "./page.ts";
export { type ReportOptions, writeReport } from "./report.ts";
export { writeSetReport } from "./set-report.ts";
export { writeTrainingReport } from "./training-report.ts";
