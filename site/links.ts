import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { type MarkdownText, readMarkdown } from "./markdown.ts";

/** The folder of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** What a link of a file leads to: an address elsewhere, or a file of the repository and a place in it. */
export type Target = { readonly address: string } | { readonly path: string; readonly anchor: string };

/** Returns what a link leads to from the file with the path `from`. */
export function targetOf(from: string, href: string): Target {
  if (/^[a-z][a-z+.-]*:|^\/\//i.test(href)) return { address: href };
  const [path, anchor = ""] = href.split("#", 2).map(decodeURIComponent);
  return { path: path === "" ? from : normalize(join(dirname(from), path)).replace(/\/$/, ""), anchor };
}

/** Returns the names of what is in a folder, or under it, with `/` on every system. */
export function filesUnder(folder: string, recursive = true): string[] {
  return readdirSync(folder, { recursive, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
}

/** Returns the paths of the Markdown files that people read: those beside the README, of docs/ and of the packages. */
export function documents(): string[] {
  const inFolder = (folder: string, recursive: boolean) =>
    filesUnder(join(root, folder), recursive)
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name));
  return [...inFolder(".", false), ...inFolder("docs", true), "packages/core/README.md"].toSorted();
}

const read = new Map<string, MarkdownText>();

/** Returns the text of a document, which is read once. */
export function readDocument(path: string): MarkdownText {
  const text = read.get(path) ?? readMarkdown(readFileSync(join(root, path), "utf8"));
  read.set(path, text);
  return text;
}

/** Returns a line for each link of a document, and each of its pictures, that leads to no file or to no place in it. */
export function brokenLinks(path: string, text: MarkdownText): string[] {
  return text.links.flatMap(({ href, line }) => {
    const target = targetOf(path, href);
    if ("address" in target)
      return /^(https?|mailto):/.test(target.address) ? [] : [`${path}:${line}: ${href} is no address`];
    if (target.path.startsWith("..")) return [`${path}:${line}: ${href} leads out of the repository`];
    if (target.path !== path && !existsSync(join(root, target.path)))
      return [`${path}:${line}: ${href} leads to no file`];
    if (target.anchor === "") return [];
    if (!target.path.endsWith(".md"))
      return /^L\d+/.test(target.anchor) ? [] : [`${path}:${line}: ${href} leads to a place in a file that has none`];
    const there = target.path === path ? text : readDocument(target.path);
    return there.anchors.has(target.anchor) ? [] : [`${path}:${line}: ${href} leads to no heading`];
  });
}
