import { dirname, resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import type { ByteSource } from "@reconloss/core/weights";
import { fileSize } from "../../files.ts";
import { isUrl, withoutSecrets } from "../../http.ts";
import { largestFile } from "../../image/read.ts";
import type { ImageSet } from "../image-set.ts";
import { encodedImage } from "./encoded.ts";
import type { Input, InputContext } from "./input.ts";
import { joinSets } from "./join.ts";
import { labelIn } from "./members.ts";
import { distinctNames } from "./names.ts";

/** The most bytes of a list, all of which is in memory. */
const largestList = 2 ** 28;

interface Entry {
  /** As the list has it. */
  readonly path: string;
  readonly label?: string;
}

/** A list of paths or addresses, one a line, relative to the list; also a list of archives. */
export const textList: Input = {
  name: "txt",
  extensions: [".txt"],
  open: async (source, context) => {
    const lines = await linesOf(source);
    const areArchives = lines.map(({ text }) => context.isArchive(text));
    if (!areArchives.includes(true))
      return { images: async () => listImages(lines.map(toEntry), source.name, context) };
    const other = areArchives.indexOf(false);
    if (other >= 0) {
      const { number, text } = lines[other];
      throw listError(source.name, number, `${text} is not an archive, but others in the list are; make two lists`);
    }
    const paths = lines.map(({ text, number }) => addressOf(text, source.name, number, context));
    return joinSets(paths, context);
  },
};

/** A list of JSON objects, one a line: `path` (or `file_name`, as Hugging Face has it), relative to the list, and `label`. */
export const jsonList: Input = {
  name: "jsonl",
  extensions: [".jsonl", ".ndjson"],
  open: async (source, context) => {
    const lines = await linesOf(source);
    return {
      images: async () =>
        listImages(
          lines.map((line) => entryOf(line, source.name)),
          source.name,
          context,
        ),
    };
  },
};

interface Line {
  readonly text: string;
  readonly number: number;
}

const toEntry = ({ text, number }: Line) => ({ path: text, number });

async function linesOf({ name, size, read }: ByteSource): Promise<Line[]> {
  if (size > largestList) {
    throw new ReconlossError("content", `${name} has ${size} bytes; lists of at most ${largestList} are read`);
  }
  const bytes = await read(0, size);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ReconlossError("content", `${name} is not a list: it is not UTF-8 text`, { cause });
  }
  const lines = text.split(/\r?\n/).map((line, i) => ({ text: line.trim(), number: i + 1 }));
  return lines.filter((line) => line.text !== "");
}

const listError = (name: string, line: number, problem: string, cause?: unknown) =>
  new ReconlossError("content", `${name}, line ${line}: ${problem}`, { cause });

function entryOf({ text, number }: Line, name: string): Entry & { number: number } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw listError(name, number, "is not JSON", cause);
  }
  const { path, file_name } = (value ?? {}) as { path?: unknown; file_name?: unknown };
  const found = path ?? file_name;
  if (typeof found !== "string" || found === "") {
    throw listError(name, number, 'has no path; lines are objects such as {"path": "a.png", "label": "cat"}');
  }
  return { path: found, label: labelIn(value), number };
}

/** The path of an entry, relative to its list. */
function addressOf(entry: string, name: string, line: number, { path }: InputContext): string {
  if (isUrl(entry)) return entry;
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(entry)) {
    throw listError(name, line, `${entry}: only http and https addresses can be fetched`);
  }
  if (!isUrl(path)) return resolve(dirname(path), entry);
  try {
    return new URL(entry.replaceAll("#", "%23"), path).href;
  } catch (cause) {
    throw listError(name, line, `${entry} is not a URL`, cause);
  }
}

function listImages(entries: readonly (Entry & { number: number })[], list: string, context: InputContext): ImageSet {
  const addresses = entries.map(({ path, number }) => addressOf(path, list, number, context));
  const names = distinctNames(
    entries.map(({ path }) => withoutSecrets(path)),
    addresses,
  );
  return {
    count: entries.length,
    name: (index) => names[index],
    bytes: async (index) => (isUrl(addresses[index]) ? 0 : fileSize(addresses[index])),
    load: async (index) => {
      const bytes = await context.readImage(addresses[index], largestFile());
      return encodedImage(withoutSecrets(addresses[index]), bytes, context.options);
    },
    label: async (index) => entries[index].label,
  };
}
