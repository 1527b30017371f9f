import { totalmem } from "node:os";

/** Images in work at a time, where pairs of folders are compared: three pairs. */
const imagesAtOnce = 6;
/** The largest memory of a pixel in bytes: decoded, 16 bits for each of four channels, and as three floats of a tensor. */
const bytesPerPixel = 8 + 12;
/** The largest side of a WebP, squared: no image that a browser shows is larger. */
const largest = 16383 ** 2;

/** The limit of this process, set by `--limit-pixels`. */
let processLimit: number | undefined;

/** Changes the default for the whole process, whose memory it is about; `undefined` brings back what suits the machine. */
export function limitPixelsTo(pixels: number | undefined): void {
  processLimit = pixels;
}

/**
 * The most pixels that an image may have where the call says nothing: what the process was told, else as many as let six images fit into three quarters of the memory of this machine
 * or container, and at most 16383 x 16383.
 *
 * @param memory - in bytes
 */
export function defaultLimitPixels(memory = memoryHere()): number {
  return processLimit ?? Math.min(largest, Math.floor((0.75 * memory) / (imagesAtOnce * bytesPerPixel)));
}

/** Bytes that this process may have: the machine's, or fewer in a container. */
export function memoryHere(): number {
  // 0 or absurdly large where there is no container.
  const allowed = process.constrainedMemory();
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}
