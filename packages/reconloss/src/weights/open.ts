import type { FileHandle } from "node:fs/promises";
import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { type ByteSource, type Checkpoint, type CheckpointOptions, readCheckpoint } from "@reconloss/core/weights";
import { openFile, reasonOf } from "../files.ts";

/** Most bytes that one system call is asked for. */
const LARGEST_READ = 2 ** 30;

function fileError(path: string, problem: string, reason: string, cause: unknown): ReconlossError {
  return new ReconlossError("file", `${path}: ${problem} (${reason})`, { cause });
}

async function readFrom(path: string, handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const wanted = Math.min(length - done, LARGEST_READ);
    const { bytesRead } = await handle.read(bytes, done, wanted, offset + done).catch((cause) => {
      throw fileError(path, "cannot be read", reasonOf(cause), cause);
    });
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** A file as a byte source. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { handle, size } = await openFile(path, (reason, cause) => fileError(path, "cannot be opened", reason, cause));
  return {
    name: path,
    size,
    read: (offset, length) => readFrom(path, handle, offset, length),
    close: () => handle.close(),
  };
}

/**
 * Opens a PyTorch (`.pth`, zip or legacy format) or safetensors file. Only its directory is read; each tensor is read from disk when asked
 * for. No code in the file is ever run. Close the checkpoint when done.
 *
 * @throws {ReconlossError} `file` when the file cannot be opened; `checkpoint` when it is damaged, unsafe or of another kind.
 * @example
 * ```ts
 * import { openCheckpoint } from "reconloss/weights";
 *
 * const error = await openCheckpoint("no-such-file.pth").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function openCheckpoint(path: string, options: CheckpointOptions = {}): Promise<Checkpoint> {
  checkArguments("openCheckpoint", { path: [path, "text"], options: [options, "object?"] });
  const source = await fileSource(path);
  try {
    return await readCheckpoint(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}
