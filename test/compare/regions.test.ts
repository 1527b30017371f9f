import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type CompareOptions, comparePairs, type Outcome } from "../../packages/reconloss/src/compare/index.ts";
import {
  type ImagePair,
  pairPaths,
  type Region,
  readImage,
  writeImage,
} from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const [height, width] = [24, 32];
const pair: ImagePair = { name: "a.png", output: join(folder, "o.png"), target: join(folder, "t.png") };
await writeImage(pair.output, randomTensor([1, 3, height, width], 1));
await writeImage(pair.target, randomTensor([1, 3, height, width], 2));

async function compare(pairs: readonly ImagePair[], losses: string, options: CompareOptions = {}): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const one of comparePairs(pairs, parseLosses(losses), { inspect: false, ...options })) outcomes.push(one);
  return outcomes;
}

/** A mask as a PNG of 16 bits, whose levels are the weights as near as float32 has them. */
async function mask(name: string, weight: (x: number, y: number) => number, size = { height, width }) {
  const path = join(folder, name);
  const data = Float32Array.from({ length: size.height * size.width }, (_, i) =>
    weight(i % size.width, Math.floor(i / size.width)),
  );
  await mkdir(join(path, ".."), { recursive: true });
  await writeImage(path, new Tensor(data, [1, 1, size.height, size.width]), { bitDepth: 16 });
  return path;
}

const messages = ({ failures }: Outcome) => failures.map(({ error }) => error);

// What is expected is what the losses themselves give of the same weights, which their own tests hold against the float64 reference.
describe("pixel weights give the same numbers as in the library", () => {
  const losses = "psnr, l1, ssim, gmsd, deltaE, haarpsi, tv";
  const expected = async (weight: Tensor) => {
    const [output, target] = [await readImage(pair.output), await readImage(pair.target)];
    const values: Record<string, number> = {};
    for (const loss of parseLosses(losses)) values[loss.label] = await loss.value(output, target, { weight });
    return values;
  };
  const weightBy = (of: (x: number, y: number) => number) =>
    new Tensor(
      Float32Array.from({ length: height * width }, (_, i) => of(i % width, Math.floor(i / width))),
      [1, 1, height, width],
    );

  it("by a mask, whose grey is how much a pixel counts", async () => {
    const ramp = (x: number) => Math.round((x / (width - 1)) * 65535) / 65535;
    const [{ result, failures }] = await compare([{ ...pair, mask: await mask("ramp.png", ramp) }], losses);
    expect(failures).toEqual([]);
    const values = await expected(weightBy(ramp));
    for (const [label, value] of Object.entries(values)) expect(result?.values[label]).toBeCloseTo(value, 9);
  });

  it("by ignored rectangles, also beyond the border, together with a mask", async () => {
    const left = await mask("left.png", (x) => Number(x < 20));
    const ignore: Region[] = [
      [0, 0, 8, 24],
      [16, 20, 1000, 1000],
    ];
    const [{ result, notes }] = await compare([{ ...pair, mask: left, ignore }], losses);
    const counts = (x: number, y: number) => Number(x < 20 && x >= 8 && !(x >= 16 && y >= 20));
    const values = await expected(weightBy(counts));
    for (const [label, value] of Object.entries(values)) expect(result?.values[label]).toBeCloseTo(value, 9);
    expect(notes.map(({ text }) => text)).toEqual([
      "pixels are weighted by the levels of its mask and 0 in rectangles that are ignored",
    ]);
  });

  it("by the target's alpha, with the stored colours and without the output's alpha", async () => {
    const rgba = async (path: string, seed: number, alpha: (i: number) => number) => {
      const { data } = randomTensor([1, 3, height, width], seed);
      const area = height * width;
      const pixels = Uint8Array.from({ length: 4 * area }, (_, i) => {
        const [c, at] = [i % 4, Math.floor(i / 4)];
        return c < 3 ? Math.round(255 * data[c * area + at]) : alpha(at);
      });
      await sharp(pixels, { raw: { width, height, channels: 4 } })
        .png()
        .toFile(path);
      return path;
    };
    const transparent = {
      name: "a.png",
      output: await rgba(join(folder, "ao.png"), 1, () => 100),
      target: await rgba(join(folder, "at.png"), 2, (i) => (i % width < 8 ? 0 : 51 * (i % 6))),
    };
    const [{ result, notes }] = await compare([transparent], losses, { alphaMask: true });
    const values = await expected(weightBy((x, y) => (x < 8 ? 0 : (51 * ((y * width + x) % 6)) / 255)));
    for (const [label, value] of Object.entries(values)) expect(result?.values[label]).toBeCloseTo(value, 9);
    expect(notes.map(({ text }) => text)).toEqual([
      "the output's alpha was dropped; the target's is used as weight",
      "pixels are weighted by the target's alpha",
    ]);
    await expect(compare([transparent], "l1", { alphaMask: true, alpha: "compare" })).rejects.toThrow(
      /cannot be combined/,
    );
    await expect(compare([transparent], "l1", { alphaMask: true, decode: "pillow" })).rejects.toThrow(/drops alpha/);
  });
});

describe("an invalid mask fails its own pair only", () => {
  const failing = async (path: string) => {
    const [first, second] = await compare([{ ...pair, mask: path }, pair], "l1");
    expect(first.result).toBeUndefined();
    expect(second.failures).toEqual([]);
    return messages(first);
  };

  it("black everywhere, or ignored everywhere", async () => {
    expect(await failing(await mask("black.png", () => 0))).toEqual([
      expect.stringMatching(/^no pixel counts after mask .*black\.png$/),
    ]);
    const [all] = await compare([{ ...pair, ignore: [[0, 0, width, height]] }], "l1");
    expect(messages(all)).toEqual(["no pixel counts after the rectangles that are ignored"]);
  });

  it("of another size, coloured, transparent, not an image, a pipe, missing", async () => {
    const small = await mask("small.png", () => 1, { height: 24, width: 31 });
    expect(await failing(small)).toEqual([expect.stringMatching(/small\.png is 31x24 but target .* is 32x24/)]);
    const colours = join(folder, "colours.png");
    await writeImage(colours, randomTensor([1, 3, height, width], 5));
    expect(await failing(colours)).toEqual([expect.stringMatching(/colours\.png is coloured at pixel/)]);
    const clear = join(folder, "clear.png");
    await sharp({ create: { width, height, channels: 4, background: { r: 255, g: 255, b: 255, alpha: 0.5 } } })
      .png()
      .toFile(clear);
    expect(await failing(clear)).toEqual([expect.stringMatching(/transparent pixels/)]);
    await writeFile(join(folder, "text.png"), "no image");
    expect(await failing(join(folder, "text.png"))).toEqual([expect.stringMatching(/its content is not an image/)]);
    expect(await failing(join(folder, "none.png"))).toEqual([expect.stringMatching(/none\.png/)]);
    if (process.platform === "win32") return;
    execFileSync("mkfifo", [join(folder, "pipe.png")]);
    expect(await failing(join(folder, "pipe.png"))).toEqual([expect.stringMatching(/named pipe/)]);
  });

  it("with no weight where a loss looks, which that loss's error says", async () => {
    const border = await mask("border.png", (x) => Number(x < 2));
    const [{ result, failures }] = await compare([{ ...pair, mask: border }], "l1, psnr(crop=4)");
    expect(Object.keys(result?.values ?? {})).toEqual(["l1"]);
    expect(failures.map(({ loss, error }) => [loss, error])).toEqual([
      ["psnr(crop=4)", expect.stringMatching(/^psnr: weight is 0 at every place that is compared/)],
    ]);
  });

  it("a rectangle outside the image gives a note", async () => {
    const [{ notes }] = await compare([{ ...pair, ignore: [[40, 0, 2, 2]] }], "l1");
    expect(notes.map(({ text }) => text)).toEqual([
      "pixels are weighted by 0 in rectangles that are ignored",
      "the rectangle 40,0,2,2, which is ignored, lies outside the image",
    ]);
  });
});

describe("masks and rectangles are matched by name", () => {
  it("of the target, of the output, or without extension; a single image applies to all", async () => {
    for (const name of ["o/a_x2.png", "o/b_x2.png", "o/c_x2.png", "t/a.png", "t/b.png", "t/c.png"]) {
      await writeImage(join(folder, "by", name), randomTensor([1, 1, 8, 8], 1));
    }
    for (const name of ["a.png", "b_x2.png", "c.tif"]) await mask(join("by/m", name), () => 1);
    const [outputs, targets, masks] = ["o", "t", "m"].map((name) => join(folder, "by", name));
    const patterned = { pair: "{name}_x2.png={name}.png" };
    const { pairs, unpaired } = await pairPaths(outputs, targets, { ...patterned, masks });
    expect(pairs.map(({ mask: path }) => path)).toEqual(
      ["a.png", "b_x2.png", "c.tif"].map((name) => join(masks, name)),
    );
    expect(unpaired).toEqual([]);
    const one = await pairPaths(outputs, targets, { ...patterned, masks: join(masks, "a.png") });
    expect(new Set(one.pairs.map(({ mask: path }) => path))).toEqual(new Set([join(masks, "a.png")]));

    const ignore = { "a.png": [[0, 0, 1, 1]], b: [[1, 1, 1, 1]] } as Record<string, Region[]>;
    const by = await pairPaths(outputs, targets, { ...patterned, ignore });
    expect(by.pairs.map((each) => each.ignore)).toEqual([[[0, 0, 1, 1]], [[1, 1, 1, 1]], undefined]);
    await expect(pairPaths(outputs, targets, { ...patterned, ignore: { x: [] } })).rejects.toThrow(
      /ignore has a name that no pair has: x/,
    );
  });

  it("a pair with no mask, or with two, is not compared", async () => {
    const [outputs, targets, masks] = ["o", "t", "some"].map((name) => join(folder, "by", name));
    for (const name of ["a.png", "a.tif", "b.png"]) await mask(join("by/some", name), () => 1);
    const { pairs, unpaired } = await pairPaths(outputs, targets, { pair: "{name}_x2.png={name}.png", masks });
    expect(pairs.map(({ name }) => name)).toEqual(["a_x2.png", "b_x2.png"]);
    expect(unpaired.map(({ reason }) => reason)).toEqual([`${masks} has no mask of this name`]);
    const twice = await pairPaths(join(outputs, "a_x2.png"), join(targets, "a.png"), { masks: join(masks, "a.tif") });
    expect(twice.pairs[0].mask).toBe(join(masks, "a.tif"));
  });
});
