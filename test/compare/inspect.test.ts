import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { parseLosses, psnr } from "../../packages/core/src/losses/index.ts";
import { imresize } from "../../packages/core/src/pixels/imresize.ts";
import { toImageSync } from "../../packages/core/src/pixels/input.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { comparePairs, type Outcome, summarise } from "../../packages/reconloss/src/compare/index.ts";
import { inspect } from "../../packages/reconloss/src/compare/inspect.ts";
import { Outcomes } from "../../packages/reconloss/src/compare/summary.ts";
import {
  decodeImage,
  type ImagePair,
  readImage,
  toPixels,
  writeImage,
} from "../../packages/reconloss/src/image/index.ts";
import { blur, noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { temporaryFolder } from "../folder.ts";
import { scene } from "../tasks/photographs.ts";

const inputs = join(import.meta.dirname, "../goldens/inputs");
const read = (name: string) => readImage(join(inputs, `${name}.png`));

/** A scene in uneven light: like photographs, it differs more from one side to the other than from pixel to pixel. */
function photograph(seed: number): Tensor {
  const detail = scene(160, 192, seed);
  const light = detail.data.map((_, i) => {
    const [c, y, x] = [Math.floor(i / (160 * 192)), Math.floor(i / 192) % 160, i % 192];
    return 0.5 + 0.25 * Math.sin(x / 60 + 2 * c + seed) + 0.2 * Math.cos(y / 45 + c * seed);
  });
  return asFile(
    new Tensor(
      light.map((level, i) => level + 0.4 * (detail.data[i] - 0.5)),
      detail.shape,
    ),
  );
}
const target = photograph(3);

const look = (output: Tensor, of: Tensor = target, weight?: Tensor) =>
  inspect({ output: toImageSync(toPixels(output)), target: toImageSync(toPixels(of)) }, weight);
const kinds = (output: Tensor, of?: Tensor) => look(output, of).map(({ kind }) => kind);

const encoder = (image: Tensor) => {
  const { data, width, height } = toPixels(image);
  return sharp(data as Uint8ClampedArray, { raw: { width, height, channels: 3 } });
};
const decoded = async (image: Sharp) => (await decodeImage(new Uint8Array(await image.toBuffer()))).image;

const mapped = (image: Tensor, of: (value: number) => number) => new Tensor(image.data.map(of), image.shape);

/** An image moved by whole pixels, its border repeated. */
function moved({ data, shape }: Tensor, right: number, down: number): Tensor {
  const [, c, h, w] = shape;
  const limit = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  const result = Float32Array.from({ length: c * h * w }, (_, i) => {
    const [plane, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    return data[(plane * h + limit(y - down, h)) * w + limit(x - right, w)];
  });
  return new Tensor(result, shape);
}

const swapped = ({ data, shape }: Tensor) => {
  const area = data.length / 3;
  return new Tensor(
    data.map((_, i) => data[(2 - Math.floor(i / area)) * area + (i % area)]),
    shape,
  );
};

const bicubic = (image: Tensor, scale: number) => {
  const [, , h, w] = image.shape;
  return imresize(asFile(imresize(image, [h / scale, w / scale])), [h, w]);
};

describe("good outputs get no note", () => {
  it.each([0.5, 1, 2, 4])("blurred by %f pixels", (sigma) => {
    expect(kinds(blur(target, sigma))).toEqual([]);
  });

  it.each([5, 25, 50, 100])("with noise of %i / 255", (sigma) => {
    expect(kinds(noise(target, sigma / 255, 1))).toEqual([]);
  });

  it.each([90, 50, 20, 5])("as JPEG of quality %i", async (quality) => {
    expect(kinds(await decoded(encoder(target).jpeg({ quality })))).toEqual([]);
  });

  it.each([2, 4])("reduced and enlarged %i times", (scale) => {
    expect(kinds(bicubic(target, scale))).toEqual([]);
  });

  it("the golden images with blur, noise or JPEG compression", async () => {
    const original = await read("scene");
    for (const name of ["scene_blur", "scene_noise", "scene_jpeg15"]) {
      expect(kinds(await read(name), original)).toEqual([]);
    }
    expect(kinds(await read("gray_blur"), await read("gray"))).toEqual([]);
    expect(kinds(await read("odd_noise"), await read("odd"))).toEqual([]);
  });

  it("identical, flat, small or unrelated images", async () => {
    expect(kinds(target)).toEqual([]);
    expect(kinds(await read("white"), await read("black"))).toEqual([]);
    expect(kinds(await read("flat_a"), await read("flat_b"))).toEqual([]);
    expect(kinds(photograph(9))).toEqual([]);
    expect(kinds(Tensor.full([1, 3, 8, 8], 0.2), Tensor.full([1, 3, 8, 8], 0.4))).toEqual([]);
  });
});

describe("global differences are noted with their size and cost", () => {
  /** The cost in PSNR, over the whole image. */
  const cost = async (output: Tensor, better: Tensor) =>
    (await psnr().value(better, target)) - (await psnr().value(output, target));

  it.each([
    [1, 0],
    [-3, 2],
    [7, 7],
    [0, -8],
  ])("a shift by %i and %i pixels", (right, down) => {
    const [note, ...others] = look(noise(moved(target, right, down), 4 / 255, 1));
    expect(others).toEqual([]);
    expect(note.kind).toBe("shifted");
    const [, x, y] = /by ([+-][\d.]+) pixels to the right and ([+-][\d.]+) down/.exec(note.text) ?? [];
    expect(Number(x)).toBeCloseTo(right, 1);
    expect(Number(y)).toBeCloseTo(down, 1);
  });

  it("the contrast of a golden image, but not recoloured ones, which follow no single curve", async () => {
    expect(kinds(await read("scene_contrast"), await read("scene"))).toEqual(["other-tone"]);
    expect(kinds(await read("scene_shift"), await read("scene"))).toEqual([]);
  });

  it("sharp's own cubic enlargement, whose pixels lie beside those of the definition", async () => {
    const [, , h, w] = target.shape;
    const small = asFile(imresize(target, [h / 2, w / 2]));
    const enlarged = (image: Tensor) =>
      decoded(
        encoder(image)
          .resize(2 * image.shape[3], 2 * image.shape[2], { kernel: "cubic", fit: "fill" })
          .png(),
      );
    const [note, ...others] = look(await enlarged(small));
    expect(others).toEqual([]);
    // By how much: where sharp puts the centre of a soft spot, against where it lies.
    const spot = Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => {
      const [x, y] = [(i % 64) - 31.5, (Math.floor(i / 64) % 64) - 31.5];
      return 0.9 * Math.exp(-(x * x + y * y) / 18);
    });
    const { data } = await enlarged(new Tensor(spot, [1, 3, 64, 64]));
    let [sum, along] = [0, 0];
    for (let i = 0; i < 128 * 128; i++) {
      sum += data[i];
      along += data[i] * ((i % 128) - 63.5);
    }
    const expected = along / sum;
    expect(Math.abs(expected)).toBeGreaterThan(0.2);
    const [, x, y] = /by ([+-][\d.]+) pixels to the right and ([+-][\d.]+) down/.exec(note.text) ?? [];
    expect(Number(x)).toBeCloseTo(expected, 1);
    expect(Number(y)).toBeCloseTo(expected, 1);
    expect(note.cost).toBeGreaterThan(0.5);
  });

  it.each<[string, (value: number) => number, (value: number) => number, RegExp]>([
    ["a gain", (v) => 0.8 * v, (v) => v / 0.8, /is 0\.80 times its target,/],
    ["a gamma", (v) => v ** 0.8, (v) => v ** 1.25, /is its target to the power of 0\.(79|80|81),/],
    [
      "levels of video",
      (v) => (16 + 219 * v) / 255,
      (v) => (255 * v - 16) / 219,
      /is 0\.86 times its target \+ 0\.06\d \(full range scaled to 16\.\.235\)/,
    ],
    ["an offset", (v) => 0.9 * v + 0.05, (v) => (v - 0.05) / 0.9, /is 0\.90 times its target \+ 0\.05\d,/],
  ])("%s", async (_, tone, undone, text) => {
    // Noisy, so that something is left without the tone.
    const output = asFile(mapped(noise(target, 8 / 255, 1), tone));
    const [note, ...others] = look(output);
    expect(others).toEqual([]);
    expect(note.text).toMatch(text);
    const expected = await cost(output, mapped(output, undone));
    expect(Math.abs(note.cost / expected - 1)).toBeLessThan(0.1);
  });

  it("red and blue exchanged, alone and with other differences", async () => {
    const output = asFile(noise(swapped(target), 10 / 255, 1));
    const [note, ...others] = look(output);
    expect(others).toEqual([]);
    expect(note).toMatchObject({ kind: "swapped-channels", text: expect.stringMatching(/BGR for RGB/) });
    expect(note.cost).toBeGreaterThan(0.7 * (await cost(output, swapped(output))));
    const all = kinds(mapped(moved(swapped(target), 2, 1), (v) => 0.8 * v));
    expect(new Set(all)).toEqual(new Set(["swapped-channels", "other-tone", "shifted"]));
  });

  it("among the weighted pixels only", () => {
    const [, , h, w] = target.shape;
    const right = Float32Array.from({ length: h * w }, (_, i) => Number(i % w >= 100));
    const other = photograph(9).data;
    const half = new Tensor(
      target.data.map((value, i) => (i % w < 100 ? other[i] : 0.7 * value)),
      target.shape,
    );
    expect(kinds(half)).toEqual([]);
    const [note] = look(half, target, new Tensor(right, [1, 1, h, w]));
    expect(note.text).toMatch(/is 0\.70 times its target/);
  });

  it("in 16 bits, grey and floating point", async () => {
    const grey = await read("gray");
    expect(kinds(moved(grey, 1, 1), grey)).toEqual(["shifted"]);
    const deep = [moved(target, 1, 0), target].map((image) => toImageSync(toPixels(image, { bitDepth: 16 })));
    expect(inspect({ output: deep[0], target: deep[1] }).map(({ kind }) => kind)).toEqual(["shifted"]);
    const floats = [moved(target, 1, 0), target].map((image) => toImageSync(image));
    expect(inspect({ output: floats[0], target: floats[1] }).map(({ kind }) => kind)).toEqual(["shifted"]);
  });
});

describe("comparisons", () => {
  it("note global differences for each pair and in a summary, and change no number", async () => {
    const folder = await temporaryFolder();
    const pairs: ImagePair[] = [];
    for (const [i, shift] of [1, 2, 0].entries()) {
      const [output, path] = [join(folder, `o${i}.png`), join(folder, `t${i}.png`)];
      await writeImage(output, moved(target, shift, 0));
      await writeImage(path, target);
      pairs.push({ name: `${i}.png`, output, target: path });
    }
    const losses = parseLosses("psnr, l1");
    const compare = async (isInspected?: boolean) => {
      const outcomes: Outcome[] = [];
      for await (const one of comparePairs(pairs, losses, { inspect: isInspected })) outcomes.push(one);
      return outcomes;
    };
    const [looked, not] = [await compare(), await compare(false)];
    const shifts = looked.map(({ notes }) => notes.filter(({ kind }) => kind === "shifted").length);
    expect(shifts).toEqual([1, 1, 0]);
    expect(not.flatMap(({ notes }) => notes).filter(({ kind }) => kind === "shifted")).toEqual([]);
    expect(summarise(losses, looked).mean).toEqual(summarise(losses, not).mean);
    const all = new Outcomes(losses);
    for (const outcome of looked) all.add(outcome);
    const [group] = all.groups.filter(({ note }) => note.kind === "shifted");
    expect(group.count).toBe(2);
    expect(group.note.text).toMatch(/^the output is shifted .* PSNR in [01]\.png, where it costs most$/);
  });
});
