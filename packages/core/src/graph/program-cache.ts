import type { Program } from "./program.ts";

type AnyProgram = Program<string, string>;

/** The programs that were used last, by key: sizes come and go, and each program takes memory. One that could not be made is made again. */
export class ProgramCache {
  readonly #kept: number;
  readonly #programs = new Map<string, Promise<AnyProgram>>();

  constructor(kept: number) {
    this.#kept = kept;
  }

  /** The program of a key, made if it is not there. */
  get(key: string, make: () => Promise<AnyProgram>): Promise<AnyProgram> {
    const program = this.#programs.get(key) ?? make();
    // Deleting and setting again moves the key to the end: the first one is the one unused for longest.
    this.#programs.delete(key);
    this.#programs.set(key, program);
    program.catch(() => this.#programs.delete(key));
    if (this.#programs.size > this.#kept) this.#programs.delete(this.#programs.keys().next().value as string);
    return program;
  }
}
