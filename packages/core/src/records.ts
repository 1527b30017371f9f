/** Whether a value is an object of named values and nothing else: what it inherits would be ignored. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A record with each value replaced. */
export function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}

/** The same values, each under `prefix/` and its name. */
export function prefixed<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [`${prefix}/${name}`, value]));
}

/** The entries whose names begin with `prefix/`, under the rest of their names. */
export function within<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  const own = Object.entries(record).filter(([name]) => name.startsWith(`${prefix}/`));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length + 1), value]));
}

/** The entries whose names fit. */
export function filtered<T>(record: Readonly<Record<string, T>>, fits: (name: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => fits(name)));
}
