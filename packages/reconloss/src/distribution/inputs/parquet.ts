import { basename } from "node:path";
import * as zlib from "node:zlib";
import { ReconlossError } from "@reconloss/core";
import { Recent } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import { reasonOf } from "../../files.ts";
import { formatOf } from "../../image/formats.ts";
import type { ImageSet } from "../image-set.ts";
import { checkSize, encodedImage, unreadable } from "./encoded.ts";
import type { Input, InputContext } from "./input.ts";
import type { ParquetThread } from "./parquet-thread.ts";
import type { ParquetColumn, ParquetContent } from "./parquet-worker.ts";

/** The most bytes of a file's metadata, and of the images of a row group, which are in memory together. */
const [largestMetadata, largestGroup] = [2 ** 28, 2 ** 30];
/** The most rows of a file and of a row group. */
const [mostRows, mostRowsOfGroup] = [2 ** 24, 2 ** 20];
/** The names that columns of classes have. */
const labelNames = ["label", "cls", "class"];

/** A table with a column of encoded images: bytes, or Hugging Face's `{bytes, path}`. */
export const parquet: Input = {
  name: "parquet",
  extensions: [".parquet"],
  matches: (head) => new TextDecoder("latin1").decode(head.subarray(0, 4)) === "PAR1",
  open: async (source, context) => ({ images: () => parquetImages(source, context) }),
};

async function parquetImages(
  source: ByteSource,
  { options, rowGroups, parquet: thread }: InputContext,
): Promise<ImageSet> {
  const fail = (problem: string): never => {
    throw new ReconlossError("content", `${source.name}: ${problem}`);
  };
  const { metadata, columns } = await contentOf(source, thread);

  /** The first row of each row group, and one past the last. */
  const starts = [0];
  for (const { num_rows } of metadata.row_groups) starts.push(starts[starts.length - 1] + Number(num_rows));
  const count = starts[starts.length - 1];
  if (!(count <= mostRows)) fail(`has ${count} rows; at most ${mostRows} are read`);

  /** The values of a column in a row group. */
  const read = async (column: string, group: number): Promise<readonly unknown[]> => {
    const { num_rows, columns: all } = metadata.row_groups[group];
    const chunks = all.flatMap(({ meta_data }) => (meta_data?.path_in_schema[0] === column ? [meta_data] : []));
    const bytes = chunks.reduce((sum, { total_uncompressed_size }) => sum + Number(total_uncompressed_size), 0);
    if (!(bytes <= largestGroup)) {
      fail(`row group ${group} holds ${bytes} bytes of images; write row groups of at most ${largestGroup}`);
    }
    if (num_rows > mostRowsOfGroup)
      fail(`row group ${group} has ${num_rows} rows; at most ${mostRowsOfGroup} are read`);
    for (const { codec } of chunks) refuseCodec(source.name, codec);
    return thread.column(source, metadata, group, column);
  };
  const valueAt = async (kept: Recent<readonly unknown[]>, column: string, index: number): Promise<unknown> => {
    const group = starts.findLastIndex((start) => start <= index);
    const values = await kept.get(`${source.name} ${column} ${group}`, () => read(column, group));
    return values[index - starts[group]];
  };
  const classes = new Recent<readonly unknown[]>(2);
  const labelAt = (column: string, index: number) =>
    valueAt(classes, column, index).catch((error) => {
      if (error instanceof ReconlossError) throw error;
      return fail(`the classes in column ${column} are damaged (${reasonOf(error)})`);
    });

  const image = count === 0 ? "" : await imageColumn(columns, (name) => valueAt(rowGroups, name, 0), fail);
  const label = columns.find(({ name, isPlain }) => isPlain && labelNames.includes(name));
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
    ...(label ? { label: async (index) => textOf(await labelAt(label.name, index)) } : {}),
  };
}

async function contentOf(source: ByteSource, thread: ParquetThread): Promise<ParquetContent> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new ReconlossError("content", `${source.name}: ${problem}`, { cause });
  };
  const tail = source.size < 12 ? new Uint8Array(8) : await source.read(source.size - 8, 8);
  if (new TextDecoder("latin1").decode(tail.subarray(4)) !== "PAR1") fail("is not a parquet file, or was truncated");
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > Math.min(largestMetadata, source.size - 12)) fail(`is damaged: its metadata claim ${length} bytes`);
  try {
    return await thread.metadata(source, length);
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    return fail(`is damaged: its metadata cannot be read (${reasonOf(cause)})`, cause);
  }
}

/** The compressions of columns that are read. */
const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"];

function refuseCodec(name: string, codec: string): void {
  if (codec === "ZSTD" && !("zstdDecompressSync" in zlib)) {
    throw new ReconlossError(
      "missing-dependency",
      `${name} is compressed by ZSTD, which needs Node 22.15 or newer; this is ${process.version}`,
    );
  }
  if (codecs.includes(codec)) return;
  throw new ReconlossError("content", `${name} is compressed by ${codec}; ${codecs.join(", ")} can be read`);
}

/** The column of images: bytes or `{bytes, path}`, the first whose first value is one, or else the first. */
async function imageColumn(
  columns: readonly ParquetColumn[],
  firstOf: (column: string) => Promise<unknown>,
  fail: (problem: string) => never,
): Promise<string> {
  const names = columns.filter(({ hasBytes }) => hasBytes).map(({ name }) => name);
  for (const name of names) {
    const bytes = bytesIn(await firstOf(name).catch(ignoreDamage));
    if (bytes !== undefined && formatOf(bytes) !== undefined) return name;
  }
  const all = columns.map(({ name }) => name).join(", ");
  return names[0] ?? fail(`has no column of images (bytes, or {bytes, path}); it has: ${all}`);
}

function ignoreDamage(error: unknown): undefined {
  if (error instanceof ReconlossError) throw error;
}

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
