import { checkNumber, described } from "./arguments.ts";
import { ReconlossError } from "./errors.ts";

/** FNV-1a, 32 bit, of a text's UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * Reproducible random numbers: mulberry32 (Ettinger 2017), seeded by any number of words and numbers, so that what is drawn for a step of a
 * training follows from the seed and the step alone.
 *
 * @example
 * ```ts
 * import { Random } from "@reconloss/core";
 * new Random(1, "crops", 250).uniform() === new Random(1, "crops", 250).uniform(); // true
 * ```
 */
export class Random {
  #state: number;

  /** @throws {ReconlossError} `invalid-argument` for a seed that is neither number nor text */
  constructor(...seed: readonly (number | string)[]) {
    const other = seed.find((part) => typeof part !== "number" && typeof part !== "string");
    if (seed.length > 0 && (other !== undefined || seed.includes(undefined as never))) {
      throw new ReconlossError("invalid-argument", `Random: seeds must be numbers or texts, got ${described(other)}`);
    }
    // A single whole number is the state itself; anything else is mixed first.
    this.#state = seed.length === 1 && typeof seed[0] === "number" ? seed[0] >>> 0 : hash(seed.join("/"));
  }

  /** Uniform in (0, 1]. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 1) / 2 ** 32;
  }

  /** Uniform in (low, high]. */
  between(low: number, high: number): number {
    for (const [argument, value] of Object.entries({ low, high })) checkNumber("Random.between", argument, value);
    return low + (high - low) * this.uniform();
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    checkNumber("Random.below", "count", count);
    return Math.min(count - 1, Math.floor(this.uniform() * count));
  }

  /** Of the standard normal distribution (Box, Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** One of some things. */
  pick<T>(things: readonly T[]): T {
    if (!(things?.length > 0)) {
      throw new ReconlossError(
        "invalid-argument",
        `Random.pick: things must be an array of some, got ${described(things)}`,
      );
    }
    return things[this.below(things.length)];
  }
}
