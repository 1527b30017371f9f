import { planeStride } from "../module.ts";
import type { HaarSpec } from "../types.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Rows of one strip: tall enough that the halo costs little, low enough for the caches. */
const stripRows = 48;

/** Rows above and below that the coefficients of a row are made of, and that coefficients reach whose gradient a row has. */
const above = 3;
const below = 4;

/** Rows that a strip reads beyond itself on either side. */
const haloOf = ({ slopes }: HaarSpec) => above + (slopes ? below : 1);

/** Similarities of Haar coefficients, of lumas or of lumas with two planes of colour. Its sums are of what the logistic function exceeds its least value by, times weights, and of weights. */
export const haar: StripKernel<HaarSpec> = {
  needsTarget: true,
  weight: 16,
  mapSize: () => undefined,
  strips: (_, [, height]) => evenStrips(height, stripRows),
  sourceRows: (spec, [, height], [from, to]) => [Math.max(from - haloOf(spec), 0), Math.min(to + haloOf(spec), height)],
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  run: (kernels, spec, planes, strip, { output, target, grad }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = haar.sourceRows(spec, planes, strip);
    const stride = planeStride((end - first) * width);
    const gradStride = planeStride((to - from) * width);
    kernels.reset();
    const sums = kernels.bytes(16);
    const [x, y] = [kernels.floats(channels * stride), kernels.floats(channels * stride)];
    const gradient = grad ? kernels.floats(channels * gradStride) : 0;
    const scratch = kernels.bytes(kernels.run.haarScratch(width));
    kernels.view64(sums, 2).fill(0);
    if (grad) kernels.view(gradient, channels * gradStride).fill(0);
    kernels.read(output, [0, channels], first * width, end * width, x, stride, 0);
    kernels.read(target!, [0, channels], first * width, end * width, y, stride, 0);
    kernels.run.haarConfigure(spec.constant, spec.alpha, spec.slopes?.mean ?? 0, spec.slopes?.factor ?? 0);
    const isColoured = channels === 3;
    kernels.run.haarStrip(
      x,
      y,
      4 * stride,
      isColoured,
      first,
      height,
      width,
      from,
      to,
      sums,
      gradient,
      4 * gradStride,
      scratch,
    );
    if (grad) kernels.writePlanes(grad, from * width, to * width, gradient, gradStride);
    return kernels.view64(sums, 2).slice();
  },
  finish: (_, __, [weighted, weights]) => weighted / weights,
};
