import { type MessagePort, parentPort } from "node:worker_threads";
import * as zlib from "node:zlib";
import type { Compressors, FileMetaData } from "hyparquet";

/** A request to a thread: the contents of a file, by the bytes of its end, or the values of a column, of a file with this row group alone. */
export type ParquetTask =
  | { readonly kind: "metadata"; readonly tail: ArrayBuffer }
  | { readonly kind: "column"; readonly metadata: FileMetaData; readonly column: string; readonly size: number };

/** A column as its file describes it. */
export interface ParquetColumn {
  readonly name: string;
  /** Whether it is of bytes, or has a part `bytes`. */
  readonly hasBytes: boolean;
  /** Whether it has no parts. */
  readonly isPlain: boolean;
}

/** The contents of a file. */
export interface ParquetContent {
  readonly metadata: FileMetaData;
  readonly columns: readonly ParquetColumn[];
}

/** A message of the thread: that it needs bytes of the file, or the end of its task. */
export type ParquetAnswer =
  | { readonly read: { readonly at: number; readonly length: number } }
  | { readonly result: ParquetContent | readonly unknown[] }
  | { readonly problem: string };

/** The most bytes that all pages and typed arrays of a task may take together, and the most that its other arrays may. */
const [mostBytes, mostHeap] = [2 ** 31, 2 ** 28];
let [bytes, heap] = [0, 0];

function spend(more: number): void {
  bytes += more;
  if (bytes > mostBytes) throw new Error(`it claims more than ${mostBytes} bytes`);
}

function spendHeap(more: number): void {
  heap += more;
  if (heap > mostHeap) throw new Error(`it claims more values than ${mostHeap} bytes hold`);
}

/**
 * Bounds the arrays that hyparquet makes as long as a page claims, and that runs of values are written to, whose lengths are claims too: what all of them take is counted,
 * and none can grow. A limit of the thread's heap would not do: it counts no typed arrays, and may end the whole process.
 */
function boundArrays(): void {
  const views = [
    "Uint8Array",
    "Int32Array",
    "Uint32Array",
    "BigInt64Array",
    "BigUint64Array",
    "Float32Array",
    "Float64Array",
  ];
  const all = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  for (const name of [...views, "ArrayBuffer"]) {
    const { BYTES_PER_ELEMENT: width = 1 } = all[name] as { BYTES_PER_ELEMENT?: number };
    all[name] = new Proxy(all[name], {
      construct(made, args, type) {
        if (typeof args[0] === "number") spend(args[0] * width);
        return Reflect.construct(made, args, type);
      },
    });
  }
  globalThis.Array = new Proxy(Array, {
    construct(made, args, type) {
      const [length] = args;
      if (args.length !== 1 || typeof length !== "number") return Reflect.construct(made, args, type);
      spendHeap(8 * length);
      return Object.preventExtensions((Reflect.construct(made, args, type) as unknown[]).fill(undefined));
    },
  });
}

/** Decompressors by the names of the format, none of which gives more than the page claims. */
function compressorsOf({ snappyUncompress }: typeof import("hyparquet")): Compressors {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.gunzipSync };
  const bounded = (decompress: typeof zlib.gunzipSync) => (input: Uint8Array, size: number) => {
    spend(size);
    return decompress(input, { maxOutputLength: Math.max(1, size) });
  };
  return {
    SNAPPY: (input, size) => {
      const output = new Uint8Array(size);
      snappyUncompress(input, output);
      return output;
    },
    GZIP: bounded(zlib.gunzipSync),
    BROTLI: bounded(zlib.brotliDecompressSync as typeof zlib.gunzipSync),
    ...(zstdDecompressSync ? { ZSTD: bounded(zstdDecompressSync) } : {}),
  };
}

async function done(task: ParquetTask, read: (at: number, length: number) => Promise<ArrayBuffer>) {
  const hyparquet = await import("hyparquet");
  if (task.kind === "metadata") {
    const metadata = hyparquet.parquetMetadata(task.tail);
    const columns = hyparquet.parquetSchema(metadata).children.map(({ element, children }): ParquetColumn => {
      const { name, type, converted_type, logical_type } = element;
      const isBytes = type === "BYTE_ARRAY" && converted_type === undefined && logical_type === undefined;
      const hasBytes = isBytes || children.some((child) => child.element.name === "bytes");
      return { name, hasBytes, isPlain: children.length === 0 };
    });
    return { metadata, columns };
  }
  const { metadata, column, size } = task;
  const rows = await hyparquet.parquetReadObjects({
    file: { byteLength: size, slice: (start, end = size) => read(start, end - start) },
    metadata,
    columns: [column],
    utf8: false,
    compressors: compressorsOf(hyparquet),
  });
  return rows.map((row) => row[column]);
}

/** The buffers that values lie in, which are handed over; small ones may be parts of what Node shares, and are copied. */
function buffersOf(values: readonly unknown[]): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  for (const value of values) {
    const { bytes = value } = (value ?? {}) as { bytes?: unknown };
    if (bytes instanceof Uint8Array && bytes.buffer.byteLength > 2 ** 16) found.add(bytes.buffer as ArrayBuffer);
  }
  return [...found];
}

function serve(port: MessagePort): void {
  let given: ((bytes: ArrayBuffer) => void) | undefined;
  const read = (at: number, length: number) =>
    new Promise<ArrayBuffer>((resolve) => {
      given = resolve;
      port.postMessage({ read: { at, length } } satisfies ParquetAnswer);
    });
  // Reads are answered one at a time.
  let last: Promise<unknown> = Promise.resolve();
  const readInTurn = (at: number, length: number) => {
    const next = last.then(() => read(at, length));
    last = next;
    return next;
  };
  port.on("message", async (message: ParquetTask | { bytes: ArrayBuffer }) => {
    if ("bytes" in message) return given?.(message.bytes);
    [bytes, heap] = [0, 0];
    try {
      const result = await done(message, readInTurn);
      port.postMessage({ result } satisfies ParquetAnswer, Array.isArray(result) ? buffersOf(result) : []);
    } catch (error) {
      port.postMessage({ problem: (error as Error).message } satisfies ParquetAnswer);
    }
  });
}

if (parentPort !== null) {
  boundArrays();
  await import("hyparquet");
  serve(parentPort);
  parentPort.postMessage("ready");
}
