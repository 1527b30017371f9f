import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { tinyModel } from "../distribution/models.ts";
import { temporaryFolder } from "../folder.ts";
import { photographFolder } from "../tasks/photographs.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const images = join(folder, "images");
const network = join(folder, "network.onnx");

/** Ten photographs, two pictures of other formats, three files that are no images, and two that are, but are not read. */
beforeAll(async () => {
  await photographFolder(images, 10);
  const photograph = join(images, (await readdir(images))[0]);
  const size = 48;
  const samples = Array.from({ length: size * size * 3 }, (_, i) => (i * 37) % 256).join(" ");
  await writeFile(join(images, "plain.ppm"), `P3 ${size} ${size} 255\n${samples}\n`);
  await cp(photograph, join(images, "renamed.dat"));
  for (const name of ["a.txt", "b.txt", "c.json"]) await writeFile(join(images, name), "{}");
  await writeFile(join(images, "phone.heic"), Buffer.from("\0\0\0\x14ftypheic\0\0\0\0heic", "latin1"));
  await writeFile(join(images, "cut.bmp"), "BM");
  await writeFile(network, tinyModel());
});

const ignoredFiles = { ".txt": 2, ".json": 1 };
const line = `note: ${images}: ignored: 2 .txt, 1 .json\n`;

/** Each file that is an image by name or content is in a number or has a reason of its own. */
function expectReasons(stderr: string): void {
  expect(stderr).toMatch(/phone\.heic: it is HEIC; .* HEIC is not supported: convert it to PNG/);
  expect(stderr).toMatch(/cut\.bmp: its content is not an image, or is damaged/);
}

describe("every file of a folder is measured, reported or counted by", () => {
  it("compare", async () => {
    const { code, stdout, stderr } = await run(["compare", images, images, "-m", "l1", "--json"]);
    const report = JSON.parse(stdout);
    expect(report.pairs).toHaveLength(12);
    expect(report.measured).toEqual({ l1: 12 });
    expect(report.failed).toHaveLength(2);
    expect(report.ignoredFiles).toEqual({ output: ignoredFiles, target: ignoredFiles });
    expect(stderr.split(line)).toHaveLength(2);
    expectReasons(stderr);
    expect(code).toBe(1);
  });

  it("distribution", async () => {
    const args = ["--network", network, "--no-cache", "--json"];
    const { code, stdout, stderr } = await run(["distribution", images, images, ...args]);
    const report = JSON.parse(stdout);
    for (const side of [report.outputs, report.reals]) {
      expect(side).toMatchObject({ images: 12, ignoredFiles });
      expect(side.unreadable).toHaveLength(2);
    }
    expect(stderr.split(line)).toHaveLength(2);
    expectReasons(stderr);
    expect(code).toBe(1);
  });

  it("stats", async () => {
    const args = ["-o", join(folder, "stats.npz"), "--network", network, "--no-cache", "--json"];
    const { code, stdout, stderr } = await run(["stats", images, ...args]);
    expect(JSON.parse(stdout)).toMatchObject({ images: 12, ignoredFiles });
    expect(stderr).toContain(line);
    expectReasons(stderr);
    expect(code).toBe(1);
  });

  it("train and apply", async () => {
    const out = join(folder, "trained");
    const args = [
      "--data",
      images,
      "-o",
      out,
      "--loss",
      "l1",
      "--steps",
      "1",
      "--batch",
      "1",
      "--patch",
      "16",
      "--json",
    ];
    const trained = await run(["train", "deblur", ...args]);
    const summary = JSON.parse(trained.stdout);
    expect(summary.ignoredFiles).toEqual({ [images]: ignoredFiles });
    const unused = summary.skipped.map(({ path }: { path: string }) => path.slice(images.length + 1)).sort();
    expect(unused).toEqual(["cut.bmp", "phone.heic"]);
    expect(summary.photographs.training + summary.photographs.validation).toBe(14);
    expect(trained.stderr).toContain(line);
    expectReasons(trained.stderr);
    expect(trained.code).toBe(0);

    const results = join(folder, "results");
    const applied = await run(["apply", join(out, "model.onnx"), images, "-o", results]);
    expect(applied.stdout).toContain("12 images");
    expect(await readdir(results)).toHaveLength(12);
    expect(applied.stderr).toContain(line);
    expectReasons(applied.stderr);
    expect(applied.code).toBe(1);
  });
});

it("reports what a folder without images contains", async () => {
  const empty = join(folder, "no images");
  await mkdir(empty);
  await writeFile(join(empty, "notes.txt"), "none");
  for (const args of [
    ["compare", empty, images],
    ["distribution", empty, images, "--network", network, "--no-cache"],
    ["stats", empty, "-o", join(folder, "none.npz"), "--network", network, "--no-cache"],
    ["train", "deblur", "--data", empty, "-o", join(folder, "none")],
  ]) {
    const { code, stderr } = await run(args);
    expect(stderr).toMatch(/contains no images?; ignored: 1 \.txt/);
    expect(code).toBe(2);
  }
});

it("compares floating point with a note, and losses refuse what is far outside their range", async () => {
  const [output, target] = [join(folder, "output.pfm"), join(folder, "target.pfm")];
  const pfm = (value: number) =>
    Buffer.concat([
      Buffer.from("Pf\n32 32\n-1\n"),
      Buffer.from(Float32Array.from({ length: 1024 }, (_, i) => value * (1 + (i % 3) / 10)).buffer),
    ]);
  await writeFile(output, pfm(1.1));
  await writeFile(target, pfm(1.2));
  const near = await run(["compare", output, target, "-m", "psnr,l1", "--json"]);
  expect(near.code).toBe(0);
  expect(JSON.parse(near.stdout).mean.l1).toBeCloseTo(0.11, 3);
  expect(near.stderr).toMatch(/note: in the pair, the output has values outside \[0, 1\]/);
  await writeFile(target, pfm(200));
  const far = await run(["compare", output, target, "-m", "psnr,ssim,l1,lpips(net=tiny)", "--json"]);
  const { failed, pairs } = JSON.parse(far.stdout);
  expect(failed.map(({ loss }: { loss: string }) => loss)).toEqual(["psnr", "ssim", "l1", "lpips(net=tiny)"]);
  for (const { error } of failed) expect(error).toMatch(/target .* has values from 200 to 240/);
  expect(pairs[0].values).toEqual({});
  expect(far.code).toBe(1);
});

/** Cut off in the middle, as an interrupted copy leaves it. */
const broken = new Uint8Array(40).fill(7);

it("lists unreadable images where too few others are left for a distance", async () => {
  const set = join(folder, "nearly-empty");
  await writeImage(join(set, "a.png"), Tensor.full([1, 3, 48, 48], 0.5));
  await writeFile(join(set, "b.png"), broken);
  for (const args of [
    ["distribution", set, images, "--network", "tiny", "--no-cache"],
    ["stats", set, "--network", "tiny", "--no-cache", "-o", join(folder, "none.npz")],
  ]) {
    expect(await run(args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /1 of 2 images in .* can be read, 2 are needed; b\.png: .*its content is not an image/,
      ),
    });
  }
});

it("train and apply report conversions of pixels, and suggest only options that they have", async () => {
  const [set, out] = [join(folder, "rotated"), join(folder, "trained-rotated")];
  await mkdir(set);
  const photograph = { create: { width: 160, height: 160, channels: 3, background: "#406080" } } as const;
  for (const name of ["a.jpg", "b.jpg"]) {
    await sharp(photograph).withMetadata({ orientation: 6 }).jpeg().toFile(join(set, name));
  }
  const clear = join(set, "clear.png");
  await sharp({ create: { ...photograph.create, channels: 4, background: "#40608080" } }).toFile(clear);
  const sizes = ["--steps", "1", "--batch", "1", "--patch", "16", "--no-progress"];
  const trained = await run(["train", "deblur", "--data", set, ...sizes, "--json", "-o", out]);
  expect(trained.stderr).toContain("note: photographs: 2 rotated by EXIF\n");
  expect(JSON.parse(trained.stdout).decode).toBe("2 rotated by EXIF");
  expect(trained.stderr).toMatch(/not used: .*clear\.png.*is transparent.*"composite" with a background$/m);
  expect(trained.stderr).not.toContain('"compare"');
  const applied = await run([
    "apply",
    join(out, "model.onnx"),
    set,
    "--background",
    "white",
    "-o",
    join(folder, "sharp"),
  ]);
  expect(applied).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("images: 2 rotated by EXIF, 1 composited\n"),
  });
});

it("refuses images larger than --limit-pixels before decoding them", async () => {
  const large = join(folder, "large");
  await cp(images, large, { recursive: true });
  await writeFile(join(large, "a.ppm"), "P6 3000 3000 255\n");
  const message = /a\.ppm: it has 3000x3000 pixels, more than .*\(1000000\)/;
  const limit = ["--limit-pixels", "1000000"];
  for (const args of [
    ["compare", large, large],
    ["distribution", large, large, "--network", network, "--no-cache"],
    ["stats", large, "-o", join(folder, "large.npz"), "--network", network, "--no-cache"],
    [
      "train",
      "deblur",
      "--data",
      large,
      "-o",
      join(folder, "large out"),
      "--loss",
      "l1",
      "--steps",
      "1",
      "--batch",
      "1",
      "--patch",
      "16",
    ],
    ["apply", join(folder, "trained", "model.onnx"), join(large, "a.ppm"), "-o", join(folder, "a.png")],
  ]) {
    const { code, stderr } = await run([...args, ...limit]);
    expect(stderr, args[0]).toMatch(message);
    // A training goes on without the photograph.
    expect(code > 0, args[0]).toBe(args[0] !== "train");
  }
});
