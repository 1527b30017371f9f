import { zipSync } from "fflate";
import { ReconlossError } from "../errors.ts";
import { longestHeader, type NpyHeader, npyElements, readNpyHeader, writeNpy } from "./npy.ts";
import { type ByteSource, readBytes } from "./source.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** The most bytes of an array that is read whole, as float64: a covariance of 8192 features. */
const largestWhole = 2 ** 29;

/** An array in an `.npz` archive; its elements are read when asked for. */
export class NpzArray {
  /** The archive and the array, as errors call it. */
  readonly name: string;
  readonly header: NpyHeader;
  readonly #entry: ZipEntry;

  constructor(name: string, entry: ZipEntry, header: NpyHeader) {
    this.name = name;
    this.header = header;
    this.#entry = entry;
  }

  get shape(): readonly number[] {
    return this.header.shape;
  }

  /**
   * All elements as float64, row-major.
   *
   * @throws {ReconlossError} `content` when there are too many to be statistics, as in archives that claim absurd sizes, or the archive is damaged
   */
  async values(): Promise<Float64Array> {
    if (this.shape.reduce((product, size) => product * size, 8) > largestWhole) {
      throw new ReconlossError("content", `${this.name}: ${this.shape.join("x")} is too large for statistics`);
    }
    const bytes = await asContentErrors(() => this.#entry.readAll());
    return npyElements(this.header, bytes.subarray(this.header.start));
  }

  /**
   * Rows `from` to `to` of the first axis, as they are stored, where that is row-major. Read in order, a compressed array is unpacked once.
   *
   * @throws {ReconlossError} `content` when the archive is damaged
   */
  async rows(from: number, to: number): Promise<Uint8Array> {
    const { start } = this.header;
    const rowBytes = (this.#entry.size - start) / this.shape[0];
    return asContentErrors(() => this.#entry.read(start + from * rowBytes, (to - from) * rowBytes));
  }
}

/** The arrays of an `.npz` archive; nothing of an array is looked at before it is asked for. */
export interface Npz {
  /** The names, without the `.npy`. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** @throws {ReconlossError} `content` when there is no such array, or it is damaged or of a type that is not read. */
  array(name: string): Promise<NpzArray>;
}

/**
 * Opens an `.npz` archive.
 *
 * @throws {ReconlossError} `content` when it is no zip archive
 */
export async function readNpz(source: ByteSource): Promise<Npz> {
  const entries = await asContentErrors(async () => {
    const signature = await readBytes(source, 0, Math.min(4, source.size), "the beginning");
    if (signature[0] !== 0x50 || signature[1] !== 0x4b) {
      throw new ReconlossError("content", `${source.name}: is not a .npz archive`);
    }
    return readZip(source);
  });
  const names = [...entries.keys()].filter((file) => file.endsWith(".npy")).map((file) => file.slice(0, -4));
  return {
    names,
    has: (name) => entries.has(`${name}.npy`),
    array: async (name) => {
      const label = `${source.name}: ${name}`;
      const entry = entries.get(`${name}.npy`);
      if (entry === undefined) throw new ReconlossError("content", `${label} is missing; it has: ${names.join(", ")}`);
      const beginning = await asContentErrors(() => entry.read(0, Math.min(entry.size, longestHeader)));
      return new NpzArray(label, entry, readNpyHeader(label, beginning, entry.size));
    },
  };
}

/** The zip reader's errors are those of checkpoints, for which it was written. */
export async function asContentErrors<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ReconlossError) || error.code !== "checkpoint") throw error;
    throw new ReconlossError("content", error.message, { cause: error });
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
