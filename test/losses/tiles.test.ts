import { describe, expect, it, test } from "vitest";
import { tilesOf } from "../../packages/core/src/engines/tiles.ts";
import type { Window } from "../../packages/core/src/graph/receptive-field.ts";
import { type EvaluateOptions, type Loss, lpips, perceptual, weighted } from "../../packages/core/src/losses/index.ts";
import { alexnet, squeezenet, vgg } from "../../packages/core/src/nets/index.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { seededLpips, seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** The loss with a limit that cuts even small images. */
function limited(loss: Loss, pixels: number): Loss {
  if (!loss.definition?.tiles) throw new Error(`${loss.spec} has no tiles`);
  loss.definition.tiles.pixelsAtOnce = pixels;
  return loss;
}

/** Two images whose difference grows from the top left to the bottom right, so that no part can stand for another. */
function pairOf(shape: Shape, seed: number): { output: Tensor; target: Tensor } {
  const [output, target] = [randomTensor(shape, seed), randomTensor(shape, seed + 1)];
  const plane = shape[2] * shape[3];
  for (const [i, value] of output.data.entries()) {
    target.data[i] = value + ((target.data[i] - value) * (i % plane)) / plane;
  }
  return { output, target };
}

function expectClose(actual: number, expected: number) {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
}

/** Value, values of images and terms in tiles, against those of the same loss at once. */
async function expectSame(
  make: () => Loss,
  shape: Shape,
  pixels: number,
  tiles: number,
  options: EvaluateOptions = {},
) {
  const { output, target } = pairOf(shape, 1);
  const whole = await make().evaluate(output, target, {}, options);
  const tiled = await limited(make(), pixels).evaluate(output, target, {}, options);
  expect(whole.tiles).toBeUndefined();
  expect(tiled.tiles).toBe(tiles);
  expectClose(tiled.value, whole.value);
  for (const [image, value] of whole.perImage.entries()) expectClose(tiled.perImage[image], value);
  expect(Object.keys(tiled.terms!)).toEqual(Object.keys(whole.terms!));
  for (const [name, value] of Object.entries(whole.terms!)) expectClose(tiled.terms![name], value);
}

describe("the value in tiles equals that of the whole image", () => {
  test.each([
    ["alex", [1, 3, 661, 61], 430 * 61, 3],
    ["alex", [2, 3, 437, 443], 390 * 400, 4],
    ["squeeze", [1, 3, 661, 67], 430 * 67, 3],
    ["squeeze", [1, 1, 437, 443], 430 * 435, 4],
    ["vgg", [1, 3, 613, 37], 400 * 37, 3],
    ["vgg", [1, 3, 37, 613], 400 * 37, 3],
  ] as const)("lpips with %s at %j in tiles of %i pixels", async (net, shape, pixels, tiles) => {
    await expectSame(() => lpips({ net }, seededLpips(net)), shape, pixels, tiles);
  });

  test.each([
    [{ taps: "conv1_1+0.5*relu2_2", criterion: "l1" }, [1, 3, 101, 59], 50 * 40, 5],
    [{ taps: "relu2_2", pooling: "average", unitFeatures: true, reduction: "channel-sum" }, [2, 3, 99, 53], 45 * 45, 5],
    [{ net: "squeezenet1_1", taps: "conv1+pool1+fire5" }, [1, 3, 197, 71], 125 * 71, 3],
    [{ net: "alexnet", taps: "conv1+pool2", criterion: "l1" }, [1, 3, 331, 131], 190 * 131, 3],
  ] as const)("perceptual(%j) at %j in tiles of %i pixels", async (options, shape, pixels, tiles) => {
    const net = "net" in options ? options.net : "vgg16";
    const network = { vgg16: vgg("vgg16"), squeezenet1_1: squeezenet, alexnet }[net];
    const weights = seededStateDict(network.tensors([network.taps.at(-1) as string]));
    await expectSame(() => perceptual(options, { weights }), shape, pixels, tiles);
  });

  test.each([
    [[1, 3, 661, 61], 430 * 61, 3, 1, "image"],
    [[2, 1, 661, 63], 430 * 63, 3, 2, "batch"],
  ] as const)(
    "lpips at %j in tiles of %i pixels, with a weight",
    async (shape, pixels, tiles, images, weightNormalisation) => {
      const weight = randomTensor([images, shape[1], shape[2], shape[3]], 9);
      // The second image counts half as much as the first, and columns count the more the farther right.
      for (const [i, x] of weight.data.entries()) {
        weight.data[i] = (x * (i % shape[3])) / (1 + Math.floor(i / (weight.data.length / images)));
      }
      const options = { weight, weightNormalisation };
      await expectSame(() => lpips({}, seededLpips("alex")), shape, pixels, tiles, options);
    },
  );

  it("is exactly 0 for identical images", async () => {
    const { output } = pairOf([1, 3, 661, 61], 3);
    const { value, tiles } = await limited(lpips({}, seededLpips("alex")), 430 * 61).evaluate(output, output, {});
    expect([value, tiles]).toEqual([0, 3]);
  });

  it("evaluates a large batch image by image, each untiled where it is small enough", async () => {
    const { output, target } = pairOf([3, 3, 64, 64], 5);
    const loss = limited(lpips({}, seededLpips("alex")), 64 * 64);
    const { value, perImage, tiles } = await loss.evaluate(output, target, {});
    expect(tiles).toBeUndefined();
    const whole = await lpips({}, seededLpips("alex")).evaluate(output, target, {});
    expectClose(value, whole.value);
    for (const [image, score] of whole.perImage.entries()) expectClose(perImage[image], score);
  });
});

describe("evaluation in tiles", () => {
  const { output, target } = pairOf([1, 3, 661, 61], 7);

  it("applies to the value alone: a gradient or map uses the whole image", async () => {
    const loss = limited(lpips({}, seededLpips("alex")), 430 * 61);
    for (const requested of [{ grad: true }, { map: true }]) {
      const evaluation = await loss.evaluate(output, target, requested);
      expect(evaluation.tiles).toBeUndefined();
      expect(evaluation.grad ?? evaluation.map).toBeDefined();
    }
  });

  it("is reported for a sum too", async () => {
    const sum = weighted([[0.5, limited(lpips({}, seededLpips("alex")), 430 * 61)]]);
    expect((await sum.evaluate(output, target, {})).tiles).toBe(3);
  });

  it("is not offered for Gram matrices, the Frobenius norm, and resized input", () => {
    const weights = seededStateDict(vgg("vgg16").tensors(["relu3_3"]));
    for (const options of [{ styleTaps: "relu2_2" }, { criterion: "frobenius" }, { resize: 64 }] as const) {
      expect(perceptual(options, { weights }).definition?.tiles).toBeUndefined();
    }
  });
});

describe("tilesOf", () => {
  /** From the tables of the networks: VGG16 up to relu5_3 sees 196 pixels with a stride of 16, 90 of them before the position's first. */
  const window: Window = { kernel: 196, stride: 16, padding: 90 };

  it("uses the receptive field of VGG16", () => {
    expect(vgg("vgg16").window("relu5_3")).toEqual(window);
  });

  test.each([
    [1080, 1920],
    [4320, 7680],
    [7680, 4320],
    [160, 100_000],
  ])("covers %i x %i once, within the limit", (height, width) => {
    const pixels = 1_250_000;
    const tiles = tilesOf(height, width, pixels, [window], 16);
    let own = 0;
    let read = 0;
    for (const { rows, columns } of tiles) {
      for (const { start, readStart } of [rows, columns]) expect([start % 16, readStart % 16]).toEqual([0, 0]);
      own += (rows.end - rows.start) * (columns.end - columns.start);
      const size = (rows.readEnd - rows.readStart) * (columns.readEnd - columns.readStart);
      expect(size).toBeLessThanOrEqual(pixels);
      read += size;
    }
    expect(own).toBe(height * width);
    // The overlap costs less than half again.
    expect(read).toBeLessThan(1.5 * height * width);
  });

  it("leaves an image within the limit whole", () => {
    expect(tilesOf(100, 200, 20_000, [window], 16)).toEqual([
      {
        rows: { start: 0, end: 100, readStart: 0, readEnd: 100 },
        columns: { start: 0, end: 200, readStart: 0, readEnd: 200 },
      },
    ]);
  });

  it("uses the smallest possible tiles where none is within the limit", () => {
    // The overlap is 96 + 90 pixels, and no part is shorter.
    expect(tilesOf(192 * 3, 192, 1, [window], 16)).toHaveLength(3);
  });
});
