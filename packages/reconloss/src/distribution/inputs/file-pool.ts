import { ReconlossError } from "@reconloss/core";
import type { ByteSource } from "@reconloss/core/weights";
import { fileSource } from "../../weights/open.ts";

/** Files that are kept open at a time: fewer than systems allow a process, many more than are read at a time. */
const mostOpen = 64;

interface OpenFile {
  readonly source: Promise<ByteSource>;
  users: number;
}

/** Files of which those read last stay open, so that a set may be of any number of them. */
export class FilePool {
  /** In the order of their last use. */
  readonly #files = new Map<string, OpenFile>();

  /** A file as a byte source; closing the pool closes it. */
  async open(path: string): Promise<ByteSource> {
    const size = await this.#use(path, async (source) => source.size);
    return {
      name: path,
      size,
      read: (offset, length) =>
        this.#use(path, (source) => {
          if (source.size !== size) throw new ReconlossError("content", `${path} was changed while it was read`);
          return source.read(offset, length);
        }),
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const { source } of files) await source.then((it) => it.close()).catch(() => {});
  }

  async #use<T>(path: string, work: (source: ByteSource) => Promise<T>): Promise<T> {
    const file = this.#files.get(path) ?? { source: fileSource(path), users: 0 };
    this.#files.delete(path);
    this.#files.set(path, file);
    file.users++;
    try {
      return await work(await file.source);
    } catch (error) {
      // A file that could not be opened is tried again when it is asked for again.
      await file.source.catch(() => this.#files.delete(path));
      throw error;
    } finally {
      file.users--;
      await this.#closeIdle();
    }
  }

  async #closeIdle(): Promise<void> {
    for (const [path, file] of this.#files) {
      if (this.#files.size <= mostOpen) return;
      if (file.users > 0) continue;
      this.#files.delete(path);
      await file.source.then((source) => source.close()).catch(() => {});
    }
  }
}
