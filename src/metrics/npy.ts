import { ReconlossError } from "../errors.ts";

/** The element types that are read: those that statistics and samples are stored in. */
export type NpyType = "<f4" | "<f8" | "|u1" | "<i8";

const elementBytes: Record<NpyType, number> = { "<f4": 4, "<f8": 8, "|u1": 1, "<i8": 8 };

/** What the header of a `.npy` file says; the elements follow it, row-major. */
export interface NpyHeader {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Bytes before the first element. */
  readonly start: number;
}

/** The longest header that is read; numpy's own are 118 bytes for all but extravagant arrays. */
export const longestHeader = 4096;

/**
 * Reads the header of a `.npy` file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to 3.
 *
 * @param name - what errors call the array
 * @param bytes - the beginning of the file, up to {@link longestHeader}
 * @param size - the length of the whole file, which header and elements must fill exactly
 * @throws {ReconlossError} `file` when it is damaged, or of a type or order that is not read; Python objects are never unpickled
 */
export function readNpyHeader(name: string, bytes: Uint8Array, size: number): NpyHeader {
  const fail = (problem: string): never => {
    throw new ReconlossError("file", `${name}: ${problem}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic =
    bytes.length >= 12 && bytes[0] === 0x93 && new TextDecoder("latin1").decode(bytes.subarray(1, 6)) === "NUMPY";
  if (!magic) fail("is no .npy array");
  const wide = bytes[6] >= 2;
  if (bytes[6] < 1 || bytes[6] > 3) fail(`has .npy version ${bytes[6]}.${bytes[7]}; 1 to 3 are read`);
  const start = wide ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  if (start > bytes.length) fail(`has a header of ${start} bytes`);
  const text = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape':\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || sizes === undefined) return fail("has a damaged header");
  if (descr.includes("O")) fail("holds Python objects, which are never unpickled");
  if (!Object.hasOwn(elementBytes, descr))
    fail(`holds elements of type ${descr}; ${Object.keys(elementBytes).join(", ")} are read`);
  const shape = sizes.match(/\d+/g)?.map(Number) ?? [];
  if (order === "True" && shape.length > 1) fail("is in Fortran order; save numpy.ascontiguousarray of it");
  const type = descr as NpyType;
  const expected = start + shape.reduce((product, length) => product * length, elementBytes[type]);
  if (expected !== size) fail(`should be ${expected} bytes for ${sizes || "one element"} of ${descr}, but has ${size}`);
  return { type, shape, start };
}

/** Elements of a `.npy` file as numbers. */
export function npyElements(type: NpyType, bytes: Uint8Array): Float64Array | Float32Array | Uint8Array {
  if (type === "|u1") return bytes;
  const { buffer } = bytes.slice();
  if (type === "<i8") return Float64Array.from(new BigInt64Array(buffer), Number);
  return type === "<f4" ? new Float32Array(buffer) : new Float64Array(buffer);
}

/** An array as a `.npy` file, version 1. */
export function writeNpy(data: Float64Array | Uint8Array, shape: readonly number[]): Uint8Array {
  const type: NpyType = data instanceof Uint8Array ? "|u1" : "<f8";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Elements start at a multiple of 64 bytes.
  const length = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length + data.byteLength);
  bytes.set(new TextEncoder().encode(`\0NUMPY\u0001\0\0\0${header.padEnd(length - 11)}\n`));
  bytes[0] = 0x93;
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return bytes;
}
