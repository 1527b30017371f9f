import { checkArguments } from "../arguments.ts";

/** The notes on how an image was read, and the words for a count of such images: "2 rotated by EXIF". */
const labels = {
  rotated: "rotated by EXIF",
  "not-rotated": "not rotated as EXIF says",
  cmyk: "CMYK",
  grey16: "16-bit grey",
  colour16: "16-bit colour",
  "subsampled-avif": "AVIF of subsampled colour",
  "first-frame": "first frame of several",
  "extra-samples": "without extra samples of TIFF",
  composited: "composited",
  "alpha-compared": "with alpha as a plane",
  "alpha-dropped": "without their alpha",
  "outside-range": "outside [0, 1]",
  "scale-ignored": "without their scale",
  "extra-bytes": "with extra bytes",
  "cmyk-by-pillow": "CMYK by Pillow's rule",
  "grey16-by-pillow": "16-bit grey cut off at 255",
  "colour16-by-pillow": "16-bit colour at 8 bits",
} as const;

/** The kinds of a {@link DecodeNote}. */
export type DecodeKind = keyof typeof labels;

/** All of them, in the order in which they are said. Features on disk keep their places in it: new ones come last. */
export const decodeKinds = Object.keys(labels) as DecodeKind[];

/** Something that a reader of the numbers should know of how an image was read, though nothing is wrong with it. */
export interface DecodeNote {
  kind: DecodeKind;
  /** A clause that says it of one image, with nothing in it that differs from image to image: "has extra bytes ...". */
  text: string;
}

/**
 * Returns what was done to the pixels of a set, in one line: `2 rotated by EXIF, 1 CMYK`; undefined where nothing was.
 *
 * @param notes - of all images of the set
 * @example
 * ```ts
 * import { decodeSummary } from "@reconloss/core/pixels";
 * const note = { kind: "cmyk", text: "is CMYK" } as const;
 * decodeSummary([note, note]); // "2 CMYK"
 * ```
 */
export function decodeSummary(notes: readonly Pick<DecodeNote, "kind">[]): string | undefined {
  checkArguments("decodeSummary", { notes: [notes, "objects"] });
  const counts = new Map<DecodeKind, number>();
  for (const { kind } of notes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const parts = decodeKinds.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [`${count} ${labels[kind]}`];
  });
  return parts.length > 0 ? parts.join(", ") : undefined;
}
