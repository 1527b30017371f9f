import { Inflate, inflateSync } from "fflate";
import type { ReconlossError } from "../errors.ts";
import { type ByteSource, checkpointError, readBytes } from "./source.ts";

/** A file in a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** Size once unpacked, in bytes. */
  readonly size: number;
  /**
   * Bytes `[offset, offset + length)` of the unpacked content. A packed entry is unpacked from where the last call ended, or from its beginning: reading
   * in order unpacks it once, in memory for a few pieces of it, and checks the CRC-32 at the end.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The unpacked content, checked against the archive's CRC-32. */
  readAll(): Promise<Uint8Array>;
}

/** An entry as the directory describes it. */
export interface ZipRecord {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  /** The position of its local header. */
  header: number;
  /** The kind of file and its permissions, as Unix has them; 0 where the archive is from elsewhere. */
  mode: number;
}

/** The directory of an archive. */
export interface ZipDirectory {
  readonly records: readonly ZipRecord[];
  /** The position where it begins, and the entries end. */
  readonly start: number;
}

const STORED = 0;
const DEFLATED = 8;
/** Deflate cannot shrink more than this; a larger claim is a bomb or damage. */
const LARGEST_DEFLATE_RATIO = 1032;
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const END_OF_DIRECTORY_64_LOCATOR = 0x07064b50;
/** The largest directory that is read: some millions of entries. */
const LARGEST_DIRECTORY = 2 ** 28;
/** The system whose files have a mode in the directory. */
const UNIX = 3;
/** The end record's 22 bytes and the longest comment. */
const LONGEST_END = 22 + 0xffff;

const wrongSum = "has the wrong CRC-32: the file is damaged";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const wide = (view: DataView, offset: number) => Number(view.getBigUint64(offset, true));

/**
 * The files of a zip archive (zip64 too), found through its central directory; contents are read only when asked for.
 * Source: PKWARE APPNOTE 6.3, sections 4.3 to 4.5.
 */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { records, start } = await readZipDirectory(source);
  const entries = new Map<string, ZipEntry>();
  for (const record of records) {
    if (entries.has(record.name)) throw checkpointError(source.name, `two zip entries are named ${record.name}`);
    entries.set(record.name, openZipEntry(source, record, start));
  }
  return entries;
}

/** The entries of a zip archive, in the order of its directory; entries that overlap are an error. */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const { offset, size, count } = await findDirectory(source);
  if (size > LARGEST_DIRECTORY) {
    throw checkpointError(source.name, `the zip directory has ${size} bytes; at most ${LARGEST_DIRECTORY} are read`);
  }
  const bytes = await readBytes(source, offset, size, "the zip directory");
  const records = parseDirectory(source.name, bytes, count);
  checkOverlap(source.name, records, offset);
  return { records, start: offset };
}

async function findDirectory(source: ByteSource): Promise<{ offset: number; size: number; count: number }> {
  const length = Math.min(source.size, LONGEST_END);
  const tailStart = source.size - length;
  const tail = viewOf(await readBytes(source, tailStart, length, "the end of the zip archive"));
  let end = length - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw checkpointError(source.name, "the zip archive has no directory: the file is cut short");
  const plain = {
    count: tail.getUint16(end + 10, true),
    size: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
  const needsWide = plain.count === 0xffff || plain.size === 0xffffffff || plain.offset === 0xffffffff;
  const locator = end - 20;
  if (!needsWide || locator < 0 || tail.getUint32(locator, true) !== END_OF_DIRECTORY_64_LOCATOR) return plain;
  const record = viewOf(await readBytes(source, wide(tail, locator + 8), 56, "the zip64 directory record"));
  if (record.getUint32(0, true) !== END_OF_DIRECTORY_64) {
    throw checkpointError(source.name, "the zip64 directory record is not where the archive says");
  }
  return { count: wide(record, 32), size: wide(record, 40), offset: wide(record, 48) };
}

function parseDirectory(file: string, bytes: Uint8Array, count: number): ZipRecord[] {
  const view = viewOf(bytes);
  const records: ZipRecord[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw checkpointError(file, `the zip directory ends after ${index} of ${count} entries`);
    }
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) throw checkpointError(file, `the zip directory is cut short in entry ${index}`);
    const record: ZipRecord = {
      name: new TextDecoder().decode(bytes.subarray(at + 46, nameEnd)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      header: view.getUint32(at + 42, true),
      mode: view.getUint8(at + 5) === UNIX ? view.getUint16(at + 40, true) : 0,
    };
    widen(record, viewOf(bytes.subarray(nameEnd, extraEnd)));
    records.push(record);
    at = next;
  }
  return records;
}

/** Replaces the fields that are too wide for 32 bits by those of the zip64 extra field, which lists just these, in this order. */
function widen(record: ZipRecord, extra: DataView): void {
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    const end = Math.min(at + 4 + extra.getUint16(at + 2, true), extra.byteLength);
    let field = at + 4;
    for (const key of ["size", "packed", "header"] as const) {
      if (record[key] !== 0xffffffff || field + 8 > end) continue;
      record[key] = wide(extra, field);
      field += 8;
    }
    return;
  }
}

/** Entries must lie one after the other before the directory: overlap is how zip bombs are made. */
function checkOverlap(file: string, records: readonly ZipRecord[], directory: number): void {
  const sorted = [...records].sort((a, b) => a.header - b.header);
  sorted.forEach((record, index) => {
    const next = sorted[index + 1]?.header ?? directory;
    if (record.header + 30 + record.packed > next) {
      throw checkpointError(file, `the zip entry ${record.name} of ${record.packed} bytes runs into what follows it`);
    }
  });
}

/**
 * An entry of an archive, whose directory begins at `directory`.
 *
 * @throws {ReconlossError} `checkpoint` where it is encrypted, compressed in another way, or its sizes cannot be
 */
export function openZipEntry(source: ByteSource, record: ZipRecord, directory: number): ZipEntry {
  const fail = (problem: string, cause?: unknown) =>
    checkpointError(source.name, `the zip entry ${record.name} ${problem}`, cause);
  if (record.flags & 1) throw fail("is encrypted");
  if (record.method !== STORED && record.method !== DEFLATED) throw fail(`uses compression method ${record.method}`);
  if (record.method === STORED && record.packed !== record.size) throw fail("has two different sizes");
  if (record.size > record.packed * LARGEST_DEFLATE_RATIO) {
    throw fail(`claims to unpack ${record.packed} bytes to ${record.size}`);
  }

  let content: Promise<number> | undefined;
  /** The position of the packed bytes: after the local header, whose length only the header itself knows. */
  const contentStart = (): Promise<number> =>
    (content ??= readBytes(source, record.header, 30, `the zip entry ${record.name}`).then((bytes) => {
      const header = viewOf(bytes);
      const start = record.header + 30 + header.getUint16(26, true) + header.getUint16(28, true);
      const isHeader = header.getUint32(0, true) === LOCAL_HEADER && header.getUint16(8, true) === record.method;
      if (!isHeader || start + record.packed > directory) throw fail("is not where the directory says");
      return start;
    }));
  const inflate = async (): Promise<Uint8Array> => {
    const packed = await readBytes(source, await contentStart(), record.packed, `the zip entry ${record.name}`);
    try {
      const unpacked = inflateSync(packed, { out: new Uint8Array(record.size) });
      if (unpacked.length !== record.size) throw new Error(`${unpacked.length} of ${record.size} bytes`);
      return unpacked;
    } catch (cause) {
      throw fail("does not unpack", cause);
    }
  };
  const checked = (bytes: Uint8Array): Uint8Array => {
    if (crc32(bytes) !== record.crc) throw fail(wrongSum);
    return bytes;
  };
  const readStored = async (offset: number, length: number) =>
    readBytes(source, (await contentStart()) + offset, length, `the zip entry ${record.name}`);

  return {
    name: record.name,
    size: record.size,
    read:
      record.method === STORED
        ? readStored
        : readInOrder(record.size, async () => unpack(source, record, await contentStart(), fail)),
    readAll: async () => checked(record.method === STORED ? await readStored(0, record.size) : await inflate()),
  };
}

/** Packed bytes that are unpacked at once: few at first, since often only a header is wanted; at most 16 MiB come out of the most. */
const [firstPiece, largestPiece] = [2 ** 9, 2 ** 14];

/** The unpacked content of an entry, piece by piece. */
async function* unpack(
  source: ByteSource,
  { name, packed, size, crc }: ZipRecord,
  start: number,
  fail: (problem: string, cause?: unknown) => ReconlossError,
): AsyncGenerator<Uint8Array, never> {
  let pieces: Uint8Array[] = [];
  const stream = new Inflate((piece) => void pieces.push(piece));
  let [done, sum] = [0, 0];
  for (let at = 0, length = 0; at < packed; at += length) {
    length = Math.min(Math.max(2 * length, firstPiece), largestPiece, packed - at);
    const bytes = await readBytes(source, start + at, length, `the zip entry ${name}`);
    try {
      stream.push(bytes, at + length === packed);
    } catch (cause) {
      throw fail("does not unpack", cause);
    }
    for (const piece of pieces) {
      done += piece.length;
      if (done > size) throw fail(`unpacks to more than the ${size} bytes that it should have`);
      sum = crc32(piece, sum);
      // Before the last piece is given away, so that nobody takes damaged content for whole.
      if (done === size && sum !== crc) throw fail(wrongSum);
      yield piece;
    }
    pieces = [];
  }
  throw fail(`unpacks to ${done} of ${size} bytes`);
}

/** Random access to a stream that can only be read from its beginning on: calls wait for one another, and the stream goes on where the last one ended. */
function readInOrder(size: number, begin: () => Promise<AsyncGenerator<Uint8Array, never>>): ZipEntry["read"] {
  let stream: AsyncGenerator<Uint8Array, never> | undefined;
  /** The piece that was unpacked last, and where it starts. */
  let [piece, start]: [Uint8Array, number] = [new Uint8Array(0), 0];
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (stream === undefined || offset < start) [stream, piece, start] = [await begin(), new Uint8Array(0), 0];
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      if (offset + done < start + piece.length) {
        const part = piece.subarray(offset + done - start, offset + length - start);
        bytes.set(part, done);
        done += part.length;
      } else {
        start += piece.length;
        piece = (await stream.next()).value;
      }
    }
    return bytes;
  };
  let last: Promise<unknown> = Promise.resolve();
  return (offset, length) => {
    const result = last.then(() => read(offset, Math.min(length, size - offset)));
    last = result.catch(() => {
      stream = undefined;
    });
    return result;
  };
}

let crcTable: Uint32Array | undefined;

/**
 * CRC-32 as zip uses it (polynomial 0xEDB88320).
 *
 * @param before - of the bytes before these
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[i]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}
