/**
 * Names by which images can be told apart: where a name that was given stands for another thing already, with the first number behind it that is free, as in
 * `a.png (2)`.
 *
 * @param things - what each name is of; the same thing may have the same name again. Default: each is of another
 */
export function distinctNames(names: readonly string[], things?: readonly string[]): string[] {
  const taken = new Set<string>();
  /** By thing and name, what it was called. */
  const known = new Map<string, string>();
  /** The number of times that each name was asked for by another thing, so that the next number is not looked for from 2 on. */
  const asked = new Map<string, number>();
  return names.map((name, i) => {
    const key = things && `${things[i]}\0${name}`;
    const before = key === undefined ? undefined : known.get(key);
    if (before !== undefined) return before;
    let free = name;
    for (let n = asked.get(name) ?? 2; taken.has(free); n++) {
      free = `${name} (${n})`;
      asked.set(name, n + 1);
    }
    taken.add(free);
    if (key !== undefined) known.set(key, free);
    return free;
  });
}
