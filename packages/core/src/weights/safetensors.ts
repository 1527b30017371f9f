import { contiguousStrides, countOf, type DType, elementBytes, isShape } from "./elements.ts";
import { type ByteSource, checkpointError, readBytes } from "./source.ts";
import type { CheckpointContents, StoredTensor } from "./stored.ts";

/** The format's own limit on the header, in bytes. */
const LARGEST_HEADER = 100_000_000;

const dtypes: Readonly<Record<string, DType>> = {
  F32: "float32",
  F64: "float64",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
  U16: "uint16",
  U32: "uint32",
  U64: "uint64",
};

/**
 * The directory of a safetensors file: eight bytes of header length, a JSON header, then the tensors' bytes without gaps or overlaps.
 * Source: the format's description, https://github.com/huggingface/safetensors#format.
 */
export async function readSafetensors(source: ByteSource): Promise<CheckpointContents> {
  const prefix = await readBytes(source, 0, 8, "the header length");
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > Math.min(source.size - 8, LARGEST_HEADER)) {
    throw checkpointError(source.name, `the header claims ${length} bytes of a file of ${source.size}`);
  }
  const header = parseHeader(source.name, await readBytes(source, 8, length, "the header"));
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw checkpointError(source.name, "__metadata__ is not an object of texts");
  }

  const dataStart = 8 + length;
  const tensors = new Map<string, StoredTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, begin, end } = parseEntry(source.name, name, entry);
    ranges.push({ name, begin, end });
    const read = (offset: number, bytes: number) =>
      readBytes(source, dataStart + begin + offset, bytes, `tensor ${name}`);
    tensors.set(name, {
      run: { dtype, count: countOf(shape), read },
      offset: 0,
      shape,
      strides: contiguousStrides(shape),
    });
  }
  checkCover(source.name, ranges, source.size - dataStart);
  return { format: "safetensors", tensors, metadata: metadata as Record<string, string> };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseHeader(file: string, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw checkpointError(file, "the header is not JSON", cause);
  }
  if (!isRecord(header)) throw checkpointError(file, "the header is not a JSON object");
  return header;
}

/** A JSON value in a few characters; a list's items only as far as they are plain, since it could nest without end. */
function brief(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.slice(0, 8).map((item) => (isRecord(item) || Array.isArray(item) ? "..." : item))}]`;
  return isRecord(value) ? "{...}" : String(value);
}

function parseEntry(file: string, name: string, entry: unknown) {
  const { dtype: code, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  const dtype = typeof code === "string" && Object.hasOwn(dtypes, code) ? dtypes[code] : undefined;
  if (dtype === undefined) {
    throw checkpointError(file, `tensor ${name} has the unsupported type ${brief(code)}`);
  }
  if (!isShape(shape)) {
    throw checkpointError(file, `tensor ${name} has the shape ${brief(shape)}`);
  }
  if (!isShape(offsets) || offsets.length !== 2) {
    throw checkpointError(file, `tensor ${name} has the data offsets ${brief(offsets)}`);
  }
  const [begin, end] = offsets;
  const needed = countOf(shape) * elementBytes[dtype];
  if (end - begin !== needed) {
    throw checkpointError(
      file,
      `tensor ${name} with shape [${shape.join(", ")}] of ${dtype} needs ${needed} bytes, but its offsets [${begin}, ${end}] give ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

/** The tensors must cover the data exactly: no overlap, no gap, nothing beyond the end and nothing left over. */
function checkCover(file: string, ranges: { name: string; begin: number; end: number }[], size: number): void {
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of ranges) {
    if (begin < covered) throw checkpointError(file, `tensor ${name} overlaps another at byte ${begin}`);
    if (begin > covered) throw checkpointError(file, `bytes ${covered} to ${begin} belong to no tensor`);
    if (end > size) throw checkpointError(file, `tensor ${name} ends at byte ${end} of ${size}: the file is cut short`);
    covered = end;
  }
  if (covered !== size) throw checkpointError(file, `bytes ${covered} to ${size} belong to no tensor`);
}
