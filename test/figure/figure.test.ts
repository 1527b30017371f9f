import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import type { PairResult } from "../../packages/reconloss/src/compare/index.ts";
import { type FigureOptions, writeFigure } from "../../packages/reconloss/src/figure/index.ts";
import { loadPdfKit } from "../../packages/reconloss/src/figure/pdf.ts";
import { readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { type Judgement, judge } from "../../packages/reconloss/src/judge/index.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();
const evil = `<script>alert("1 & 'x'")</script>`;

/** Noise, in which no two crops are alike. */
function picture(seed: number, height: number, width: number): Tensor {
  const random = new Random("figure", seed);
  return Tensor.from(
    Array.from({ length: 3 * height * width }, () => random.uniform()),
    [1, 3, height, width],
  );
}

let judgement: Judgement;

/** Three methods, the second being the best, on a wide and a high image; the third lacks the high one. */
beforeAll(async () => {
  const names = { bicubic: 0.1, [evil]: 0.02, third: 0.05 };
  for (const [image, seed, height, width] of [
    ["set/wide.png", 1, 40, 64],
    ["set/high.png", 2, 64, 40],
  ] as const) {
    const target = picture(seed, height, width);
    await writeImage(join(folder, "targets", image), target);
    for (const [index, [name, strength]] of Object.entries(names).entries()) {
      if (name === "third" && image === "set/high.png") continue;
      await writeImage(join(folder, `${index}`, image), noise(target, strength, index));
    }
  }
  const methods = Object.keys(names).map((name, index) => ({ name, outputs: join(folder, `${index}`) }));
  judgement = await judge({ methods, targets: join(folder, "targets"), metrics: "psnr, l1" });
});

const box = { x: 8, y: 12, width: 16, height: 12 };
const wide = [{ name: "wide.png", boxes: [box] }];

async function written(name: string, options: FigureOptions = {}) {
  const path = join(folder, name);
  const record = await writeFigure(path, judgement, options);
  return { path, record, bytes: await readFile(path) };
}

async function svgOf(options: FigureOptions = {}): Promise<string> {
  return (await written("figure.svg", options)).bytes.toString();
}

/** The pictures of an SVG file: where they stand, and their pixels. */
async function picturesOf(svg: string) {
  const pattern =
    /<image x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"[^>]*base64,([^"]*)"><title>([^<]*)/g;
  return Promise.all(
    [...svg.matchAll(pattern)].map(async ([, x, y, width, height, png, title]) => {
      const { data, info } = await sharp(Buffer.from(png, "base64")).raw().toBuffer({ resolveWithObject: true });
      const place = { x: Number(x), y: Number(y), width: Number(width), height: Number(height) };
      return { ...place, title, data, columns: info.width, rows: info.height };
    }),
  );
}

const textsOf = (svg: string) =>
  [...svg.matchAll(/<text [^>]*>(.*?)<\/text>/g)].map(([, text]) =>
    text.replace(/<tspan[^>]*>(.*?)<\/tspan>/g, "**$1**"),
  );

describe("writeFigure", () => {
  test("shows the pixels of the box, each a square, of the target and of every method", async () => {
    const [whole, ...crops] = await picturesOf(await svgOf({ images: wide }));
    expect(whole.width / whole.height).toBeCloseTo(64 / 40, 2);
    expect(crops).toHaveLength(4);
    const paths = [join(folder, "targets"), ...["0", "1", "2"].map((name) => join(folder, name))];
    for (const [index, { data, columns, rows }] of crops.entries()) {
      const own = await readPixels(join(paths[index], "set/wide.png"));
      const factor = columns / box.width;
      expect([Number.isInteger(factor), factor > 1, rows]).toEqual([true, true, factor * box.height]);
      const wrong: number[] = [];
      for (let i = 0; i < columns * rows; i++) {
        const x = box.x + Math.floor((i % columns) / factor);
        const y = box.y + Math.floor(i / columns / factor);
        for (let c = 0; c < 3; c++) if (data[3 * i + c] !== own.data[3 * (y * own.width + x) + c]) wrong.push(i);
      }
      expect(wrong).toEqual([]);
    }
  });

  test("escapes names, and shows the numbers of the whole image, the best in bold", async () => {
    const texts = textsOf(await svgOf({ images: wide, fontSize: 5 }));
    const numbers = (method: number) => {
      const [image] = judgement.images.filter(({ name }) => name === "set/wide.png");
      const { values } = image.pairs[method] as PairResult;
      return [values.psnr.toFixed(2), values.l1.toFixed(4)];
    };
    const [first, second, third] = [0, 1, 2].map(numbers);
    expect(texts).toEqual([
      "set/wide",
      ...["Target", "psnr ↑ / l1 ↓"],
      ...["bicubic", first.join(" / ")],
      ...[expect.stringMatching(/^&lt;script&gt;/), `**${second[0]}** / **${second[1]}**`],
      ...["third", third.join(" / ")],
    ]);
    expect(Number(second[0])).toBeGreaterThan(Number(first[0]));
  });

  test("draws the box on the image, at its place", async () => {
    const svg = await svgOf({ images: [{ name: "wide", boxes: [{ ...box, colour: "#123456" }] }] });
    const [whole] = await picturesOf(svg);
    const [, x, y, width, height] =
      /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"[^>]*stroke="#123456"/.exec(svg) ?? [];
    const perPixel = whole.width / 64;
    expect([x, y, width, height].map(Number)).toEqual(
      [box.x, box.y, box.width, box.height].map((value) => expect.closeTo(value * perPixel, 2)),
    );
  });

  test("fills the requested width, with the image as high as the grid beside it", async () => {
    for (const width of [240, 496]) {
      const svg = await svgOf({ images: wide, width, columns: 4 });
      expect(svg).toMatch(new RegExp(`^<svg [^>]*width="${width}pt"`));
      const [whole, ...crops] = await picturesOf(svg);
      const right = Math.max(...crops.map((crop) => crop.x + crop.width));
      expect(right).toBeCloseTo(width, 1);
      const lines = [...new Set(crops.map(({ y }) => y))];
      expect(lines).toHaveLength(1);
      const last = crops[crops.length - 1];
      // Under the image stands one line, under crops two, of 10 points each.
      expect(whole.height + 10).toBeCloseTo(last.y + last.height + 20, 1);
    }
  });

  test("accepts columns, pixel sizes, labels, several boxes and several images", async () => {
    const boxes = [box, { x: 30, y: 2, width: 8, height: 12 }];
    const svg = await svgOf({
      images: [
        { name: "set/wide.png", boxes },
        { name: "high", boxes: [box] },
      ],
      ...{ columns: 4, scale: 3, labels: ["HR", "A", "B", "C"] },
    });
    const crops = (await picturesOf(svg)).filter(({ title }) => /^(HR|[ABC])$/.test(title));
    // C has no high.png.
    expect(crops.map(({ title }) => title).join("")).toBe("HRHRAABBCCHRAB");
    expect(crops.slice(0, 2).map(({ width, height }) => [width, height])).toEqual([
      [48, 36],
      [48, 72],
    ]);
    expect(new Set(crops.slice(0, 8).map(({ x }) => x)).size).toBe(4);
    expect(textsOf(svg)).toContain("no image");
  });

  test("reports what is missing, and by default picks the image and box where methods differ most", async () => {
    const { record } = await written("high.svg", { images: [{ name: "high" }] });
    expect(record.notes).toEqual([expect.stringContaining("third: set/high.png is not shown: no output")]);
    const chosen = (await written("chosen.svg")).record.images;
    expect(chosen).toMatchObject([{ isProposed: true, boxes: [{ width: expect.any(Number) }] }]);
  });

  test.each(["png", "svg", "pdf"])("writes the same bytes for the same input, without a date: %s", async (format) => {
    const [first, second] = [await written(`a.${format}`), await written(`b.${format}`)];
    expect(first.bytes.equals(second.bytes)).toBe(true);
    expect(first.bytes.includes("CreationDate") || first.bytes.includes("tIME")).toBe(false);
  });

  test("draws a PNG at the requested density, with its own letters", async () => {
    const { path, record } = await written("figure.png", { images: wide, width: 360, dpi: 144 });
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([720, Math.round(record.height * 2)]);
    // Ink in the last line, where only numbers stand.
    const from = Math.round((record.height - 8) * 2);
    let dark = 0;
    for (let i = 3 * from * info.width; i < data.length; i += 3) if (data[i] < 128) dark++;
    expect(dark).toBeGreaterThan(100);
  });

  test("embeds the fonts of its text in a PDF", async () => {
    const { bytes, record } = await written("figure.pdf", { images: wide });
    const text = bytes.toString("latin1");
    expect(text.startsWith("%PDF-")).toBe(true);
    expect(text.match(/\/FontFile2/g)).toHaveLength(2);
    expect(text).not.toContain("/BaseFont /Helvetica");
    const [, width, height] = /\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(text) ?? [];
    expect([width, height].map(Number)).toEqual([expect.closeTo(record.width, 1), expect.closeTo(record.height, 1)]);
  });

  test("says what to install where PDF files cannot be written", async () => {
    const missing = loadPdfKit(() => Promise.reject(new Error("Cannot find package 'pdfkit'")));
    await expect(missing).rejects.toMatchObject({
      code: "missing-dependency",
      message: expect.stringMatching(/Cannot find package 'pdfkit'.*npm install pdfkit$/),
    });
  });

  test("refuses what cannot be drawn, and names it", async () => {
    const refuse = async (message: string, options: FigureOptions, name = "no.svg") => {
      const error = await written(name, options).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ReconlossError);
      expect((error as Error).message).toContain(message);
    };
    await refuse("must end in one of .png, .svg, .pdf", {}, "figure.jpg");
    await refuse('no target is named set/wid.png; did you mean "set/wide.png"?', {
      images: [{ name: "set/wid.png" }],
    });
    await refuse("box 60,0,16,12 is not within set/wide.png of 64x40 pixels", {
      images: [{ name: "wide", boxes: [{ ...box, x: 60, y: 0 }] }],
    });
    await refuse("the colour of box 8,12,16,12 is red", {
      images: [{ name: "wide", boxes: [{ ...box, colour: "red" }] }],
    });
    await refuse("labels must be one for the target and one for each of 3 methods, 4 in all, got 2", {
      labels: ["a", "b"],
    });
    await refuse("4 crops in 4 columns do not fit into a width of 60 points", { images: wide, columns: 4, width: 60 });
    for (const wrong of [{ columns: 0 }, { columns: 1.5 }, { width: Number.NaN }, { fontSize: -1 }, { dpi: 1e9 }]) {
      await refuse(`${Object.keys(wrong)[0]} must be`, wrong);
    }
  });

  test("accepts characters that its font lacks, except in PDF", async () => {
    const labels = ["目标", "A", "B", "C"];
    const { record } = await written("letters.png", { images: wide, labels });
    expect(record.notes).toEqual([expect.stringContaining("the figure's font has no 目 标")]);
    await expect(written("letters.pdf", { images: wide, labels })).rejects.toThrow('has no 目 标 of "目标"');
  });
});
