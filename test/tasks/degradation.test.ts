import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { imresize } from "../../packages/core/src/pixels/imresize.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { degradePhotograph } from "../../packages/reconloss/src/tasks/degradation.ts";
import { makeTask } from "../../packages/reconloss/src/tasks/index.ts";
import { asFile, cutSquare } from "../../packages/reconloss/src/tasks/patches.ts";
import { withMarginCut } from "../../packages/reconloss/src/tasks/task.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { photographFolder, scene } from "./photographs.ts";

const folder = await temporaryFolder();
const photograph = join(folder, "photograph.png");
await writeImage(photograph, scene(60, 72, 1));
const degraded = join(folder, "degraded.png");

describe("degrading a photograph", () => {
  it("for super-resolution equals MATLAB's imresize, rounded to 8 bits, at the border too", async () => {
    for (const scale of [2, 3, 4]) {
      await degradePhotograph(photograph, "p", { task: "super-resolution", scale }, { degraded });
      const expected = asFile(imresize(await readImage(photograph), [60 / scale, 72 / scale]));
      expect((await readImage(degraded)).data).toEqual(expected.data);
    }
  });

  it("equals what train does to patches", async () => {
    const task = makeTask("super-resolution", { scale: 2 });
    const { restoration } = task;
    if (restoration === undefined) throw new Error("no restoration");
    await degradePhotograph(photograph, "p", { scale: 2 }, { degraded });
    const small = await readImage(degraded);
    // A square with the margin that a training cuts off.
    const [left, top, side] = [12, 8, 32 + 2 * restoration.margin];
    const whole = cutSquare(await readPixels(photograph), { left, top, side, position: 0 });
    const { input } = withMarginCut(restoration, whole, new Random(1));
    const [x0, y0] = [left, top].map((at) => (at + restoration.margin) / 2);
    for (let i = 0; i < input.data.length; i++) {
      const [c, y, x] = [Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16];
      expect(small.data[(c * 30 + y0 + y) * 36 + x0 + x]).toBe(input.data[i]);
    }
  });

  it("uses random numbers that follow from seed and name", async () => {
    const make = async (name: string, seed?: number) => {
      await degradePhotograph(photograph, name, { noise: 20, ...(seed === undefined ? {} : { seed }) }, { degraded });
      return (await readImage(degraded)).data;
    };
    const first = await make("a.png");
    expect(await make("a.png", 1)).toEqual(first);
    expect(await make("b.png")).not.toEqual(first);
    expect(await make("a.png", 2)).not.toEqual(first);
    const target = await readImage(photograph);
    const inside = [...target.data].flatMap((value, i) => (value > 0.3 && value < 0.7 ? [first[i] - value] : []));
    const deviation = Math.sqrt(inside.reduce((sum, error) => sum + error ** 2, 0) / inside.length);
    expect(deviation * 255).toBeGreaterThan(18);
    expect(deviation * 255).toBeLessThan(22);
  });

  it("applies each step in order, and writes JPEG files of the given quality", async () => {
    const jpeg = join(folder, "degraded.jpg");
    await degradePhotograph(photograph, "p", { light: 0.5, blur: 1, scale: 2, noise: 2, jpeg: 30 }, { degraded: jpeg });
    expect(await sharp(jpeg).metadata()).toMatchObject({ format: "jpeg", width: 36, height: 30 });
    // Half of the light, in linear light, is 0.735 of the level (sRGB).
    const [small, large] = [await readImage(jpeg), await readImage(photograph)];
    const mean = ({ data }: Tensor) => data.reduce((sum, value) => sum + value, 0) / data.length;
    expect(mean(small) / mean(large)).toBeCloseTo(0.735, 1);
  });

  it("keeps grey grey, makes 16 bits 8, and crops sizes that the scale does not divide", async () => {
    const grey = join(folder, "grey.png");
    await writeImage(grey, Tensor.full([1, 1, 33, 30], 0.4), { bitDepth: 16 });
    const target = join(folder, "cut.png");
    const made = await degradePhotograph(grey, "g", { scale: 4 }, { degraded, target });
    expect(made).toEqual({ size: [32, 28], isCut: true });
    const small = await readPixels(degraded);
    expect(small).toMatchObject({ width: 7, height: 8, channels: 1 });
    expect(small.data).toBeInstanceOf(Uint8Array);
    expect(await readPixels(target)).toMatchObject({ width: 28, height: 32, channels: 1 });
    for (const task of ["deblur", "enhance"]) {
      await degradePhotograph(grey, "g", { task }, { degraded });
      expect(await readPixels(degraded)).toMatchObject({ width: 30, height: 33, channels: 1 });
    }
  });

  it("writes baselines enlarged from the degraded file, without a shift", async () => {
    const [bicubic, lanczos] = ["bicubic.png", "lanczos.png"].map((name) => join(folder, name));
    await degradePhotograph(photograph, "p", { scale: 2 }, { degraded, baselines: { bicubic, lanczos } });
    const small = await readImage(degraded);
    expect((await readImage(bicubic)).data).toEqual(asFile(imresize(small, [60, 72], "bicubic")).data);
    expect((await readImage(lanczos)).data).toEqual(asFile(imresize(small, [60, 72], "lanczos3")).data);
  });

  it.each([
    [{}, /nothing to do/],
    [{ scale: 5 }, /scale must be one of 2, 3, 4, got 5/],
    [{ task: "deblur", scale: 2 }, /this task has no scale/],
    [{ task: "generate" }, /generates images from random numbers/],
    [{ task: "superresolution2" }, /there is no task/],
    [{ blur: -1 }, /blur must be a number from/],
    [{ blur: Number.NaN }, /blur must be/],
    [{ noise: 1e9 }, /noise must be/],
    [{ jpeg: 0 }, /jpeg must be a whole number from 1 to 100/],
    [{ light: 2 }, /light must be/],
  ])("refuses %j", async (degradation, message) => {
    await expect(degradePhotograph(photograph, "p", degradation, { degraded })).rejects.toThrow(message);
  });
});

describe("reconloss degrade", () => {
  it("writes a folder with baselines, targets and settings, from which a table can be made", async () => {
    const photographs = await photographFolder(join(folder, "photos"), 2, 49, 56);
    await mkdir(join(photographs, "sub"));
    await writeImage(join(photographs, "sub", "0.png"), scene(48, 48, 7));
    await writeFile(join(photographs, "broken.png"), "no image");
    const [lr, hr] = ["lr", "hr"].map((name) => join(folder, name));
    const args = ["degrade", photographs, "--task", "super-resolution", "-o", lr, "--baseline", "bicubic"];
    const { code, stdout, stderr } = await run([...args, "--baseline", "lanczos", "--targets", hr]);
    expect(stdout).toMatch(/lr {2}3 images: downscaled by 2 as by MATLAB's imresize: bicubic/);
    expect(stderr).toMatch(/failed: .*broken\.png/);
    expect(code).toBe(1);
    for (const made of [lr, hr, `${lr}-bicubic`, `${lr}-lanczos`]) {
      expect((await readdir(made)).filter((name) => name.endsWith(".png"))).toEqual(["0.png", "1.png"]);
      expect(await readdir(join(made, "sub"))).toEqual(["0.png"]);
    }
    const settings = JSON.parse(await readFile(join(lr, "degradation.json"), "utf8"));
    expect(settings).toMatchObject({ task: "super-resolution", scale: 2, seed: 1 });
    expect(settings.images[0]).toEqual({ photograph: "0.png", degraded: "0.png", height: 48, width: 56, cut: true });
    expect(settings.failed).toHaveLength(1);

    const compared = await run(["compare", `${lr}-bicubic`, hr, "-m", "psnr", "--json"]);
    const psnr = parseLoss("psnr");
    const { pairs } = JSON.parse(compared.stdout);
    expect(pairs).toHaveLength(3);
    for (const { output, target, values } of pairs) {
      expect(values.psnr).toBeCloseTo(await psnr.value(await readImage(output), await readImage(target)), 6);
    }
    // What is well aligned has nothing to be noted of.
    expect(compared.stderr).not.toMatch(/shifted/);

    const again = await run([...args, "--json"]);
    expect(again.stderr).toMatch(/2 photographs have rows or columns that the scale leaves over/);
    expect(JSON.parse(again.stdout).images).toEqual(settings.images);
  });

  it("refuses to write where it reads photographs, or two outputs into one folder", async () => {
    const photographs = await photographFolder(join(folder, "more"), 1);
    await symlink(photographs, join(folder, "link"));
    for (const output of [photographs, join(photographs, "lr"), join(folder, "link", "lr")]) {
      const { code, stderr } = await run(["degrade", photographs, "--scale", "2", "-o", output]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/is in the folder of photographs/)]);
    }
    const [output, args] = [join(folder, "same"), ["degrade", photographs, "--scale", "2"]];
    const twice = await run([...args, "-o", output, "--targets", output]);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringMatching(/is named twice/)]);
    expect(await readdir(photographs)).toEqual(["0.png"]);
  });

  it("takes a single photograph, and writes no other file", async () => {
    const photographs = await photographFolder(join(folder, "single"), 2);
    const [photograph, args] = [join(photographs, "1.png"), ["--scale", "2", "-o"]];
    const { code } = await run(["degrade", photograph, ...args, join(photographs, "small")]);
    expect([code, (await readdir(join(photographs, "small"))).sort()]).toEqual([0, ["1.png", "degradation.json"]]);
    expect((await run(["degrade", photograph, ...args, photographs])).code).toBe(2);
    const none = await run(["degrade", join(photographs, "none.png"), ...args, join(folder, "no")]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/none\.png/)]);
  });

  it.each([
    [["--baseline", "bicubic", "--blur", "1"], /a baseline needs a scale/],
    [["--baseline", "cubic", "--scale", "2"], /Allowed choices are bicubic, lanczos/],
    [["--task", "generate"], /Allowed choices/],
    [[], /nothing to do/],
    [["--scale", "2", "--blur", "nan"], /number above 0/],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await run(["degrade", join(folder, "photos"), "-o", join(folder, "no"), ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it("keeps photographs apart whose names differ only in the extension", async () => {
    const photographs = join(folder, "alike");
    await writeImage(join(photographs, "a.png"), scene(32, 32, 1));
    await writeImage(join(photographs, "a.jpg"), scene(32, 32, 2));
    const { code } = await run(["degrade", photographs, "--noise", "3", "-o", join(folder, "alike-out")]);
    expect(code).toBe(0);
    const names = await readdir(join(folder, "alike-out"));
    expect(names.sort()).toEqual(["a.jpg.png", "a.png", "degradation.json"].sort());
  });
});
