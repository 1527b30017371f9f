import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./links.ts";

/** A doc comment of the code, as Markdown. */
export interface Docstring {
  /** All before its tags. */
  readonly text: string;
  /** The names that its text links to. */
  readonly links: readonly string[];
  /** The code of its examples. */
  readonly examples: readonly string[];
  /** What is thrown, by each of its tags. */
  readonly throws: readonly string[];
  /** The file that it stands in. */
  readonly path: string;
}

/** Returns what a doc comment says, without its marks. */
export function readDocstring(comment: string, path: string): Docstring {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  const [text, ...tags] = lines.join("\n").split(/^@(?=[a-z]+\b)/m);
  const of = (name: string) => tags.filter((tag) => tag.startsWith(name)).map((tag) => tag.slice(name.length).trim());
  return {
    text: plainLinks(text).trim(),
    links: [...text.matchAll(/\{@link (\w+)/g)].map(([, name]) => name),
    examples: of("example").flatMap((tag) =>
      [...tag.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code.trimEnd()),
    ),
    throws: of("throws").map((tag) => plainLinks(tag.replace(/^\{\w+\}\s*/, "").replace(/\s+/g, " "))),
    path,
  };
}

/** Writes `{@link Name}` as code, and `{@link Name words}` as its words. */
function plainLinks(text: string): string {
  return text.replace(
    /\{@link (\S+?)(?:[ |]([^}]+))?\}/g,
    (_, name, words) => (words as string | undefined)?.trim() ?? `\`${name}\``,
  );
}

/** Returns the doc comment of each constant, function and class that the files of a folder export, by its name. */
export function docstringsOf(folder: string): Map<string, Docstring> {
  const found = new Map<string, Docstring>();
  for (const file of readdirSync(join(root, folder)).filter((file) => file.endsWith(".ts"))) {
    const path = `${folder}/${file}`;
    const code = readFileSync(join(root, path), "utf8");
    for (const [, comment, name] of code.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:async )?(?:const|function|class) (\w+)\b/g,
    )) {
      found.set(name, readDocstring(comment, path));
    }
  }
  return found;
}
