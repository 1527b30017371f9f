import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

/** Random access to the bytes of a checkpoint, so that only what is asked for is ever in memory. */
export interface ByteSource {
  /** Its name in error messages: the file's path. */
  readonly name: string;
  /** Total size in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, in memory of their own; never called outside `[0, size]`. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * A byte source over bytes that are in memory already, such as a file chosen in a browser.
 *
 * @example
 * ```ts
 * import { bytesSource } from "@reconloss/core/weights";
 *
 * const source = bytesSource("three bytes", Uint8Array.of(1, 2, 3));
 * Array.from(await source.read(1, 2)); // [2, 3]
 * ```
 */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  checkArguments("bytesSource", { name: [name, "text"], bytes: [bytes, "bytes"] });
  return {
    name,
    size: bytes.length,
    // Not bytes.slice, which for a Node Buffer gives a view.
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
    close: async () => {},
  };
}

/** The error of a checkpoint that is damaged, unsafe or not the one expected. */
export function checkpointError(file: string, problem: string, cause?: unknown): ReconlossError {
  return new ReconlossError("checkpoint", `${file}: ${problem}`, { cause });
}

/** `length` bytes from `offset`, refused before anything is allocated when they are not all in the file. */
export async function readBytes(source: ByteSource, offset: number, length: number, what: string): Promise<Uint8Array> {
  const inFile = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!inFile || offset + length > source.size) {
    throw checkpointError(
      source.name,
      `${what} should be ${length} bytes at ${offset}, but the file has ${source.size} bytes`,
    );
  }
  const bytes = await source.read(offset, length);
  if (bytes.length !== length) {
    throw checkpointError(source.name, `${what} ended after ${bytes.length} of ${length} bytes`);
  }
  return bytes;
}
