import { ReconlossError } from "../packages/core/src/errors.ts";

/** Values that are hardly ever what a function wants. */
export const wrong: readonly unknown[] = [
  undefined,
  null,
  5,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "x",
  "",
  true,
  Symbol("wrong"),
  10n,
  {},
  [],
  [null],
  { length: 3 },
  () => {},
  new Date(0),
  Object.create({ inherited: 1 }),
  Object.create(null),
];

type Callable = (...args: unknown[]) => unknown;

/** Something to be called with wrong arguments. */
export interface Subject {
  readonly name: string;
  readonly call: Callable;
  /** Arguments that are right; one after the other is replaced by what is wrong. Default: none. */
  readonly right?: readonly unknown[];
}

function isClass(value: unknown): value is new (...args: unknown[]) => object {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/**
 * Everything of a module, or of an object, that can be called: functions, constructors, static methods, methods.
 *
 * @param right - by name, arguments that are right; each is then replaced by what is wrong, one at a time
 */
export function subjectsOf(
  exported: object,
  right: Readonly<Record<string, readonly unknown[]>> = {},
  prefix = "",
): Subject[] {
  const names = new Set<string>();
  for (let owner: object | null = exported; owner && owner !== Object.prototype && owner !== Function.prototype; ) {
    for (const name of Object.getOwnPropertyNames(owner)) names.add(name);
    owner = Object.getPrototypeOf(owner);
  }
  return [...names].flatMap((key): Subject[] => {
    if (["constructor", "prototype", "length", "name"].includes(key)) return [];
    const value = (exported as Record<string, unknown>)[key];
    const name = prefix + key;
    // Made to be thrown, with what only they are given.
    if (isClass(value) && value.prototype instanceof Error) return [];
    if (isClass(value)) {
      const make: Subject = { name: `new ${name}`, call: (...args) => new value(...args), right: right[name] };
      return [make, ...subjectsOf(value, right, `${name}.`)];
    }
    if (typeof value !== "function") return [];
    return [{ name, call: (...args) => (value as Callable).apply(exported, args), right: right[name] }];
  });
}

/** The calls to make of a subject: one wrong argument, several, and each right one replaced. */
function* argumentLists({ right = [] }: Subject): Generator<unknown[]> {
  yield [];
  for (const value of wrong) {
    for (const count of [1, 2, 3]) yield Array(count).fill(value);
    for (let position = 0; position < right.length; position++) yield right.with(position, value);
    yield [...right, value];
  }
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? `[${value.map(shown)}]` : "{...}";
  return typeof value === "function" ? "() => {}" : String(value);
}

/** Errors of a subject that are not the project's one error class with a code, as lines to be shown. */
export async function rawErrors(subject: Subject): Promise<string[]> {
  const lines = new Set<string>();
  for (const args of argumentLists(subject)) {
    try {
      await subject.call(...args);
    } catch (error) {
      if (error instanceof ReconlossError && error.code !== undefined) continue;
      lines.add(`${subject.name}(${args.map(shown).join(", ")}): ${String(error)}`);
    }
  }
  return [...lines];
}
