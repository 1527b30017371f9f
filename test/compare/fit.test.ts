import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import { resize } from "../../packages/core/src/pixels/resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type CompareOptions, comparePairs } from "../../packages/reconloss/src/compare/index.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
let count = 0;

async function compare(output: Tensor, target: Tensor, options: CompareOptions, mask?: Tensor) {
  const [o, t, m] = ["o", "t", "m"].map((name) => join(folder, `${name}${count}.png`));
  count++;
  await writeImage(o, output);
  await writeImage(t, target);
  if (mask !== undefined) await writeImage(m, mask);
  const pair = { name: "a", output: o, target: t, ...(mask === undefined ? {} : { mask: m }) };
  for await (const outcome of comparePairs([pair], parseLosses("l1, ssim"), { inspect: false, ...options })) {
    return { ...outcome, files: [await readImage(o), await readImage(t)] as const };
  }
  throw new Error("no pair");
}

const topLeft = ({ data, shape: [n, c, , w] }: Tensor, height: number, width: number, h: number) => {
  const kept = Array.from({ length: c * height * width }, (_, i) => {
    const [plane, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    return data[(plane * h + y) * w + x];
  });
  return Tensor.from(kept, [n, c, height, width]);
};

const [l1, ssim] = parseLosses("l1, ssim");

describe.each([1, 3])("images of two sizes, in %i channels", (channels) => {
  const [output, target] = [randomTensor([1, channels, 20, 33], 1), randomTensor([1, channels, 21, 32], 2)];

  it("fail by default", async () => {
    const { result, failures } = await compare(output, target, {});
    expect(result).toBeUndefined();
    expect(failures[0].error).toMatch(/both must have the same height and width/);
  });

  it("are cropped at the right and bottom, with a note", async () => {
    const { result, notes, files } = await compare(output, target, { fit: "crop" });
    const [a, b] = [topLeft(files[0], 20, 32, 20), topLeft(files[1], 20, 32, 21)];
    expect(result).toMatchObject({ width: 32, height: 20 });
    expect(result?.values.l1).toBeCloseTo(await l1.value(a, b), 6);
    expect(result?.values.ssim).toBeCloseTo(await ssim.value(a, b), 6);
    expect(notes).toEqual([
      {
        kind: "fitted",
        name: "a",
        text: "output and target differ in size by 1x1 pixels and were cropped at the right and bottom to their common size",
      },
    ]);
  });

  it("are resized by a named filter on request", async () => {
    const { result, notes, files } = await compare(output, target, { fit: "resize" });
    expect(result?.values.l1).toBeCloseTo(await l1.value(resize(files[0], [21, 32], "clean"), files[1]), 6);
    expect(notes[0]).toMatchObject({
      kind: "fitted",
      text: expect.stringMatching(/resized to the size of its target \(bicubic, antialiased\)/),
    });
  });
});

it("a mask is of the target's size and is cropped with it", async () => {
  const [output, target] = [randomTensor([1, 1, 20, 20], 1), randomTensor([1, 1, 21, 21], 2)];
  const mask = Tensor.from(
    Array.from({ length: 441 }, (_, i) => Number(i % 21 < 10)),
    [1, 1, 21, 21],
  );
  const { result, files } = await compare(output, target, { fit: "crop" }, mask);
  const [a, b, weight] = [files[0], topLeft(files[1], 20, 20, 21), topLeft(mask, 20, 20, 21)];
  expect(result?.values.l1).toBeCloseTo(await l1.value(a, b, { weight }), 6);
  const { failures } = await compare(output, target, { fit: "crop" }, topLeft(mask, 20, 20, 21));
  expect(failures[0].error).toMatch(/mask .* is 20x20 but target .* is 21x21/);
});

it("refuses to crop sizes that differ by much, and unknown ways to match sizes", async () => {
  const { failures } = await compare(randomTensor([1, 1, 20, 20], 1), randomTensor([1, 1, 20, 60], 2), { fit: "crop" });
  expect(failures[0].error).toMatch(/differ by more than 16 pixels or a tenth of a side are not cropped/);
  const one = randomTensor([1, 1, 8, 8], 1);
  await expect(compare(one, one, { fit: "stretch" as "crop" })).rejects.toThrow(
    /fit must be one of error, crop, resize/,
  );
});
