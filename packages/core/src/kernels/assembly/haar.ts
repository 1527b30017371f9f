import { accumulate, constant as splat, firstLanes, laneSum, multiplyAdd, signOf, size, widen } from "./simd";
import { powerOfTwo } from "./trigonometry";

// Similarities of Haar coefficients of two images: of windows of 2 by 2 and 4 by 4 pixels, weighted by those of 8 by 8, and of two planes of colour.
//
// A coefficient is the difference of two halves of a window, the upper and the lower or the left and the right, each a sum along both axes. So each row of coefficients is six rows that are combined down the columns, sums and
// differences of each window's rows, and then along the rows. The gradient goes the same way back, and adds each row of coefficients' share to the eight rows of the image that it was made of.

/** Floats before each row, and as many after it, that windows reach and are 0. */
const MARGIN: usize = 64;

/** Rows of sums and differences of one image: of windows of two, four and eight rows. */
const D2: i32 = 0, A2: i32 = 1, D4: i32 = 2, A4: i32 = 3, D8: i32 = 4, A8: i32 = 5;
/** Sums of two rows of each plane of colour. */
const COLOUR: i32 = 6;
const ROWS: i32 = 8;

/** The constant of similarities, and the slope of the logistic function. */
let added: f32 = 0;
let alpha: f32 = 0;
/** For the gradient: the mean of what the logistic function exceeds its least value by, and what slopes are multiplied by. */
let mean: f32 = 0;
let factor: f32 = 0;

/** Sets the constant of similarities, the slope of the logistic function, and, for gradients, the mean of what it exceeds its least value by and what slopes are multiplied by. */
export function haarConfigure(constant: f32, slope: f32, meanExcess: f32, scale: f32): void {
  added = constant;
  alpha = slope;
  mean = meanExcess;
  factor = scale;
}

// @ts-ignore: decorator
@inline function rowBytes(width: i32): usize {
  return ((<usize>width << 2) + 15 & ~15) + 2 * MARGIN;
}

/** Bytes of scratch for rows of this width. */
export function haarScratch(width: i32): usize {
  // Those of both images, of slopes, a row of zeros, one for what is beyond the strip, and the logistic function and the weights of colours.
  return <usize>(3 * ROWS + 4) * rowBytes(width);
}

// @ts-ignore: decorator
@inline function rowOf(rows: usize, index: i32, width: i32): usize {
  return rows + <usize>index * rowBytes(width) + MARGIN;
}

/** Row `row` of a plane, or zeros beyond it. */
// @ts-ignore: decorator
@inline function source(plane: usize, row: i32, first: i32, height: i32, width: i32, zeros: usize): usize {
  return row < 0 || row >= height ? zeros : plane + (<usize>((row - first) * width) << 2);
}

/** Sums and differences down the columns for the row of coefficients `row`; `lumas` and `colours`: planes from row `first` on. */
function down(luma: usize, plane: usize, colours: bool, row: i32, first: i32, height: i32, width: i32, rows: usize, zeros: usize): void {
  const bytes = <usize>width << 2;
  const r0 = source(luma, row - 3, first, height, width, zeros), r1 = source(luma, row - 2, first, height, width, zeros);
  const r2 = source(luma, row - 1, first, height, width, zeros), r3 = source(luma, row, first, height, width, zeros);
  const r4 = source(luma, row + 1, first, height, width, zeros), r5 = source(luma, row + 2, first, height, width, zeros);
  const r6 = source(luma, row + 3, first, height, width, zeros), r7 = source(luma, row + 4, first, height, width, zeros);
  const pitch = rowBytes(width);
  for (let at: usize = 0; at < bytes; at += 16) {
    const above = v128.load(r3 + at), below = v128.load(r4 + at), out = rows + MARGIN + at;
    v128.store(out, f32x4.sub(above, below));
    v128.store(out + pitch, f32x4.add(above, below));
    const upper = f32x4.add(v128.load(r2 + at), above), lower = f32x4.add(below, v128.load(r5 + at));
    v128.store(out + 2 * pitch, f32x4.sub(upper, lower));
    v128.store(out + 3 * pitch, f32x4.add(upper, lower));
    const top = f32x4.add(f32x4.add(v128.load(r0 + at), v128.load(r1 + at)), upper);
    const bottom = f32x4.add(lower, f32x4.add(v128.load(r6 + at), v128.load(r7 + at)));
    v128.store(out + 4 * pitch, f32x4.sub(top, bottom));
    v128.store(out + 5 * pitch, f32x4.add(top, bottom));
  }
  const count = colours ? ROWS : COLOUR;
  for (let index = COLOUR; index < count; index++) {
    const colour = luma + <usize>(index - COLOUR + 1) * plane, out = rowOf(rows, index, width);
    const a = source(colour, row, first, height, width, zeros), b = source(colour, row + 1, first, height, width, zeros);
    for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  }
  for (let index = 0; index < count; index++) memory.fill(rowOf(rows, index, width) + bytes, 0, MARGIN);
}

/** The sum of the floats from column -1 to 2 and from -3 to 4, and how much those up to 0 exceed the others. */
// @ts-ignore: decorator
@inline function pairSum(at: usize): v128 {
  return f32x4.add(v128.load(at), v128.load(at + 4));
}

// @ts-ignore: decorator
@inline function sum4(at: usize): v128 {
  return f32x4.add(pairSum(at - 4), pairSum(at + 4));
}

// @ts-ignore: decorator
@inline function sum8(at: usize): v128 {
  return f32x4.add(f32x4.add(pairSum(at - 12), pairSum(at - 4)), f32x4.add(pairSum(at + 4), pairSum(at + 12)));
}

// @ts-ignore: decorator
@inline function difference4(at: usize): v128 {
  return f32x4.sub(pairSum(at - 4), pairSum(at + 4));
}

// @ts-ignore: decorator
@inline function difference8(at: usize): v128 {
  return f32x4.sub(f32x4.add(pairSum(at - 12), pairSum(at - 4)), f32x4.add(pairSum(at + 4), pairSum(at + 12)));
}

/** One over the divisor of a similarity. */
// @ts-ignore: decorator
@inline function inverse(a: v128, b: v128): v128 {
  return f32x4.div(splat(1), multiplyAdd(a, a, multiplyAdd(b, b, f32x4.splat(added))));
}

/** The derivative of one less a similarity by the signed coefficient x of size a, times `slope`. */
// @ts-ignore: decorator
@inline function slopeBy(x: v128, a: v128, difference: v128, lost: v128, inverted: v128, slope: v128): v128 {
  const byA = f32x4.sub(difference, f32x4.mul(lost, a));
  const sized = f32x4.mul(f32x4.mul(f32x4.add(byA, byA), inverted), slope);
  // The sign of 0 is none.
  return v128.and(v128.xor(sized, signOf(x)), f32x4.ne(x, splat(0)));
}

/** The derivative of the larger of two sizes, a of x and b, by x, times `slope`: half of it where they are the same. */
// @ts-ignore: decorator
@inline function slopeOfLarger(x: v128, a: v128, b: v128, slope: v128): v128 {
  const half = f32x4.mul(slope, splat(0.5));
  const shared = f32x4.add(v128.and(half, f32x4.ge(a, b)), v128.and(half, f32x4.gt(a, b)));
  return v128.and(v128.xor(shared, signOf(x)), f32x4.ne(x, splat(0)));
}

/** exp(-alpha similarity), of which the logistic function 1 / (1 + exp(alpha similarity)) is made, from one less the similarity. */
// @ts-ignore: decorator
@inline function exponential(lost: v128): v128 {
  const scale = f32x4.splat(alpha * 1.4426950408889634);
  return powerOfTwo(f32x4.mul(f32x4.sub(lost, splat(1)), scale));
}

/** The logistic function's least value, where nothing is lost. */
// @ts-ignore: decorator
@inline function leastLogistic(): v128 {
  const e = exponential(splat(0));
  return f32x4.mul(e, f32x4.div(splat(1), f32x4.add(e, splat(1))));
}

/** The excess of the logistic function of the similarity of colours over its least value, in a row; with `withGrad` slopes of the output's averages, which have yet to be multiplied by the places' weights. */
// @ts-ignore: decorator
@inline function scoreColours(withGrad: bool, xs: usize, ys: usize, slopes: usize, out: usize, width: i32): void {
  const end = <usize>width << 2, pitch = rowBytes(width);
  const one = splat(1), half = splat(0.5), quarter = splat(0.25), least = leastLogistic();
  for (let at: usize = 0; at < end; at += 16) {
    const x = xs + 6 * pitch + MARGIN + at, y = ys + 6 * pitch + MARGIN + at;
    const c1 = f32x4.mul(pairSum(x), quarter), c2 = f32x4.mul(pairSum(x + pitch), quarter);
    const a1 = size(c1), b1 = size(f32x4.mul(pairSum(y), quarter));
    const a2 = size(c2), b2 = size(f32x4.mul(pairSum(y + pitch), quarter));
    const d1 = f32x4.sub(a1, b1), i1 = inverse(a1, b1), l1 = f32x4.mul(f32x4.mul(d1, d1), i1);
    const d2 = f32x4.sub(a2, b2), i2 = inverse(a2, b2), l2 = f32x4.mul(f32x4.mul(d2, d2), i2);
    const e = exponential(f32x4.mul(f32x4.add(l1, l2), half));
    const over = f32x4.div(one, f32x4.add(e, one)), logistic = f32x4.mul(e, over);
    v128.store(out + at, f32x4.sub(logistic, least));
    if (withGrad) {
      const to = slopes + 6 * pitch + MARGIN + at;
      const slope = f32x4.mul(f32x4.mul(logistic, over), f32x4.splat(0.5 * alpha * factor));
      v128.store(to, slopeBy(c1, a1, d1, l1, i1, slope));
      v128.store(to + pitch, slopeBy(c2, a2, d2, l2, i2, slope));
    }
  }
}

/**
 * Adds the sums of a row for one direction, of luma and, with `colours`, of the part of colours that it weighs. With `withGrad` writes slopes of the output's coefficients, and adds the weights of colours to those at
 * `heaviness`, where the other direction's are.
 */
// @ts-ignore: decorator
@inline function scoreDirection(
  withGrad: bool, colours: bool, isAcross: bool, xs: usize, ys: usize, slopes: usize, ofColours: usize, colourWeights: usize, width: i32, sums: usize,
): void {
  const end = <usize>width << 2, pitch = rowBytes(width), offset = (isAcross ? pitch : <usize>0) + MARGIN;
  const one = splat(1), half = splat(0.5), quarter = splat(0.25), eighth = splat(0.125), least = leastLogistic();
  let weighted = f64x2.splat(0), weights = f64x2.splat(0);
  for (let at: usize = 0; at < end; at += 16) {
    const x = xs + offset + at, y = ys + offset + at;
    const f1 = f32x4.mul(isAcross ? f32x4.sub(v128.load(x), v128.load(x + 4)) : pairSum(x), half);
    const g1 = f32x4.mul(isAcross ? f32x4.sub(v128.load(y), v128.load(y + 4)) : pairSum(y), half);
    const a1 = size(f1), b1 = size(g1), d1 = f32x4.sub(a1, b1), i1 = inverse(a1, b1), l1 = f32x4.mul(f32x4.mul(d1, d1), i1);
    const f2 = f32x4.mul(isAcross ? difference4(x + 2 * pitch) : sum4(x + 2 * pitch), quarter);
    const g2 = f32x4.mul(isAcross ? difference4(y + 2 * pitch) : sum4(y + 2 * pitch), quarter);
    const a2 = size(f2), b2 = size(g2), d2 = f32x4.sub(a2, b2), i2 = inverse(a2, b2), l2 = f32x4.mul(f32x4.mul(d2, d2), i2);
    const e = exponential(f32x4.mul(f32x4.add(l1, l2), half));
    const over = f32x4.div(one, f32x4.add(e, one)), logistic = f32x4.mul(e, over);
    const f3 = f32x4.mul(isAcross ? difference8(x + 4 * pitch) : sum8(x + 4 * pitch), eighth);
    const g3 = f32x4.mul(isAcross ? difference8(y + 4 * pitch) : sum8(y + 4 * pitch), eighth);
    const a3 = size(f3), b3 = size(g3);
    const lanes = firstLanes(<i32>((end - at) >> 2));
    const weight = v128.and(f32x4.pmax(a3, b3), lanes);
    const excess = f32x4.sub(logistic, least);
    weighted = f64x2.add(weighted, widen(f32x4.mul(weight, excess)));
    weights = f64x2.add(weights, widen(weight));
    const halfWeight = f32x4.mul(weight, half);
    if (colours) {
      weighted = f64x2.add(weighted, widen(f32x4.mul(halfWeight, v128.load(ofColours + at))));
      weights = f64x2.add(weights, widen(halfWeight));
    }
    if (withGrad) {
      const to = slopes + offset + at;
      const slope = f32x4.mul(f32x4.mul(halfWeight, f32x4.mul(logistic, over)), f32x4.splat(alpha * factor));
      v128.store(to, slopeBy(f1, a1, d1, l1, i1, slope));
      v128.store(to + 2 * pitch, slopeBy(f2, a2, d2, l2, i2, slope));
      let above = f32x4.sub(excess, f32x4.splat(mean));
      if (colours) {
        above = multiplyAdd(f32x4.sub(v128.load(ofColours + at), f32x4.splat(mean)), half, above);
        v128.store(colourWeights + at, isAcross ? f32x4.add(v128.load(colourWeights + at), halfWeight) : halfWeight);
      }
      v128.store(to + 4 * pitch, slopeOfLarger(f3, a3, b3, v128.and(f32x4.mul(above, f32x4.splat(factor)), lanes)));
    }
  }
  accumulate(sums, laneSum(weighted));
  accumulate(sums + 8, laneSum(weights));
}

// A function for each case: within one, the compiler would choose among them in the innermost loop.

function colourValues(xs: usize, ys: usize, out: usize, width: i32): void {
  scoreColours(false, xs, ys, 0, out, width);
}

function colourSlopes(xs: usize, ys: usize, slopes: usize, out: usize, width: i32): void {
  scoreColours(true, xs, ys, slopes, out, width);
}

function greyDown(xs: usize, ys: usize, width: i32, sums: usize): void {
  scoreDirection(false, false, false, xs, ys, 0, 0, 0, width, sums);
}

function greyAcross(xs: usize, ys: usize, width: i32, sums: usize): void {
  scoreDirection(false, false, true, xs, ys, 0, 0, 0, width, sums);
}

function valuesDown(xs: usize, ys: usize, ofColours: usize, width: i32, sums: usize): void {
  scoreDirection(false, true, false, xs, ys, 0, ofColours, 0, width, sums);
}

function valuesAcross(xs: usize, ys: usize, ofColours: usize, width: i32, sums: usize): void {
  scoreDirection(false, true, true, xs, ys, 0, ofColours, 0, width, sums);
}

function greySlopesDown(xs: usize, ys: usize, slopes: usize, width: i32, sums: usize): void {
  scoreDirection(true, false, false, xs, ys, slopes, 0, 0, width, sums);
}

function greySlopesAcross(xs: usize, ys: usize, slopes: usize, width: i32, sums: usize): void {
  scoreDirection(true, false, true, xs, ys, slopes, 0, 0, width, sums);
}

function slopesDown(xs: usize, ys: usize, slopes: usize, ofColours: usize, colourWeights: usize, width: i32, sums: usize): void {
  scoreDirection(true, true, false, xs, ys, slopes, ofColours, colourWeights, width, sums);
}

function slopesAcross(xs: usize, ys: usize, slopes: usize, ofColours: usize, colourWeights: usize, width: i32, sums: usize): void {
  scoreDirection(true, true, true, xs, ys, slopes, ofColours, colourWeights, width, sums);
}

/** Multiplies the slopes of colours by the weights of their places. */
function weightColours(slopes: usize, colourWeights: usize, width: i32): void {
  for (let index = COLOUR; index < ROWS; index++) {
    const own = rowOf(slopes, index, width);
    for (let at: usize = 0, end = <usize>width << 2; at < end; at += 16) {
      v128.store(own + at, f32x4.mul(v128.load(own + at), v128.load(colourWeights + at)));
    }
  }
}

/** Row `row` of a plane of the gradient that has the rows [from, to), or one that nobody reads. */
// @ts-ignore: decorator
@inline function destination(plane: usize, row: i32, from: i32, to: i32, width: i32, scratchRow: usize): usize {
  return row < from || row >= to ? scratchRow : plane + (<usize>((row - from) * width) << 2);
}

// @ts-ignore: decorator
@inline function addAt(address: usize, x: v128): void {
  v128.store(address, f32x4.add(v128.load(address), x));
}

/** Adds what a row of slopes says of the image's rows. */
function up(slopes: usize, grad: usize, plane: usize, colours: bool, row: i32, from: i32, to: i32, width: i32, scratchRow: usize): void {
  const end = <usize>width << 2, pitch = rowBytes(width);
  const half = splat(0.5), quarter = splat(0.25), eighth = splat(0.125);
  const r0 = destination(grad, row - 3, from, to, width, scratchRow), r1 = destination(grad, row - 2, from, to, width, scratchRow);
  const r2 = destination(grad, row - 1, from, to, width, scratchRow), r3 = destination(grad, row, from, to, width, scratchRow);
  const r4 = destination(grad, row + 1, from, to, width, scratchRow), r5 = destination(grad, row + 2, from, to, width, scratchRow);
  const r6 = destination(grad, row + 3, from, to, width, scratchRow), r7 = destination(grad, row + 4, from, to, width, scratchRow);
  for (let at: usize = 0; at < end; at += 16) {
    const lanes = firstLanes(<i32>((end - at) >> 2));
    const own = slopes + MARGIN + at;
    // A window's columns are mirrored in what reaches a column: those from one before, and so on.
    const sum2 = f32x4.mul(pairSum(own - 4), half);
    const across2 = f32x4.mul(f32x4.sub(v128.load(own + pitch), v128.load(own + pitch - 4)), half);
    const of4 = f32x4.mul(sum4(own + 2 * pitch - 4), quarter);
    const across4 = f32x4.mul(f32x4.neg(difference4(own + 3 * pitch - 4)), quarter);
    const of8 = f32x4.mul(sum8(own + 4 * pitch - 4), eighth);
    const across8 = f32x4.mul(f32x4.neg(difference8(own + 5 * pitch - 4)), eighth);
    const upper8 = v128.and(f32x4.add(across8, of8), lanes), lower8 = v128.and(f32x4.sub(across8, of8), lanes);
    addAt(r0 + at, upper8);
    addAt(r1 + at, upper8);
    addAt(r6 + at, lower8);
    addAt(r7 + at, lower8);
    const upper4 = f32x4.add(upper8, v128.and(f32x4.add(across4, of4), lanes)), lower4 = f32x4.add(lower8, v128.and(f32x4.sub(across4, of4), lanes));
    addAt(r2 + at, upper4);
    addAt(r5 + at, lower4);
    addAt(r3 + at, f32x4.add(upper4, v128.and(f32x4.add(across2, sum2), lanes)));
    addAt(r4 + at, f32x4.add(lower4, v128.and(f32x4.sub(across2, sum2), lanes)));
  }
  const count = colours ? ROWS : COLOUR;
  for (let index = COLOUR; index < count; index++) {
    const ofPlane = grad + <usize>(index - COLOUR + 1) * plane, own = rowOf(slopes, index, width);
    const a = destination(ofPlane, row, from, to, width, scratchRow), b = destination(ofPlane, row + 1, from, to, width, scratchRow);
    for (let at: usize = 0; at < end; at += 16) {
      const share = v128.and(f32x4.mul(pairSum(own + at - 4), quarter), firstLanes(<i32>((end - at) >> 2)));
      addAt(a + at, share);
      addAt(b + at, share);
    }
  }
}

/**
 * Adds up, over the rows of coefficients [from, to), how much each place weighs times what the logistic function exceeds its least value by, and how much it weighs, at `sums`. `x`, `y`: planes of luma and, with `colours`, two of
 * colour, `plane` bytes apart, from row `first` on, at least from - 3 to to + 4 where there are such rows. Where `grad` is not 0, it needs 4 more on either side, and rows [from, to) of the gradient are written there, planes `gradPlane` bytes
 * apart, which are 0 before. Touches up to 3 floats beyond the end of each plane.
 */
export function haarStrip(
  x: usize, y: usize, plane: usize, colours: bool, first: i32, height: i32, width: i32, from: i32, to: i32, sums: usize, grad: usize, gradPlane: usize, scratch: usize,
): void {
  const pitch = rowBytes(width);
  const xs = scratch, ys = xs + <usize>ROWS * pitch, slopes = ys + <usize>ROWS * pitch;
  const zeros = slopes + <usize>ROWS * pitch + MARGIN, scratchRow = zeros + pitch;
  const ofColours = scratchRow + pitch, colourWeights = ofColours + pitch;
  memory.fill(scratch, 0, haarScratch(width));
  const begin = grad ? max(from - 4, 0) : from, end = grad ? min(to + 3, height) : to;
  // Rows beyond the strip have no place in its sums.
  const uncounted = scratchRow - MARGIN;
  for (let row = begin; row < end; row++) {
    down(x, plane, colours, row, first, height, width, xs, zeros);
    down(y, plane, colours, row, first, height, width, ys, zeros);
    const counted = row >= from && row < to ? sums : uncounted;
    if (colours && grad) {
      colourSlopes(xs, ys, slopes, ofColours, width);
      slopesDown(xs, ys, slopes, ofColours, colourWeights, width, counted);
      slopesAcross(xs, ys, slopes, ofColours, colourWeights, width, counted);
      weightColours(slopes, colourWeights, width);
    } else if (colours) {
      colourValues(xs, ys, ofColours, width);
      valuesDown(xs, ys, ofColours, width, counted);
      valuesAcross(xs, ys, ofColours, width, counted);
    } else if (grad) {
      greySlopesDown(xs, ys, slopes, width, counted);
      greySlopesAcross(xs, ys, slopes, width, counted);
    } else {
      greyDown(xs, ys, width, counted);
      greyAcross(xs, ys, width, counted);
    }
    if (grad) up(slopes, grad, gradPlane, colours, row, from, to, width, scratchRow);
  }
}
