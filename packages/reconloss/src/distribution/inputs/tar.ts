import { ReconlossError } from "@reconloss/core";
import type { ByteSource } from "@reconloss/core/weights";
import type { ImageSet } from "../image-set.ts";
import { checkSize } from "./encoded.ts";
import type { Input } from "./input.ts";
import { bytesAt, MemberIndex } from "./members.ts";
import { Window } from "./window.ts";

const block = 512;
/** Zeros after which nothing more is looked for, in bytes: more than any blocking factor in use pads the end with. */
const longestPadding = 2 ** 20;
/** The longest name, and the longest list of extended attributes, in bytes. */
const longestHeader = 2 ** 20;

/** The treatment of a member by its type flag (POSIX.1-2001, pax interchange format; the letters are GNU's). */
const kinds: Readonly<Record<string, "file" | "folder" | "attributes" | "name" | "ignored" | (string & {})>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "link",
  "2": "link",
  "3": "device",
  "4": "device",
  "5": "folder",
  "6": "named pipe",
  x: "attributes",
  g: "ignored",
  L: "name",
  K: "ignored",
  S: "sparse file",
};

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();

/** A tar archive, read by offsets: one pass over the headers finds the members, and nothing is unpacked. */
export const tar: Input = {
  name: "tar",
  extensions: [".tar"],
  matches: (head) => head.length >= block && latin1.decode(head.subarray(257, 262)) === "ustar",
  open: async (source, { options }) => ({ images: () => tarImages(source, options) }),
};

/** A compressed tar, in which no member has an offset. */
export const compressedTar: Input = {
  name: "compressed tar",
  extensions: [".tgz", ".gz", ".zst", ".bz2", ".xz"],
  matches: (head) => head[0] === 0x1f && head[1] === 0x8b,
  open: async ({ name }) => {
    throw new ReconlossError(
      "content",
      `${name} is compressed, so that its members have no offsets; uncompress it to a .tar`,
    );
  },
};

async function tarImages(source: ByteSource, options: Parameters<MemberIndex["set"]>[1]): Promise<ImageSet> {
  const index = new MemberIndex(source.name);
  const window = new Window(source);
  for await (const { name, kind, at, size } of members(window, source)) {
    if (kind === "file") await index.add({ name, at, size }, () => window.read(at, Math.min(size, block)));
    else if (kind !== "folder") index.ignore(kind);
  }
  return index.set(async ({ at, size }, name) => {
    checkSize(name, size);
    return bytesAt(source, at, size, name);
  }, options);
}

interface TarMember {
  readonly name: string;
  readonly kind: string;
  /** The position of its content. */
  readonly at: number;
  readonly size: number;
}

/**
 * The members in the order of the archive. Archives that were joined are read on, as `tar --ignore-zeros` does.
 *
 * @throws {ReconlossError} `content` for what is no header, and where the archive ends within a member
 */
async function* members(window: Window, source: ByteSource): AsyncGenerator<TarMember> {
  const fail = (problem: string): never => {
    throw new ReconlossError("content", `${source.name}: ${problem}`);
  };
  let attributes: ReadonlyMap<string, string> = new Map();
  let longName: string | undefined;
  let padding = 0;
  for (let at = 0; at < source.size && padding < longestPadding; ) {
    const header = await window.read(at, Math.min(block, source.size - at));
    if (header.every((byte) => byte === 0)) {
      padding += block;
      at += block;
      continue;
    }
    padding = 0;
    if (header.length < block || !hasChecksum(header)) {
      fail(at === 0 ? "is not a tar archive" : `is damaged: at byte ${at} there is no header of a member`);
    }
    const flag = String.fromCharCode(header[156]);
    const known = kinds[flag] ?? `member of type ${JSON.stringify(flag)}`;
    const isOfMember = known !== "attributes" && known !== "name" && known !== "ignored";
    const name = (isOfMember && (attributes.get("path") ?? longName)) || nameIn(header);
    const declared = isOfMember ? attributes.get("size") : undefined;
    const size = declared === undefined ? numberIn(header.subarray(124, 136)) : Number(declared);
    if (!Number.isSafeInteger(size) || size < 0) fail(`is damaged: member ${name} has no size`);
    // Links, folders and devices have no content, whatever size they say.
    const length = known === "file" || known === "sparse file" || !isOfMember || kinds[flag] === undefined ? size : 0;
    const start = at + block;
    if (start + length > source.size) {
      fail(
        `is truncated: member ${name} should have ${size} bytes, of which ${Math.max(0, source.size - start)} are there`,
      );
    }
    if (known === "attributes" || known === "name") {
      if (length > longestHeader) fail(`is damaged: the header at byte ${at} claims ${length} bytes`);
      const bytes = await window.read(start, length);
      if (known === "attributes") attributes = attributesIn(bytes) ?? fail(`is damaged: the attributes at byte ${at}`);
      else longName = utf8.decode(bytes).replace(/\0.*$/s, "");
    } else if (isOfMember) {
      const isSparse = [...attributes.keys()].some((key) => key.startsWith("GNU.sparse."));
      const isFolder = known === "file" && name.endsWith("/");
      yield {
        name: name.replace(/^(\.\/)+/, ""),
        kind: isSparse ? "sparse file" : isFolder ? "folder" : known,
        at: start,
        size: length,
      };
      [attributes, longName] = [new Map(), undefined];
    }
    at = start + Math.ceil(length / block) * block;
  }
}

/** Whether the header's sum is that of its bytes, its own field taken as spaces; some programs summed signed bytes. */
function hasChecksum(header: Uint8Array): boolean {
  const declared = numberIn(header.subarray(148, 156));
  let [unsigned, signed] = [8 * 32, 8 * 32];
  for (let i = 0; i < block; i++) {
    if (i >= 148 && i < 156) continue;
    unsigned += header[i];
    signed += (header[i] << 24) >> 24;
  }
  return declared === unsigned || declared === signed;
}

/** A number in octal digits, or in base 256 where the first bit is set; NaN for anything else. */
function numberIn(field: Uint8Array): number {
  if (field[0] & 0x80) {
    let value = field[0] & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const digits = latin1.decode(field).replace(/\0.*$/s, "").trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

const textIn = (field: Uint8Array): string => {
  const end = field.indexOf(0);
  return utf8.decode(end < 0 ? field : field.subarray(0, end));
};

function nameIn(header: Uint8Array): string {
  const name = textIn(header.subarray(0, 100));
  // GNU's own format, whose magic goes on with spaces, has other fields where the prefix would be.
  const isPosix = latin1.decode(header.subarray(257, 263)) === "ustar\0";
  const prefix = isPosix ? textIn(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Extended attributes: lines of "length key=value". */
function attributesIn(bytes: Uint8Array): Map<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(latin1.decode(bytes.subarray(at, space)));
    const end = at + length;
    if (!(Number.isInteger(length) && end > space + 1 && end <= bytes.length)) return undefined;
    const equals = bytes.indexOf(61, space);
    if (equals < 0 || equals >= end) return undefined;
    attributes.set(utf8.decode(bytes.subarray(space + 1, equals)), utf8.decode(bytes.subarray(equals + 1, end - 1)));
    at = end;
  }
  return attributes;
}
