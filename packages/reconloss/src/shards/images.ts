import { type DecodeKind, decodeKinds } from "@reconloss/core/internal";
import type { StoredImage } from "../distribution/feature-store.ts";

/** An image of a part, with its place in the whole set. */
export interface PartImage extends StoredImage {
  readonly index: number;
}

const hashBytes = 32;
/** SHA-256, place (8 bytes), height, width, a bit for each kind of decoding. */
export const imageBytes = hashBytes + 8 + 12;

/** Images as bytes, {@link imageBytes} each. */
export function packImages(images: readonly PartImage[]): Uint8Array {
  const bytes = Buffer.alloc(images.length * imageBytes);
  for (const [i, { hash, index, height, width, decode }] of images.entries()) {
    const record = bytes.subarray(i * imageBytes, (i + 1) * imageBytes);
    record.write(hash, "hex");
    record.writeBigUInt64LE(BigInt(index), hashBytes);
    record.writeUInt32LE(height, hashBytes + 8);
    record.writeUInt32LE(width, hashBytes + 12);
    const bits = decode.reduce((sum, kind) => sum | (1 << decodeKinds.indexOf(kind)), 0);
    record.writeUInt32LE(bits, hashBytes + 16);
  }
  return bytes;
}

/** An image as it is packed, read where it is asked for: a merge holds as many as there are. */
class PackedImage implements PartImage {
  readonly #bytes: Buffer;
  readonly #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get hash(): string {
    return this.#bytes.toString("hex", this.#at, this.#at + hashBytes);
  }

  get index(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#at + hashBytes));
  }

  get height(): number {
    return this.#bytes.readUInt32LE(this.#at + hashBytes + 8);
  }

  get width(): number {
    return this.#bytes.readUInt32LE(this.#at + hashBytes + 12);
  }

  get decode(): readonly DecodeKind[] {
    const bits = this.#bytes.readUInt32LE(this.#at + hashBytes + 16);
    return bits === 0 ? none : decodeKinds.filter((_, bit) => bits & (1 << bit));
  }
}

const none: readonly DecodeKind[] = [];

/** The images of bytes that {@link packImages} made. */
export function unpackImages(bytes: Buffer): PartImage[] {
  return Array.from({ length: bytes.length / imageBytes }, (_, i) => new PackedImage(bytes, i * imageBytes));
}
