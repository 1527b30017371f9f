import { extname } from "node:path";
import { type Loss, ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { arrowOf, formatNumber } from "../compare/index.ts";
import { type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { writeFileAtomically } from "../files.ts";
import { toPixels } from "../image/index.ts";
import { stemOf } from "../image/names.ts";
import { loadSharp } from "../image/sharp.ts";
import { bestOf } from "../judge/best.ts";
import type { JudgedImage, Judgement } from "../judge/types.ts";
import type { Drawing, Raster, Run } from "./drawing.ts";
import { encodePictures } from "./encode.ts";
import { type Fonts, loadFonts } from "./font.ts";
import { type Box, type Cell, type LayoutOptions, layOut, type Row } from "./layout.ts";
import { comparableImages, findComparable } from "./names.ts";
import { loadPdfKit, toPdf } from "./pdf.ts";
import { proposalsOf, readJudged } from "./read.ts";
import { toSvg } from "./svg.ts";

/** A box as it is asked for. */
export interface FigureBox extends Box {
  /** `#rrggbb`; default: the next of {@link boxColours}. */
  readonly colour?: string;
}

/** An image of a figure. */
export interface FigureImage {
  /** As {@link JudgedImage.name}, its end, or either without the extension. */
  readonly name: string;
  /** Default: the region in which methods differ most. */
  readonly boxes?: readonly FigureBox[];
}

/** The options of a figure. */
export interface FigureOptions extends LayoutOptions, LoadOptions {
  /** Default: the image on which methods differ most by the first metric. */
  images?: readonly FigureImage[];
  /** Texts under the crops instead of `Target` and the methods' names, in their order. */
  labels?: readonly string[];
  /** Width and height in pixels of regions that are chosen; default: 4:3, a quarter of the image's shorter side high. */
  size?: readonly [width: number, height: number];
  /** Pixels to an inch, of PNG files and of the pictures inside the others; default 300. */
  dpi?: number;
}

/** A record of what was drawn. */
export interface FigureRecord {
  /** Of the whole, in points of 1/72 inch. */
  readonly width: number;
  readonly height: number;
  readonly images: readonly { readonly name: string; readonly boxes: readonly Box[]; readonly isProposed: boolean }[];
  /** The number of crops that are missing, since a method has no such image. */
  readonly missing: number;
  /** Notes for the reader: outputs that are missing, letters that the fonts lack. */
  readonly notes: readonly string[];
}

/** The colours of boxes, one after the other: of Okabe and Ito, which can be told apart without seeing red and green. */
export const boxColours: readonly string[] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

const defaultDpi = 300;
const colourPattern = /^#[0-9a-f]{6}$/i;

/** The formats of figures, by extension. */
export const figureExtensions: readonly string[] = [".png", ".svg", ".pdf"];

/** A tensor of three channels as 8 bits. */
function rasterOf(tensor: Tensor): Raster {
  const { data, width, height } = toPixels(tensor);
  return { data: data as Uint8ClampedArray, width, height };
}

function crop({ data, width }: Raster, box: Box): Raster {
  const rows = Array.from({ length: box.height }, (_, row) => {
    const from = 3 * ((box.y + row) * width + box.x);
    return data.subarray(from, from + 3 * box.width);
  });
  const cut = new Uint8ClampedArray(3 * box.width * box.height);
  for (const [index, row] of rows.entries()) cut.set(row, 3 * box.width * index);
  return { data: cut, width: box.width, height: box.height };
}

/** Refuses boxes that are not of whole pixels within the image. */
function checkBox(name: string, { x, y, width, height, colour }: FigureBox, image: Raster): void {
  const text = [x, y, width, height].join(",");
  const isWhole = [x, y, width, height].every(Number.isInteger);
  if (!isWhole || x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height) {
    throw new ReconlossError(
      "invalid-argument",
      `box ${text} is not within ${name} of ${image.width}x${image.height} pixels; boxes are x,y,width,height in whole pixels`,
    );
  }
  if (colour !== undefined && !colourPattern.test(colour)) {
    throw new ReconlossError("invalid-argument", `the colour of box ${text} is ${colour}; it is written #rrggbb`);
  }
}

/** The numbers of each method on an image, the best of each loss in bold; undefined where a method has none. */
function numbersOf(losses: readonly Loss[], image: JudgedImage): (Run[] | undefined)[] {
  const best = new Map(losses.map((loss) => [loss, bestOf(loss, image)]));
  return image.pairs.map((pair) =>
    pair === undefined
      ? undefined
      : losses.flatMap((loss, index): Run[] => {
          const text = formatNumber(pair.values[loss.label], loss.decimals);
          return [...(index > 0 ? [{ text: " / " }] : []), { text, bold: best.get(loss) === text }];
        }),
  );
}

/** The line under the target, which names the numbers under the others. */
function namesOf(losses: readonly Loss[]): Run[] {
  return [{ text: losses.map(({ label, better }) => `${label} ${arrowOf(better)}`).join(" / ") }];
}

async function rowOf(
  judgement: Judgement,
  wanted: FigureImage,
  image: JudgedImage,
  options: FigureOptions,
): Promise<{ row: Row; boxes: readonly Box[]; isProposed: boolean; notes: string[] }> {
  const read = await readJudged("figure", image, loadOptionsOf(options));
  const picture = rasterOf(read.target);
  const boxes: readonly FigureBox[] = wanted.boxes ?? proposalsOf(read, { count: 1, size: options.size });
  if (boxes.length === 0) {
    throw new ReconlossError(
      "invalid-argument",
      `all methods are identical on ${image.name}; choose a region: --box x,y,w,h`,
    );
  }
  for (const box of boxes) checkBox(image.name, box, picture);
  const { methods, losses } = judgement;
  const names = options.labels ?? ["Target", ...methods.map(({ name }) => name)];
  const numbers = numbersOf(losses, image);
  const notes: string[] = [];
  const cropsOf = (tensor: Tensor) => {
    const raster = rasterOf(tensor);
    return boxes.map((box) => crop(raster, box));
  };
  const cells: Cell[] = [
    { title: names[0], crops: cropsOf(read.target), numbers: namesOf(losses) },
    ...methods.map(({ name }, index): Cell => {
      const output = read.outputs[index];
      if (output !== undefined) return { title: names[index + 1], crops: cropsOf(output), numbers: numbers[index] };
      const failure = judgement.failed.find((each) => each.method === name && each.target === image.target);
      notes.push(`${name}: ${image.name} is not shown: ${failure?.error ?? "there is none"}`);
      const missing = failure?.output ? "not comparable" : "no image";
      return { title: names[index + 1], crops: [], missing };
    }),
  ];
  const row: Row = {
    caption: stemOf(image.name),
    ...{ picture, width: picture.width, height: picture.height, cells },
    boxes: boxes.map((box, index) => ({ ...box, colour: box.colour ?? boxColours[index % boxColours.length] })),
  };
  return { row, boxes, isProposed: wanted.boxes === undefined, notes };
}

/** The letters that are drawn by whatever font the viewer has. */
function missingGlyphs({ parts }: Drawing, { regular }: Fonts): string[] {
  const lines = parts.flatMap((part) => (part.kind === "line" ? part.runs : []));
  return regular.missing(lines.map(({ text }) => text).join(""));
}

/**
 * Writes the usual figure of a paper: an image with a box, and beside it the crops of the target and of each method, enlarged by nearest neighbour, with names and numbers under them,
 * the best of each metric in bold. Numbers are of the whole image. The same judgement gives the same bytes, without dates.
 *
 * - `.svg`: text is text in Helvetica, or what is as wide;
 * - `.png`: drawn with letters that come with the package, so that it needs no font of the machine;
 * - `.pdf`: text is text, in a font that the file holds; needs `pdfkit`, which is installed beside.
 *
 * @throws {ReconlossError} `invalid-argument` for another extension, an image that there is not, a box outside its image, and what does not fit into the width;
 * `missing-dependency` for PDF without pdfkit; `image` when an image cannot be read any more; `file` when the figure cannot be written
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeFigure } from "reconloss/figure";
 * import { writeImage } from "reconloss/image";
 * import { judge } from "reconloss/judge";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (const [name, level] of [["targets", 0.6], ["ours", 0.5], ["theirs", 0.2]] as const) {
 *   await writeImage(join(folder, name, "a.png"), Tensor.full([1, 3, 32, 32], level));
 * }
 * const methods = { ours: join(folder, "ours"), theirs: join(folder, "theirs") };
 * const judgement = await judge({ methods, targets: join(folder, "targets"), metrics: "psnr, ssim" });
 * const images = [{ name: "a.png", boxes: [{ x: 4, y: 8, width: 16, height: 12 }] }];
 * await writeFigure(join(folder, "figure.svg"), judgement, { images });
 * ```
 */
export async function writeFigure(
  path: string,
  judgement: Judgement,
  options: FigureOptions = {},
): Promise<FigureRecord> {
  checkArguments("writeFigure", {
    path: [path, "text"],
    judgement: [judgement, "object", ["methods", "images", "losses", "failed"]],
    options: [options, "object?"],
  });
  const { dpi = defaultDpi, labels, images } = options;
  checkArguments("writeFigure", { labels: [labels, "texts?"], images: [images, "objects?"], dpi: [dpi, "number"] });
  const extension = await checkFigureFile(path);
  checkNumbers(options);
  const { methods } = judgement;
  if (labels !== undefined && labels.length !== methods.length + 1) {
    throw new ReconlossError(
      "invalid-argument",
      `labels must be one for the target and one for each of ${methods.length} methods, ${methods.length + 1} in all, got ${labels.length}`,
    );
  }
  const wanted = images ?? [{ name: comparableImages(judgement)[0].name }];
  const rows: Awaited<ReturnType<typeof rowOf>>[] = [];
  const shown: JudgedImage[] = [];
  for (const image of wanted) {
    const judged = findComparable(image.name, judgement);
    shown.push(judged);
    rows.push(await rowOf(judgement, image, judged, options));
  }
  const fonts = await loadFonts();
  const title = `${shown.map(({ name }) => name).join(", ")}: ${methods.map(({ name }) => name).join(", ")}`;
  const drawing = layOut(
    rows.map(({ row }) => row),
    fonts,
    title,
    options,
  );
  const notes = rows.flatMap((row) => row.notes);
  const missing = notes.length;
  const foreign = missingGlyphs(drawing, fonts);
  if (foreign.length > 0 && extension !== ".pdf")
    notes.push(`the figure's font has no ${foreign.join(" ")}: they are drawn with the machine's fonts`);
  await writeFileAtomically(path, await render(drawing, extension, fonts, dpi));
  const { width, height } = drawing;
  return {
    ...{ width, height, missing, notes },
    images: rows.map(({ boxes, isProposed }, index) => ({ name: shown[index].name, boxes, isProposed })),
  };
}

/**
 * The extension of a figure's file, and what it takes to write it.
 *
 * @throws {ReconlossError} `invalid-argument` for one that is not written, `missing-dependency` for PDF without pdfkit
 */
export async function checkFigureFile(path: string): Promise<string> {
  const extension = extname(path).toLowerCase();
  if (extension === ".pdf") await loadPdfKit();
  if (figureExtensions.includes(extension)) return extension;
  throw new ReconlossError("invalid-argument", `${path} must end in one of ${figureExtensions.join(", ")}`);
}

function checkNumbers({ width, columns, fontSize, scale, dpi }: FigureOptions): void {
  const limits = { width: [36, 7200], columns: [1, 100], fontSize: [1, 200], scale: [0.01, 1000], dpi: [18, 2400] };
  for (const [name, value] of Object.entries({ width, columns, fontSize, scale, dpi })) {
    if (value === undefined) continue;
    const [low, high] = limits[name as keyof typeof limits];
    if (value >= low && value <= high && (name !== "columns" || Number.isInteger(value))) continue;
    const what = name === "columns" ? "a whole number" : "a number";
    throw new ReconlossError("invalid-argument", `${name} must be ${what} from ${low} to ${high}, got ${value}`);
  }
}

async function render(drawing: Drawing, extension: string, fonts: Fonts, dpi: number): Promise<string | Uint8Array> {
  const pictures = await encodePictures(drawing, dpi);
  if (extension === ".svg") return toSvg(drawing, pictures);
  if (extension === ".pdf") return toPdf(drawing, pictures, fonts);
  const sharp = await loadSharp();
  const svg = Buffer.from(toSvg(drawing, pictures, fonts));
  const options = { density: dpi, unlimited: true, limitInputPixels: false } as const;
  return sharp(svg, options).flatten({ background: "#ffffff" }).png({ compressionLevel: 9 }).toBuffer();
}
