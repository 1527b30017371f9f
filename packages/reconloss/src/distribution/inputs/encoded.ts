import { createHash } from "node:crypto";
import { ReconlossError } from "@reconloss/core";
import { isFloating, pixelsToTensor, refuseOutside } from "@reconloss/core/internal";
import { decodePixels, type PixelOptions } from "../../image/index.ts";
import { imageSize, largestFile } from "../../image/read.ts";
import type { SetImage } from "../image-set.ts";

/** An image from the bytes of its file; `name` is what errors call it. */
export function encodedImage(name: string, bytes: Uint8Array, options: PixelOptions): SetImage {
  return {
    hash: createHash("sha256").update(bytes).digest("hex"),
    size: () => imageSize(bytes, { name, decode: options.decode }),
    decode: async () => {
      const { pixels, notes } = await decodePixels(bytes, { name, decode: options.decode });
      if (isFloating(pixels)) refuseOutside(name, pixels);
      if (!isFloating(pixels) && pixels.channels % 2 === 1) return { image: pixels, notes };
      const all = [...notes];
      return { image: pixelsToTensor(name, pixels, options, { note: (note) => all.push(note) }), notes: all };
    },
  };
}

/** The error of one image that cannot be read; the others of its set are not in question. */
export function unreadable(name: string, reason: string, cause?: unknown): ReconlossError {
  return new ReconlossError("image", `cannot read ${name}: ${reason}`, { cause });
}

/** Refuses a member that no image within the limit of pixels can be as large as, before it is read. */
export function checkSize(name: string, size: number): void {
  const most = largestFile();
  if (size > most) throw unreadable(name, `it has ${size} bytes, and at most ${most} are read`);
}
