import { ReconlossError } from "@reconloss/core";
import type { Drawing, Frame, Line, Picture, Raster, Run } from "./drawing.ts";
import type { Fonts } from "./font.ts";

/** A region of an image, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A region with the colour that it is drawn in, `#rrggbb`. */
export interface ColouredBox extends Box {
  readonly colour: string;
}

/** A place in the grid beside an image: the target's or a method's. */
export interface Cell {
  readonly title: string;
  /** The image within each box. */
  readonly crops: readonly Raster[];
  /** The line under the title: numbers, the best of each metric in bold. */
  readonly numbers?: readonly Run[];
  /** The reason why there is nothing to show, instead of crops. */
  readonly missing?: string;
}

/** An image with its crops. */
export interface Row {
  /** The line under the image. */
  readonly caption: string;
  /** The image, which may be reduced; boxes are in the pixels of `width` x `height`. */
  readonly picture: Raster;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly ColouredBox[];
  readonly cells: readonly Cell[];
}

/** The options of a figure's layout. */
export interface LayoutOptions {
  /** Width of the whole, in points of 1/72 inch; default 496, two columns of most papers. With `scale`, what comes of it. */
  width?: number;
  /** Crops side by side; default: all of up to three, otherwise two lines of them. */
  columns?: number;
  /** Size of the letters in points; default 8. */
  fontSize?: number;
  /** Points to a pixel of the crops; default: what fills the width. */
  scale?: number;
}

const gap = 4;
const [ink, soft, empty] = ["#000000", "#555555", "#eeeeee"];
/** The image takes at most this part of the width. */
const mostOfWidth = 0.6;
/** Text that is too wide is made smaller down to this part of its size, then cut off. */
const leastText = 0.7;

/** Line heights over the size of letters. */
const lineHeight = 1.25;

/** The least width that a cell may have: narrower ones hold no numbers. */
const leastCell = 18;

const widthOf = (fonts: Fonts, runs: readonly Run[], size: number) =>
  runs.reduce((sum, { text, bold }) => sum + (bold ? fonts.bold : fonts.regular).widthOf(text, size), 0);

/** A line of text in the middle of a width that it does not exceed. */
function fitted(fonts: Fonts, line: Omit<Line, "kind" | "anchor">, width: number): Line {
  const size = Math.max(leastText, Math.min(1, width / widthOf(fonts, line.runs, line.size))) * line.size;
  const runs = [...line.runs];
  const isTooWide = () => widthOf(fonts, runs, size) > width + 1e-6;
  while (isTooWide() && runs.length > 0) {
    const last = runs[runs.length - 1];
    const letters = [...last.text.replace(/…$/u, "")];
    if (letters.length === 0) runs.pop();
    else runs[runs.length - 1] = { ...last, text: `${letters.slice(0, -1).join("")}…` };
  }
  return { kind: "line", ...line, runs, size, anchor: "middle" };
}

/** The sizes of a row, all in points. */
interface Sizes {
  readonly picture: { readonly width: number; readonly height: number };
  /** Width of a cell, and of its crops. */
  readonly cell: number;
  /** Heights of the crops of a cell, one for each box. */
  readonly crops: readonly number[];
  readonly columns: number;
  readonly height: number;
  /** The height that all lines of cells take. */
  readonly grid: number;
}

function columnsOf(count: number, boxes: number): number {
  if (count <= 3 || (boxes > 1 && count <= 6)) return count;
  return Math.ceil(count / 2);
}

/** The sizes of the image and the grid that share the width: the image is as high as the grid beside it, unless it took more than its part of the width. */
function sizesOf(row: Row, options: Required<Omit<LayoutOptions, "scale">> & { scale?: number }): Sizes {
  const { width, columns, fontSize, scale } = options;
  const lines = Math.ceil(row.cells.length / columns);
  // The height of the grid is a linear function of a cell's width.
  const slope = row.boxes.reduce((sum, box) => sum + box.height / box.width, 0) * lines;
  const text = 2 * lineHeight * fontSize;
  const constant = lines * ((row.boxes.length - 1) * gap + text) + (lines - 1) * gap;
  const caption = lineHeight * fontSize;
  const ratio = row.width / row.height;
  const gaps = columns * gap;
  let cell = (width - gaps - (constant - caption) * ratio) / (slope * ratio + columns);
  if (scale !== undefined) cell = Math.max(...row.boxes.map((box) => box.width)) * scale;
  let height = slope * cell + constant - caption;
  if (scale === undefined && height * ratio > mostOfWidth * width) {
    cell = (width * (1 - mostOfWidth) - gaps) / columns;
    height = (width * mostOfWidth) / ratio;
  }
  if (!(cell >= leastCell)) {
    throw new ReconlossError(
      "invalid-argument",
      `figure: ${row.cells.length} crops in ${columns} columns do not fit into a width of ${Math.round(width)} points; take fewer columns, or a larger width`,
    );
  }
  const crops = row.boxes.map((box) => (cell * box.height) / box.width);
  const grid = slope * cell + constant;
  return {
    picture: { width: height * ratio, height },
    ...{ cell, crops, columns, grid },
    height: Math.max(grid, height + caption),
  };
}

/** A row, its upper edge at `top`. */
function drawRow(fonts: Fonts, row: Row, sizes: Sizes, top: number, fontSize: number): (Picture | Frame | Line)[] {
  const { picture, cell, crops, columns } = sizes;
  const parts: (Picture | Frame | Line)[] = [];
  parts.push({ kind: "picture", x: 0, y: top, ...picture, raster: row.picture, title: row.caption });
  const perPixel = picture.width / row.width;
  for (const { x, y, width, height, colour } of row.boxes) {
    const place = { x: x * perPixel, y: top + y * perPixel, width: width * perPixel, height: height * perPixel };
    // White around the colour shows it on any ground.
    parts.push({ kind: "frame", ...place, stroke: "#ffffff", line: 2.5 });
    parts.push({ kind: "frame", ...place, stroke: colour, line: 1.5 });
  }
  const baseline = (under: number, line: number) => under + (line + 0.8) * lineHeight * fontSize;
  const caption = { runs: [{ text: row.caption }], size: fontSize, colour: ink };
  parts.push(fitted(fonts, { ...caption, x: picture.width / 2, y: baseline(top + picture.height, 0) }, picture.width));
  const high = crops.reduce((sum, height) => sum + height, 0) + (crops.length - 1) * gap;
  const step = high + 2 * lineHeight * fontSize + gap;
  for (const [index, { title, crops: images, numbers, missing }] of row.cells.entries()) {
    const x = picture.width + gap + (index % columns) * (cell + gap);
    const y = top + Math.floor(index / columns) * step;
    const centre = x + cell / 2;
    let from = y;
    for (const [at, height] of crops.entries()) {
      const place = { x, y: from, width: cell, height };
      const image = images[at];
      if (image === undefined) parts.push({ kind: "frame", ...place, fill: empty });
      else {
        parts.push({ kind: "picture", ...place, raster: image, title, enlarged: true });
        const { colour } = row.boxes[at];
        // Inside the edge, so that crops stay in line.
        if (crops.length > 1)
          parts.push({ kind: "frame", x: x + 0.5, y: from + 0.5, width: cell - 1, height: height - 1, stroke: colour });
      }
      from += height + gap;
    }
    const line = (runs: readonly Run[], under: number, colour = ink) =>
      fitted(fonts, { runs, x: centre, y: under, size: fontSize, colour }, cell);
    if (missing !== undefined) parts.push(line([{ text: missing }], y + high / 2 + 0.35 * fontSize, soft));
    parts.push(line([{ text: title }], baseline(y + high, 0)));
    if (numbers !== undefined) parts.push(line(numbers, baseline(y + high, 1)));
  }
  return parts;
}

/**
 * The usual figure of a paper: of each row the image with its boxes, and beside it a grid of crops, with names and numbers under them.
 *
 * @throws {ReconlossError} `invalid-argument` where crops do not fit into the width
 */
export function layOut(rows: readonly Row[], fonts: Fonts, title: string, options: LayoutOptions = {}): Drawing {
  const { fontSize = 8, scale } = options;
  const wanted = options.width ?? 496;
  const sized = rows.map((row) => {
    const most = options.columns ?? columnsOf(row.cells.length, row.boxes.length);
    return sizesOf(row, { width: wanted, fontSize, scale, columns: Math.min(most, row.cells.length) });
  });
  let top = 0;
  const parts = rows.flatMap((row, index) => {
    const drawn = drawRow(fonts, row, sized[index], top, fontSize);
    top += sized[index].height + (index < rows.length - 1 ? 2 * gap : 0);
    return drawn;
  });
  const widths = sized.map(({ picture, cell, columns }) => picture.width + columns * (cell + gap));
  return { width: scale === undefined ? wanted : Math.max(...widths), height: top, title, parts };
}
