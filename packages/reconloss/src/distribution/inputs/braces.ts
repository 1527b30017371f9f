import { ReconlossError } from "@reconloss/core";

/** The most paths that a pattern may stand for. */
const mostPaths = 100_000;

/** A range in braces (`{000..199}`), or alternatives (`{train,val}`). */
const braces = /\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}/;

/** Whether a path has a pattern in braces. */
export const hasBraces = (path: string): boolean => braces.test(path);

/**
 * The paths that a pattern stands for, as in bash and webdataset: `shard-{000..199}.tar`, its numbers as long as the longer end; `{train,val}`; several in one
 * path, of which the last changes first; and several patterns with `::` between them.
 *
 * @throws {ReconlossError} `invalid-argument` for more than 100,000
 */
export function expandBraces(pattern: string): string[] {
  return pattern.split("::").flatMap((each) => expand(each, pattern));
}

function expand(path: string, pattern: string): string[] {
  const found = braces.exec(path);
  if (found === null) return [path];
  const [before, after] = [path.slice(0, found.index), path.slice(found.index + found[0].length)];
  const tails = expand(after, pattern);
  const choices = found[3] === undefined ? rangeOf(found[1], found[2], pattern) : found[3].split(",");
  checkCount(choices.length * tails.length, pattern);
  return choices.flatMap((choice) => tails.map((tail) => before + choice + tail));
}

function rangeOf(first: string, last: string, pattern: string): string[] {
  const [from, to] = [Number(first), Number(last)];
  const count = Math.abs(to - from) + 1;
  checkCount(count, pattern);
  const isPadded = [first, last].some((text) => text.length > 1 && text.startsWith("0"));
  const length = isPadded ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: count }, (_, i) => String(from + Math.sign(to - from) * i).padStart(length, "0"));
}

function checkCount(count: number, pattern: string): void {
  if (count <= mostPaths) return;
  throw new ReconlossError("invalid-argument", `${pattern} stands for ${count} files; at most ${mostPaths} are read`);
}
