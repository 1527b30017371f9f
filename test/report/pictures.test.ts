import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { toErrorMap, topOf } from "../../packages/reconloss/src/report/error-map.ts";
import { imageSide, losslessBytes, mapSide, picture } from "../../packages/reconloss/src/report/pictures.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();

async function decode(uri: string) {
  const { data, info } = await sharp(Buffer.from(uri.split(",")[1], "base64"))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, ...info };
}

/** Noise, which no codec makes smaller, and its noisier copy, as files. */
async function noisyPair(channels: number, height: number, width: number) {
  const target = noise(Tensor.full([1, channels, height, width], 0.5), 0.3, 1);
  const name = `${channels} ${height} ${width}.png`;
  const paths = { output: join(folder, `output ${name}`), target: join(folder, `target ${name}`) };
  await writeImage(paths.target, target);
  await writeImage(paths.output, noise(target, 0.1, 2));
  return { name, ...paths, width, height, values: { l1: 1 } };
}

test("small pictures keep the files' samples, even of noise, and maps their levels", async () => {
  const loss = parseLoss("l1");
  const pair = await noisyPair(3, 252, 252);
  const { output, target, maps } = await picture(pair, [loss]);
  for (const [side, { uri, exact }] of Object.entries({ output, target })) {
    const stored = await readPixels(pair[side as "output" | "target"]);
    expect(exact).toBe(true);
    expect(Buffer.compare((await decode(uri)).data, Buffer.from(stored.data))).toBe(0);
  }
  const [a, b] = await Promise.all([pair.output, pair.target].map((path) => readPixels(path)));
  const errors = Tensor.from(
    Array.from({ length: 252 * 252 }, (_, i) => {
      const of = (c: number) => Math.abs(a.data[3 * i + c] - b.data[3 * i + c]) / 255;
      return (of(0) + of(1) + of(2)) / 3;
    }),
    [1, 1, 252, 252],
  );
  const top = topOf(toErrorMap(loss, errors));
  const levels = await decode(maps.l1.levels);
  let farthest = 0;
  for (let i = 0; i < 252 * 252; i++) {
    const level = Math.min(255, (errors.data[i] / top) * 255);
    farthest = Math.max(farthest, Math.abs(levels.data[i * levels.channels] - level));
  }
  expect(farthest).toBeLessThanOrEqual(0.51); // rounded, and the map is of float32 images
});

test("larger ones are lossless where that costs little, and say so where not", async () => {
  const large = await noisyPair(1, 600, 640);
  const { output } = await picture(large, []);
  expect(output.exact).toBe(false);
  expect((output.uri.length * 3) / 4).toBeLessThan(2 * losslessBytes.picture);

  const flat = { ...large, output: join(folder, "flat.png"), target: join(folder, "flat.png") };
  await writeImage(
    flat.output,
    Tensor.from(
      Array.from({ length: 600 * 640 }, (_, i) => (i % 640) / 640),
      [1, 1, 600, 640],
    ),
  );
  const same = await picture(flat, []);
  expect(same.output.exact).toBe(true);
  const stored = await readPixels(flat.output);
  const shown = await decode(same.output.uri);
  expect(Array.from(shown.data).filter((_, i) => i % shown.channels === 0)).toEqual(Array.from(stored.data));
});

test("a reduced picture is never called exact, however well it compresses", async () => {
  const path = join(folder, "wide.png");
  await writeImage(path, Tensor.full([1, 1, 8, imageSide + 1], 0.5));
  const pair = { name: "wide", output: path, target: path, width: imageSide + 1, height: 8, values: { l1: 0 } };
  const { output, maps } = await picture(pair, [parseLoss("l1")]);
  expect(output.exact).toBe(false);
  expect((await decode(output.uri)).width).toBe(imageSide);
  expect((await decode(maps.l1.levels)).width).toBe(mapSide);
});
