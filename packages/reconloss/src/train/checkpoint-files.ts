import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { readFileBytes, writeFileAtomically } from "../files.ts";

/** A training that can be resumed: a `Trainer`, or the discriminator of `adversarial`. */
export interface Resumable {
  checkpoint(metadata?: Readonly<Record<string, string>>): Uint8Array;
  restore(bytes: Uint8Array, file?: string): Promise<unknown>;
}

/**
 * Writes the checkpoint of a training to a file, under another name first, which is then renamed.
 *
 * @param metadata - what travels with it
 * @throws {ReconlossError} `file` when the disk does not take it
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { patchGan } from "reconloss/nets";
 * import { adversarial, loadCheckpoint, saveCheckpoint } from "reconloss/train";
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "game.safetensors");
 * const game = adversarial({ discriminator: patchGan({ features: 6, depth: 2, norm: "none" }) });
 * await saveCheckpoint(game, path);
 * await loadCheckpoint(game, path);
 * ```
 */
export async function saveCheckpoint(
  training: Resumable,
  path: string,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  checkArguments("saveCheckpoint", {
    training: [training, "object", ["checkpoint"]],
    path: [path, "text"],
    metadata: [metadata, "object?"],
  });
  await writeFileAtomically(path, training.checkpoint(metadata));
}

/**
 * Continues a training from a file that {@link saveCheckpoint} wrote, and returns what its `restore` does: the metadata of a `Trainer`.
 *
 * @throws {ReconlossError} `file` when it cannot be read; `checkpoint` for a file that is damaged or of another training, which then is left as it was
 */
export async function loadCheckpoint<R>(
  training: { restore(bytes: Uint8Array, file?: string): Promise<R> },
  path: string,
): Promise<R> {
  checkArguments("loadCheckpoint", { training: [training, "object", ["restore"]], path: [path, "text"] });
  const error = (reason: string, cause: unknown) =>
    new ReconlossError("file", `${path}: cannot be read (${reason})`, { cause });
  return training.restore(await readFileBytes(path, { error }), path);
}
