/** The last results asked for, by key: so many promises of results are kept, and one that fails is made again. */
export class Recent<T> {
  readonly #most: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Promise<T>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns the result kept under a key, or else makes and keeps it. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const result = this.#kept.get(key) ?? make();
    this.#kept.delete(key);
    this.#kept.set(key, result);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break;
      this.#kept.delete(oldest);
    }
    // A failure is told to whoever waits for it.
    result.catch(() => {
      if (this.#kept.get(key) === result) this.#kept.delete(key);
    });
    return result;
  }

  clear(): void {
    this.#kept.clear();
  }
}
