import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { openPublished, placeWithPaths, type WeightsPlace } from "./places.ts";
import { type ByteSource, bytesSource } from "./source.ts";

/** A `Blob`, such as the `File` that somebody chose in a page. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * A weights file that a loss is given: its path (Node), its bytes, a `Blob` or `File`, or the place to look for the published file in.
 */
export type WeightFile = string | Uint8Array | ArrayBuffer | BlobLike | WeightsPlace;

const isBlob = (value: object): value is BlobLike =>
  "size" in value && "slice" in value && typeof value.slice === "function";
const isPlace = (value: object): value is WeightsPlace => "open" in value && typeof value.open === "function";
const isBuffer = (value: object): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || Object.prototype.toString.call(value).endsWith("ArrayBuffer]");

/** Whether a value is a file, as opposed to tensors by name or other numbers. */
export function isWeightFile(value: unknown): value is WeightFile {
  if (typeof value !== "object" || value === null) return typeof value === "string";
  return isBuffer(value) || isBlob(value) || isPlace(value);
}

function blobSource(name: string, blob: BlobLike): ByteSource {
  return {
    name: blob.name || name,
    size: blob.size,
    read: async (offset, length) => {
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        throw new ReconlossError("file", `${blob.name || name}: cannot be read (${(cause as Error).message})`, {
          cause,
        });
      }
    },
    close: async () => {},
  };
}

/**
 * The file that is given, or by default the published one of the name, from the first place that has it. Close it when done.
 *
 * @throws {ReconlossError} `missing-weights` where there is no such file; `invalid-argument` for a path where there is no disk, and for what is no file
 */
export async function openWeightFile(name: string, file: WeightFile | undefined): Promise<ByteSource> {
  if (file === undefined) return openPublished(name);
  const called = `weights given for ${name}`;
  if (typeof file === "string") {
    const disk = placeWithPaths();
    if (disk !== undefined) return disk.openPath(file, name);
    throw new ReconlossError(
      "invalid-argument",
      `weights ${name}: ${JSON.stringify(file)} is a path, and there is no disk here; give the bytes, a File or a Blob`,
    );
  }
  if (!isWeightFile(file)) {
    throw new ReconlossError("invalid-argument", `weights ${name}: expected a file, got ${described(file)}`);
  }
  if (isPlace(file)) return openPublished(name, [file]);
  if (isBlob(file)) return blobSource(called, file);
  return bytesSource(
    called,
    ArrayBuffer.isView(file)
      ? new Uint8Array((file as Uint8Array).buffer, file.byteOffset, file.byteLength)
      : new Uint8Array(file),
  );
}
