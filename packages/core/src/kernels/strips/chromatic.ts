import { planeStride } from "../module.ts";
import type { ChromaticSpec } from "../types.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Rows of one strip, whose padded copies stay in a second-level cache. */
const stripRows = 32;

/** Rows that a strip reads beyond itself on either side: its gradient is made of derivatives one row beyond, and those of one row more. */
const halo = 2;

/** Similarities of gradients and colours, place by place: a map of them, or the gradient of their weighted sum. */
export const chromatic: StripKernel<ChromaticSpec> = {
  needsTarget: true,
  weight: 24,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [, height]) => evenStrips(height, stripRows),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - halo, 0), Math.min(to + halo, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, [, height], [from, to]) => [Math.max(from - 1, 0), Math.min(to + 1, height)],
  run: (kernels, spec, planes, strip, { output, target, grad, map, weight }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = chromatic.sourceRows(spec, planes, strip);
    const [weightFrom, weightTo] = chromatic.weightRows!(spec, planes, strip);
    const stride = planeStride((end - first) * width);
    const ownStride = planeStride((to - from) * width);
    kernels.reset();
    const [x, y] = [kernels.floats(channels * stride), kernels.floats(channels * stride)];
    const cells = map ? kernels.floats(ownStride) : 0;
    const weights = weight ? kernels.floats((weightTo - weightFrom) * width) : 0;
    const gradient = grad ? kernels.floats(channels * ownStride) : 0;
    const scratch = kernels.bytes(kernels.run.chromaticScratch(to - from, width));
    kernels.read(output, [0, channels], first * width, end * width, x, stride, 0);
    kernels.read(target!, [0, channels], first * width, end * width, y, stride, 0);
    if (weight) kernels.readChannel(weight, 0, weightFrom * width, weightTo * width, weights);
    kernels.run.chromaticConfigure(spec.c1, spec.c2, spec.c3, spec.alpha);
    const [plane, gradPlane] = [4 * stride, 4 * ownStride];
    kernels.run.chromaticStrip(
      x,
      y,
      plane,
      first,
      height,
      width,
      from,
      to,
      cells,
      weights,
      gradient,
      gradPlane,
      scratch,
    );
    if (map) kernels.write(map, 0, from * width, to * width, cells);
    if (grad) kernels.writePlanes(grad, from * width, to * width, gradient, ownStride);
    return new Float64Array();
  },
  finish: () => Number.NaN,
};
