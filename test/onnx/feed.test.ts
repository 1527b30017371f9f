import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Resizer, resize } from "../../packages/core/src/pixels/resize.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { computeStatistics, onnxExtractor } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { fitImage } from "../../packages/reconloss/src/onnx/fit.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { echoModel, writeModel } from "./models.ts";

const folder = await temporaryFolder();
let count = 0;

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${++count}.onnx`);
  await writeFile(path, bytes);
  return path;
}

/** The expected values of a model's input, from its definition: ((white * x) - mean) / std of the channel that belongs there. */
function expected(
  image: Tensor,
  { white = 1, mean = [0, 0, 0], std = [1, 1, 1], bgr = false, nhwc = false },
): Float32Array {
  const [n, c, h, w] = image.shape;
  const values: number[] = [];
  const at = (i: number, channel: number, y: number, x: number) => {
    const source = image.data[((i * c + (bgr ? 2 - channel : channel)) * h + y) * w + x];
    return (source * white - mean[channel]) / std[channel];
  };
  for (let i = 0; i < n; i++) {
    if (nhwc) {
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) for (let channel = 0; channel < c; channel++) values.push(at(i, channel, y, x));
      }
      continue;
    }
    for (let channel = 0; channel < c; channel++) {
      for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) values.push(at(i, channel, y, x));
    }
  }
  return Float32Array.from(values);
}

describe("feeds a model exactly", () => {
  const images = randomTensor([2, 3, 5, 7], 1);
  test.each<[string, Parameters<typeof onnxExtractor>[1], Parameters<typeof expected>[1]]>([
    ["the image as it is", {}, {}],
    ["values from 0 to 255", { range: "0-255" }, { white: 255 }],
    ["channels in the other order", { channels: "bgr" }, { bgr: true }],
    [
      "standardised channels",
      { mean: "0.1:0.2:0.3", std: [0.5, 0.25, 2] },
      { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] },
    ],
    ["one mean for all channels", { mean: 0.5, std: "0.5" }, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }],
    [
      "the mean in the unit and order of what is fed, as Caffe's networks take it",
      { range: "0-255", channels: "bgr", mean: "103.939:116.779:123.68" },
      { white: 255, bgr: true, mean: [103.939, 116.779, 123.68] },
    ],
    ["axes in the other order", { layout: "nhwc" }, { nhwc: true }],
    [
      "all of this at once",
      { layout: "nhwc", channels: "bgr", range: "0-255", mean: "1:2:3", std: "4:5:6" },
      { nhwc: true, bgr: true, white: 255, mean: [1, 2, 3], std: [4, 5, 6] },
    ],
  ])("%s", async (_, options, definition) => {
    const path = await saved(echoModel(["n", "a", "b", "c"]));
    const extractor = await onnxExtractor(path, { ...options, size: [5, 7] });
    const { fed } = await extractor.run(images);
    expect(fed.shape).toEqual([2, 105, 1, 1]);
    expect([...fed.data]).toEqual([...expected(images, definition)]);
  });

  test.each<[string, (number | string)[], boolean]>([
    ["planes where its shape says so", ["n", 3, 5, 7], false],
    ["interleaved channels where its shape says so", ["n", 5, 7, 3], true],
    ["interleaved channels where the number of channels alone is said", ["n", "h", "w", 3], true],
  ])("%s", async (_, dims, nhwc) => {
    const extractor = await onnxExtractor(await saved(echoModel(dims)), { size: [5, 7] });
    expect([...(await extractor.run(images)).fed.data]).toEqual([...expected(images, { nhwc })]);
    expect(extractor.protocol).toMatchObject({ layout: nhwc ? "nhwc" : "nchw" });
  });

  test("as many images at a time as the model takes, padding the last batch", async () => {
    const five = randomTensor([5, 3, 5, 7], 2);
    for (const batch of [1, 2, 5, 7]) {
      const extractor = await onnxExtractor(await saved(echoModel([batch, 3, 5, 7])));
      const { fed } = await extractor.run(five);
      expect([...fed.data]).toEqual([...five.data]);
      expect(fed.shape).toEqual([5, 105, 1, 1]);
    }
  });
});

/** Part of an image, place by place. */
function box({ data, shape: [n, c, h, w] }: Tensor, top: number, left: number, height: number, width: number): Tensor {
  const shape: Shape = [n, c, height, width];
  const values = Float32Array.from({ length: n * c * height * width }, (_, i) => {
    const [x, y, plane] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    return data[(plane * h + top + y) * w + left + x];
  });
  return new Tensor(values, shape);
}

function close(actual: Tensor, wanted: Tensor): void {
  expect(actual.shape).toEqual(wanted.shape);
  const worst = wanted.data.reduce((most, value, i) => Math.max(most, Math.abs(value - actual.data[i])), 0);
  // Two orders of the same sums in float32.
  expect(worst).toBeLessThan(2e-6);
}

describe("fits an image to the network's size", () => {
  const image = randomTensor([1, 3, 9, 14], 3);
  const resizer: Resizer = "clean";

  test.each([
    [5, 5],
    [11, 3],
    [4, 20],
  ] as const)("by stretching to %ix%i", async (height, width) => {
    close(await fitImage(image, { size: [height, width], resizer }), resize(image, [height, width], resizer));
  });

  // cmmd/io_util.py, _center_crop_and_resize: l = min(w, h); top = (h - l) // 2; left = (w - l) // 2; then resized.
  test.each<[Shape, number, number]>([
    [[1, 3, 9, 14], 0, 2],
    [[1, 3, 14, 9], 2, 0],
    [[1, 3, 8, 9], 0, 0],
    [[1, 3, 9, 9], 0, 0],
  ])("by cropping the central square of %j, crop=square", async (shape, top, left) => {
    const whole = randomTensor(shape, 4);
    const side = Math.min(shape[2], shape[3]);
    const wanted = resize(box(whole, top, left, side, side), [6, 6], resizer);
    close(await fitImage(whole, { size: [6, 6], resizer, crop: "square" }), wanted);
  });

  // torchvision: Resize(n) makes the shorter side n and the longer int(n * long / short); CenterCrop begins at int(round((size - crop) / 2)), which is half to even.
  test.each<[Shape, number, readonly [number, number], readonly [number, number], readonly [number, number]]>([
    [[1, 3, 9, 14], 9, [5, 5], [9, 14], [2, 4]], // (14 - 5) / 2 = 4.5 is 4
    [[1, 3, 9, 12], 9, [5, 5], [9, 12], [2, 4]], // (12 - 5) / 2 = 3.5 is 4
    [[1, 3, 14, 9], 9, [5, 5], [14, 9], [4, 2]],
    [[1, 3, 7, 11], 5, [5, 5], [5, 7], [0, 1]], // int(5 * 11 / 7) = 7
    [[1, 3, 11, 7], 8, [6, 7], [12, 8], [3, 0]], // int(8 * 11 / 7) = 12; (8 - 7) / 2 = 0.5 is 0
    [[1, 3, 5, 5], 10, [7, 9], [10, 10], [2, 0]], // 1.5 is 2, 0.5 is 0
  ])(
    "by cropping the middle of %j with a shorter side of %i, crop=center",
    async (shape, shorter, size, resized, [top, left]) => {
      const whole = randomTensor(shape, 5);
      const wanted = box(resize(whole, resized, resizer), top, left, ...size);
      close(await fitImage(whole, { size, resizer, crop: "center", shorter }), wanted);
    },
  );

  test("with the shorter side equal to the size by default", async () => {
    const wanted = box(resize(image, [5, 7], resizer), 0, 1, 5, 5);
    close(await fitImage(image, { size: [5, 5], resizer, crop: "center" }), wanted);
  });

  test("the same for integer pixels and planes", async () => {
    const data = Uint8Array.from({ length: 9 * 14 * 3 }, (_, i) => (i * 37) % 256);
    const planes = new Tensor(
      Float32Array.from({ length: data.length }, (_, i) => data[(i % 126) * 3 + Math.floor(i / 126)] / 255),
      [1, 3, 9, 14],
    );
    for (const crop of ["none", "square", "center"] as const) {
      const fit = { size: [6, 6] as const, resizer, crop };
      close(await fitImage({ data, width: 14, height: 9, channels: 3 }, fit), await fitImage(planes, fit));
    }
  });

  test("unless an intermediate image would exceed memory", async () => {
    const strip = { data: new Uint8Array(3 * 65000), width: 65000, height: 1, channels: 3 as const };
    const error = await fitImage(strip, { size: [224, 224], resizer, crop: "center" }).catch((caught) => caught);
    expect([error.code, error.message]).toEqual([
      "image",
      expect.stringMatching(/65000x1: with a shorter side of 224/),
    ]);
  });
});

test("reads, crops, resizes and feeds files: the fed mean equals the images' mean", async () => {
  const images = join(folder, "images");
  const shapes: Shape[] = [
    [1, 3, 9, 14],
    [1, 3, 12, 7],
    [1, 1, 8, 8],
  ];
  const pixels = shapes.map((shape, i) => {
    const { data } = randomTensor(shape, 10 + i);
    return new Tensor(
      data.map((value) => Math.round(value * 255) / 255),
      shape,
    );
  });
  for (const [i, image] of pixels.entries()) await writeImage(join(images, `${i}.png`), image);
  const path = await saved(echoModel(["n", 6, 6, 3]));
  const options = {
    crop: "square",
    channels: "bgr",
    range: "0-255",
    mean: "1:2:3",
    std: "4:5:6",
    resize: "clean",
  } as const;
  const { statistics } = await computeStatistics(images, { network: path, onnx: options, cache: false });
  const fed = pixels.map((image) => {
    const [, c, h, w] = image.shape;
    const colour =
      c === 3 ? image : new Tensor(Float32Array.from([0, 0, 0].flatMap(() => [...image.data])), [1, 3, h, w]);
    const side = Math.min(h, w);
    const square = box(colour, Math.floor((h - side) / 2), Math.floor((w - side) / 2), side, side);
    return expected(resize(square, [6, 6], "clean"), {
      nhwc: true,
      bgr: true,
      white: 255,
      mean: [1, 2, 3],
      std: [4, 5, 6],
    });
  });
  for (const [i, value] of statistics.fid.mean.entries()) {
    expect(Math.abs(value - (fed[0][i] + fed[1][i] + fed[2][i]) / 3)).toBeLessThan(1e-4);
  }
  expect(statistics.protocol).toMatchObject({
    ...{
      resize: "clean",
      size: "6x6",
      input: "(255x - [1,2,3]) / [4,5,6]",
      crop: "square",
      layout: "nhwc",
      channels: "bgr",
      output: "fed",
    },
  });
});

describe("takes features from a model's output", () => {
  const images = randomTensor([2, 3, 4, 6], 6);
  const three = ["n", 3, 4, 6];
  const output = (name: string, dims: (number | string)[], from: Parameters<typeof writeModel>[1][0]["from"]) =>
    ({ name, type: "float", dims, from }) as const;

  test("as the spatial mean of maps, in either layout", async () => {
    const echo = output("maps", three, (writer) => writer.node("Identity", ["image"]));
    const planes = await onnxExtractor(
      await saved(writeModel([{ name: "image", type: "float", dims: three }], [echo])),
    );
    const last = output("maps", ["n", 4, 6, 3], (writer) => writer.node("Identity", ["image"]));
    const interleaved = await onnxExtractor(
      await saved(writeModel([{ name: "image", type: "float", dims: ["n", 4, 6, 3] }], [last])),
    );
    const means = Array.from({ length: 6 }, (_, plane) => {
      return images.data.slice(plane * 24, (plane + 1) * 24).reduce((sum, value) => sum + value, 0) / 24;
    });
    for (const extractor of [planes, interleaved]) {
      const { maps } = await extractor.run(images);
      expect(maps.shape).toEqual([2, 3, 1, 1]);
      for (const [i, value] of maps.data.entries()) expect(value).toBeCloseTo(means[i], 6);
    }
  });

  test("as the first token or the mean of tokens, and rejects tokens where neither is chosen", async () => {
    // 3 channels of 24 places as 3 tokens of 24 values.
    const tokens = output("tokens", ["n", 3, 24], (writer) =>
      writer.node("Reshape", ["image", writer.constant("int64", [3], [0, 3, 24])]),
    );
    const path = await saved(writeModel([{ name: "image", type: "float", dims: three }], [tokens]));
    const first = (await (await onnxExtractor(path, { tokens: "first" })).run(images)).tokens;
    expect(first.shape).toEqual([2, 24, 1, 1]);
    expect([...first.data]).toEqual([...images.data.slice(0, 24), ...images.data.slice(72, 96)]);
    const mean = (await (await onnxExtractor(path, { tokens: "mean" })).run(images)).tokens;
    for (let i = 0; i < 24; i++) {
      expect(mean.data[i]).toBeCloseTo((images.data[i] + images.data[24 + i] + images.data[48 + i]) / 3, 6);
    }
    await expect(onnxExtractor(path)).rejects.toThrow(
      /returned 1x3x24, several tokens per image.*tokens=first or tokens=mean/,
    );
  });

  test("normalised to length 1 on request", async () => {
    const extractor = await onnxExtractor(await saved(echoModel(three)), { unitLength: true });
    const { fed } = await extractor.run(images);
    const length = Math.hypot(...images.data.slice(72));
    for (let i = 0; i < 72; i++) expect(fed.data[72 + i]).toBeCloseTo(images.data[72 + i] / length, 6);
    expect([...(await extractor.run(Tensor.full([1, 3, 4, 6], 0))).fed.data]).toEqual(Array(72).fill(0));
  });
});
