import type { Definition, OwnEvaluation, TiledScore } from "../definitions/definition.ts";
import { poolScores } from "../definitions/evaluate.ts";
import { layerWeightOf } from "../definitions/pixel-weights.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import type { Window } from "../graph/receptive-field.ts";
import { reference, toFloat64 } from "../graph/reference.ts";
import { Tensor } from "../tensor.ts";
import { type Engine, planesOf, type Request } from "./engine.ts";
import { imageDims, programFor } from "./programs.ts";

/** Part of an axis of an image, in pixels: what counts, and what has to be read for it; ends are exclusive. */
export interface Span {
  start: number;
  end: number;
  readStart: number;
  readEnd: number;
}

/** Part of an image. */
export interface Tile {
  rows: Span;
  columns: Span;
}

/** A cut of an axis by which every position of every layer is computed as it is in the whole image. */
interface Cutting {
  /** Starts of parts are multiples of it, as are starts of what is read: the strides of all layers divide it. */
  step: number;
  /** The fewest pixels of a part: something is left at each layer, and the overlap is no longer than the part. */
  least: number;
  /** The margins that are read before and after a part. */
  before: number;
  after: number;
}

function roundUp(x: number, step: number): number {
  return Math.ceil(x / step) * step;
}

function cuttingOf(windows: readonly Window[], leastSize: number): Cutting {
  const step = Math.max(...windows.map(({ stride }) => stride));
  const before = roundUp(Math.max(...windows.map(({ padding }) => padding)), step);
  const after = Math.max(...windows.map(({ kernel, stride, padding }) => kernel - stride - padding), 0);
  return { step, least: roundUp(Math.max(leastSize, before + after), step), before, after };
}

/** An axis cut into `count` parts of about the same size. */
function spans(size: number, count: number, { step, before, after }: Cutting): Span[] {
  const cut = (index: number) =>
    index === count ? size : step * Math.floor((index * Math.floor(size / step)) / count);
  return Array.from({ length: count }, (_, index) => {
    const [start, end] = [cut(index), cut(index + 1)];
    return { start, end, readStart: Math.max(0, start - before), readEnd: Math.min(size, end + after) };
  });
}

const readSize = ({ readStart, readEnd }: Span) => readEnd - readStart;

/** The length that an axis cut into `count` parts reads: by the longest part, at most, and by all together. */
function reads(size: number, count: number, { step, before, after }: Cutting) {
  const overlap = before + after;
  const longest = Math.ceil(Math.floor(size / step) / count) * step + (size % step) + overlap;
  return { count, longest: Math.min(size, longest), total: size + (count - 1) * overlap };
}

/**
 * An image cut into tiles that read no more than `pixels` each, with the fewest pixels read in all; where no tiles are so small, the smallest there are.
 *
 * @param layers - the windows of all layers that count
 * @param leastSize - the fewest pixels that leave something at each layer
 */
export function tilesOf(
  height: number,
  width: number,
  pixels: number,
  layers: readonly Window[],
  leastSize: number,
): Tile[] {
  const cutting = cuttingOf(layers, leastSize);
  const cuts = (size: number) =>
    Array.from({ length: Math.max(1, Math.floor(size / cutting.least)) }, (_, index) =>
      reads(size, index + 1, cutting),
    );
  const [down, across] = [cuts(height), cuts(width)];
  let best = { rows: down.length, columns: across.length, read: Number.POSITIVE_INFINITY };
  for (const rows of down) {
    // The fewest columns that fit read the least.
    const columns = across.find(({ longest }) => longest * rows.longest <= pixels);
    if (columns === undefined) continue;
    const read = rows.total * columns.total;
    if (read < best.read) best = { rows: rows.count, columns: columns.count, read };
  }
  const columnSpans = spans(width, best.columns, cutting);
  return spans(height, best.rows, cutting).flatMap((rows) => columnSpans.map((columns) => ({ rows, columns })));
}

/** The part of an image that a tile reads. */
function cutOut({ data, shape: [, c, h, w] }: Tensor, { rows, columns }: Tile): Tensor {
  const [height, width] = [readSize(rows), readSize(columns)];
  const part = new Float32Array(c * height * width);
  for (let channel = 0; channel < c; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * h + rows.readStart + row) * w;
      part.set(data.subarray(from + columns.readStart, from + columns.readEnd), (channel * height + row) * width);
    }
  }
  return new Tensor(part, [1, c, height, width]);
}

/** The positions of a layer that belong to a span, counted from where the span is read. */
function ownPositions({ start, end, readStart }: Span, size: number, layerSize: number, stride: number) {
  const last = end === size ? layerSize : Math.min(end / stride, layerSize);
  return [start / stride - readStart / stride, last - readStart / stride] as const;
}

/**
 * Evaluates a definition's values, weighted or not, image by image and tile by tile. The tiles overlap by the receptive fields of the network, and of each the positions that belong to
 * it are added up in float64, so that the values are those of the whole images up to the rounding of float32: at once, positions are
 * added up in float32, which at millions of them is the coarser of the two.
 */
async function evaluateTiles(
  definition: Definition,
  { pixelsAtOnce, network, taps, places }: TiledScore,
  { images, device }: Request,
): Promise<OwnEvaluation> {
  const { output, target, weight, share } = planesOf(images);
  const dims = imageDims(definition, output);
  const program = await programFor(definition, `tiles ${JSON.stringify(dims)}`, device, async () => {
    await definition.prepare?.();
    const build = <T>(o: Ops<T>, images: Record<string, T>) =>
      Object.fromEntries(places(o, { output: images.output, target: images.target }).map((x, i) => [taps[i], x]));
    return compile<string, string>({ output: dims, target: dims }, build, { device });
  });
  const [n, , h, w] = output.shape;
  const windows = taps.map((tap) => network.window(tap));
  const sizes = network.sizes(taps, h, w);
  const tiles = tilesOf(h, w, pixelsAtOnce, windows, network.leastSize(taps));
  const scores = new Float64Array(n);
  const terms = Object.fromEntries(taps.map((tap) => [tap, 0]));
  for (let image = 0; image < n; image++) {
    const [a, b] = [output.image(image), target.image(image)];
    const pixels = weight?.image(weight.shape[0] === 1 ? 0 : image);
    const weights = sizes.map(([rows, columns]) => pixels && layerWeightOf(pixels, rows, columns));
    const totals = sizes.map(([rows, columns], index) => weights[index]?.reduce((x, y) => x + y, 0) ?? rows * columns);
    for (const tile of tiles) {
      const parts = await program.run({ output: cutOut(a, tile), target: cutOut(b, tile) });
      for (const [index, [height, width]] of sizes.entries()) {
        const { data, shape } = parts[taps[index]];
        const { stride } = windows[index];
        const [top, bottom] = ownPositions(tile.rows, h, height, stride);
        const [left, right] = ownPositions(tile.columns, w, width, stride);
        /** The place of the read part's first position in the whole layer. */
        const origin = (tile.rows.readStart * width + tile.columns.readStart) / stride;
        const ofPlaces = weights[index];
        let sum = 0;
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            const weight = ofPlaces?.[origin + row * width + column] ?? 1;
            sum += weight * data[row * shape[3] + column];
          }
        }
        const contribution = sum / totals[index];
        scores[image] += contribution;
        terms[taps[index]] += ((share?.data[image] ?? 1) * contribution) / n;
      }
    }
  }
  const batch = { data: scores, shape: [n, 1, 1, 1] as const };
  return {
    value: poolScores(reference, definition, batch, share && toFloat64(share)).data[0],
    perImage: Float64Array.from((definition.toReported?.(reference, batch) ?? batch).data),
    scores,
    terms,
    ...(tiles.length > 1 ? { tiles: tiles.length } : {}),
  };
}

/** Evaluates sums over the layers of a network, of images too large to be computed at once, in tiles. */
export const tiles = {
  name: "tiles",
  refusal: ({ tiles }, { images, requested }) => {
    if (tiles === undefined) return "the loss is no sum over the layers of a network";
    if (requested.grad || requested.map) return "gradients and maps are those of whole images";
    if (images.targetFeatures) return "the target is prepared: its features, as a whole, are in memory already";
    const [n, , h, w] = images.output.shape;
    const most = tiles.pixelsAtOnce;
    return n * h * w > most ? undefined : `output has ${n * h * w} pixels, and up to ${most} are computed at once`;
  },
  evaluate: (definition, request) => evaluateTiles(definition, definition.tiles as TiledScore, request),
} as const satisfies Engine;
