import { decodeKinds } from "@reconloss/core/internal";
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

/** The images of bytes that {@link packImages} made. */
export function unpackImages(bytes: Buffer): PartImage[] {
  return Array.from({ length: bytes.length / imageBytes }, (_, i) => {
    const record = bytes.subarray(i * imageBytes, (i + 1) * imageBytes);
    const bits = record.readUInt32LE(hashBytes + 16);
    return {
      hash: record.toString("hex", 0, hashBytes),
      index: Number(record.readBigUInt64LE(hashBytes)),
      height: record.readUInt32LE(hashBytes + 8),
      width: record.readUInt32LE(hashBytes + 12),
      decode: decodeKinds.filter((_, bit) => bits & (1 << bit)),
    };
  });
}
