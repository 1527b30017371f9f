import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { absoluteUrl, hasPage, readUrl } from "./fetch.ts";
import { openPublished, placeWithPaths, type WeightsPlace } from "./places.ts";
import { type ByteSource, bytesSource } from "./source.ts";

/** A `Blob`, such as the `File` that somebody chose in a page. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** An address, such as a `URL`. */
export interface UrlLike {
  readonly href: string;
}

/**
 * A weights file that a loss is given: its address (`https://...`, a `URL`, in a page also `/weights/mine.safetensors`), its path where there is a disk, its bytes, a `Blob` or
 * `File`, or the place to look for the published file in.
 */
export type WeightFile = string | UrlLike | Uint8Array | ArrayBuffer | BlobLike | WeightsPlace;

const isUrl = (value: object): value is UrlLike => "href" in value && typeof value.href === "string";
/** Whether a text begins as an address does, by more than the letter of a drive. */
const hasScheme = (text: string) => /^[a-z][a-z\d+.-]+:/i.test(text);

const isBlob = (value: object): value is BlobLike =>
  "size" in value && "slice" in value && typeof value.slice === "function";
const isPlace = (value: object): value is WeightsPlace => "open" in value && typeof value.open === "function";
const isBuffer = (value: object): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || Object.prototype.toString.call(value).endsWith("ArrayBuffer]");

/** Whether a value is a file, as opposed to tensors by name or other numbers. */
export function isWeightFile(value: unknown): value is WeightFile {
  if (typeof value !== "object" || value === null) return typeof value === "string";
  return isUrl(value) || isBuffer(value) || isBlob(value) || isPlace(value);
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

/** The file at a path or an address. */
async function openNamed(name: string, text: string): Promise<ByteSource> {
  const disk = placeWithPaths();
  const isPath = text.startsWith("file:") || !(hasScheme(text) || (disk === undefined && hasPage()));
  if (isPath && disk !== undefined) return disk.openPath(text, name);
  if (isPath) {
    throw new ReconlossError(
      "invalid-argument",
      `weights ${name}: ${JSON.stringify(text)} is a path, and there is no disk here; give an address, the bytes, a File or a Blob`,
    );
  }
  const url = absoluteUrl(text);
  return bytesSource(url, await readUrl(name, url, {}, {}));
}

/**
 * The file that is given, or by default the published one of the name, from the first place that has it. Close it when done.
 *
 * @throws {ReconlossError} `missing-weights` where there is no such file; `invalid-argument` for a path where there is no disk, and for what is no file
 */
export async function openWeightFile(name: string, file: WeightFile | undefined): Promise<ByteSource> {
  if (file === undefined) return openPublished(name);
  const called = `weights given for ${name}`;
  if (!isWeightFile(file)) {
    throw new ReconlossError("invalid-argument", `weights ${name}: expected a file, got ${described(file)}`);
  }
  if (typeof file === "string" || isUrl(file)) return openNamed(name, typeof file === "string" ? file : file.href);
  if (isPlace(file)) return openPublished(name, [file]);
  if (isBlob(file)) return blobSource(called, file);
  return bytesSource(
    called,
    ArrayBuffer.isView(file)
      ? new Uint8Array((file as Uint8Array).buffer, file.byteOffset, file.byteLength)
      : new Uint8Array(file),
  );
}
