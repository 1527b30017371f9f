import { basename } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { counted, lastAtMost } from "@reconloss/core/internal";
import { withoutSecrets } from "../../http.ts";
import type { ImageSet, SetPart, SetSource } from "../image-set.ts";
import type { InputContext, Offer } from "./input.ts";
import { distinctNames } from "./names.ts";

/** Parts that are opened side by side. */
const atOnce = 4;

/** One set of several paths, one after the other; `close` closes all that were opened. */
export function joinSets(
  paths: readonly string[],
  { options: { parts: known }, openSet }: Pick<InputContext, "options" | "openSet">,
): Offer & Pick<SetSource, "close"> {
  const sources: SetSource[] = [];
  const opened: (Promise<ImageSet> | undefined)[] = [];
  const open = (at: number): Promise<ImageSet> => (opened[at] ??= openPart(at));
  const openPart = async (at: number): Promise<ImageSet> => {
    const source = await openSet(paths[at]);
    sources.push(source);
    if (!source.images)
      throw new ReconlossError("content", `${withoutSecrets(paths[at])} contains statistics but no images`);
    const images = await source.images();
    const expected = known?.[at].count ?? images.count;
    if (images.count === expected) return images;
    const problem = `${withoutSecrets(paths[at])} has ${counted(images.count, "image", "images")}, but had ${expected} when the set was first opened`;
    throw new ReconlossError("content", problem);
  };
  return {
    images: async () => {
      if (known !== undefined) {
        checkParts(paths.map(withoutSecrets), known);
        return joined(paths, known, open);
      }
      const sets: ImageSet[] = [];
      for (let at = 0; at < paths.length; at += atOnce) {
        const next = paths.slice(at, at + atOnce).map((_, i) => open(at + i));
        // All are waited for, so that none is still being opened when the set is closed.
        await Promise.allSettled(next);
        sets.push(...(await Promise.all(next)));
      }
      const parts = sets.map(({ count, ignoredFiles = {} }, at) => {
        const others = Object.keys(ignoredFiles).length > 0 ? { ignoredFiles } : {};
        return { path: withoutSecrets(paths[at]), count, ...others };
      });
      return joined(paths, parts, open, sets);
    },
    close: async () => {
      await Promise.allSettled(opened);
      for (const source of sources) await source.close();
    },
  };
}

function checkParts(paths: readonly string[], known: readonly SetPart[]): void {
  const other = paths.findIndex((path, at) => known[at]?.path !== path);
  if (other < 0 && known.length === paths.length) return;
  const [now, before] = [paths[other] ?? "nothing", known[Math.max(other, paths.length - 1)]?.path ?? "nothing"];
  throw new ReconlossError(
    "file",
    `the files of the set have changed since it was first opened: ${now}, was ${before}`,
  );
}

function joined(
  paths: readonly string[],
  parts: readonly SetPart[],
  open: (at: number) => Promise<ImageSet>,
  sets: (ImageSet | undefined)[] = [],
): ImageSet {
  /** The number of the first image of each part, and of one past the last. */
  const starts = [0];
  for (const { count } of parts) starts.push(starts[starts.length - 1] + count);
  const names = namesOf(paths);
  const locate = (index: number): [part: number, index: number] => {
    const part = lastAtMost(parts.length, (at) => starts[at], index);
    return [part, index - starts[part]];
  };
  const setOf = async (at: number): Promise<ImageSet> => (sets[at] ??= await open(at));
  return {
    count: starts[parts.length],
    ignoredFiles: sum(parts.map((part) => part.ignoredFiles)),
    parts,
    name: (index) => {
      const [at, inside] = locate(index);
      const own = sets[at]?.name(inside) ?? `image ${inside}`;
      // A member begins with its archive's name, which stands for the archive only where no other has it.
      const member = own.slice(own.startsWith(`${basename(parts[at].path)}#`) ? own.indexOf("#") + 1 : 0);
      return `${names[at]}#${member}`;
    },
    open: async (index) => {
      await setOf(locate(index)[0]);
    },
    bytes: async (index) => {
      const [at, inside] = locate(index);
      return (await setOf(at)).bytes?.(inside) ?? 0;
    },
    load: async (index) => {
      const [at, inside] = locate(index);
      return (await setOf(at)).load(inside);
    },
    label: async (index) => {
      const [at, inside] = locate(index);
      return (await setOf(at)).label?.(inside);
    },
  };
}

/** The names of parts: by the last of their names, or by the whole path where two have the same. */
function namesOf(paths: readonly string[]): string[] {
  const visible = paths.map(withoutSecrets);
  const short = visible.map((path) => basename(path));
  return new Set(short).size === short.length ? short : distinctNames(visible, paths);
}

function sum(counts: readonly ImageSet["ignoredFiles"][]): ImageSet["ignoredFiles"] {
  const all = new Map<string, number>();
  for (const each of counts) {
    for (const [kind, count] of Object.entries(each ?? {})) all.set(kind, (all.get(kind) ?? 0) + count);
  }
  return Object.fromEntries(all);
}
