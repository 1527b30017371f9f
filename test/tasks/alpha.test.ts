import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { l1 } from "../../packages/core/src/losses/index.ts";
import { resize } from "../../packages/core/src/pixels/resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { createTrainer } from "../../packages/core/src/train/index.ts";
import { readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import {
  applyModel,
  enlargeAlpha,
  exportTrained,
  makeTask,
  openModel,
  separateAlpha,
} from "../../packages/reconloss/src/tasks/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { scene } from "./photographs.ts";

const folder = await temporaryFolder();
const model = (name: string) => join(folder, `${name}.onnx`);

beforeAll(async () => {
  const tasks = {
    x2: makeTask("super-resolution", { scale: 2 }),
    x4: makeTask("super-resolution", { scale: 4 }),
    deblur: makeTask("deblur"),
    grey: makeTask("super-resolution", { scale: 2, channels: 1 }),
  };
  for (const [name, task] of Object.entries(tasks)) {
    const network = task.model();
    const { tensors } = createTrainer({ model: network, loss: l1() });
    await writeFile(model(name), exportTrained(task, network, tensors, { loss: "l1", steps: 0 }));
  }
});

/** A disc with a soft edge. */
function disc(height: number, width: number): Tensor {
  return Tensor.from(
    Array.from({ length: height * width }, (_, i) => {
      const distance = Math.hypot((i % width) - width / 2, Math.floor(i / width) - height / 2);
      return Math.min(1, Math.max(0, 6 - distance));
    }),
    [1, 1, height, width],
  );
}

describe("apply --alpha keep", () => {
  test.each([
    ["x2", 2, 8, ".png", 3],
    ["x4", 4, 8, ".png", 3],
    ["x2", 2, 16, ".png", 3],
    ["x2", 2, 16, ".tif", 3],
    ["deblur", 1, 16, ".png", 3],
    ["x2", 2, 8, ".png", 1],
    ["grey", 2, 16, ".png", 1],
  ] as const)(
    "%s: keeps alpha beside the colours, %d times as large, %d bits, %s, of %d channels",
    async (name, scale, bitDepth, extension, channels) => {
      const [input, output] = ["in", "out"].map((side) =>
        join(folder, `${side}-${name}-${bitDepth}-${channels}${extension}`),
      );
      const colours = new Tensor(scene(24, 20, 1).data.slice(0, channels * 480), [1, channels, 24, 20]);
      const alpha = disc(24, 20);
      await writeImage(input, colours, { bitDepth, alpha });
      const result = await run(["apply", model(name), input, "-o", output, "--alpha", "keep", "--no-progress"]);
      expect(result.code).toBe(0);
      const [before, after] = [await readPixels(input), await readPixels(output)];
      expect(after).toMatchObject({ width: 20 * scale, height: 24 * scale, channels: channels + 1 });
      expect(after.data instanceof Uint16Array ? 16 : 8).toBe(bitDepth);
      const white = 2 ** bitDepth - 1;
      const stored = Tensor.from(
        Array.from({ length: 480 }, (_, i) => before.data[i * (channels + 1) + channels] / white),
        [1, 1, 24, 20],
      );
      const large = scale === 1 ? stored : resize(stored, [24 * scale, 20 * scale], "clean");
      const expected = Array.from(large.data, (x) => Math.round(Math.min(1, Math.max(0, x)) * white));
      const got = Array.from({ length: expected.length }, (_, i) => after.data[i * (channels + 1) + channels]);
      expect(got).toEqual(expected);
      // The colours are the network's, of the image without alpha.
      const { image } = separateAlpha(before);
      const made = await applyModel(await openModel(model(name)), image);
      const level = (c: number, i: number) =>
        Math.round(Math.min(1, Math.max(0, made.data[c * expected.length + i])) * white);
      for (const i of [0, 100, expected.length - 1]) {
        for (let c = 0; c < channels; c++) expect(after.data[i * (channels + 1) + c]).toBe(level(c, i));
      }
    },
  );

  test("colours under transparent pixels do not affect visible pixels", async () => {
    const made: number[][] = [];
    for (const [name, hidden] of [
      ["black", 0],
      ["white", 255],
      ["noise", 77],
    ] as const) {
      const data = new Uint8Array(16 * 16 * 4);
      for (let i = 0; i < 256; i++) {
        const visible = i % 16 < 8;
        const colour = visible ? [200, 40 + (i % 16), 90] : [hidden, (hidden * i) % 256, hidden];
        data.set([...colour, visible ? 255 : 0], 4 * i);
      }
      const [input, output] = [join(folder, `${name}.png`), join(folder, `${name}-out.png`)];
      await sharp(data, { raw: { width: 16, height: 16, channels: 4 } })
        .png()
        .toFile(input);
      expect((await run(["apply", model("x2"), input, "-o", output, "--alpha", "keep"])).code).toBe(0);
      made.push(Array.from((await readPixels(output)).data));
    }
    expect(made[1]).toEqual(made[0]);
    expect(made[2]).toEqual(made[0]);
  });

  test("handles palettes, EXIF orientation, one pixel and fully transparent images", async () => {
    const half = await sharp(
      Buffer.from(new Uint8Array(12 * 10 * 4).map((_, i) => (i % 4 === 3 ? 255 * (i % 8 === 3 ? 1 : 0) : 128))),
      { raw: { width: 12, height: 10, channels: 4 } },
    )
      .png({ palette: true })
      .toBuffer();
    await writeFile(join(folder, "palette.png"), half);
    await sharp(half).webp({ lossless: true }).withMetadata({ orientation: 6 }).toFile(join(folder, "turned.webp"));
    const raw = (data: number[], side: number) =>
      sharp(Uint8Array.from(data), { raw: { width: side, height: side, channels: 4 } }).png();
    await raw([1, 2, 3, 100], 1).toFile(join(folder, "one.png"));
    await raw(Array(16).fill(0), 2).toFile(join(folder, "nothing.png"));
    const sizes = { "palette.png": [24, 20], "one.png": [2, 2], "nothing.png": [4, 4] } as const;
    for (const [name, [width, height]] of Object.entries(sizes)) {
      const output = join(folder, `large-${name}`);
      expect(await run(["apply", model("x2"), join(folder, name), "-o", output, "--alpha", "keep"])).toMatchObject({
        code: 0,
      });
      expect(await readPixels(output)).toMatchObject({ width, height, channels: 4 });
    }
    const output = join(folder, "large-turned.webp");
    expect(
      await run([
        "apply",
        model("x2"),
        join(folder, "turned.webp"),
        "-o",
        output,
        "--alpha",
        "keep",
        "--quality",
        "100",
      ]),
    ).toMatchObject({ code: 0 });
    const { width, height, channels } = await readPixels(output);
    expect([width, height, channels]).toEqual([20, 24, 4]);
  });

  test("writes opaque images in any format, and refuses JPEG for transparent ones", async () => {
    const inputs = join(folder, "mixed");
    await mkdir(inputs, { recursive: true });
    await writeImage(join(inputs, "opaque.png"), scene(16, 16, 2), { alpha: Tensor.full([1, 1, 16, 16], 1) });
    await writeImage(join(inputs, "soft.png"), scene(16, 16, 2), { alpha: disc(16, 16) });
    const cmyk = await sharp(Buffer.alloc(16 * 16 * 3, 90), { raw: { width: 16, height: 16, channels: 3 } })
      .toColourspace("cmyk")
      .jpeg()
      .toBuffer();
    await writeFile(join(inputs, "print.jpg"), cmyk);
    const jpeg = (name: string) =>
      run(["apply", model("x2"), join(inputs, name), "-o", join(folder, "x.jpg"), "--alpha", "keep"]);
    expect(await jpeg("opaque.png")).toMatchObject({ code: 0 });
    expect(await jpeg("print.jpg")).toMatchObject({ code: 0 });
    expect(await jpeg("soft.png")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(".jpg files hold no alpha; choose .png"),
    });
    expect(await run(["apply", model("x2"), inputs, "-o", join(folder, "mixed-out"), "--alpha", "keep"])).toMatchObject(
      { code: 0 },
    );
    await copyFile(join(inputs, "soft.png"), join(folder, "soft.png"));
    const refused = await run(["apply", model("x2"), join(folder, "soft.png"), "-o", join(folder, "y.png")]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("is transparent") });
    const background = await run([
      "apply",
      model("x2"),
      join(folder, "soft.png"),
      "-o",
      join(folder, "y.png"),
      "--alpha",
      "keep",
      "--background",
      "red",
    ]);
    expect(background).toMatchObject({ code: 2, stderr: expect.stringContaining("--alpha is keep") });
  });
});

test("enlargeAlpha clamps to [0, 1], returns the input at scale 1, and takes a single plane", () => {
  const step = Tensor.from([0, 0, 1, 1, 0, 0, 1, 1], [1, 1, 2, 4]);
  const { data } = enlargeAlpha(step, 3);
  expect([Math.min(...data), Math.max(...data)]).toEqual([0, 1]);
  expect(enlargeAlpha(step, 1)).toBe(step);
  expect(() => enlargeAlpha(Tensor.full([1, 3, 2, 2], 0), 2)).toThrow("alpha is 1x3x2x2, expected 1x1xhxw");
});

test("fills invisible pixels with the alpha-weighted colour of the nearest visible square", () => {
  // 4 x 1: red, nothing, nothing, blue at half; the second lies in one square with the red, the third with the blue.
  const data = Uint8Array.of(255, 0, 0, 255, 9, 9, 9, 0, 9, 9, 9, 0, 0, 0, 255, 128);
  const { image, alpha } = separateAlpha({ data, width: 4, height: 1, channels: 4 });
  expect(Array.from(image.data)).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  expect(alpha?.data[3]).toBeCloseTo(128 / 255, 6);
});

describe("writeImage with alpha", () => {
  test("refuses alpha of another size, and formats without alpha", async () => {
    const path = join(folder, "w.png");
    await expect(writeImage(path, scene(8, 8, 1), { alpha: Tensor.full([1, 1, 8, 9], 1) })).rejects.toThrow(
      "alpha is 1x1x8x9, expected 1x1x8x8",
    );
    await expect(writeImage(join(folder, "w.jpg"), scene(8, 8, 1), { alpha: disc(8, 8) })).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });
});
