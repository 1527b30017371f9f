import { describe, expect, it } from "vitest";
import { blockedChannels } from "../../packages/core/src/graph/blocked-layout.ts";
import { compile } from "../../packages/core/src/graph/compile.ts";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import type { ConvOptions, Ops } from "../../packages/core/src/graph/ops.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { randomTensor } from "../random.ts";

/** Inputs, outputs, kernel, options: whole blocks, fewer channels than a block, and what neither fits. */
const shapes: [inputs: number, outputs: number, kernel: number, options: ConvOptions][] = [
  [16, 16, 3, { padding: 1 }],
  [32, 64, 4, { padding: 1, stride: 2 }],
  [64, 16, 3, { padding: { top: 2, bottom: 0, left: 1, right: 3 }, dilation: 2 }],
  [3, 32, 3, { padding: 1 }],
  [32, 12, 3, { padding: 1 }],
  [12, 32, 1, {}],
  [48, 1, 4, { padding: 1 }],
  [20, 16, 3, { padding: 1 }],
  [64, 16, 4, { padding: 3 }],
  [32, 32, 3, { padding: 1, groups: 2 }],
];

// Expected values: the definition on float64 arrays.
describe("convolutions with non-constant kernels equal the reference", () => {
  it.each(shapes)("%i to %i channels, kernel %i, %o", async (inputs, outputs, kernel, options) => {
    const x = randomTensor([2, inputs, 9, 11], 1, -1, 1);
    const weight = randomTensor([outputs, inputs / (options.groups ?? 1), kernel, kernel], 2, -0.2, 0.2);
    const bias = randomTensor([1, outputs, 1, 1], 3, -1, 1);
    const both = <T>(o: Ops<T>, values: { x: T; weight: T; bias: T }) => {
      const y = o.add(o.conv2d(values.x, values.weight, options), values.bias);
      return {
        y,
        back: o.convInput(y, values.weight, values.x, options),
        back2: o.convWeight(values.x, y, [kernel, kernel], options),
      };
    };
    const program = await compile<string, string>(
      { x: ["n", inputs, "h", "w"], weight: weight.shape, bias: bias.shape },
      (o, values) => both(o, values as never),
    );
    const expected = both(reference, { x: toFloat64(x), weight: toFloat64(weight), bias: toFloat64(bias) });
    const results = await program.run({ x, weight, bias });
    for (const [name, { data, shape }] of Object.entries(expected)) {
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = Float64Array.from(results[name].data).reduce(
        (most, value, at) => Math.max(most, Math.abs(value - data[at])),
        0,
      );
      expect(results[name].shape).toEqual(shape);
      expect(error / largest).toBeLessThan(2e-6);
    }
  });
});

it("knows the runtime's block size, and plain models contain no blocked nodes", async () => {
  expect([0, 4, 8, 16, 32]).toContain(await blockedChannels(await loadRuntime()));
  const { bytes } = buildModel({ x: [1, 16, 8, 8], weight: [16, 16, 3, 3] }, (o, { x, weight }) => ({
    y: o.conv2d(x, weight),
  }));
  expect(new TextDecoder("latin1").decode(bytes)).not.toContain("nchwc");
});
