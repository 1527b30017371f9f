import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { OutputInfo, Sharp } from "sharp";

/** Writes an image under a path in a folder, in the format of its name, and the folders above it. */
export function writePicture(folder: string, path: string, image: Sharp): Promise<OutputInfo> {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  return image.toFile(file);
}
