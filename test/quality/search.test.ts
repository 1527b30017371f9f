import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { deltaE, psnr, ssim, tv } from "../../packages/core/src/losses/index.ts";
import { parseLosses } from "../../packages/core/src/losses/parse.ts";
import { comparePairs } from "../../packages/reconloss/src/compare/index.ts";
import { type PixelOptions, readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { searchFileQuality, searchQuality } from "../../packages/reconloss/src/quality/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { scene } from "../tasks/photographs.ts";

const folder = await temporaryFolder();
const photo = join(folder, "photo.png");
const photos = join(folder, "photos of a trip");
const [width, height] = [72, 56];

beforeAll(async () => {
  await writeImage(photo, scene(height, width, 3));
  for (const seed of [1, 2, 3]) await writeImage(join(photos, `${seed}.png`), scene(height, width, seed));
});

/** The numbers that `compare` has of a written file. */
async function compared(output: string, target: string, metrics: string, options: PixelOptions = {}) {
  for await (const { result, failures } of comparePairs(
    [{ name: "a", output, target }],
    parseLosses(metrics),
    options,
  )) {
    expect(failures).toEqual([]);
    return result?.values;
  }
}

describe("searchQuality", () => {
  it("finds the file that an exhaustive search finds, for any encoder, with the scores that compare gives", async () => {
    const pixels = await readPixels(photo);
    const { data, ...size } = pixels;
    const raw = { raw: size };
    const encode = (quality: number) =>
      sharp(data as Uint8Array, raw)
        .webp({ quality })
        .toBuffer();
    const range = [30, 100] as const;
    const search = { image: pixels, encode, range, target: "ssimulacra2>=20, psnr>24" } as const;
    const asked: number[] = [];
    const { chosen, tried } = await searchQuality({ ...search, onTry: ({ quality }) => asked.push(quality) });
    expect(asked.toSorted((a, b) => a - b)).toEqual(tried.map(({ quality }) => quality));
    expect(tried.length).toBeLessThan(16);
    const all = await searchQuality({ ...search, neighbours: Number.POSITIVE_INFINITY });
    expect(all.tried).toHaveLength(71);
    const met = all.tried.filter(({ values }) => values.ssimulacra2 >= 20 && values.psnr > 24);
    expect(met.length).toBeGreaterThan(0);
    expect(met.length).toBeLessThan(71);
    expect(chosen?.bytes).toBe(Math.min(...met.map(({ bytes }) => bytes)));
    const file = join(folder, "chosen.webp");
    await writeFile(file, chosen?.data ?? "");
    expect(await compared(file, photo, "ssimulacra2, psnr")).toEqual(chosen?.values);
  });

  it("accepts a number for one loss, and user-named losses", async () => {
    const pixels = await readPixels(photo);
    const encode = (quality: number) =>
      sharp(pixels.data as Uint8Array, { raw: pixels })
        .jpeg({ quality })
        .toBuffer();
    const higher = await searchQuality({ image: pixels, encode, loss: ssim(), target: 0.9 });
    expect(higher.conditions.map(({ text }) => text)).toEqual(["ssim>=0.9"]);
    expect(higher.chosen?.values.ssim).toBeGreaterThanOrEqual(0.9);
    const lower = await searchQuality({ image: pixels, encode, loss: deltaE(), target: 4 });
    expect(lower.chosen?.values.deltaE).toBeLessThanOrEqual(4);
    const both = await searchQuality({
      image: pixels,
      encode,
      loss: [ssim(), deltaE()],
      target: "ssim>0.8, deltaE.p99<30",
    });
    expect(Object.keys(both.chosen?.values ?? {}).sort()).toEqual(["deltaE", "deltaE.p99", "ssim"]);
  });

  it("accepts a decoder for other encoders, and refuses an invalid target, range or file", async () => {
    const pixels = await readPixels(photo);
    // An encoder of its own: so many bits of every sample.
    const encode = (bits: number) => pixels.data.map((x) => x & (0xff << (8 - bits))) as Uint8Array;
    const decode = (data: Uint8Array) => ({ ...pixels, data });
    const own = { image: pixels, encode, decode, range: [1, 8] } as const;
    const { chosen } = await searchQuality({ ...own, loss: psnr(), target: 30 });
    expect(chosen?.quality).toBeGreaterThan(2);
    const never = await searchQuality({ ...own, target: "psnr>30, l1<0" });
    expect(never.chosen).toBeUndefined();
    expect(never.tried.length).toBeGreaterThan(3);
    const refused = (options: object) =>
      expect(searchQuality({ ...own, ...options } as typeof own & { target: string }));
    // No direction is better of a prior: everything is tried.
    const prior = await searchQuality({ ...own, target: "tv<10" });
    expect(prior.tried).toHaveLength(8);
    await refused({ target: "ssim" }).rejects.toThrow("target: conditions are written loss<number");
    await refused({ target: "sim>0.9" }).rejects.toThrow('there is no loss "sim"');
    await refused({ target: "min(ssim)>0.9" }).rejects.toThrow("write ssim>0.9");
    await refused({ target: "ssim.p200>0.9" }).rejects.toThrow("percentiles are from p0 to p100");
    await refused({ target: 3 }).rejects.toThrow("a number needs exactly one loss");
    await refused({ target: 3, loss: tv() }).rejects.toThrow("a number needs exactly one loss");
    await refused({ target: "psnr>20, psnr<40" }).rejects.toThrow("psnr<40 would reject good files");
    await refused({ target: "l1>0.1" }).rejects.toThrow("give a limit that it must be at most");
    await refused({ target: "ssim>0.9", range: [9, 1] }).rejects.toThrow("range must be");
    await refused({ target: "ssim>0.9", neighbours: -1 }).rejects.toThrow("neighbours must be");
    await refused({ target: "ssim>0.9", decode: undefined }).rejects.toThrow("its content is not an image");
    await refused({ target: "ssim>0.9", encode: () => new Uint8Array() }).rejects.toThrow(
      "encode must return the bytes",
    );
    const smaller = () => ({ ...pixels, data: pixels.data.subarray(0, width * 12 * 3), height: 12 });
    await refused({ target: "psnr>30", decode: smaller }).rejects.toThrow(
      /output is 1x3x12x72 but target is 1x3x56x72/,
    );
  });
});

describe("searchFileQuality", () => {
  const displayP3 = async () => {
    const p3 = await sharp(photo).withIccProfile("p3").png().toBuffer();
    return { p3, icc: (await sharp(p3).metadata()).icc };
  };

  it("keeps the colour profile and the pixels under it, and applies the orientation", async () => {
    const { p3, icc } = await displayP3();
    const upright = join(folder, "p3.png");
    await writeFile(upright, p3);
    const turned = join(folder, "turned.jpg");
    await writeFile(
      turned,
      await sharp(photo).rotate(90).jpeg({ quality: 95 }).withMetadata({ orientation: 8 }).toBuffer(),
    );
    for (const format of ["avif", "jpeg", "webp"]) {
      const found = await searchFileQuality(upright, { format, target: "psnr>=30", range: [60, 95] });
      const file = join(folder, `p3.${format}`);
      await writeFile(file, found.chosen?.data ?? "");
      expect((await sharp(file).metadata()).icc, format).toEqual(icc);
      expect(found.encodeNotes.join()).toContain("colour profile");
      expect(await compared(file, upright, "psnr")).toEqual(found.chosen?.values);
    }
    const found = await searchFileQuality(turned, { format: "webp", target: "psnr>=30", range: [60, 95] });
    const file = join(folder, "turned.webp");
    await writeFile(file, found.chosen?.data ?? "");
    const { width: wide, height: high, orientation = 1 } = await sharp(file).metadata();
    expect([wide, high, orientation]).toEqual([width, height, 1]);
    expect(await compared(file, turned, "psnr")).toEqual(found.chosen?.values);
  });

  it("treats transparency, grey and 16 bits as compare does", async () => {
    const alpha = Buffer.alloc(width * height * 4, 255).map((_, i) => (i % 4 === 3 ? (i >> 2) % 256 : (i * 5) % 256));
    const clear = join(folder, "clear.png");
    await sharp(alpha, { raw: { width, height, channels: 4 } })
      .png()
      .toFile(clear);
    const range = [70, 100] as const;
    await expect(searchFileQuality(clear, { format: "webp", target: "psnr>20" })).rejects.toThrow(/transparent/);
    await expect(searchFileQuality(clear, { format: "jpeg", target: "psnr>20", alpha: "compare" })).rejects.toThrow(
      "jpeg has no transparency",
    );
    for (const [format, options] of [
      ["webp", { alpha: "compare" }],
      ["webp", { background: "black" }],
      ["jpeg", { background: "black" }],
    ] as const) {
      const { chosen } = await searchFileQuality(clear, { format, target: "psnr>15", range, ...options });
      const file = join(folder, `clear.${format}`);
      await writeFile(file, chosen?.data ?? "");
      expect((await sharp(file).metadata()).hasAlpha).toBe(format === "webp");
      expect(await compared(file, clear, "psnr", options)).toEqual(chosen?.values);
    }
    const grey = join(folder, "grey.pgm");
    await writeFile(grey, Buffer.concat([Buffer.from("P5 64 64 255\n"), Buffer.alloc(4096).map((_, i) => i % 251)]));
    const deep = join(folder, "deep.png");
    await writeImage(deep, scene(height, width, 5), { bitDepth: 16 });
    for (const [path, format, note] of [
      [grey, "jpeg", ""],
      [grey, "avif", ""],
      [deep, "jpeg", "encoded at 8 bits"],
    ] as const) {
      const { chosen, encodeNotes } = await searchFileQuality(path, { format, target: "psnr>30", range });
      const file = join(folder, `other.${format}`);
      await writeFile(file, chosen?.data ?? "");
      expect(await compared(file, path, "psnr")).toEqual(chosen?.values);
      expect(encodeNotes.join()).toBe(note);
    }
    await expect(searchFileQuality(photo, { format: "gif", target: "psnr>30" })).rejects.toThrow(
      "format must be one of",
    );
    await expect(searchFileQuality(photo, { format: "avif", target: "psnr>30", range: [0, 9] })).rejects.toThrow(
      "qualities of avif are from 1 to 100",
    );
  });
});

describe("reconloss quality", () => {
  it("prints the tries for one image, and writes a file with the score that compare gives", async () => {
    const file = join(folder, "written", "photo.webp");
    const args = ["quality", photo, "--format", "webp", "--target", "ssimulacra2>=20"];
    const { code, stdout, stderr } = await run([...args, "-o", file]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/does not exist and will be created/)]);
    expect(stdout).toMatch(/quality +bytes +ssimulacra2 +meets/);
    const [, quality] = /\nquality (\d+): [\d,]+ bytes, \d+ % of the input's [\d,]+\n$/.exec(stdout) ?? [];
    const json = JSON.parse((await run([...args, "--json"])).stdout);
    expect(json.images[0].chosen.quality).toBe(Number(quality));
    expect(json.images[0].chosen.bytes).toBe((await readFile(file)).length);
    const checked = JSON.parse((await run(["compare", file, photo, "-m", "ssimulacra2", "--json"])).stdout);
    expect(checked.pairs[0].values).toEqual(json.images[0].chosen.values);
    expect(checked.pairs[0].values.ssimulacra2).toBeGreaterThanOrEqual(20);
  });

  it("lists for a folder the chosen qualities, savings and images that cannot meet the target, and exits with 1", async () => {
    const out = join(folder, "web");
    const args = ["quality", photos, "--format", "jpeg", "-o", out];
    const good = await run([...args, "--target", "psnr>=26, ssim>0.8"]);
    expect(good.code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(["1.jpg", "2.jpg", "3.jpg"]);
    expect(good.stdout).toMatch(/quality +images\n(\d+ to \d+ +\d+.*\n)+/);
    expect(good.stdout).toMatch(/3 images: [\d,]+ bytes before, [\d,]+ after, [\d,]+ (saved|more)\n/);
    await writeFile(join(photos, "notes.txt"), "none");
    await writeFile(join(photos, "cut.png"), (await readFile(photo)).subarray(0, 200));
    const bad = await run([...args, "--json", "--target", "psnr>=70", "--range", "90..100"]);
    expect(bad.code).toBe(1);
    const { images, failed, ignoredFiles, bytes } = JSON.parse(bad.stdout);
    expect(images).toEqual([]);
    expect(bytes).toEqual({ inputs: 0, chosen: 0, saved: 0 });
    expect(failed.map(({ error }: { error: string }) => error)).toEqual([
      ...Array(3).fill(
        expect.stringMatching(/^no quality from 90 to 100 that was tried meets psnr>=70 \(the best is \d+\.\d+\)$/),
      ),
      expect.stringMatching(/cut\.png: it is damaged or truncated/),
    ]);
    expect(failed[0].tried.at(-1)).toMatchObject({ quality: 100, meets: false });
    expect(ignoredFiles).toEqual({ ".txt": 1 });
  });

  it("refuses contradictory options with exit code 2", async () => {
    const target = ["--target", "psnr>=30"];
    await mkdir(join(folder, "none"));
    for (const [args, message] of [
      [["quality", photo, "--format", "webp"], /--target.*not specified/],
      [["quality", photo, ...target], /--format.*not specified/],
      [["quality", photo, "--format", "gif", ...target], /avif, jpeg, webp/],
      [
        ["quality", photo, "--format", "webp", ...target, "-o", join(folder, "a.jpg")],
        /a file of --format webp ends in \.webp/,
      ],
      [["quality", photo, "--format", "webp", ...target, "--range", "90..10"], /LOWEST\.\.HIGHEST/],
      [["quality", join(folder, "none"), "--format", "webp", ...target], /contains no image/],
      [["quality", join(folder, "missing.png"), "--format", "webp", ...target], /does not exist/],
      [["quality", join(folder, "p3.webp"), "--format", "webp", ...target, "-o", folder], /would overwrite the input/],
    ] as const) {
      const { code, stderr } = await run([...args]);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });
});
