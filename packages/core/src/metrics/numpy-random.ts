import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

const size = 624;
const period = 397;

/**
 * The random choices of numpy's `RandomState(seed)`, so that a seed picks the same images here as in the Python evaluators: the Mersenne
 * Twister MT19937 (Matsumoto, Nishimura 1998) and numpy's legacy shuffle on top of it.
 *
 * @example
 * ```ts
 * import { NumpyRandom } from "@reconloss/core/metrics";
 * const first = new NumpyRandom(0).permutation(5)[0]; // as np.random.RandomState(0).permutation(5)[0]
 * first; // 2
 * ```
 */
export class NumpyRandom {
  readonly #state = new Uint32Array(size);
  #next = size;

  /** @throws {ReconlossError} `invalid-argument` when the seed is not an integer from 0 to 2^32 - 1. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new ReconlossError(
        "invalid-argument",
        `seed must be an integer from 0 to 2^32 - 1, got ${described(seed)}`,
      );
    }
    this.#state[0] = seed;
    for (let i = 1; i < size; i++) {
      const previous = this.#state[i - 1];
      this.#state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The numbers 0 to count - 1 in random order. */
  permutation(count: number): Uint32Array {
    checkCount("count", count);
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.#atMost(i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** `count` of the numbers 0 to `population` - 1, each at most once. */
  choose(population: number, count: number): Uint32Array {
    checkCount("count", count);
    return this.permutation(population).slice(0, count);
  }

  /** Uniform in 0 to `max`: draws are cut to the bits of `max`, and drawn again when they are still above it. */
  #atMost(max: number): number {
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (this.#draw() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  #draw(): number {
    if (this.#next === size) this.#refill();
    let y = this.#state[this.#next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff);
      state[i] = state[(i + period) % size] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

/** More cannot be put in order by numbers of 32 bits. */
function checkCount(what: string, count: number): void {
  if (Number.isInteger(count) && count >= 0 && count < 2 ** 32) return;
  throw new ReconlossError("invalid-argument", `${what} must be an integer from 0 to 2^32 - 1, got ${String(count)}`);
}
