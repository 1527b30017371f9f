import { checkColours } from "./colours.ts";
import { downsampleFactor } from "./downsampling.ts";
import { module as chromaticModule } from "./generated/chromatic.ts";
import { module as planesModule } from "./generated/planes.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { averagePlanes, spreadPlanes } from "./planes.ts";
import { dimensions } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { chromatic } from "./strips/chromatic.ts";
import type { ChromaticSpec, MdsiSpec } from "./types.ts";

/** Mean deviations up to this have no slope: that of their root would leave float32. */
const least = 1e-20;

/** A number in two summands that float32 holds. */
function inTwo(x: number): [number, number] {
  const high = Math.fround(x);
  return [high, x - high];
}

/** The mean deviation of complex numbers from their mean, its direction, and the mean as kernels take it. */
function deviation(kernels: Kernels, powers: Float32Array, sums: Float64Array) {
  const count = powers.length / 2;
  const { run } = kernels;
  kernels.reset();
  const [re, im] = [powers.subarray(0, count), powers.subarray(count)].map((part) => kernels.place(part));
  const address = kernels.bytes(24);
  kernels.view64(address, 3).fill(0);
  const means = [...inTwo(sums[0] / count), ...inTwo(sums[1] / count)] as const;
  run.complexDeviations(re, im, count, ...means, address);
  const [mean, ...along] = Array.from(kernels.view64(address, 3), (sum) => sum / count);
  return { mean, along: along as [re: number, im: number], means };
}

/** The score of one image. */
function* scoreImage(kernels: Kernels, spec: MdsiSpec, images: ImageTask): KernelRun<ImageScore> {
  const [, rows, columns] = dimensions(images.output).planes;
  const averages = { factor: downsampleFactor(rows, columns, "to even"), rows: spec.rows };
  const { output, target, pass: after } = averagePlanes(images, averages);
  const { c1, c2, c3, alpha, q, o } = spec;
  const pass = {
    kernel: chromatic,
    spec: { kind: "chromatic", c1, c2, c3, alpha, q } satisfies ChromaticSpec,
    output,
    target,
    unnoted: true,
  };
  const [, , height, width] = output.shape;
  const places = sharedPlanes([3, height, width], false);
  const { sums, extremes } = yield { ...pass, map: places.data, after };
  const { mean, along, means } = deviation(kernels, places.data.subarray(height * width), sums[0]);
  const score = mean > 0 ? Math.max(mean, least) ** o : 0;
  if (images.grad === undefined) return { score, extremes };
  const factor = mean > least ? (o * mean ** (o - 1)) / (height * width) : 0;
  const slopes = { means, along, factor };
  const own = sharedPlanes(dimensions(output).planes, false);
  yield { ...pass, spec: { ...pass.spec, slopes }, weight: places, grad: own.data };
  yield* spreadPlanes(images, averages, own);
  return { score, extremes };
}

/** MDSI: deviations here, planes of the averaged images and similarities in strips. */
export const mdsi = byImage(scoreImage, [planesModule, chromaticModule], (name, _, shape) => checkColours(name, shape));
