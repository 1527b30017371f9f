import { planeStride } from "../module.ts";
import type { ChromaticSpec } from "../types.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Rows of one strip, whose padded copies stay in a second-level cache. */
const stripRows = 32;

/** Rows that a strip reads beyond itself on either side: its gradient is made of derivatives one row beyond, and those of one row more. */
const halo = 2;

/** Powers of similarities of gradients and colours, place by place: a map of them, or the gradient of their mean deviation. */
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
    const weightStride = planeStride((weightTo - weightFrom) * width);
    const cells = map ? kernels.floats(3 * ownStride) : 0;
    const weights = weight ? kernels.floats(3 * weightStride) : 0;
    const sums = kernels.bytes(16);
    const gradient = grad ? kernels.floats(channels * ownStride) : 0;
    const scratch = kernels.bytes(kernels.run.chromaticScratch(to - from, width));
    kernels.read(output, [0, channels], first * width, end * width, x, stride, 0);
    kernels.read(target!, [0, channels], first * width, end * width, y, stride, 0);
    const { q, slopes } = spec;
    const powers = [q, Math.cos(Math.PI * q), Math.sin(Math.PI * q)] as const;
    if (weight && slopes) {
      const own = [0, 1, 2].map((plane) => weights + 4 * plane * weightStride);
      for (const [plane, address] of own.entries())
        kernels.readChannel(weight, plane, weightFrom * width, weightTo * width, address);
      const [d, re, im] = own;
      const { means, along, factor } = slopes;
      kernels.run.deviationSlopes(d, re, im, (weightTo - weightFrom) * width, ...means, ...along, ...powers, factor);
    }
    kernels.view64(sums, 2).fill(0);
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
    if (map) {
      const [re, im] = [1, 2].map((plane) => cells + 4 * plane * ownStride);
      kernels.run.complexPowers(cells, (to - from) * width, ...powers, re, im, sums);
      kernels.writePlanes(map, from * width, to * width, cells, ownStride);
    }
    if (grad) kernels.writePlanes(grad, from * width, to * width, gradient, ownStride);
    return kernels.view64(sums, 2).slice();
  },
  finish: () => Number.NaN,
};
