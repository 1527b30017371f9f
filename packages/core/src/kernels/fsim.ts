import { Tensor } from "../tensor.ts";
import { checkColours } from "./colours.ts";
import { downsampleFactor } from "./downsampling.ts";
import { module as featuresModule } from "./generated/features.ts";
import { module as planesModule } from "./generated/planes.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import { type Kernels, planeStride } from "./module.ts";
import { tablesOf } from "./phase-tables.ts";
import { averagePlanes, spreadPlanes } from "./planes.ts";
import { dimensions, planarRows } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { averages as averaging } from "./strips/averages.ts";
import { phase, placePlans } from "./strips/phase.ts";
import type { FsimSpec, PhaseSpec, Planes, PlanesSpec } from "./types.ts";

/** The averaging of the images. */
function averagesOf({ halves, whole, rows }: FsimSpec, [, height, width]: Planes): PlanesSpec {
  return { factor: downsampleFactor(height, width, halves), whole, rows };
}

/** The mean of a plane, and the power of two that its values differ by at most; 0 where they are all the same. */
function measure(plane: Float32Array): { mean: number; size: number } {
  const [first] = plane;
  let [sum, largest] = [0, 0];
  for (const value of plane) {
    const difference = value - first;
    sum += difference;
    largest = Math.max(largest, Math.abs(difference));
  }
  return { mean: first + sum / plane.length, size: largest > 0 ? 2 ** Math.ceil(Math.log2(largest)) : 0 };
}

/**
 * The Fourier coefficients of two planes, each two planes of real and imaginary parts, column by column; without the mean, which no filter lets through. Both are transformed at once in one size, so that neither has what is rounding
 * in the other: of flat planes they are exactly 0.
 */
function spectraOf(kernels: Kernels, spec: PhaseSpec, [x, y]: readonly Float32Array[], h: number, w: number): Tensor {
  const pixels = h * w;
  kernels.reset();
  const plans = placePlans(kernels, spec.tables);
  const planes = [kernels.place(x), kernels.place(y)] as const;
  const out = kernels.floats(4 * pixels);
  const scratch = kernels.bytes(kernels.run.phaseScratch(h, w));
  const [ofX, ofY] = [measure(x), measure(y)];
  const means = [ofX.mean, ofY.mean] as const;
  kernels.run.spectra(...planes, ...means, ofX.size, ofY.size, h, w, ...plans, out, 4 * pixels, scratch);
  const { data } = sharedPlanes([4, h, w], false);
  data.set(kernels.view(out, 4 * pixels));
  return new Tensor(data, [2, 2, h, w]);
}

/** Pixels that are in memory at a time. */
const piece = 8192;

/** Sums over directions of what agrees in phase and of amplitudes: two planes. */
function sumOfDirections(kernels: Kernels, phases: Float32Array, pixels: number): Float32Array {
  const result = new Float32Array(2 * pixels);
  const count = phases.length / result.length;
  kernels.reset();
  const [sum, own] = [kernels.floats(piece), kernels.floats(piece)];
  for (let from = 0; from < result.length; from += piece) {
    const to = Math.min(from + piece, result.length);
    for (let direction = 0; direction < count; direction++) {
      const at = direction * result.length;
      kernels.view(direction === 0 ? sum : own, to - from).set(phases.subarray(at + from, at + to));
      if (direction > 0) kernels.run.addFloats(sum, own, to - from);
    }
    result.set(kernels.view(sum, to - from), from);
  }
  return result;
}

/** The planes that similarities are of, in memory: of each image as many of itself, and two of its phases. */
function placeFeatures(kernels: Kernels, images: readonly Tensor[], phases: readonly Float32Array[]) {
  const [, channels, h, w] = images[0].shape;
  const pixels = h * w;
  const stride = planeStride(pixels);
  kernels.reset();
  const put = (data: Float32Array, planes: number) => {
    const address = kernels.floats(planes * stride);
    const rows = planarRows(data, [planes, h, w]);
    for (let i = 0; i < planes; i++) kernels.readChannel(rows, i, 0, pixels, address + 4 * i * stride);
    return address;
  };
  const [x, y] = images.map(({ data }) => put(data, channels));
  const [ofX, ofY] = phases.map((sums) => put(sums, 2));
  return { addresses: [x, y, ofX, ofY, 4 * stride, channels > 1, h, w] as const, stride };
}

/** Sets what the kernels' similarities are. */
function configure(kernels: Kernels, { congruency, gradient, colours }: FsimSpec): void {
  const [first, second] = colours?.constants ?? [1, 1];
  const exponent = colours?.exponent ?? 1;
  const ofNegative = colours?.negative === "complex" ? Math.cos(exponent * Math.PI) : 1;
  kernels.run.featuresConfigure(congruency, gradient, first, second, exponent, ofNegative);
}

/** The gradient with respect to a plane of coefficients of it. */
function fromSpectrum(
  kernels: Kernels,
  spec: PhaseSpec,
  coefficients: Float32Array,
  h: number,
  w: number,
): Float32Array {
  const pixels = h * w;
  kernels.reset();
  const plans = placePlans(kernels, spec.tables);
  const [re, im] = [coefficients.subarray(0, pixels), coefficients.subarray(pixels)].map((plane) =>
    kernels.place(plane),
  );
  const out = kernels.floats(pixels);
  const scratch = kernels.bytes(kernels.run.phaseScratch(h, w));
  kernels.run.planeOf(re, im, h, w, ...plans, out, scratch);
  return kernels.view(out, pixels).slice();
}

/** The similarity of one image. */
function* scoreImage(kernels: Kernels, spec: FsimSpec, images: ImageTask): KernelRun<ImageScore> {
  const { map, grad } = images;
  const averages = averagesOf(spec, dimensions(images.output).planes);
  const { output, target, pass } = averagePlanes(images, averages);
  const { extremes } = yield pass;
  const [, , h, w] = output.shape;
  const pixels = h * w;
  const lumas = [output, target].map(({ data }) => data.subarray(0, pixels));
  const { scales, orientations } = spec;
  const tables = tablesOf(spec, [1, h, w]);
  const ofPhases = { kind: "phase", scales, orientations, tables } satisfies PhaseSpec;
  const spectra = spectraOf(kernels, ofPhases, lumas, h, w);
  const waves = sharedPlanes([4 * orientations, h, w], false).data;
  const { sums } = yield { kernel: phase, spec: ofPhases, output: spectra, map: waves, unnoted: true };
  const ofOutput = waves.subarray(0, waves.length / 2);
  const phases = [ofOutput, waves.subarray(waves.length / 2)].map((own) => sumOfDirections(kernels, own, pixels));
  const { addresses, stride } = placeFeatures(kernels, [output, target], phases);
  const totals = kernels.bytes(16);
  const own = kernels.floats(averages.rows.length * stride);
  const out = kernels.floats(2 * stride);
  const scratch = kernels.bytes(kernels.run.featuresScratch(h, w));
  kernels.view64(totals, 2).fill(0);
  configure(kernels, spec);
  kernels.run.features(...addresses, totals, map ? out : 0, scratch);
  if (map) kernels.write(planarRows(map, [1, h, w]), 0, 0, pixels, out);
  const [importance, lost] = kernels.view64(totals, 2);
  const mean = importance > 0 ? lost / importance : 0;
  if (grad === undefined) return { score: 1 - mean, extremes };
  const slopes = [out, out + 4 * stride] as const;
  kernels.run.featuresSlopes(...addresses, mean, importance > 0 ? -1 / importance : 0, slopes[0], own, scratch);
  const ofPlanes = sharedPlanes(dimensions(output).planes, false);
  kernels.writePlanes(planarRows(ofPlanes.data, dimensions(output).planes), 0, pixels, own, stride);
  const byPhases = sharedPlanes([2, h, w], false);
  for (const [i, address] of slopes.entries()) byPhases.data.set(kernels.view(address, pixels), i * pixels);
  yield {
    kernel: phase,
    spec: { ...ofPhases, medians: [...sums[0]] } satisfies PhaseSpec,
    output: spectra.image(0),
    target: byPhases,
    map: ofOutput,
    unnoted: true,
  };
  const byWaves = fromSpectrum(kernels, ofPhases, sumOfDirections(kernels, ofOutput, pixels), h, w);
  for (let i = 0; i < pixels; i++) ofPlanes.data[i] += byWaves[i];
  yield* spreadPlanes(images, averages, ofPlanes);
  return { score: 1 - mean, extremes };
}

/** FSIM: planes of the averaged images and their coefficients here, waves in strips, and what is alike between them. */
export const fsim = byImage(
  scoreImage,
  [planesModule, featuresModule],
  (name, _, shape) => checkColours(name, shape),
  (spec, planes) => averaging.mapSize({ ...averagesOf(spec, planes), kind: "averages" }, planes),
);
