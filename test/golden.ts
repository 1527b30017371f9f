import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { reference, toFloat64, toTensor } from "../packages/core/src/graph/reference.ts";
import { elementCount, type Shape, Tensor } from "../packages/core/src/tensor.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";

const folder = new URL("./goldens/", import.meta.url);

/** One expected result of an official implementation; the fields are those of `test/goldens/README.md`. */
export interface GoldenCase {
  id: string;
  peer: string;
  function: string;
  inputs: Record<string, unknown>;
  options: Record<string, unknown>;
  expected: unknown;
  expectedExactWindow?: number;
  perImage?: number[];
  gradient?: string;
  gradientSummary?: { mean: number; std: number; l2: number; first: number[] };
  gradientMaxAbs?: number;
  map?: string;
  mapNote?: string;
  tolerance: { abs?: number; rel?: number; exactWindowAbs?: number; gradientRel?: number; gradientAbs?: number };
  [more: string]: unknown;
}

/** The cases of one family, with infinities as numbers. */
export function goldenCases(family: string): GoldenCase[] {
  const text = readFileSync(new URL(`expected/${family}.json`, folder), "utf8");
  const revive = (_: string, value: unknown) => (value === "Infinity" || value === "-Infinity" ? Number(value) : value);
  return (JSON.parse(text, revive) as { cases: GoldenCase[] }).cases;
}

/** A float32 or float64 array of a `.npy` file (format 1.0, C order). */
export function readNpy(path: string): { shape: number[]; data: Float32Array | Float64Array | Int32Array } {
  const bytes = readFileSync(new URL(path, folder));
  const headerLength = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + headerLength);
  const dtype = /'descr': '<(f4|f8|i4)'/.exec(header)?.[1] as "f4" | "f8" | "i4";
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((size) => size.trim() !== "");
  const body = bytes.buffer.slice(bytes.byteOffset + 10 + headerLength, bytes.byteOffset + bytes.length);
  const Type = { f4: Float32Array, f8: Float64Array, i4: Int32Array }[dtype];
  return { shape: shape.map(Number), data: new Type(body) };
}

/** A `.npy` file as a tensor; missing leading axes count as 1. */
export function readTensor(path: string): Tensor {
  const { shape, data } = readNpy(path);
  return Tensor.from(data, [...Array(4 - shape.length).fill(1), ...shape]);
}

/** The path of a file of the goldens. */
export function goldenFile(path: string): string {
  return fileURLToPath(new URL(path, folder));
}

/** An image of the goldens, scaled to [0, 1] by 255 or 65535. */
export function readGoldenImage(path: string): Promise<Tensor> {
  return readImage(goldenFile(path));
}

/** A tensor with its values limited, as some official functions were given it. */
export function clampTensor(tensor: Tensor, [low, high]: readonly number[]): Tensor {
  return mapTensor(tensor, (value) => Math.min(Math.max(value, low), high));
}

/** An input as the goldens write it: an image, an array, `1 - image`, or a region of an image. */
export async function readInput(text: string): Promise<Tensor> {
  const path = /inputs\/\S+/.exec(text)?.[0] as string;
  const tensor = path.endsWith(".npy") ? readTensor(path) : await readGoldenImage(path);
  if (text.startsWith("1 - ")) return mapTensor(tensor, (value) => 1 - value);
  const region = /rows 0\.\.(\d+), columns 0\.\.(\d+)/.exec(text);
  return region === null ? tensor : topLeft(tensor, Number(region[1]) + 1, Number(region[2]) + 1);
}

/** A tensor with a function applied to each element. */
export function mapTensor(tensor: Tensor, f: (value: number, index: number) => number): Tensor {
  return new Tensor(tensor.data.map(f), tensor.shape);
}

function topLeft(tensor: Tensor, height: number, width: number): Tensor {
  const [n, c, , w] = tensor.shape;
  const shape: Shape = [n, c, height, width];
  const plane = height * width;
  const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    const [image, row, column] = [Math.floor(i / plane), Math.floor((i % plane) / width), i % width];
    return tensor.data[(image * tensor.shape[2] + row) * w + column];
  });
  return new Tensor(data, shape);
}

/** Numbers within a case's tolerance; infinities must be equal. */
export function expectValue(got: number, expected: number, { abs = 0, rel = 0 }: GoldenCase["tolerance"]): void {
  if (!Number.isFinite(expected)) {
    expect(got).toBe(expected);
    return;
  }
  expect(Math.abs(got - expected), `got ${got}, expected ${expected}`).toBeLessThanOrEqual(
    abs + rel * Math.abs(expected),
  );
}

/** The summary of a large array in the goldens: the mean, the population deviation, the length and the first values. */
export interface Summary {
  mean: number;
  std: number;
  l2: number;
  first: number[];
}

/** An array within a tolerance of what the goldens keep of it. */
export function expectSummary(
  got: ArrayLike<number>,
  { mean, std, l2, first }: Summary,
  tolerance: GoldenCase["tolerance"],
): void {
  const values = Array.from(got);
  const gotMean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - gotMean) ** 2, 0) / values.length;
  expectValue(gotMean, mean, tolerance);
  expectValue(Math.sqrt(variance), std, tolerance);
  expectValue(Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0)), l2, tolerance);
  for (const [i, value] of first.entries()) expectValue(got[i], value, tolerance);
}

/** An array of which each value is within a tolerance of the goldens'. */
export function expectArray(got: ArrayLike<number>, path: string, tolerance: GoldenCase["tolerance"]): void {
  const { data } = readNpy(path);
  expect(got.length).toBe(data.length);
  for (const [i, value] of data.entries()) expectValue(got[i], value, tolerance);
}

/** A gradient within a tolerance that is relative to the largest entry of the goldens'. */
export function expectGradientArray(got: ArrayLike<number>, path: string, tolerance: GoldenCase["tolerance"]): void {
  const { gradientRel = 0, gradientAbs = 0 } = tolerance;
  const { data } = readNpy(path);
  const largest = Math.max(...Array.from(data, Math.abs));
  expect(got.length).toBe(data.length);
  for (const [i, value] of data.entries()) expectValue(got[i], value, { abs: gradientRel * largest + gradientAbs });
}

/**
 * A gradient within a case's tolerance, which is relative to the largest entry. Where the official gradient was not finite the goldens
 * hold zeros in all channels of the pixel; ours has a finite gradient there that nothing official can be held against.
 */
export function expectGradient(got: Tensor, golden: GoldenCase): void {
  const { gradientRel = 0, gradientAbs = golden.tolerance.abs ?? 0 } = golden.tolerance;
  const bound = (largest: number) => gradientRel * largest + gradientAbs;
  expect(got.data.every(Number.isFinite)).toBe(true);
  if (golden.gradient !== undefined) {
    const expected = readTensor(golden.gradient);
    expect(got.shape).toEqual(expected.shape);
    const unknown = unknownPixels(expected, golden.nonFiniteGradientPixels as number | undefined);
    const plane = expected.shape[2] * expected.shape[3];
    const error = got.data.reduce((max, value, i) => {
      const pixel = Math.floor(i / (expected.shape[1] * plane)) * plane + (i % plane);
      return unknown.has(pixel) ? max : Math.max(max, Math.abs(value - expected.data[i]));
    }, 0);
    expect(error).toBeLessThanOrEqual(bound(largestOf(expected)));
  }
  if (golden.gradientSummary !== undefined) {
    const { mean, std, l2, first } = golden.gradientSummary;
    const limit = bound(largestOf(got));
    for (const [i, value] of first.entries()) expect(Math.abs(got.data[i] - value)).toBeLessThanOrEqual(limit);
    const count = got.data.length;
    const gotMean = got.data.reduce((sum, value) => sum + value, 0) / count;
    const squares = got.data.reduce((sum, value) => sum + value * value, 0);
    expect(Math.abs(gotMean - mean)).toBeLessThanOrEqual(limit);
    const variance = got.data.reduce((sum, value) => sum + (value - gotMean) ** 2, 0) / count;
    expect(Math.abs(Math.sqrt(variance) - std)).toBeLessThanOrEqual(limit);
    expect(Math.abs(Math.sqrt(squares) - l2)).toBeLessThanOrEqual(gradientRel * l2 + gradientAbs * Math.sqrt(count));
  }
  if (golden.gradientMaxAbs !== undefined) {
    expect(Math.abs(largestOf(got) - golden.gradientMaxAbs)).toBeLessThanOrEqual(bound(golden.gradientMaxAbs));
  }
}

function largestOf({ data }: Tensor): number {
  return data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}

/** The pixels of which all channels are 0, where the goldens say how many are to be expected. */
function unknownPixels({ data, shape: [n, c, h, w] }: Tensor, count: number | undefined): Set<number> {
  const pixels = new Set<number>();
  if (!count) return pixels;
  for (let pixel = 0; pixel < n * h * w; pixel++) {
    const at = (channel: number) => (Math.floor(pixel / (h * w)) * c + channel) * h * w + (pixel % (h * w));
    if (Array.from({ length: c }, (_, channel) => data[at(channel)]).every((value) => value === 0)) pixels.add(pixel);
  }
  expect(pixels.size).toBe(count);
  return pixels;
}

/** A map within a tolerance; ours has no border where windows would reach beyond the image, so the official one is cropped to it. */
export function expectMap(got: Tensor, path: string, tolerance: number): void {
  const full = readTensor(path);
  const border = (full.shape[2] - got.shape[2]) / 2;
  const expected = border === 0 ? full : toTensor(reference.crop(toFloat64(full), border));
  expect(got.shape).toEqual(expected.shape);
  const error = got.data.reduce((max, value, i) => Math.max(max, Math.abs(value - expected.data[i])), 0);
  expect(error).toBeLessThanOrEqual(tolerance);
}

/** The folder of real weights and images on machines that have them; tests that need them skip elsewhere. */
export const referenceFolder = new URL(
  "reference/",
  process.env.RECONLOSS_SHARED ? `file://${process.env.RECONLOSS_SHARED}/` : new URL("../../shared/", import.meta.url),
);

/** Whether the folder of real weights and images is here. */
export const hasReference = existsSync(referenceFolder);
