import { basename } from "node:path";
import * as zlib from "node:zlib";
import { ReconlossError } from "@reconloss/core";
import { Recent } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import type { AsyncBuffer, Compressors, FileMetaData, SchemaElement, SchemaTree } from "hyparquet";
import { reasonOf } from "../../files.ts";
import { formatOf } from "../../image/formats.ts";
import type { ImageSet } from "../image-set.ts";
import { checkSize, encodedImage, unreadable } from "./encoded.ts";
import type { Input, InputContext } from "./input.ts";

/** The most bytes of a file's metadata, of a page once it is decompressed, and of the images of a row group, which are in memory together. */
const [largestMetadata, largestPage, largestGroup] = [2 ** 28, 2 ** 30, 2 ** 30];
/** The most rows. */
const mostRows = 2 ** 24;
/** The names that columns of classes have. */
const labelNames = ["label", "cls", "class"];

/** A table with a column of encoded images: bytes, or Hugging Face's `{bytes, path}`. */
export const parquet: Input = {
  name: "parquet",
  extensions: [".parquet"],
  matches: (head) => new TextDecoder("latin1").decode(head.subarray(0, 4)) === "PAR1",
  open: async (source, context) => ({ images: () => parquetImages(source, context) }),
};

async function loadHyparquet() {
  try {
    return await import("hyparquet");
  } catch (cause) {
    const message = "to read parquet files, install the optional package hyparquet: npm install hyparquet";
    throw new ReconlossError("missing-dependency", message, { cause });
  }
}

type Hyparquet = Awaited<ReturnType<typeof loadHyparquet>>;

async function parquetImages(source: ByteSource, { options, rowGroups }: InputContext): Promise<ImageSet> {
  const hyparquet = await loadHyparquet();
  const metadata = await metadataOf(source, hyparquet);
  const fail = (problem: string): never => {
    throw new ReconlossError("content", `${source.name}: ${problem}`);
  };
  const columns = hyparquet.parquetSchema(metadata).children;
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: async (start, end = source.size) => {
      const from = Math.max(0, start < 0 ? source.size + start : start);
      const { buffer, byteOffset, byteLength } = await source.read(
        from,
        Math.max(0, Math.min(end, source.size) - from),
      );
      return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    },
  };

  /** The first row of each row group, and one past the last. */
  const starts = [0];
  for (const { num_rows } of metadata.row_groups) starts.push(starts[starts.length - 1] + Number(num_rows));
  const count = starts[starts.length - 1];
  if (!(count <= mostRows)) fail(`has ${count} rows; at most ${mostRows} are read`);

  /** The values of a column in a row group. */
  const read = async (column: string, group: number): Promise<unknown[]> => {
    const chunks = metadata.row_groups[group].columns.filter(
      ({ meta_data }) => meta_data?.path_in_schema[0] === column,
    );
    const bytes = chunks.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
    if (bytes > largestGroup) {
      fail(`row group ${group} holds ${bytes} bytes of images; write row groups of at most ${largestGroup}`);
    }
    const [rowStart, rowEnd] = [starts[group], starts[group + 1]];
    const rows = await hyparquet.parquetReadObjects({
      ...{ file, metadata, rowStart, rowEnd, utf8: false, columns: [column] },
      compressors: compressorsOf(hyparquet),
    });
    return rows.map((row) => row[column]);
  };
  const valueAt = async (kept: Recent<unknown[]>, column: string, index: number): Promise<unknown> => {
    const group = starts.findLastIndex((start) => start <= index);
    const values = await kept.get(`${source.name} ${column} ${group}`, () => read(column, group));
    return values[index - starts[group]];
  };
  const classes = new Recent<unknown[]>(2);
  const labelAt = (column: string, index: number) =>
    valueAt(classes, column, index).catch((error) => {
      if (error instanceof ReconlossError) throw error;
      return fail(`the classes in column ${column} are damaged (${reasonOf(error)})`);
    });

  const image = count === 0 ? "" : await imageColumn(columns, (name) => valueAt(rowGroups, name, 0), fail);
  const label = columns.find(({ element, children }) => children.length === 0 && labelNames.includes(element.name));
  const name = (index: number) => `${source.name}#${index}`;
  return {
    count,
    name: (index) => `${basename(source.name)}#${index}`,
    load: async (index) => {
      const value = await valueAt(rowGroups, image, index).catch((error) => {
        if (error instanceof ReconlossError) throw error;
        throw unreadable(name(index), `its row group is damaged (${reasonOf(error)})`, error);
      });
      const bytes = bytesIn(value) ?? refuse(name(index), value);
      checkSize(name(index), bytes.length);
      return encodedImage(name(index), bytes, options);
    },
    ...(label ? { label: async (index) => textOf(await labelAt(label.element.name, index)) } : {}),
  };
}

async function metadataOf(source: ByteSource, { parquetMetadata }: Hyparquet): Promise<FileMetaData> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new ReconlossError("content", `${source.name}: ${problem}`, { cause });
  };
  const tail = source.size < 12 ? new Uint8Array(8) : await source.read(source.size - 8, 8);
  if (new TextDecoder("latin1").decode(tail.subarray(4)) !== "PAR1") fail("is no parquet file, or was cut short");
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > Math.min(largestMetadata, source.size - 12)) fail(`is damaged: its metadata claim ${length} bytes`);
  const bytes = Uint8Array.from(await source.read(source.size - 8 - length, length + 8));
  try {
    return parquetMetadata(bytes.buffer);
  } catch (cause) {
    return fail(`is damaged: its metadata cannot be read (${reasonOf(cause)})`, cause);
  }
}

/** The column of images: bytes or `{bytes, path}`, the first whose first value is one, or else the first. */
async function imageColumn(
  columns: readonly SchemaTree[],
  firstOf: (column: string) => Promise<unknown>,
  fail: (problem: string) => never,
): Promise<string> {
  const candidates = columns.filter(
    ({ element, children }) => isBytes(element) || children.some((child) => child.element.name === "bytes"),
  );
  const names = candidates.map(({ element }) => element.name);
  for (const name of names) {
    const bytes = bytesIn(await firstOf(name).catch(ignoreDamage));
    if (bytes !== undefined && formatOf(bytes) !== undefined) return name;
  }
  const all = columns.map(({ element }) => element.name).join(", ");
  return names[0] ?? fail(`has no column of images (bytes, or {bytes, path}); it has: ${all}`);
}

function ignoreDamage(error: unknown): undefined {
  if (error instanceof ReconlossError) throw error;
}

const isBytes = ({ type, converted_type, logical_type }: SchemaElement) =>
  type === "BYTE_ARRAY" && converted_type === undefined && logical_type === undefined;

function bytesIn(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const { bytes } = (value ?? {}) as { bytes?: unknown };
  return bytes instanceof Uint8Array ? bytes : undefined;
}

function refuse(name: string, value: unknown): never {
  const { path } = (value ?? {}) as { path?: unknown };
  const where = typeof path === "string" ? `, only the path ${path}` : "";
  throw unreadable(name, `the row holds no bytes${where}`);
}

function textOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return value === undefined || value === null ? undefined : String(value);
}

/** Decompressors by the names of the format, bounded by the size that the page tells, which is bounded too. */
function compressorsOf({ snappyUncompress }: Hyparquet): Compressors {
  const bounded =
    (decompress: (input: Uint8Array, size: number) => Uint8Array) =>
    (input: Uint8Array, size: number): Uint8Array => {
      if (size > largestPage) throw new Error(`a page of ${size} bytes; at most ${largestPage} are read`);
      return decompress(input, size);
    };
  // Node 22 and newer.
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };
  return {
    SNAPPY: bounded((input, size) => {
      const output = new Uint8Array(size);
      snappyUncompress(input, output);
      return output;
    }),
    GZIP: bounded((input, size) => zlib.gunzipSync(input, { maxOutputLength: Math.max(1, size) })),
    BROTLI: bounded((input, size) => zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, size) })),
    ...(zstdDecompressSync
      ? { ZSTD: bounded((input, size) => zstdDecompressSync(input, { maxOutputLength: Math.max(1, size) })) }
      : {}),
  };
}
