import { ReconlossError } from "./errors.ts";

/** A value in words, for messages about arguments that may be anything. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return "an array";
  // Names that the program has itself may have been shortened by a bundler.
  const maker: unknown = Object.getPrototypeOf(value)?.constructor;
  const name = typeof maker === "function" && maker !== Object ? maker.name : "";
  const isKnown = name !== "" && (globalThis as Record<string, unknown>)[name] === maker;
  return isKnown ? `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}` : "an object";
}

/** Refuses an argument that is no object of named values. */
export function checkObject(name: string, argument: string, value: unknown): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new ReconlossError("invalid-argument", `${name}: ${argument} must be an object, got ${described(value)}`);
}

/** Refuses names that an object of options does not have, such as misspelt ones, which would be ignored. */
export function checkNames(name: string, argument: string, given: object, known: readonly string[]): void {
  const other = Object.keys(given).find((key) => !known.includes(key));
  if (other === undefined) return;
  const has = known.join(", ");
  throw new ReconlossError("invalid-argument", `${name}: ${argument} has no ${described(other)}; it has: ${has}`);
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

const isFilled = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The kinds of arguments: each in words, and its check. */
const kinds = {
  text: ["a string", (value: unknown) => typeof value === "string"],
  number: ["a number", (value: unknown) => typeof value === "number"],
  flag: ["true or false", (value: unknown) => typeof value === "boolean"],
  function: ["a function", (value: unknown) => typeof value === "function"],
  list: ["an array", (value: unknown) => Array.isArray(value) || ArrayBuffer.isView(value)],
  count: ["a whole number of at least 0", (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0],
  texts: [
    "an array of strings",
    (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  ],
  objects: ["an array of objects", (value: unknown) => Array.isArray(value) && value.every(isFilled)],
  bytes: ["a Uint8Array", (value: unknown) => value instanceof Uint8Array],
  object: ["an object", (value: unknown) => isFilled(value) && !Array.isArray(value)],
  tensor: [
    "a Tensor",
    (value: unknown) =>
      isFilled(value) &&
      "shape" in value &&
      Array.isArray(value.shape) &&
      "data" in value &&
      ArrayBuffer.isView(value.data),
  ],
} as const satisfies Record<string, readonly [words: string, is: (value: unknown) => boolean]>;

type Kind = keyof typeof kinds;

/**
 * Refuses arguments of other kinds than a public function takes, for callers without types.
 *
 * @param given - by the argument's name: its value, what it must be, and the fields that an object must have, which the compiler holds against its type; with a question mark, it
 *   may be undefined
 */
export function checkArguments<Given extends Readonly<Record<string, unknown>>>(
  name: string,
  given: {
    readonly [Argument in keyof Given]: readonly [
      value: Given[Argument],
      kind: Kind | `${Kind}?`,
      fields?: readonly (keyof NonNullable<Given[Argument]> & string)[],
    ];
  },
): void {
  for (const [argument, [value, kind, fields = []]] of Object.entries<
    readonly [value: unknown, kind: Kind | `${Kind}?`, fields?: readonly string[]]
  >(given)) {
    if (kind.endsWith("?") && value === undefined) continue;
    const [words, is] = kinds[kind.replace("?", "") as Kind];
    if (!is(value)) {
      throw new ReconlossError("invalid-argument", `${name}: ${argument} must be ${words}, got ${described(value)}`);
    }
    const missing = fields.find((field) => (value as Record<string, unknown>)[field] === undefined);
    if (missing !== undefined) {
      throw new ReconlossError("invalid-argument", `${name}: ${argument} has no ${missing}`);
    }
  }
}
