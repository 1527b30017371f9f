import { extname } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { listNames } from "@reconloss/core/internal";
import { sameName, stemOf } from "./names.ts";

/** A piece of a pattern: letters as they are, a placeholder, or `*`, which has no name. */
type Piece = { readonly text: string } | { readonly name: string | undefined };

/** One side of a pattern. */
interface Side {
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** Of placeholders, each once. */
  readonly names: readonly string[];
}

/** A pattern of names that go together: `{name}_x4.png={name}.png`. */
export interface PairPattern {
  readonly text: string;
  readonly output: Side;
  readonly target: Side;
  /** The placeholders that both sides have. */
  readonly shared: readonly string[];
}

/** The values of placeholders in a name. */
type Values = Readonly<Record<string, string>>;

/** An output with its target, by their names; or why an image has no partner. */
export interface NamePairs {
  readonly pairs: { readonly output: string; readonly target: string }[];
  readonly unpaired: { readonly side: "output" | "target"; readonly name: string; readonly reason: string }[];
  /** Names that the pattern does not ask for. */
  readonly unmatched: { readonly output: readonly string[]; readonly target: readonly string[] };
}

/** The most steps in which the ways are found that a name fits a pattern. */
const mostSteps = 10_000;

function readSide(text: string, side: "output" | "target"): Side {
  const refuse = (problem: string) =>
    new ReconlossError("invalid-argument", `pair: the pattern of ${side}s, "${text}", ${problem}`);
  const normal = text.normalize("NFC");
  const pieces: Piece[] = [];
  for (const [piece, placeholder] of normal.matchAll(/\{([^{}]*)\}|\*|[^{}*]+|[{}]/g)) {
    const before = pieces.at(-1);
    if (piece === "*" || placeholder !== undefined) {
      if (placeholder !== undefined && !/^[\w-]+$/.test(placeholder)) {
        throw refuse(`has ${piece}; placeholders are letters, digits, _ and - in braces, such as {name}`);
      }
      if (before !== undefined && "name" in before) {
        throw refuse("has two adjacent placeholders; separate them by a character");
      }
      pieces.push({ name: placeholder });
    } else if (piece === "{" || piece === "}") throw refuse(`has an unmatched ${piece}`);
    else pieces.push({ text: piece });
  }
  const names = pieces.flatMap((piece) => ("name" in piece && piece.name !== undefined ? [piece.name] : []));
  return { text: normal, pieces, names: [...new Set(names)] };
}

/**
 * Reads a pattern.
 *
 * @throws {ReconlossError} `invalid-argument` for one without `=`, or that no names could follow from
 */
export function readPattern(text: string): PairPattern {
  const sides = text.split("=");
  if (sides.length !== 2 || sides.includes("")) {
    throw new ReconlossError(
      "invalid-argument",
      `pair: OUTPUT=TARGET is needed, such as "{name}_x4.png={name}.png", got "${text}"`,
    );
  }
  const [output, target] = [readSide(sides[0], "output"), readSide(sides[1], "target")];
  const shared = output.names.filter((name) => target.names.includes(name));
  if (shared.length === 0) {
    throw new ReconlossError(
      "invalid-argument",
      `pair: both sides of "${text}" must have one placeholder in common, such as {name}`,
    );
  }
  return { text, output, target, shared };
}

/** All ways in which a name fits one side of a pattern. */
function waysOf({ pieces, text }: Side, name: string): Values[] {
  const whole = name.normalize("NFC");
  const ways: Values[] = [];
  let steps = 0;
  const visit = (piece: number, at: number, values: Values): void => {
    if (++steps > mostSteps) {
      throw new ReconlossError(
        "invalid-argument",
        `pair: "${text}" matches ${name} in too many ways; use fewer placeholders`,
      );
    }
    if (piece === pieces.length) {
      if (at === whole.length) ways.push(values);
      return;
    }
    const here = pieces[piece];
    if ("text" in here) {
      if (whole.startsWith(here.text, at)) visit(piece + 1, at + here.text.length, values);
      return;
    }
    const known = here.name === undefined ? undefined : values[here.name];
    if (known !== undefined) {
      if (whole.startsWith(known, at)) visit(piece + 1, at + known.length, values);
      return;
    }
    const next = pieces[piece + 1] as { text: string } | undefined;
    const least = here.name === undefined ? at : at + 1;
    const take = (end: number): boolean => {
      const value = whole.slice(at, end);
      // A star stays in its folder.
      if (here.name === undefined && value.includes("/")) return false;
      visit(piece + 1, end, here.name === undefined ? values : { ...values, [here.name]: value });
      return true;
    };
    if (next === undefined) {
      if (whole.length >= least) take(whole.length);
      return;
    }
    for (let end = whole.indexOf(next.text, least); end >= 0; end = whole.indexOf(next.text, end + 1)) {
      if (!take(end)) break;
    }
  };
  visit(0, 0, {});
  return ways;
}

/** A side of a pattern with these values of its placeholders; undefined where it has a star, or others too. */
function filled({ pieces }: Side, values: Values): string | undefined {
  let text = "";
  for (const piece of pieces) {
    const value = "text" in piece ? piece.text : piece.name === undefined ? undefined : values[piece.name];
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

const keyOf = (values: Values, names: readonly string[]) => JSON.stringify(names.map((name) => values[name]));

/**
 * Names that go together by a pattern: an output and a target whose common placeholders are the same. A target is that of many outputs where these have placeholders
 * that it lacks; where more than one target is possible, or outputs differ in nothing but a star, none is chosen.
 */
export function pairByPattern(
  { output: ofOutputs, target: ofTargets, shared }: PairPattern,
  outputs: readonly string[],
  targets: readonly string[],
): NamePairs {
  const targetsOf = new Map<string, Set<string>>();
  const unmatched = { output: [] as string[], target: [] as string[] };
  for (const name of targets) {
    const ways = waysOf(ofTargets, name);
    if (ways.length === 0) unmatched.target.push(name);
    for (const values of ways) {
      const key = keyOf(values, shared);
      targetsOf.set(key, (targetsOf.get(key) ?? new Set()).add(name));
    }
  }
  const unpaired: NamePairs["unpaired"] = [];
  const possible = new Set<string>();
  const claims = new Map<string, { output: string; target: string }[]>();
  for (const name of outputs) {
    const ways = waysOf(ofOutputs, name);
    if (ways.length === 0) {
      unmatched.output.push(name);
      continue;
    }
    const fitting = ways.map((values) => ({ values, found: targetsOf.get(keyOf(values, shared)) }));
    const found = new Set(fitting.flatMap(({ found }) => [...(found ?? [])]));
    for (const target of found) possible.add(target);
    if (found.size === 1) {
      const [target] = found;
      const { values } = fitting.find((way) => way.found !== undefined) as (typeof fitting)[number];
      const claim = `${keyOf(values, ofOutputs.names)} ${target}`;
      claims.set(claim, [...(claims.get(claim) ?? []), { output: name, target }]);
    } else {
      const wanted = filled(ofTargets, ways[0]);
      const reason =
        found.size > 1
          ? `ambiguous: output ${name} could go with target ${listNames([...found])}`
          : `no target ${wanted ?? `that fits ${ofTargets.text}`}`;
      unpaired.push({ side: "output", name, reason });
    }
  }
  const pairs: NamePairs["pairs"] = [];
  for (const rivals of claims.values()) {
    if (rivals.length === 1) pairs.push(rivals[0]);
    else {
      const names = listNames(rivals.map(({ output }) => output));
      for (const { output, target } of rivals) {
        const reason = `ambiguous: output ${names} could go with target ${target}`;
        unpaired.push({ side: "output", name: output, reason });
      }
    }
  }
  const isUnmatched = new Set(unmatched.target);
  for (const name of targets) {
    if (possible.has(name) || isUnmatched.has(name)) continue;
    unpaired.push({ side: "target", name, reason: `no output that fits ${ofOutputs.text}` });
  }
  return { pairs, unpaired, unmatched };
}

/** A pattern that would pair images, which is proposed and not used. */
export interface PairProposal {
  /** The pattern: `{name}_x4.png={name}.png`. */
  readonly pair: string;
  /** The number of outputs that it would pair, and of all. */
  readonly count: number;
  readonly of: number;
  /** Its effect in words, with the pattern: `44 of 44 would pair by removing _x4: --pair "{name}_x4.png={name}.png"`. */
  readonly text: string;
}

/** The beginnings and ends of outputs' and targets' names, around what they have in common. */
interface Affixes {
  readonly output: readonly [before: string, after: string];
  readonly target: readonly [before: string, after: string];
}

/** Names that affixes are taken from, names that they are sought among, and the most affixes that are tried. */
const [samples, sought, tried] = [8, 400, 64];

/** The longest run of letters that two texts have in common: where it begins in each, and its length. */
function longestCommon(a: string, b: string): readonly [inA: number, inB: number, length: number] {
  let best: [number, number, number] = [0, 0, 0];
  let above = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    const row = new Uint16Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      if (a[i - 1] !== b[j - 1]) continue;
      row[j] = above[j - 1] + 1;
      if (row[j] > best[2]) best = [i - row[j], j - row[j], row[j]];
    }
    above = row;
  }
  return best;
}

const separators = /^[-_. ]+|[-_. ]+$/g;

function affixesOf(output: string, target: string): Affixes | undefined {
  const [inOutput, inTarget, length] = longestCommon(output, target);
  const core = output.slice(inOutput, inOutput + length);
  const inner = core.replace(separators, "");
  if (inner === "" || inner === "/") return undefined;
  // Separators at the ends of what is common belong to what is not.
  const start = core.indexOf(inner);
  const around = (text: string, at: number) => [text.slice(0, at), text.slice(at + inner.length)] as const;
  return { output: around(output, inOutput + start), target: around(target, inTarget + start) };
}

/** The extension of several names in a pattern. */
const extensionIn = (names: readonly string[]) => {
  const all = new Set(names.map((name) => extname(name)));
  return all.size === 1 ? [...all][0] : ".*";
};

const core = (stem: string, [before, after]: readonly [string, string]) =>
  stem.length > before.length + after.length && stem.startsWith(before) && stem.endsWith(after)
    ? stem.slice(before.length, stem.length - after.length)
    : undefined;

/**
 * The pattern by which most images would pair: names of which something is left out or replaced at their beginning or end. Undefined where there is none
 * by which at least `least` outputs would.
 */
export function proposePattern(
  outputs: readonly string[],
  targets: readonly string[],
  least: number,
): PairProposal | undefined {
  const stems = (names: readonly string[]) => names.map((name) => stemOf(sameName(name)));
  const [ofOutputs, ofTargets] = [stems(outputs), stems(targets)];
  const counts = new Map<string, { affixes: Affixes; count: number }>();
  const step = Math.max(1, Math.floor(ofOutputs.length / samples));
  for (let i = 0; i < ofOutputs.length; i += step) {
    for (const target of nearest(ofOutputs[i], ofTargets)) {
      const affixes = affixesOf(ofOutputs[i], target);
      if (affixes === undefined) continue;
      const key = JSON.stringify(affixes);
      counts.set(key, { affixes, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  }
  const lengthOf = ({ output, target }: Affixes) => [...output, ...target].join("").length;
  const candidates = [...counts.values()]
    .sort((a, b) => b.count - a.count || lengthOf(a.affixes) - lengthOf(b.affixes))
    .slice(0, tried)
    .map(({ affixes }) => affixes);
  let best: { affixes: Affixes; pairs: (readonly [output: string, target: string])[] } | undefined;
  for (const affixes of candidates) {
    const cores = new Map<string, number[]>();
    for (const [index, stem] of ofTargets.entries()) {
      const own = core(stem, affixes.target);
      if (own !== undefined) cores.set(own, [...(cores.get(own) ?? []), index]);
    }
    const used = new Map<string, number>();
    const found = ofOutputs.flatMap((stem, index) => {
      const own = core(stem, affixes.output);
      const partners = own === undefined ? undefined : cores.get(own);
      if (own === undefined || partners?.length !== 1) return [];
      used.set(own, (used.get(own) ?? 0) + 1);
      return [{ own, pair: [outputs[index], targets[partners[0]]] as const }];
    });
    const pairs = found.filter(({ own }) => used.get(own) === 1).map(({ pair }) => pair);
    const isBetter =
      pairs.length - (best?.pairs.length ?? 0) || (best ? lengthOf(best.affixes) - lengthOf(affixes) : 0);
    if (pairs.length > 0 && isBetter > 0) best = { affixes, pairs };
  }
  if (best === undefined || best.pairs.length < least) return undefined;
  const { affixes, pairs } = best;
  // What has a meaning in patterns cannot be written in one.
  if (/[{}*=]/.test([...affixes.output, ...affixes.target].join(""))) return undefined;
  const side = ([before, after]: readonly [string, string], names: readonly string[]) =>
    `${before}{name}${after}${extensionIn(names)}`;
  const pair = `${side(
    affixes.output,
    pairs.map(([output]) => output),
  )}=${side(
    affixes.target,
    pairs.map(([, target]) => target),
  )}`;
  const changes = inWords(affixes);
  // Names that differ in nothing else would have paired already, or are ambiguous.
  if (changes === "") return undefined;
  const text = `${pairs.length} of ${outputs.length} would pair by ${changes}: --pair "${pair}"`;
  return { pair, count: pairs.length, of: outputs.length, text };
}

/** Targets that an output's partner is sought among: those that share its end or beginning where there are many. */
function nearest(stem: string, targets: readonly string[]): readonly string[] {
  if (targets.length <= sought) return targets;
  const base = stem.slice(stem.lastIndexOf("/") + 1);
  const own = (target: string) => target.slice(target.lastIndexOf("/") + 1);
  const like = targets.filter((target) => base.includes(own(target)) || own(target).includes(base));
  return (like.length > 0 ? like : targets).slice(0, sought);
}

function inWords({ output, target }: Affixes): string {
  const changes = ([0, 1] as const).flatMap((at) => {
    if (output[at] === target[at]) return [];
    if (target[at] === "") return [`removing ${output[at]}`];
    return output[at] === "" ? [`adding ${target[at]}`] : [`putting ${target[at]} in place of ${output[at]}`];
  });
  return changes.join(" and ");
}
