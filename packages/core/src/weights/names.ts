import { listNames } from "../text.ts";

/** The match between the names of a checkpoint and those that a network expects. */
export interface MatchedNames {
  /** Expected name -> name in the file. */
  readonly stored: ReadonlyMap<string, string>;
  /** The prefix of all matched names in the file that the network's lack: `module.`; mostly empty. */
  readonly prefix: string;
  /** The missing names, in words; empty where the names fit. */
  readonly missing: readonly string[];
  /** The unexpected names, in words; empty where the names fit. */
  readonly unexpected: readonly string[];
}

/** The differences that are allowed. */
export interface NameRules {
  /** Names that the file may have besides, by prefix (`classifier.`) or by last part (`num_batches_tracked`). */
  readonly ignore: readonly string[];
  /** Expected names that may be missing. */
  readonly optional: ReadonlySet<string>;
}

/** Names beside the tensors of every network: the counter of `torch.optim.swa_utils.AveragedModel`. */
const neverTensors = ["n_averaged"];

/** Names of each list that a message shows where no name fits. */
const fewNames = 4;

/** The one spelling of a name: with the `features.` that is lost when only that part of a torchvision network was saved. */
function canonicalName(name: string): string {
  return /^\d/.test(name) ? `features.${name}` : name;
}

/**
 * The prefix that most names of the file have before an expected name; the shortest one of several. Wrappers add it to all names: `module.`
 * DataParallel and AveragedModel, `_orig_mod.` torch.compile, `model.` or `net.` the attribute of a training module.
 */
function prefixesOf(names: readonly string[], expected: ReadonlySet<string>): [prefix: string, count: number][] {
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let at = 0; ; at = name.indexOf(".", at) + 1) {
      if (expected.has(canonicalName(name.slice(at)))) {
        const prefix = name.slice(0, at);
        counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      }
      if (name.indexOf(".", at) < 0) break;
    }
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || a.length - b.length);
}

function isIgnored(name: string, ignore: readonly string[]): boolean {
  const isLast = (part: string) => name === part || name.endsWith(`.${part}`);
  return neverTensors.some(isLast) || ignore.some((rule) => name.startsWith(rule) || isLast(rule));
}

/** Finds the tensors that a network expects among the names of a file: as they are, or after one prefix that all of them have. */
export function matchNames(
  names: readonly string[],
  expected: readonly string[],
  { ignore, optional }: NameRules,
): MatchedNames {
  const wanted = new Map(expected.map((name) => [canonicalName(name), name]));
  const prefixes = prefixesOf(names, new Set(wanted.keys()));
  const [[prefix, fitting] = ["", 0]] = prefixes;

  const stored = new Map<string, string>();
  const extra: string[] = [];
  const twice: string[] = [];
  for (const name of names) {
    const bare = name.startsWith(prefix) ? canonicalName(name.slice(prefix.length)) : undefined;
    const match = bare === undefined ? undefined : wanted.get(bare);
    if (match === undefined) {
      if (!isIgnored(bare ?? name, ignore)) extra.push(name);
    } else if (stored.has(match)) twice.push(`${stored.get(match)} and ${name} name the same tensor`);
    else stored.set(match, name);
  }
  const absent = expected.filter((name) => !stored.has(name) && !optional.has(name));

  if (fitting === 0 && absent.length > 0 && names.length > 0) {
    const problem =
      `none of its ${names.length} tensors has a name that is expected: it has ${listNames(names, fewNames)}; ` +
      `expected are ${expected.length}: ${listNames(expected, fewNames)}`;
    return { stored, prefix, missing: [problem], unexpected: [] };
  }
  // One file with the weights twice, such as those of the last step and their average; `features.` alone is only a spelling.
  const copies = prefixes
    .filter(([copy, count]) => count === fitting && copy !== `${prefix}features.`)
    .map(([copy]) => quoted(copy));
  const after = prefix === "" ? "" : ` (${fitting} names fit after the prefix ${quoted(prefix)})`;
  const choose =
    copies.length > 1 ? ` (names fit after each of ${listNames(copies)}: choose one of these as the key)` : "";
  return {
    stored,
    prefix,
    missing: absent.length > 0 ? [`missing tensors${after}: ${listNames(absent)}`] : [],
    unexpected: [...twice, ...(extra.length > 0 ? [`unexpected tensors${choose || after}: ${listNames(extra)}`] : [])],
  };
}

/** A note on names that fitted, if there is one. */
export function noteOfNames({ prefix, stored }: MatchedNames): string | undefined {
  return prefix === "" ? undefined : `the prefix ${quoted(prefix)} was taken off the names of ${stored.size} tensors`;
}

function quoted(prefix: string): string {
  return prefix === "" ? "no prefix" : JSON.stringify(prefix);
}
