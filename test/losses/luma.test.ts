import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { channelChoices, imageOptions, lumas } from "../../packages/core/src/definitions/image-options.ts";
import { stageImages } from "../../packages/core/src/definitions/stage.ts";
import { onnx } from "../../packages/core/src/engines/onnx.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { prepare } from "../../packages/core/src/losses/images.ts";
import { type Loss, l1, psnr } from "../../packages/core/src/losses/index.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { evaluateBy } from "../engine.ts";
import { hasReference, readGoldenImage, referenceFolder } from "../golden.ts";
import { randomSource } from "../random.ts";

type Rgb = readonly [r: number, g: number, b: number];

/** The levels of 8-bit colours in whole numbers, without rounding errors: T = 299 R + 587 G + 114 B, and 65.481, 128.553, 24.966 are 0.219 times those. */
const exact = {
  "y-rgb2ycbcr": (thousandths: number) => 16 + Math.floor((2 * 219 * thousandths + 255000) / 510000),
  "y-matlab": (thousandths: number) => {
    const nearest = Math.floor((thousandths + 500) / 1000);
    return thousandths % 1000 === 500 && nearest % 2 === 1 ? nearest - 1 : nearest;
  },
};
const rounded = Object.keys(exact) as (keyof typeof exact)[];

const thousandthsOf = ([r, g, b]: Rgb) => 299 * r + 587 * g + 114 * b;

/** Every colour whose luma is half a level in one of the roundings, thinned out, and colours drawn at random. */
function colours(): Rgb[] {
  const random = randomSource(3);
  const found: Rgb[] = [];
  for (let r = 0; r < 256; r++) {
    for (let g = 0; g < 256; g++) {
      for (let b = 0; b < 256; b++) {
        const thousandths = thousandthsOf([r, g, b]);
        const isHalf = (2 * 219 * thousandths) % 510000 === 255000 || (thousandths % 1000 === 500 && random() < 0.05);
        if (isHalf) found.push([r, g, b]);
      }
    }
  }
  const level = () => Math.floor(256 * random());
  return [...found, ...Array.from({ length: 30_000 }, (): Rgb => [level(), level(), level()])];
}

function image(pixels: readonly Rgb[]): Tensor {
  const planes = [0, 1, 2].flatMap((channel) => pixels.map((pixel) => pixel[channel] / 255));
  return Tensor.from(planes, [1, 3, 1, pixels.length]);
}

const defaults = Object.fromEntries(Object.entries(imageOptions).map(([name, option]) => [name, option.default]));

describe.each(rounded)("%s", (channels) => {
  const pixels = colours();
  const expected = pixels.map((pixel) => exact[channels](thousandthsOf(pixel)));
  const tensor = image(pixels);
  const options = { ...defaults, channels } as Parameters<typeof stageImages>[1];

  test("the test colours include values halfway between levels", () => {
    const halves = pixels.filter((pixel) => {
      const thousandths = thousandthsOf(pixel);
      return channels === "y-matlab" ? thousandths % 1000 === 500 : (438 * thousandths) % 510000 === 255000;
    });
    expect(halves.length).toBeGreaterThan(100);
  });

  test.each([1, 255, 65535, 0.7])("is exact in kernels, ONNX graph and float64, with white = %d", async (dataRange) => {
    const scaled = new Tensor(
      tensor.data.map((value) => value * dataRange),
      tensor.shape,
    );
    const ranged = { ...options, dataRange };
    const toLevels = (data: ArrayLike<number>) => Array.from(data, (value) => (255 * value) / dataRange);
    const paths = {
      kernels: toLevels(stageImages(scaled, ranged).data),
      float64: toLevels(
        prepare(reference, { output: toFloat64(scaled), target: toFloat64(scaled) }, ranged).output.data,
      ),
      // The distance to black, which is at the luma's own offset.
      graph: toLevels(
        (
          await evaluateBy(
            onnx,
            l1({ channels, dataRange }).definition as Definition,
            { output: scaled, target: Tensor.full(scaled.shape, 0) },
            { map: true },
          )
        ).map!.data,
      ).map((level) => level + 255 * lumas[channels].offset),
    };
    for (const [path, levels] of Object.entries(paths)) {
      const wrong = levels.filter((level, i) => Math.abs(level - expected[i]) > 1e-3);
      expect(wrong, path).toEqual([]);
    }
  });

  test("has the gradient of the luma before rounding", async () => {
    const [output, target] = [randomPixels(5), randomPixels(6)];
    const { grad } = await parseLoss(`mse(channels=${channels})`).valueAndGrad(output, target);
    const y = (x: Tensor) => stageImages(x, options).data;
    const [a, b] = [y(output), y(target)];
    const { weights } = lumas[channels];
    for (const [i, difference] of a.map((value, i) => value - b[i]).entries()) {
      for (const [channel, weight] of weights.entries()) {
        expect(grad.data[channel * a.length + i]).toBeCloseTo((2 * difference * weight) / a.length, 6);
      }
    }
  });
});

function randomPixels(seed: number): Tensor {
  const random = randomSource(seed);
  return Tensor.from(
    Array.from({ length: 3 * 400 }, () => Math.floor(256 * random()) / 255),
    [1, 3, 20, 20],
  );
}

test("every loss with the option channels equals itself on precomputed luma images", async () => {
  const withChannels = lossFactories.filter(({ info }) => "channels" in info.options);
  expect(withChannels.map(({ info }) => info.name)).toEqual(
    expect.arrayContaining(["l1", "psnr", "ssim", "ms-ssim", "tv"]),
  );
  for (const factory of withChannels) {
    for (const channels of channelChoices.filter((choice) => choice !== "rgb")) {
      const random = randomSource(8);
      const shape = [1, 3, 45, 44] as const;
      const draw = () =>
        Tensor.from(
          Array.from({ length: 3 * 45 * 44 }, () => Math.floor(256 * random()) / 255),
          shape,
        );
      const [output, other] = [draw(), draw()];
      const target = new Tensor(
        output.data.map((x, i) => 0.8 * x + 0.2 * other.data[i]),
        shape,
      );
      const given = /^(ms|iw)-ssim$/.test(factory.info.name) ? { size: 3 } : {};
      const compared = { ...defaults, channels } as Parameters<typeof stageImages>[1];
      const make = (more: object): Loss => factory({ ...given, ...more } as Parameters<typeof factory>[0]);
      const got = await make({ channels }).value(output, target);
      const expected = await make({}).value(stageImages(output, compared), stageImages(target, compared));
      expect(got, `${factory.info.name}, ${channels}`).toBeCloseTo(expected, 5);
    }
  }
});

test("rounding Y to 8 bits changes PSNR by the difference between BasicSR and MATLAB", async () => {
  // Both definitions in float64 on the 8-bit values: 10 log10(255^2 / mean((Y1 - Y2)^2)), Y rounded for MATLAB.
  const [output, target] = await Promise.all(
    ["scene_blur", "scene"].map((name) => readGoldenImage(`inputs/${name}.png`)),
  );
  const luma = ({ data }: Tensor, round: boolean) =>
    Array.from({ length: data.length / 3 }, (_, i) => {
      const [r, g, b] = [0, 1, 2].map((channel) => Math.round(255 * data[(channel * data.length) / 3 + i]));
      return round ? exact["y-rgb2ycbcr"](thousandthsOf([r, g, b])) : 16 + (0.219 * thousandthsOf([r, g, b])) / 255;
    });
  const decibels = (round: boolean) => {
    const [a, b] = [luma(output, round), luma(target, round)];
    return 10 * Math.log10(255 ** 2 / (a.reduce((sum, y, i) => sum + (y - b[i]) ** 2, 0) / a.length));
  };
  expect(await psnr({ preset: "matlab-y" }).value(output, target)).toBeCloseTo(decibels(true), 5);
  expect(await psnr({ preset: "basicsr-y" }).value(output, target)).toBeCloseTo(decibels(false), 5);
});

test.runIf(hasReference)("PSNR of Y on a photograph equals MATLAB's and BasicSR's", async () => {
  const read = (name: string) => readImage(new URL(`images/${name}`, referenceFolder).pathname);
  const [output, target] = await Promise.all(["kodim03_jpeg20.png", "kodim03.png"].map(read));
  // psnr(rgb2ycbcr(a)(:, :, 1), rgb2ycbcr(b)(:, :, 1)) of the two 8-bit files, and calculate_psnr(a, b, 0, test_y_channel=True).
  expect(await psnr({ preset: "matlab-y" }).value(output, target)).toBeCloseTo(34.4317, 4);
  expect(await psnr({ preset: "basicsr-y" }).value(output, target)).toBeCloseTo(34.4617, 4);
});
