import { randomUUID } from "node:crypto";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { ReconlossError } from "@reconloss/core";
import { type DecodeKind, decodeKinds } from "@reconloss/core/internal";
import type { FeatureRows } from "@reconloss/core/metrics";
import { makeFolder, reasonOf } from "../files.ts";

/** An image whose features are stored. */
export interface StoredImage {
  /** SHA-256 of its content, in hexadecimal. */
  readonly hash: string;
  readonly height: number;
  readonly width: number;
  /** The conversions of its pixels when it was decoded. */
  readonly decode: readonly DecodeKind[];
}

interface Location extends StoredImage {
  readonly segment: number;
  readonly position: number;
}

const extension = ".features";
const signature = Buffer.from("reconloss features 3\n");
const headerBytes = signature.length + 4;
const hashBytes = 32;
/** Hash, height, width and a bit for each kind of decoding come before the features, a checksum of all of it after them. */
const beforeFeatures = hashBytes + 12;
const checksumBytes = 4;
const readBlock = 2 ** 22;

/**
 * Feature vectors on disk, found by the content of their image. Every run appends to a file of its own and reads those of all others, so
 * that nothing that is written is ever changed: a run that is killed leaves at most one torn record at the end of its file, which its checksum gives
 * away, and runs side by side do not disturb each other.
 */
export class FeatureStore {
  readonly #folder: string;
  readonly #segments: FileHandle[] = [];
  readonly #index = new Map<string, Location>();
  #length = 0;
  #own?: { segment: number; end: number };

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Opens the store in a folder, which is made when the first features are added.
   *
   * @throws {ReconlossError} `file` when it cannot be read
   */
  static async open(folder: string): Promise<FeatureStore> {
    const store = new FeatureStore(folder);
    try {
      const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return [];
        throw cause;
      });
      for (const name of names.sort()) if (name.endsWith(extension)) await store.#readSegment(join(folder, name));
    } catch (cause) {
      await store.close();
      throw new ReconlossError("file", `cannot read the cached features in ${folder}: ${reasonOf(cause)}`, { cause });
    }
    return store;
  }

  /** The image with that content, where its features are stored. */
  find(hash: string): StoredImage | undefined {
    return this.#index.get(hash);
  }

  /**
   * Adds the feature vectors of images that are not stored yet, each as long as those before, in one write.
   *
   * @throws {ReconlossError} `file` when the disk takes no more
   */
  async append(images: readonly StoredImage[], features: Float32Array): Promise<void> {
    const length = features.length / images.length;
    if (this.#length !== 0 && length !== this.#length) {
      throw new ReconlossError("shape", `${length} features, but ${this.#length} are stored for other images`);
    }
    this.#length = length;
    const recordBytes = beforeFeatures + 4 * length + checksumBytes;
    const fresh = [...images.entries()].filter(([, { hash }]) => !this.#index.has(hash));
    if (fresh.length === 0) return;
    const records = Buffer.alloc(recordBytes * fresh.length);
    for (const [at, [i, { hash, height, width, decode }]] of fresh.entries()) {
      const record = records.subarray(at * recordBytes, (at + 1) * recordBytes);
      record.write(hash, "hex");
      record.writeUInt32LE(height, hashBytes);
      record.writeUInt32LE(width, hashBytes + 4);
      record.writeUInt32LE(
        decode.reduce((bits, kind) => bits | (1 << decodeKinds.indexOf(kind)), 0),
        hashBytes + 8,
      );
      const row = features.subarray(i * length, (i + 1) * length);
      record.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), beforeFeatures);
      record.writeUInt32LE(crc32(record.subarray(0, -checksumBytes)), recordBytes - checksumBytes);
    }
    try {
      const own = (this.#own ??= await this.#createSegment());
      await writeAll(this.#segments[own.segment], records, own.end);
      for (const [at, [, image]] of fresh.entries()) {
        const position = own.end + at * recordBytes + beforeFeatures;
        this.#index.set(image.hash, { ...image, segment: own.segment, position });
      }
      own.end += records.length;
    } catch (cause) {
      throw new ReconlossError("file", `cannot cache features in ${this.#folder}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** The features of these images, which must be stored, in this order. */
  rows(hashes: readonly string[]): FeatureRows {
    const locations = hashes.map((hash) => this.#index.get(hash) as Location);
    const length = this.#length;
    return {
      count: hashes.length,
      dimension: length,
      read: async (indices) => {
        const rows = new Float32Array(indices.length * length);
        const bytes = new Uint8Array(rows.buffer);
        for (let i = 0; i < indices.length; i++) {
          const { segment, position } = locations[indices[i]];
          const { bytesRead } = await this.#segments[segment].read(bytes, i * 4 * length, 4 * length, position);
          if (bytesRead !== 4 * length) {
            throw new ReconlossError("file", `a file in ${this.#folder} was truncated by another program`);
          }
        }
        return rows;
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#segments.splice(0).map((handle) => handle.close()));
  }

  async #createSegment(): Promise<{ segment: number; end: number }> {
    await makeFolder(this.#folder);
    const handle = await open(join(this.#folder, `${Date.now()}-${randomUUID()}${extension}`), "wx+");
    this.#segments.push(handle);
    const header = Buffer.concat([signature, Buffer.alloc(4)]);
    header.writeUInt32LE(this.#length, signature.length);
    await writeAll(handle, header, 0);
    return { segment: this.#segments.length - 1, end: headerBytes };
  }

  /** Takes up all whole records of a file; at the first that is torn or damaged, the rest is left. */
  async #readSegment(path: string): Promise<void> {
    const handle = await open(path, "r");
    this.#segments.push(handle);
    const segment = this.#segments.length - 1;
    const header = Buffer.alloc(headerBytes);
    await handle.read(header, 0, headerBytes, 0);
    const length = header.readUInt32LE(signature.length);
    const known = header.subarray(0, signature.length).equals(signature);
    if (!known || length === 0 || length > 2 ** 24 || (this.#length !== 0 && length !== this.#length)) return;
    const recordBytes = beforeFeatures + 4 * length + checksumBytes;
    const block = Buffer.alloc(Math.max(1, Math.floor(readBlock / recordBytes)) * recordBytes);
    for (let start = headerBytes; ; start += block.length) {
      const { bytesRead } = await handle.read(block, 0, block.length, start);
      for (let at = 0; at + recordBytes <= bytesRead; at += recordBytes) {
        const record = block.subarray(at, at + recordBytes);
        if (record.readUInt32LE(recordBytes - checksumBytes) !== crc32(record.subarray(0, -checksumBytes))) return;
        this.#length = length;
        const hash = record.toString("hex", 0, hashBytes);
        const [height, width] = [record.readUInt32LE(hashBytes), record.readUInt32LE(hashBytes + 4)];
        const bits = record.readUInt32LE(hashBytes + 8);
        const decode = decodeKinds.filter((_, bit) => bits & (1 << bit));
        this.#index.set(hash, { hash, height, width, decode, segment, position: start + at + beforeFeatures });
      }
      if (bytesRead < block.length) return;
    }
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
