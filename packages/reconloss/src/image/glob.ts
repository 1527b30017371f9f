import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { nameFromBytes, reasonOf, systemPath } from "../files.ts";

/** A part of a glob: one letter, or any number of them, `*` of any but `/`, `**` of any. */
type Token =
  | { readonly kind: "letter"; is(letter: string): boolean }
  | { readonly kind: "many"; readonly slashes: boolean };

const magic = /[*?[\]{}]/;

/** The most texts that braces may stand for. */
const mostAlternatives = 1000;

/** Whether a text has a letter that globs give a meaning. */
export function hasMagic(text: string): boolean {
  return magic.test(text);
}

/** The texts that braces stand for: `a.{png,jpg}` for `a.png` and `a.jpg`. */
function alternatives(glob: string): string[] {
  const waiting = [glob];
  const texts: string[] = [];
  while (waiting.length > 0) {
    if (waiting.length + texts.length > mostAlternatives) {
      throw new ReconlossError(
        "invalid-argument",
        `glob ${glob}: its braces stand for more than ${mostAlternatives} names`,
      );
    }
    const text = waiting.pop() as string;
    const found = /\{([^{}]*,[^{}]*)\}/.exec(text);
    if (found === null) texts.push(text);
    else
      for (const choice of found[1].split(","))
        waiting.push(text.slice(0, found.index) + choice + text.slice(found.index + found[0].length));
  }
  return texts;
}

function tokensOf(text: string): Token[] {
  const letters = Array.from(text);
  const tokens: Token[] = [];
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at];
    const end = letter === "[" ? letters.indexOf("]", at + 2) : -1;
    if (letter === "*") {
      const isDouble = letters[at + 1] === "*";
      if (isDouble) at++;
      // "**/" also stands for nothing, so that a/**/b.png is a/b.png too.
      if (isDouble && letters[at + 1] === "/") at++;
      tokens.push({ kind: "many", slashes: isDouble });
    } else if (letter === "?") tokens.push({ kind: "letter", is: (other) => other !== "/" });
    else if (end >= 0) {
      const inside = letters.slice(at + 1, end);
      const negated = inside[0] === "!" || inside[0] === "^";
      const set = negated ? inside.slice(1) : inside;
      const among = (other: string) =>
        set.some(
          (one, i) =>
            one === other || (set[i + 1] === "-" && i + 2 < set.length && one <= other && other <= set[i + 2]),
        );
      tokens.push({ kind: "letter", is: (other) => other !== "/" && among(other) !== negated });
      at = end;
    } else tokens.push({ kind: "letter", is: (other) => other === letter });
  }
  return tokens;
}

/** Whether a text is what the tokens ask for, in time that grows with the length of both. */
function matches(tokens: readonly Token[], text: string): boolean {
  /** Marks a place among the tokens, and those behind it that ask for nothing. */
  const mark = (places: boolean[], place: number): void => {
    places[place] = true;
    for (let next = place; tokens[next]?.kind === "many"; ) places[++next] = true;
  };
  let places: boolean[] = [];
  mark(places, 0);
  for (const letter of text) {
    const next: boolean[] = [];
    for (const [place, token] of tokens.entries()) {
      if (!places[place]) continue;
      if (token.kind === "letter") {
        if (token.is(letter)) mark(next, place + 1);
      } else if (token.slashes || letter !== "/") mark(next, place);
    }
    places = next;
  }
  return places[tokens.length] === true;
}

/**
 * Whether names are what a glob asks for: `*` and `?` for letters but `/`, `**` for any, `[a-z]`, `{png,jpg}`. Composed and decomposed Unicode is the same.
 *
 * @throws {ReconlossError} `invalid-argument` for braces that stand for too many names
 */
export function globMatcher(glob: string): (name: string) => boolean {
  const all = alternatives(glob.normalize("NFC")).map(tokensOf);
  return (name) => all.some((tokens) => matches(tokens, name.normalize("NFC")));
}

/** As {@link globMatcher}, but a glob without a `/` asks for the last part of a name, in whatever folder. */
export function nameMatcher(glob: string): (name: string) => boolean {
  const is = globMatcher(glob);
  return glob.includes("/") ? is : (name) => is(name.slice(name.lastIndexOf("/") + 1));
}

/** The folder that a glob begins in, which is a plain path, and what is asked for in it. */
export function splitGlob(glob: string): { folder: string; rest: string } {
  const parts = glob.split("/");
  const first = parts.findIndex(hasMagic);
  const folder = parts.slice(0, first).join("/");
  return { folder: folder || (glob.startsWith("/") ? "/" : "."), rest: parts.slice(first).join("/") };
}

/**
 * The files in a folder that a glob asks for, as names relative to it; only folders that the glob leads to are looked into. Hidden files and folders are left out
 * where the glob does not begin with a point there. A glob with `**` is for whoever lists the whole folder.
 *
 * @throws {ReconlossError} `file` for a folder that cannot be read
 */
export async function filesOfGlob(folder: string, rest: string): Promise<string[]> {
  const parts = rest.split("/");
  const matchers = parts.map(globMatcher);
  const found: string[] = [];
  const visit = async (relative: string, depth: number): Promise<void> => {
    const here = join(folder, relative);
    const entries = await readdir(systemPath(here), { withFileTypes: true, encoding: "buffer" }).catch((cause) => {
      // A file where the glob has a folder is another file.
      if ((cause as NodeJS.ErrnoException).code === "ENOTDIR") return [];
      throw new ReconlossError("file", `cannot read folder ${here}: ${reasonOf(cause)}`, { cause });
    });
    const isLast = depth === parts.length - 1;
    for (const entry of entries) {
      const own = nameFromBytes(entry.name);
      if ((own.startsWith(".") && !parts[depth].startsWith(".")) || !matchers[depth](own)) continue;
      const name = relative === "" ? own : `${relative}/${own}`;
      if (isLast) {
        if (!entry.isDirectory()) found.push(name);
      } else if (!entry.isFile()) await visit(name, depth + 1);
    }
  };
  await visit("", 0);
  return found;
}
