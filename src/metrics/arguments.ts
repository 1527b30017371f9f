import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import type { FeatureRows, Side } from "./features.ts";
import type { Statistics } from "./moments.ts";

/** What an argument can be, for callers without types. */
type Kind = "string" | "number" | "boolean" | "function" | "object" | "list";

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) || ArrayBuffer.isView(value) ? "list" : typeof value;
}

function refuse(what: string, expected: string, value: unknown): never {
  throw new ReconlossError("invalid-argument", `${what} must be ${expected}, got ${kindOf(value)}`);
}

/** Refuses an argument of another kind. */
export function checkKind(what: string, value: unknown, ...kinds: readonly Kind[]): void {
  if (!kinds.some((kind) => kind === kindOf(value))) refuse(what, `of type ${kinds.join(" or ")}`, value);
}

/** Refuses what is no object, or has fields of other kinds; those that are absent or undefined have a default. */
export function checkFields(
  what: string,
  value: unknown,
  fields: Readonly<Record<string, Kind | readonly Kind[]>> = {},
): void {
  checkKind(what, value, "object");
  for (const [name, kinds] of Object.entries(fields)) {
    const field = (value as Record<string, unknown>)[name];
    if (field !== undefined) checkKind(`${what}.${name}`, field, ...[kinds].flat());
  }
}

/** Refuses what is not of a class. */
export function checkInstance(what: string, value: unknown, type: { readonly name: string }): void {
  if (typeof type !== "function" || !(value instanceof type)) refuse(what, `a ${type.name}`, value);
}

export function checkTensor(what: string, value: unknown): void {
  checkInstance(what, value, Tensor);
}

export function checkSide(side: Side | undefined): void {
  if (side !== "output" && side !== "real") {
    throw new ReconlossError("invalid-argument", `side must be "output" or "real", got ${String(side)}`);
  }
}

/** Refuses what has not the fields of {@link Statistics}; what these hold is not looked at. */
export function checkStatisticsKind(what: string, value: Statistics): void {
  checkFields(what, value, { count: "number" });
  if (!(value.mean instanceof Float64Array)) refuse(`${what}.mean`, "a Float64Array", value.mean);
  checkFields(`${what}.covariance`, value.covariance, { rows: "number", columns: "number" });
  const { data } = value.covariance;
  if (!(data instanceof Float64Array)) refuse(`${what}.covariance.data`, "a Float64Array", data);
}

/** Refuses what has not the fields of {@link FeatureRows}. */
export function checkRows(what: string, value: FeatureRows): void {
  checkFields(what, value);
  checkKind(`${what}.count`, value.count, "number");
  checkKind(`${what}.dimension`, value.dimension, "number");
  checkKind(`${what}.read`, value.read, "function");
}
