import { ReconlossError } from "./errors.ts";

/** A value in words, for messages about arguments that may be anything. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}

/** Refuses an argument that is no object of named values. */
export function checkObject(name: string, argument: string, value: unknown): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new ReconlossError("invalid-argument", `${name}: ${argument} must be an object, got ${described(value)}`);
}

/** Refuses an argument that is no function. */
export function checkFunction(name: string, argument: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new ReconlossError("invalid-argument", `${name}: ${argument} must be a function, got ${described(value)}`);
}

/** Refuses an argument that is no number. */
export function checkNumber(name: string, argument: string, value: unknown): void {
  if (typeof value === "number") return;
  throw new ReconlossError("invalid-argument", `${name}: ${argument} must be a number, got ${described(value)}`);
}
