/** A value of Thrift's compact protocol: a whole number of 32 or 64 bits, bytes, a list of them, or a struct. */
type Field =
  | { i32: number }
  | { i64: bigint | Uint8Array }
  | { text: string }
  | { list: readonly Field[] }
  | { struct: Struct };
type Struct = Readonly<Record<number, Field | undefined>>;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}
const zigzag = (value: bigint) => varint(value < 0n ? -2n * value - 1n : 2n * value);
const types = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 } as const;
const typeOf = (field: Field) => types[Object.keys(field)[0] as keyof typeof types];

function bytesOf(field: Field): Uint8Array {
  if ("i32" in field) return Uint8Array.from(zigzag(BigInt(field.i32)));
  if ("i64" in field) return field.i64 instanceof Uint8Array ? field.i64 : Uint8Array.from(zigzag(field.i64));
  if ("struct" in field) return structOf(field.struct);
  if ("text" in field) {
    const text = Buffer.from(field.text);
    return Buffer.concat([Buffer.from(varint(BigInt(text.length))), text]);
  }
  const [first] = field.list;
  return Buffer.concat([Buffer.from([(field.list.length << 4) | typeOf(first)]), ...field.list.map(bytesOf)]);
}

/** A struct: each field with its type and how much its number is more than that of the one before, then a zero. */
function structOf(fields: Struct): Uint8Array {
  let last = 0;
  const pieces = Object.entries(fields).flatMap(([id, field]) => {
    if (field === undefined) return [];
    const step = Number(id) - last;
    last = Number(id);
    return [Buffer.from([(step << 4) | typeOf(field)]), bytesOf(field)];
  });
  return Buffer.concat([...pieces, Buffer.from([0])]);
}

/** Numbers of parquet.thrift. */
export const codecs = { UNCOMPRESSED: 0, SNAPPY: 1, GZIP: 2, LZO: 3, BROTLI: 4, ZSTD: 6 } as const;
export const encodings = { PLAIN: 0, DELTA_BINARY_PACKED: 5, DELTA_BYTE_ARRAY: 7 } as const;
const parquetTypes = { INT32: 1, BYTE_ARRAY: 6 } as const;

/** A column of one page. */
export interface TestColumn {
  name: string;
  type?: keyof typeof parquetTypes;
  /** Whether rows may have none, so that levels come first. */
  optional?: boolean;
  /** The contents of the page, before compression. */
  page: Uint8Array;
  encoding?: keyof typeof encodings;
  /** The values that the page claims; default: as many as there are rows. */
  values?: number;
  codec?: keyof typeof codecs;
  compress?: (page: Uint8Array) => Uint8Array;
}

/** A file of one row group, by parquet.thrift of apache/parquet-format. */
export function parquetOf(
  columns: readonly TestColumn[],
  rows: number,
  { numRows = { i64: BigInt(rows) } as Field } = {},
): Buffer {
  const pieces: Uint8Array[] = [Buffer.from("PAR1")];
  let at = 4;
  const chunks = columns.map(
    ({ name, type = "BYTE_ARRAY", page, encoding = "PLAIN", values = rows, codec, compress }) => {
      const packed = compress?.(page) ?? page;
      const header = structOf({
        1: { i32: 0 },
        2: { i32: page.length },
        3: { i32: packed.length },
        5: { struct: { 1: { i32: values }, 2: { i32: encodings[encoding] }, 3: { i32: 3 }, 4: { i32: 3 } } },
      });
      pieces.push(header, packed);
      const start = at;
      at += header.length + packed.length;
      const meta: Struct = {
        1: { i32: parquetTypes[type] },
        2: { list: [{ i32: encodings[encoding] }] },
        3: { list: [{ text: name }] },
        4: { i32: codecs[codec ?? "UNCOMPRESSED"] },
        5: { i64: BigInt(rows) },
        6: { i64: BigInt(header.length + page.length) },
        7: { i64: BigInt(at - start) },
        9: { i64: BigInt(start) },
      };
      return { struct: { 2: { i64: BigInt(start) }, 3: { struct: meta } } };
    },
  );
  const schema = columns.map(({ name, type = "BYTE_ARRAY", optional = false }) => ({
    struct: { 1: { i32: parquetTypes[type] }, 3: { i32: optional ? 1 : 0 }, 4: { text: name } },
  }));
  const metadata = structOf({
    1: { i32: 1 },
    2: { list: [{ struct: { 4: { text: "root" }, 5: { i32: columns.length } } }, ...schema] },
    3: numRows,
    4: { list: [{ struct: { 1: { list: chunks }, 2: { i64: BigInt(at) }, 3: { i64: BigInt(rows) } } }] },
  });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(metadata.length);
  return Buffer.concat([...pieces, metadata, length, Buffer.from("PAR1")]);
}

/** Byte arrays as PLAIN has them: each after its length. */
export function plainOf(values: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return [length, value];
    }),
  );
}

/** A run of RLE: `count` times a level of one bit, after the length of the run as data pages of version 1 have it. */
export function levelsOf(count: number): Buffer {
  const run = Buffer.from([...varint(2n * BigInt(count)), 1]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(run.length);
  return Buffer.concat([length, run]);
}

/** The beginning of DELTA_BINARY_PACKED: blocks of 128 values in 4 parts, so many values, the first of them, then one block whose differences are `step`. */
export function deltasOf(count: number, first: number, step: number): Buffer {
  const head = [128n, 4n, BigInt(count)].flatMap(varint);
  return Buffer.from([...head, ...zigzag(BigInt(first)), ...zigzag(BigInt(step)), 0, 0, 0, 0]);
}
