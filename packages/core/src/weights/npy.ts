import { ReconlossError } from "../errors.ts";
import { contiguousStrides, type DType, decodeElements, elementBytes, gather } from "./elements.ts";

/** The element types that are read, as NumPy writes them without the byte order. */
const types: Readonly<Record<string, DType>> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  b1: "bool",
};

/** The header of a `.npy` file; the elements follow it. */
export interface NpyHeader {
  readonly type: DType;
  readonly shape: readonly number[];
  /** Whether the first axis varies fastest, as in Fortran. */
  readonly isFortran: boolean;
  readonly isBigEndian: boolean;
  /** Bytes before the first element. */
  readonly start: number;
}

/** The longest header that is read; NumPy's own are 118 bytes for all but extravagant arrays. */
export const longestHeader = 4096;

/**
 * Reads the header of a `.npy` file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to 3.
 *
 * @param name - what errors call the array
 * @param bytes - the beginning of the file, up to {@link longestHeader}
 * @param size - the length of the whole file, which header and elements must fill exactly
 * @throws {ReconlossError} `content` when it is damaged, or of a type that is not read; Python objects are never unpickled
 */
export function readNpyHeader(name: string, bytes: Uint8Array, size: number): NpyHeader {
  const fail = (problem: string): never => {
    throw new ReconlossError("content", `${name}: ${problem}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic =
    bytes.length >= 12 && bytes[0] === 0x93 && new TextDecoder("latin1").decode(bytes.subarray(1, 6)) === "NUMPY";
  if (!magic) fail("is not a .npy array");
  const wide = bytes[6] >= 2;
  if (bytes[6] < 1 || bytes[6] > 3) fail(`has .npy version ${bytes[6]}.${bytes[7]}; 1 to 3 are read`);
  const start = wide ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  if (start > bytes.length) fail(`has a header of ${start} bytes`);
  const text = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = /'descr':\s*(?:'([^']*)'|(\[[^\]]*\]))/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape':\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (descr === null || order === undefined || sizes === undefined) return fail("has a damaged header");
  const written = descr[1] ?? descr[2];
  if (written.includes("O")) fail("holds Python objects, which are never unpickled");
  const [, byteOrder, kind] = /^([<>|=]?)(.*)$/s.exec(written) as RegExpExecArray;
  if (!Object.hasOwn(types, kind)) fail(`holds elements of type ${written}; numbers are read, of up to 64 bits each`);
  const type = types[kind];
  const shape = sizes.match(/\d+/g)?.map(Number) ?? [];
  const expected = start + shape.reduce((product, length) => product * length, elementBytes[type]);
  if (expected !== size) {
    fail(`should be ${expected} bytes for ${sizes || "one element"} of ${written}, but has ${size}`);
  }
  return { type, shape, start, isFortran: order === "True", isBigEndian: byteOrder === ">" };
}

/** The elements of a `.npy` file as numbers, row-major: the last axis varies fastest. */
export function npyElements({ type, shape, isFortran, isBigEndian }: NpyHeader, bytes: Uint8Array): Float64Array {
  const decoded = decodeElements(type, isBigEndian ? reversed(bytes, elementBytes[type]) : bytes);
  const elements = decoded instanceof Float64Array ? decoded : Float64Array.from(decoded as Float32Array, Number);
  return isFortran && shape.length > 1 ? gather(elements, shape, fortranStrides(shape)) : elements;
}

/** A copy with the bytes of each element in the other order. */
function reversed(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.map((_, at) => bytes[at - (at % size) + size - 1 - (at % size)]);
}

/** Row-major strides of the axes in opposite order. */
function fortranStrides(shape: readonly number[]): number[] {
  return contiguousStrides([...shape].reverse()).reverse();
}

/** An array as a `.npy` file, version 1. */
export function writeNpy(data: Float64Array | Uint8Array, shape: readonly number[]): Uint8Array {
  const type = data instanceof Uint8Array ? "|u1" : "<f8";
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
