/** What can be said of how an image was read, and how a count of such images is said: "2 rotated by EXIF". */
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
} as const;

/** Something that a reader of the numbers should know of how an image was read, though nothing is wrong with it. */
export interface DecodeNote {
  kind: keyof typeof labels;
  /** A clause that says it of one image, with nothing in it that differs from image to image: "has extra bytes ...". */
  text: string;
}

/**
 * What was done to the pixels of a set, in one line: `2 rotated by EXIF, 1 CMYK`; undefined where nothing was.
 *
 * @param notes - of all images of the set
 * @example
 * ```ts
 * import { decodeSummary } from "reconloss/image";
 * const note = { kind: "cmyk", text: "is CMYK" } as const;
 * decodeSummary([note, note]); // "2 CMYK"
 * ```
 */
export function decodeSummary(notes: readonly Pick<DecodeNote, "kind">[]): string | undefined {
  const said = Object.entries(labels).flatMap(([kind, label]) => {
    const count = notes.filter((note) => note.kind === kind).length;
    return count > 0 ? [`${count} ${label}`] : [];
  });
  return said.length > 0 ? said.join(", ") : undefined;
}
