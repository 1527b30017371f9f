/** A module that a definition is written with, loaded when it is first needed. */
export class Lazy<T> {
  readonly #load: () => Promise<T>;
  #value?: T;
  #loading?: Promise<void>;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** Loads it, once; after a failure, again. */
  prepare(): Promise<void> {
    this.#loading ??= this.#load().then(
      (value) => {
        this.#value = value;
      },
      (error) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  get value(): T {
    if (this.#value === undefined) throw new Error("a definition was used before its prepare()");
    return this.#value;
  }
}
