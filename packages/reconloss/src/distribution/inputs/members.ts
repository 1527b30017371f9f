import { basename, extname } from "node:path";
import { ReconlossError } from "@reconloss/core";
import type { ByteSource } from "@reconloss/core/weights";
import { formatOf, knownExtensions } from "../../image/formats.ts";
import type { IgnoredFiles, PixelOptions } from "../../image/index.ts";
import type { ImageSet, SetImage } from "../image-set.ts";
import { encodedImage, unreadable } from "./encoded.ts";
import { distinctNames } from "./names.ts";

/** A file inside an archive, as its index has it. */
export interface Member {
  readonly name: string;
  /** Its position: an offset, or the number of a record. */
  readonly at: number;
  /** In bytes. */
  readonly size: number;
}

/** The most members that an archive may have; their names are kept in memory. */
const mostMembers = 2 ** 23;
/** The longest `.cls` and `.json` that is looked into, in bytes. */
const longestLabel = 2 ** 20;

/** The members that hold the class of a webdataset's sample; the first that is there counts. */
const labelFields = [".cls", ".json"] as const;

/** The class that a name says: its first folder, as torchvision's ImageFolder has it. */
export function folderLabel(name: string): string | undefined {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length > 1 ? parts[0] : undefined;
}

/** The class in a JSON value, under the first of the names in use. */
export function labelIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  const label = ["label", "cls", "class"].map((key) => record[key]).find((each) => each !== undefined && each !== null);
  return ["string", "number", "boolean"].includes(typeof label) ? String(label) : undefined;
}

/** The sample that a member belongs to: its name up to the first dot after the last slash, as webdataset groups files. */
function sampleOf(name: string): string {
  const start = name.lastIndexOf("/") + 1;
  const dot = name.indexOf(".", start + 1);
  return dot < 0 ? name : name.slice(0, dot);
}

const isHidden = (name: string) =>
  name.split("/").some((part) => part.startsWith(".") && part !== "." && part !== "..");

const isImage = (head: Uint8Array | undefined) => head === undefined || formatOf(head) !== undefined;

/**
 * The images among the members of an archive, found as those of folders are: by name or, of other names, by content; all others are ignored and
 * counted. Only names, places and sizes are kept.
 */
export class MemberIndex {
  readonly #archive: string;
  readonly #names: string[] = [];
  readonly #places: number[] = [];
  readonly #sizes: number[] = [];
  /** For each image, which of the labels below is its own; -1 for none. */
  readonly #labelOf: number[] = [];
  readonly #labels: Member[] = [];
  readonly #ignoredFiles = new Map<string, number>();
  /** The sample whose members come one after the other, its first image, and its label so far. */
  #sample = { name: "", first: 0, label: -1 };

  /** @param archive - what errors call it */
  constructor(archive: string) {
    this.#archive = archive;
  }

  /**
   * Takes the next member. `head` gives its first 512 bytes, and is called for names that do not tell; nothing of a member that cannot be read, which counts as
   * an image, so that whoever reads it says what is wrong.
   */
  async add(member: Member, head: () => Promise<Uint8Array | undefined>): Promise<void> {
    const { name, at, size } = member;
    const extension = extname(name).toLowerCase();
    const sample = sampleOf(name);
    if (sample !== this.#sample.name) this.#sample = { name: sample, first: this.#names.length, label: -1 };
    if (isHidden(name)) return this.ignore("hidden");
    if (knownExtensions.has(extension) || (size > 0 && isImage(await head()))) {
      if (this.#names.length >= mostMembers) {
        throw new ReconlossError(
          "content",
          `${this.#archive} has more than ${mostMembers} images; make several archives`,
        );
      }
      this.#names.push(name);
      this.#places.push(at);
      this.#sizes.push(size);
      this.#labelOf.push(this.#sample.label);
      return;
    }
    this.ignore(extension || "without extension");
    this.#takeLabel(member, extension);
  }

  /** Counts a member that is no image. */
  ignore(kind: string): void {
    this.#ignoredFiles.set(kind, (this.#ignoredFiles.get(kind) ?? 0) + 1);
  }

  #takeLabel(member: Member, extension: string): void {
    const sample = this.#sample;
    const rank = labelFields.indexOf(extension as (typeof labelFields)[number]);
    if (rank < 0 || sampleOf(member.name) + extension !== member.name || member.size > longestLabel) return;
    const known = this.#labels[sample.label];
    if (known !== undefined && labelFields.indexOf(extname(known.name) as ".cls") <= rank) return;
    sample.label = this.#labels.push(member) - 1;
    this.#labelOf.fill(sample.label, sample.first);
  }

  /** The images as a set; `read` gives the bytes of a member. */
  set(read: (member: Member, name: string) => Promise<Uint8Array>, options: PixelOptions): ImageSet {
    const ignoredFiles: IgnoredFiles = Object.fromEntries(this.#ignoredFiles);
    const names = distinctNames(this.#names);
    const imageAt = (index: number): Member => ({
      name: names[index],
      at: this.#places[index],
      size: this.#sizes[index],
    });
    const load = async (index: number): Promise<SetImage> => {
      const member = imageAt(index);
      const name = `${this.#archive}#${member.name}`;
      return encodedImage(name, await read(member, name), options);
    };
    const label = async (index: number): Promise<string | undefined> => {
      const member = this.#labels[this.#labelOf[index]];
      if (member === undefined) return folderLabel(this.#names[index]);
      const name = `${this.#archive}#${member.name}`;
      return labelOfField(member.name, await read(member, name), name) ?? folderLabel(this.#names[index]);
    };
    const file = basename(this.#archive);
    return {
      count: this.#names.length,
      ignoredFiles,
      name: (index) => `${file}#${names[index]}`,
      bytes: async (index) => this.#sizes[index],
      load,
      label,
    };
  }
}

function labelOfField(field: string, bytes: Uint8Array, name: string): string | undefined {
  const text = new TextDecoder().decode(bytes).trim();
  if (field.endsWith(".cls")) return text === "" ? undefined : text;
  try {
    return labelIn(JSON.parse(text));
  } catch (cause) {
    throw new ReconlossError("content", `${name} is not JSON, so it has no class`, { cause });
  }
}

/** Bytes of a file, where the file has them. */
export async function bytesAt(source: ByteSource, at: number, length: number, name: string): Promise<Uint8Array> {
  const bytes = at >= 0 && at + length <= source.size ? await source.read(at, length) : undefined;
  if (bytes?.length !== length) throw unreadable(name, `${source.name} was truncated by another program`);
  return bytes;
}
