import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import {
  type CompareOptions,
  comparePairs,
  type Outcome,
  summarise,
  toJson,
} from "../../packages/reconloss/src/compare/index.ts";
import { writeReport } from "../../packages/reconloss/src/report/index.ts";
import { temporaryFolder } from "../folder.ts";
import { exifOf } from "../image/exif.ts";

const folder = await temporaryFolder();
let count = 0;

type Colour = readonly number[];

/** A picture of 32 x 32 pixels in one colour, whose left half is of another; two numbers are grey and alpha. */
async function file(left: Colour, right: Colour): Promise<string> {
  const channels = left.length as 1 | 2 | 3 | 4;
  const data = Uint8Array.from({ length: 1024 * channels }, (_, i) => {
    const isLeft = Math.floor(i / channels) % 32 < 16;
    return (isLeft ? left : right)[i % channels];
  });
  const path = join(folder, `${count++}.png`);
  const space = channels < 3 ? "b-w" : "srgb";
  await sharp(data, { raw: { width: 32, height: 32, channels } })
    .toColourspace(space)
    .png()
    .toFile(path);
  return path;
}

async function compare(output: string, target: string, losses: string, options: CompareOptions) {
  const all = parseLosses(losses);
  const outcomes: Outcome[] = [];
  for await (const outcome of comparePairs([{ name: "a", output, target }], all, options)) outcomes.push(outcome);
  return { outcome: outcomes[0], values: outcomes[0].result?.values ?? {}, comparison: summarise(all, outcomes) };
}

const [white, clear] = [
  [255, 255, 255, 255],
  [255, 255, 255, 0],
];

it("takes each statistic of a map over whichever background is worse", async () => {
  // Over white nearly all differs a little, which is the worse mean; over black one pixel differs as much as can be.
  const pair = async (name: string, at: (x: number, y: number) => Colour) => {
    const data = Uint8Array.from({ length: 4096 }, (_, i) => at((i >> 2) % 32, i >> 7)[i % 4]);
    const path = join(folder, name);
    await sharp(data, { raw: { width: 32, height: 32, channels: 4 } })
      .png()
      .toFile(path);
    return path;
  };
  const isSpot = (x: number, y: number) => x === 3 && y === 3;
  const output = await pair("spot.png", (x, y) => (isSpot(x, y) ? white : [0, 0, 0, 255]));
  const target = await pair("spot-target.png", (x, y) => (isSpot(x, y) ? clear : [0, 0, 0, 245]));
  const mapStatistics = [{ label: "deltaE", statistic: "max" } as const];
  const { values } = await compare(output, target, "deltaE", { alpha: "compare", mapStatistics });
  const over = async (background: string) =>
    (await compare(output, target, "deltaE", { background, mapStatistics })).values;
  const [black, onWhite] = [await over("black"), await over("white")];
  expect(onWhite.deltaE).toBeGreaterThan(black.deltaE);
  expect(values.deltaE).toBe(onWhite.deltaE);
  // White on black is 100 apart in CIEDE2000.
  expect(black["deltaE.max"]).toBeCloseTo(100, 3);
  expect(values["deltaE.max"]).toBe(black["deltaE.max"]);
});

describe("white on transparent against opaque white", () => {
  it("is identical over white, with a note, and differs over a checkerboard", async () => {
    const [output, target] = [await file(clear, white), await file(white, white)];
    const overWhite = await compare(output, target, "psnr, l1", { alpha: "composite" });
    expect(overWhite.values).toEqual({ psnr: Number.POSITIVE_INFINITY, l1: 0 });
    const text = "the output has transparent pixels, which were laid over white";
    expect(overWhite.outcome.notes).toContainEqual({ kind: "composited", name: "a", text });
    expect(overWhite.comparison.decode).toBe("1 composited");
    expect(JSON.parse(toJson(overWhite.comparison)).decode).toBe("1 composited");
    const checkered = await compare(output, target, "l1", { background: "checker" });
    // A quarter of the pixels are transparent over grey, which is 0.2 from white.
    expect(checkered.values.l1).toBeCloseTo(0.25 * 0.2, 6);
    const path = join(folder, "report.html");
    await writeReport(path, overWhite.comparison, { alpha: "composite" });
    const page = await readFile(path, "utf8");
    expect(page).toContain("images: 1 composited");
    expect(page).toContain(text);
  });

  it("differs in every loss where alpha is compared, losses that need colour included", async () => {
    const [output, target] = [await file(clear, white), await file(white, white)];
    const specs = ["l1", "psnr", "ssim", "charbonnier", "deltaE", "psnr(channels=y-bt601)", "lpips(net=tiny)", "tv"];
    const { values, outcome } = await compare(output, target, specs.join(", "), { alpha: "compare", maps: true });
    expect(outcome.failures).toEqual([]);
    // Premultiplied colours and alpha are 0 against 1 in half of the pixels of all four planes.
    expect(values.l1).toBeCloseTo(0.5, 6);
    expect(values.psnr).toBeCloseTo(-10 * Math.log10(0.5), 5);
    // Black against white in half of the picture over black: a distance of 100 in lightness.
    expect(values.deltaE).toBeCloseTo(50, 3);
    expect(values["psnr(channels=y-bt601)"]).toBeLessThan(10);
    expect(values.ssim).toBeLessThan(0.9);
    expect(values["lpips(net=tiny)"]).toBeGreaterThan(0.1);
    expect(values.tv).toBeGreaterThan(0);
    expect(outcome.notes.map(({ kind, loss }) => `${kind} ${loss ?? ""}`.trim())).toEqual([
      "alpha-compared",
      ...["deltaE", "psnr(channels=y-bt601)", "lpips(net=tiny)"].map((loss) => `alpha-worst ${loss}`),
    ]);
    expect(outcome.maps.deltaE.shape).toEqual([1, 1, 32, 32]);
  });
});

describe("compared alpha", () => {
  const alpha = "compare" as const;

  it("ignores colours that cannot be seen", async () => {
    const [a, b] = [await file([1, 2, 3, 0], white), await file([200, 100, 50, 0], white)];
    expect((await compare(a, b, "l1, deltaE", { alpha })).values).toEqual({ l1: 0, deltaE: 0 });
  });

  it("weighs a colour by its alpha, and uses the background on which the images differ more", async () => {
    const [a, b] = [await file([0, 0, 0, 51], [0, 0, 0, 51]), await file([0, 0, 0, 102], [0, 0, 0, 102])];
    const { values } = await compare(a, b, "l1, deltaE(formula=76)", { alpha });
    // Black over black shows nothing; over white it leaves 0.8 and 0.6, of lightness 82.046 and 63.223 (CIE 1976, sRGB).
    expect(values.l1).toBeCloseTo(0.2 / 4, 6);
    expect(values["deltaE(formula=76)"]).toBeCloseTo(82.0458 - 63.2226, 2);
  });

  it("accepts grey with alpha against colour, and leaves opaque images unchanged", async () => {
    const [grey, colour] = [await file([51, 102], [51, 102]), await file([51, 51, 51, 102], [51, 51, 51, 102])];
    const mixed = await compare(grey, colour, "l1", { alpha });
    expect(mixed.values.l1).toBe(0);
    expect(mixed.outcome.notes.map(({ kind }) => kind)).toContain("grey-as-colour");
    const onlyGrey = await compare(grey, await file([51], [51]), "l1", { alpha });
    // Planes 0.2 x 0.4 against 0.2, and 0.4 against 1.
    expect(onlyGrey.values.l1).toBeCloseTo((0.12 + 0.6) / 2, 6);
    const opaque = await compare(await file([51], [51]), await file([102], [102]), "l1, deltaE", { alpha });
    expect(opaque.values.l1).toBeCloseTo(0.2, 6);
    expect(opaque.outcome.notes).toEqual([]);
  });

  it("still refuses images that are too small for a loss, with the loss's own message", async () => {
    const [a, b] = [await file(clear, white), await file(white, white)];
    const { outcome } = await compare(a, b, "ms-ssim", { alpha });
    expect(outcome.failures[0].error).toMatch(/ms-ssim.*161x161/);
  });
});

describe("the decoding of pixels", () => {
  it("is counted over both sides and reported with the result, Pillow's included", async () => {
    const jpeg = await sharp(await file([50], [200]))
      .jpeg({ quality: 100 })
      .toBuffer();
    await mkdir(join(folder, "turned"));
    const [output, target] = [join(folder, "turned", "o.jpg"), join(folder, "turned", "t.jpg")];
    for (const path of [output, target]) await writeFile(path, exifOf(jpeg, 3));
    const stored = await compare(output, target, "l1", {});
    expect(stored.comparison.decode).toBe("2 rotated by EXIF");
    await writeFile(target, exifOf(jpeg, 1));
    const turned = await compare(output, target, "l1", {});
    expect(turned.values.l1).toBeGreaterThan(0.5);
    const pillow = await compare(output, target, "l1", { decode: "pillow" });
    expect([pillow.values.l1, pillow.comparison.decode]).toEqual([0, "1 not rotated as EXIF says"]);
  });
});
