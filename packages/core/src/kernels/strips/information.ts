import type { InformationSpec } from "../types.ts";
import { channelReader } from "./channel-reader.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Rows of one strip: tall enough that the halo costs little, low enough for the caches. */
const stripRows = 64;

/** Information under a window about the target: its sums are, per channel, those that the output and the target carry. */
export const information: StripKernel<InformationSpec> = {
  needsTarget: true,
  weight: 48,
  mapSize: () => undefined,
  strips: (_, [, height]) => evenStrips(height, stripRows),
  sourceRows: ({ window }, [, height], [from, to]) => [
    Math.max(from - (window.length - 1), 0),
    Math.min(to + (window.length - 1), height),
  ],
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  run: (kernels, spec, planes, strip, { output, target, grad }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = information.sourceRows(spec, planes, strip);
    const radius = (spec.window.length - 1) / 2;
    const pixels = (end - first) * width;
    kernels.reset();
    const window = kernels.place(spec.window);
    const sums = kernels.bytes(16 * channels);
    const [readOutput, readTarget] = [output, target!].map((rows) => channelReader(kernels, rows, pixels));
    const gradient = grad ? kernels.floats((to - from) * width) : 0;
    const scratch = kernels.bytes(kernels.run.informationScratch(to - from, radius));
    kernels.view64(sums, 2 * channels).fill(0);
    kernels.run.informationConfigure(window, radius, spec.noise, spec.least);
    for (let channel = 0; channel < channels; channel++) {
      const [x, y] = [readOutput, readTarget].map((read) => read(channel, first * width, end * width));
      kernels.run.informationStrip(x, y, first, height, width, from, to, sums + 16 * channel, gradient, scratch);
      if (grad) kernels.write(grad, channel, from * width, to * width, gradient);
    }
    return kernels.view64(sums, 2 * channels).slice();
  },
  finish: (_, __, [output, target]) => output / target,
};
