import { join } from "node:path";
import { fileSize, readFileBytes } from "../../files.ts";
import { listFolder, type PixelOptions } from "../../image/index.ts";
import { largestFile } from "../../image/read.ts";
import type { ImageSet } from "../image-set.ts";
import { encodedImage, unreadable } from "./encoded.ts";
import { folderLabel } from "./members.ts";

/** The images of a folder and its subfolders; the first folder of a name is the image's class. */
export async function folderImages(folder: string, options: PixelOptions): Promise<ImageSet> {
  const { images: names, ignoredFiles } = await listFolder(folder);
  return {
    count: names.length,
    ignoredFiles,
    name: (index) => names[index],
    bytes: (index) => fileSize(join(folder, names[index])),
    load: async (index) => {
      const path = join(folder, names[index]);
      const error = (reason: string, cause: unknown) => unreadable(path, reason, cause);
      return encodedImage(path, await readFileBytes(path, { most: largestFile(), error }), options);
    },
    label: async (index) => folderLabel(names[index]),
  };
}
