import { zipSync } from "fflate";
import { ReconlossError } from "../errors.ts";
import { type ByteSource, readBytes } from "../weights/source.ts";
import { readZip, type ZipEntry } from "../weights/zip.ts";
import { longestHeader, type NpyHeader, npyElements, readNpyHeader, writeNpy } from "./npy.ts";

/** An array in an `.npz` archive; its elements are read when asked for. */
export class NpzArray {
  /** The archive and the array, as errors call it. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly #entry: ZipEntry;
  readonly #header: NpyHeader;
  /** An unpacked copy of an entry that is small enough to keep. */
  #content?: Promise<Uint8Array>;

  constructor(name: string, entry: ZipEntry, header: NpyHeader) {
    this.name = name;
    this.shape = header.shape;
    this.#entry = entry;
    this.#header = header;
  }

  get type() {
    return this.#header.type;
  }

  /** All elements as float64. */
  async values(): Promise<Float64Array> {
    const bytes = (await this.#entry.readAll()).subarray(this.#header.start);
    const elements = npyElements(this.#header.type, bytes);
    return elements instanceof Float64Array ? elements : Float64Array.from(elements);
  }

  /** Rows `from` to `to` of the first axis, as they are stored. */
  async rows(from: number, to: number): Promise<Uint8Array> {
    const rowBytes = (this.#entry.size - this.#header.start) / this.shape[0];
    const [start, length] = [this.#header.start + from * rowBytes, (to - from) * rowBytes];
    if (this.#entry.size > keptContent) return this.#entry.read(start, length);
    this.#content ??= this.#entry.readAll();
    return (await this.#content).subarray(start, start + length);
  }
}

/** Arrays up to this size are unpacked once and kept; of larger ones only the rows that are asked for are in memory. */
const keptContent = 2 ** 28;

/** The most bytes of an array that is read whole: a covariance of 8192 features. */
const largestWhole = 2 ** 29 + longestHeader;

/** The largest array of statistics, against archives that claim absurd sizes. */
export function refuseLarge(array: NpzArray): void {
  const bytes = array.shape.reduce((product, size) => product * size, 8);
  if (bytes > largestWhole) {
    throw new ReconlossError("file", `${array.name}: ${array.shape.join("x")} is too large for statistics`);
  }
}

/**
 * The arrays of an `.npz` archive by name, without the `.npy`.
 *
 * @throws {ReconlossError} `file` when it is no zip archive, or an array in it is damaged or of a type that is not read
 */
export async function readNpz(source: ByteSource): Promise<Map<string, NpzArray>> {
  try {
    const signature = await readBytes(source, 0, Math.min(4, source.size), "the beginning");
    if (signature[0] !== 0x50 || signature[1] !== 0x4b)
      throw new ReconlossError("file", `${source.name}: is no .npz archive`);
    const arrays = new Map<string, NpzArray>();
    for (const [fileName, entry] of await readZip(source)) {
      if (!fileName.endsWith(".npy")) continue;
      const name = fileName.slice(0, -4);
      const label = `${source.name}: ${name}`;
      const beginning = await entry.read(0, Math.min(entry.size, longestHeader));
      arrays.set(name, new NpzArray(label, entry, readNpyHeader(label, beginning, entry.size)));
    }
    return arrays;
  } catch (error) {
    // The zip reader's errors speak of checkpoints, for which it was written.
    if (!(error instanceof ReconlossError) || error.code !== "checkpoint") throw error;
    throw new ReconlossError("file", error.message, { cause: error });
  }
}

/** An `.npz` archive, deflated as `numpy.savez_compressed` does. */
export function writeNpz(
  arrays: Readonly<Record<string, { data: Float64Array | Uint8Array; shape: readonly number[] }>>,
): Uint8Array {
  const files = Object.entries(arrays).map(([name, { data, shape }]) => [`${name}.npy`, writeNpy(data, shape)]);
  // A fixed date, so that the same statistics make the same file.
  return zipSync(Object.fromEntries(files), { level: 6, mtime: new Date(1980, 0, 1) });
}
