import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import type { Sharp } from "sharp";

/** A format that files are searched in, and how sharp encodes it. */
export interface QualityFormat {
  readonly name: string;
  /** Of the files that are written. */
  readonly extension: string;
  /** All extensions of such files. */
  readonly extensions: readonly string[];
  /** Whether it has transparency. */
  readonly hasAlpha: boolean;
  /** Settings beside the quality, as they are said. */
  readonly settings: string;
  encode(image: Sharp, quality: number): Sharp;
}

/** The formats that files are searched in, with qualities from 1 to 100. */
export const qualityFormats: readonly QualityFormat[] = [
  {
    name: "avif",
    extension: ".avif",
    extensions: [".avif"],
    hasAlpha: true,
    settings: "4:4:4, effort 4",
    encode: (image, quality) => image.avif({ quality, chromaSubsampling: "4:4:4", effort: 4 }),
  },
  {
    name: "jpeg",
    extension: ".jpg",
    extensions: [".jpg", ".jpeg", ".jpe", ".jfif"],
    hasAlpha: false,
    settings: "4:2:0, mozjpeg",
    encode: (image, quality) => image.jpeg({ quality, chromaSubsampling: "4:2:0", mozjpeg: true }),
  },
  {
    name: "webp",
    extension: ".webp",
    extensions: [".webp"],
    hasAlpha: true,
    settings: "4:2:0, effort 4",
    encode: (image, quality) => image.webp({ quality, effort: 4 }),
  },
];

/** The format of a name. */
export function formatNamed(caller: string, name: string): QualityFormat {
  checkArguments(caller, { format: [name, "text"] });
  const found = qualityFormats.find((format) => format.name === name.toLowerCase());
  if (found !== undefined) return found;
  const known = qualityFormats.map((format) => format.name).join(", ");
  throw new ReconlossError("invalid-argument", `${caller}: format must be one of ${known}, got "${name}"`);
}
