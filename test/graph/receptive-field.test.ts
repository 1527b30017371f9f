import { describe, expect, it } from "vitest";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { receptiveField, trace } from "../../packages/core/src/graph/receptive-field.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { alexnet, inceptionV3, vgg } from "../../packages/core/src/nets/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

type Network = <T>(o: Ops<T>, x: T) => T;

const weight = <T>(o: Ops<T>, outputs: number, inputs: number, kernel: number): T =>
  o.constant(randomTensor([outputs, inputs, kernel, kernel], 3, 0.1, 1).data, [outputs, inputs, kernel, kernel]);

const networks: Record<string, Network> = {
  "a convolution": (o, x) => o.conv2d(x, weight(o, 1, 1, 5), { padding: 2 }),
  "a dilated convolution": (o, x) => o.conv2d(x, weight(o, 1, 1, 3), { padding: 3, dilation: 3 }),
  "convolutions and a sum with the input": (o, x) =>
    o.add(x, o.relu(o.conv2d(o.conv2d(x, weight(o, 4, 1, 3), { padding: 1 }), weight(o, 1, 4, 3), { padding: 1 }))),
  "pixel shuffle": (o, x) =>
    o.conv2d(o.depthToSpace(o.conv2d(x, weight(o, 4, 1, 3), { padding: 1 }), 2), weight(o, 1, 1, 3), { padding: 1 }),
  "down by a stride, up by a transposed convolution": (o, x) => {
    const down = o.conv2d(x, weight(o, 2, 1, 3), { stride: 2, padding: 1 });
    return o.add(x, o.convInput(down, weight(o, 2, 1, 4), x, { stride: 2, padding: 1 }));
  },
  "pooling and bilinear interpolation": (o, x) => o.add(x, o.resize(o.maxPool(o.maxPool(x, 2), 2), x)),
  "average pooling and nearest neighbours": (o, x) => o.add(x, o.resize(o.avgPool(x, 2), x, { mode: "nearest" })),
  "kernels along one axis and then the other": (o, x) =>
    o.conv2d(
      o.conv2d(x, o.constant([1, 2, 3, 4, 5], [1, 1, 1, 5]), { padding: [0, 2] }),
      o.constant([1, 2, 3], [1, 1, 3, 1]),
      {
        padding: [1, 0],
      },
    ),
  "pixel unshuffle": (o, x) => o.depthToSpace(o.conv2d(o.spaceToDepth(x, 2), weight(o, 4, 4, 3), { padding: 1 }), 2),
};

/** Measures the receptive field: the largest distance at which an input position changes the output of a network, on random numbers. */
function measured(network: Network, size: number, { multiple, scale }: { multiple: number; scale: number }): number {
  const run = (x: Tensor) => network(reference, toFloat64(x));
  const image = randomTensor([1, 1, size, 4 * multiple], 1, 0.4, 0.6);
  const before = run(image);
  const [, , , width] = before.shape;
  let reach = 0;
  for (let moved = 0; moved < size; moved++) {
    const data = image.data.slice();
    data[moved * image.shape[3] + 1] += 10;
    const after = run(new Tensor(data, image.shape));
    for (const [index, value] of after.data.entries()) {
      if (value !== before.data[index])
        reach = Math.max(reach, Math.abs(Math.floor(Math.floor(index / width) / scale) - moved));
    }
  }
  return reach;
}

describe("receptiveField", () => {
  it.each(Object.keys(networks))("covers the measured receptive field of %s, and little more", (name) => {
    const field = receptiveField(1, networks[name]);
    expect(field).toBeDefined();
    if (!field) return;
    const reach = measured(networks[name], 32, field);
    expect(reach).toBeLessThanOrEqual(field.halo);
    expect(reach).toBeGreaterThanOrEqual(field.halo - field.multiple);
  });

  it("returns the required multiple of sizes, and the scale", () => {
    expect(receptiveField(1, networks["a convolution"])).toEqual({ halo: 2, multiple: 1, scale: 1 });
    expect(receptiveField(1, networks["pixel shuffle"])).toEqual({ halo: 2, multiple: 1, scale: 2 });
    expect(receptiveField(1, networks["pooling and bilinear interpolation"])).toMatchObject({ multiple: 4, scale: 1 });
    expect(receptiveField(3, (o, x) => o.depthToSpace(o.conv2d(x, weight(o, 27, 3, 3), { padding: 1 }), 3))).toEqual({
      halo: 1,
      multiple: 1,
      scale: 3,
    });
  });

  it("is undefined where a position may depend on any other", () => {
    expect(receptiveField(1, (o, x) => o.sub(x, o.mean(x, "hw")))).toBeUndefined();
    expect(receptiveField(1, (o, x) => o.padWith(x, 1, "reflect"))).toBeUndefined();
    expect(receptiveField(1, (o, x) => o.flip(x, "h"))).toBeUndefined();
  });

  it("ignores computations on constants", () => {
    const normalised: Network = (o, x) => {
      const w = weight(o, 1, 1, 3);
      return o.conv2d(x, o.div(w, o.sum(w, "nchw")), { padding: 1 });
    };
    expect(receptiveField(1, normalised)).toEqual({ halo: 1, multiple: 1, scale: 1 });
  });
});

/**
 * As published by Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", in the table of google-research/receptive_field. Its AlexNet has
 * no padding in the first layer, torchvision's has 2.
 */
it.each([
  [alexnet, "conv1", { kernel: 11, stride: 4, padding: 0 + 2 }],
  [alexnet, "pool1", { kernel: 19, stride: 8, padding: 0 + 2 }],
  [alexnet, "conv2", { kernel: 51, stride: 8, padding: 16 + 2 }],
  [alexnet, "conv5", { kernel: 163, stride: 16, padding: 64 + 2 }],
  [alexnet, "pool5", { kernel: 195, stride: 32, padding: 64 + 2 }],
  [vgg("vgg16"), "pool5", { kernel: 212, stride: 32, padding: 90 }],
  [inceptionV3.network, "Mixed_7c", { kernel: 1311, stride: 32, padding: 618 }],
] as const)("finds the published receptive fields of networks %#", (network, tap, window) => {
  expect(network.window(tap)).toEqual(window);
});

describe("trace", () => {
  const dims = [undefined, 3, 9, 12] as const;

  it("returns shapes and receptive fields without computing values", () => {
    const [down, mean, own] = trace(dims, (o, image, tensor) => {
      const convolved = o.conv2d(image, tensor([4, 3, 3, 5]), { stride: 2, padding: 1 });
      return [convolved, o.mean(convolved, "hw"), tensor([1, 4, 1, 1])];
    });
    // floor((9 + 2 - 3) / 2) + 1 rows and floor((12 + 2 - 5) / 2) + 1 columns; the window is that of the wider axis.
    expect(down).toEqual({ dims: [undefined, 4, 5, 5], window: { kernel: 5, stride: 2, padding: 1 } });
    expect(mean.window).toBeUndefined();
    expect(own).toEqual({ dims: [1, 4, 1, 1] });
  });
});
