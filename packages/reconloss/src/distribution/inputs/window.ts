import type { ByteSource } from "@reconloss/core/weights";

/** Bytes read at once: few where what is looked at lies far apart, more and more where it lies close together. */
const [narrowest, widest] = [2 ** 16, 2 ** 22];

/** Reads what comes in order through one buffer, so that many small reads are few large ones. */
export class Window {
  readonly #source: ByteSource;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #width = narrowest;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes of the file; valid until the next call. */
  async read(at: number, length: number): Promise<Uint8Array> {
    const from = at - this.#start;
    if (from >= 0 && from + length <= this.#bytes.length) return this.#bytes.subarray(from, from + length);
    const isNear = from >= 0 && from <= this.#bytes.length + this.#width;
    this.#width = isNear ? Math.min(2 * this.#width, widest) : narrowest;
    this.#bytes = await this.#source.read(at, Math.min(Math.max(length, this.#width), this.#source.size - at));
    this.#start = at;
    return this.#bytes.subarray(0, length);
  }
}
