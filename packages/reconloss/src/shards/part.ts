import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { ReconlossError } from "@reconloss/core";
import { openFile, reasonOf, writePiecesAtomically } from "../files.ts";

/**
 * A part: what one shard came to, in one file. The first line is JSON and says which shard of which plan it is; then comes the content, whatever it is of that
 * kind of work; the last line is JSON with the SHA-256 of everything before it.
 */
export interface Part {
  readonly path: string;
  readonly header: PartHeader;
  /** The beginning and the end of the content. */
  readonly start: number;
  readonly end: number;
}

/** The first line of a part. */
export interface PartHeader {
  readonly format: string;
  /** {@link Manifest.hash} of the plan. */
  readonly work: string;
  readonly shard: number;
  /** The description of its content by the kind of work. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** Appends to the content of a part that is being written. */
export type WriteContent = (data: string | Uint8Array) => Promise<void>;

const format = "reconloss part 1";
const longestHeader = 2 ** 20;
/** The number of bytes that are read of a part's beginning at first. */
const shortHeader = 2 ** 12;
const readBlock = 2 ** 20;
const footerOf = (digest: string) => `{"sha256":"${digest}"}\n`;
const footerBytes = footerOf("0".repeat(64)).length;
const footerPattern = /^\{"sha256":"(?<digest>[0-9a-f]{64})"\}\n$/;

/**
 * Writes a part so that it is there whole or not at all.
 *
 * @throws {ReconlossError} `file` when the disk takes no more
 */
export async function writePart(
  path: string,
  { work, shard, content }: Omit<PartHeader, "format">,
  write: (append: WriteContent) => Promise<void>,
): Promise<void> {
  await writePiecesAtomically(path, async (file) => {
    const hash = createHash("sha256");
    const append: WriteContent = async (data) => {
      hash.update(data);
      await file.appendFile(data);
    };
    await append(`${JSON.stringify({ format, work, shard, content })}\n`);
    await write(append);
    await file.appendFile(footerOf(hash.digest("hex")));
  });
}

/** Makes the error of what is no part, or none any more. */
export type PartError = (problem: string) => ReconlossError;

const partError =
  (path: string): PartError =>
  (problem) =>
    new ReconlossError("content", `${path} ${problem}`);

const isNone = "is not a part of a plan";
const wasCut = "is damaged: it was truncated";

/**
 * Reads the first and the last line of a part.
 *
 * @param options.whole - also whether every byte is what was written
 * @throws {ReconlossError} `content` for what is no part, damaged or truncated; `file` where it cannot be read
 */
export async function readPart(path: string, { whole = false } = {}): Promise<Part> {
  const { handle, size } = await openFile(path);
  const refuse = partError(path);
  try {
    if (whole) {
      const scan = new PartScan(refuse);
      const block = Buffer.alloc(readBlock);
      for (let at = 0; at < size; ) {
        const { bytesRead } = await handle.read(block, 0, block.length, at);
        if (bytesRead === 0) break;
        scan.take(block.subarray(0, bytesRead));
        at += bytesRead;
      }
      return { path, ...scan.end() };
    }
    return { path, ...(await readEnds(size, (at, length) => readBytes(handle, at, length), refuse)) };
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    throw new ReconlossError("file", `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  } finally {
    await handle.close();
  }
}

/** Returns what both ends of a part tell; no more of it is read. */
export async function readEnds(
  size: number,
  read: (position: number, length: number) => Promise<Buffer>,
  refuse: PartError,
): Promise<Omit<Part, "path">> {
  let head: Buffer = Buffer.alloc(0);
  let lineEnd = -1;
  for (let length = shortHeader; lineEnd < 0 && head.length < Math.min(size, longestHeader); length *= 16) {
    head = await read(0, Math.min(size, length));
    lineEnd = head.indexOf(0x0a);
  }
  const header = lineEnd < 0 ? undefined : headerIn(head.subarray(0, lineEnd));
  if (header === undefined) throw refuse(isNone);
  const end = size - footerBytes;
  const footer = end > lineEnd ? await read(end, footerBytes) : Buffer.alloc(0);
  if (!footerPattern.test(footer.toString("latin1"))) throw refuse(wasCut);
  return { header, start: lineEnd + 1, end };
}

/** Looks at a part while its bytes pass. */
export class PartScan {
  readonly #refuse: PartError;
  readonly #hash = createHash("sha256");
  /** The first bytes, until the first line is known. */
  #head: Buffer = Buffer.alloc(0);
  #header: PartHeader | undefined;
  #start = 0;
  /** The last bytes, which may be the last line, and are not of the hash. */
  #tail: Buffer = Buffer.alloc(0);
  #size = 0;

  constructor(refuse: PartError) {
    this.#refuse = refuse;
  }

  take(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#header === undefined) this.#readHeader(bytes);
    const all = Buffer.concat([this.#tail, bytes]);
    const before = Math.max(0, all.length - footerBytes);
    this.#hash.update(all.subarray(0, before));
    this.#tail = all.subarray(before);
  }

  /** The digest, after the last byte. */
  end(): Omit<Part, "path"> {
    if (this.#header === undefined) throw this.#refuse(isNone);
    const end = this.#size - footerBytes;
    const { digest } = footerPattern.exec(this.#tail.toString("latin1"))?.groups ?? {};
    if (digest === undefined || end < this.#start) throw this.#refuse(wasCut);
    if (digest !== this.#hash.digest("hex")) {
      throw this.#refuse("is damaged: its content does not match its checksum");
    }
    return { header: this.#header, start: this.#start, end };
  }

  #readHeader(bytes: Uint8Array): void {
    this.#head = Buffer.concat([this.#head, bytes]);
    const lineEnd = this.#head.indexOf(0x0a);
    if (lineEnd < 0 && this.#head.length < longestHeader) return;
    this.#header = lineEnd < 0 ? undefined : headerIn(this.#head.subarray(0, lineEnd));
    if (this.#header === undefined) throw this.#refuse(isNone);
    this.#start = lineEnd + 1;
    this.#head = Buffer.alloc(0);
  }
}

function headerIn(line: Buffer): PartHeader | undefined {
  try {
    const header = JSON.parse(line.toString("utf8")) as PartHeader;
    return header?.format === format && Number.isInteger(header.shard) ? header : undefined;
  } catch {
    return undefined;
  }
}

async function readBytes(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** The most files that are open at a time. */
const mostOpen = 64;

/** Reads the contents of parts, of which few are open at a time however many there are. */
export class PartReader {
  readonly #open = new Map<string, Promise<FileHandle>>();

  /**
   * Some bytes of a part's content.
   *
   * @param position - from the beginning of the content
   * @throws {ReconlossError} `file` where there are not as many
   */
  async read({ path, start, end }: Part, position: number, length: number): Promise<Buffer> {
    const bytes = await readBytes(await this.#handle(path), start + position, Math.min(length, end - start - position));
    if (bytes.length < length) throw new ReconlossError("file", `${path} was truncated by another program`);
    return bytes;
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await (await handle).close();
    this.#open.clear();
  }

  async #handle(path: string): Promise<FileHandle> {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const [oldest] = this.#open.keys();
    if (this.#open.size >= mostOpen) {
      const closing = this.#open.get(oldest);
      this.#open.delete(oldest);
      await (await closing)?.close();
    }
    const opening = openFile(path).then(({ handle }) => handle);
    this.#open.set(path, opening);
    return opening;
  }
}

/** The lines of a part whose content is text. */
export async function* contentLines({ path, start, end }: Part): AsyncGenerator<string> {
  const { handle } = await openFile(path);
  try {
    let rest = Buffer.alloc(0);
    for (let at = start; at < end; ) {
      const block = await readBytes(handle, at, Math.min(readBlock, end - at));
      if (block.length === 0) throw new ReconlossError("file", `${path} was truncated by another program`);
      at += block.length;
      const bytes = Buffer.concat([rest, block]);
      let from = 0;
      for (let to = bytes.indexOf(0x0a); to >= 0; to = bytes.indexOf(0x0a, from)) {
        yield bytes.toString("utf8", from, to);
        from = to + 1;
      }
      rest = bytes.subarray(from);
    }
  } finally {
    await handle.close();
  }
}
