import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";

/** The kinds of arguments, checked for callers without types. */
type Kind = "string" | "number" | "boolean" | "function" | "object" | "list";

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) || ArrayBuffer.isView(value) ? "list" : typeof value;
}

/** Refuses an argument, in words. */
export function refuse(what: string, expected: string, value: unknown): never {
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
