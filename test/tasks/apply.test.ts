import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { dimsOf, edsr, initialize, type Model, unet } from "../../packages/core/src/nets/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  applyModel,
  exportTrained,
  generateImages,
  makeTask,
  openModel,
  type Task,
} from "../../packages/reconloss/src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";
import { scene } from "./photographs.ts";

const folder = await temporaryFolder();

/** A network with its first values, ten times those of the last layer, so that it changes images visibly. */
async function written(task: Task, model: Model) {
  const specs = { ...model.parameters, ...model.buffers };
  const values = initialize(specs, (name) => new Random(1, name));
  const tensors = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const factor = name.startsWith("exit") || name.startsWith("upsample") ? 10 : 1;
      return [
        name,
        new Tensor(
          values[name].map((value) => value * factor),
          dimsOf(spec),
        ),
      ];
    }),
  );
  const path = join(folder, `${task.name}-${task.restoration?.scale}.onnx`);
  await writeFile(path, exportTrained(task, model, tensors, { loss: "l1", steps: 3 }));
  return openModel(path);
}

const cases: [string, Task, Model][] = [
  ["x2", makeTask("super-resolution", { scale: 2 }), edsr({ scale: 2, channels: 8, blocks: 2 })],
  ["x3", makeTask("super-resolution", { scale: 3 }), edsr({ scale: 3, channels: 8, blocks: 1 })],
  ["U-Net", makeTask("deblur"), unet({ channels: 8, depth: 2 })],
  ["deep U-Net", makeTask("enhance"), unet({ channels: 4, depth: 3 })],
];

function largestDifference(a: Tensor, b: Tensor): number {
  return a.data.reduce((most, value, index) => Math.max(most, Math.abs(value - b.data[index])), 0);
}

describe.each(cases)("applyModel with %s", (_, task, net) => {
  it("gives the same result in tiles as for the whole image, at any size", async () => {
    const model = await written(task, net);
    const { scale, halo, multiple } = model.info;
    expect(scale).toBe(task.restoration?.scale);
    for (const [height, width] of [
      [150, 97],
      [64, 131],
      [7, 5],
      [1, 1],
    ]) {
      const image = scene(height, width, height);
      const whole = await applyModel(model, image, { tile: 4096 });
      expect(whole.shape).toEqual([1, 3, height * scale, width * scale]);
      const tiles: number[] = [];
      const tiled = await applyModel(model, image, { tile: 24, onTile: (_, total) => tiles.push(total) });
      const side = Math.ceil(24 / multiple) * multiple;
      const count = (size: number) => Math.ceil((Math.ceil(size / multiple) * multiple) / side);
      expect(tiles).toHaveLength(count(height) * count(width));
      // Sums in another order differ in the last bits of float32.
      expect(largestDifference(tiled, whole)).toBeLessThan(2e-6);
    }
    expect(halo).toBeGreaterThan(0);
  });

  it("shows seams with a smaller halo", async () => {
    const model = await written(task, net);
    const { halo = 0 } = model.info;
    const image = scene(150, 97, 2);
    const whole = await applyModel(model, image, { tile: 4096 });
    const less = { ...model, info: { ...model.info, halo: Math.floor(halo / 6) } };
    const tiled = await applyModel(less, image, { tile: 24 });
    expect(largestDifference(tiled, whole)).toBeGreaterThan(2e-6);
  });
});

it("takes grey images and returns the mean of the three output channels", async () => {
  const model = await written(cases[0][1], cases[0][2]);
  const grey = new Tensor(scene(20, 30, 1).data.slice(0, 600), [1, 1, 20, 30]);
  const colour = new Tensor(Float32Array.from([...grey.data, ...grey.data, ...grey.data]), [1, 3, 20, 30]);
  const [a, b] = [await applyModel(model, grey), await applyModel(model, colour)];
  expect(a.shape).toEqual([1, 1, 40, 60]);
  const plane = 40 * 60;
  for (const index of [0, 77, 2399]) {
    const mean = (b.data[index] + b.data[index + plane] + b.data[index + 2 * plane]) / 3;
    expect(a.data[index]).toBeCloseTo(mean, 6);
  }
});

it("refuses batches, other channel counts, invalid tiles, and non-finite results", async () => {
  const model = await written(cases[0][1], cases[0][2]);
  await expect(applyModel(model, Tensor.full([2, 3, 8, 8], 0))).rejects.toThrow("image is 2x3x8x8");
  await expect(applyModel(model, Tensor.full([1, 4, 8, 8], 0))).rejects.toMatchObject({ code: "shape" });
  await expect(applyModel(model, Tensor.full([1, 3, 8, 8], 0), { tile: 0 })).rejects.toThrow("tile must be");
  const broken = { ...model, run: async () => Tensor.full([1, 3, 16, 16], Number.NaN) };
  await expect(applyModel(broken, Tensor.full([1, 3, 8, 8], 0))).rejects.toMatchObject({ code: "non-finite" });
  await expect(generateImages(model, 1, new Random(1))).rejects.toMatchObject({ code: "invalid-argument" });
});

it("generates images from random numbers", async () => {
  const task = makeTask("generate");
  const model = await written(task, task.model());
  expect(model.info).toMatchObject({ task: "generate", latent: 64 });
  expect(model.info.halo).toBeUndefined();
  const images = await generateImages(model, 2, new Random(3));
  expect(images.shape).toEqual([2, 3, 32, 32]);
  await expect(applyModel(model, Tensor.full([1, 3, 8, 8], 0))).rejects.toThrow("generate takes no image");
});

describe("openModel refuses", () => {
  const metadata = {
    reconloss: "1",
    task: "deblur",
    range: "0..1",
    scale: "1",
    multiple: "1",
    halo: "0",
    loss: "l1",
    steps: "1",
  };
  const small = (recorded: Record<string, string>, channels = 3) =>
    buildModel({ input: ["n", channels, "h", "w"] }, (o, { input }) => ({ output: o.mul(input, 0.5) }), recorded).bytes;
  const file = async (bytes: string | Uint8Array) => {
    const path = join(folder, `${Math.random()}.onnx`);
    await writeFile(path, bytes);
    return path;
  };

  it("nothing wrong in a valid file", async () => {
    const { info } = await openModel(await file(small(metadata)));
    expect(info).toEqual({ task: "deblur", scale: 1, multiple: 1, halo: 0, loss: "l1", steps: 1 });
  });

  it.each<[string, () => string | Uint8Array, RegExp]>([
    ["an empty file", () => "", /not an ONNX model/],
    ["text", () => "This is text, not a model.\n", /not an ONNX model/],
    ["a part of a file", () => small(metadata).subarray(0, 100), /not an ONNX model/],
    ["a model without metadata", () => small({}), /metadata is missing/],
    ["another version", () => small({ ...metadata, reconloss: "99" }), /another version of reconloss \(99\)/],
    ["a huge halo", () => small({ ...metadata, halo: "1e9" }), /damaged metadata: halo is 1e9/],
    ["a scale of 0", () => small({ ...metadata, scale: "0" }), /damaged metadata: scale is 0/],
    ["a multiple that is no number", () => small({ ...metadata, multiple: "x" }), /damaged metadata: multiple is x/],
  ])("%s", async (_, bytes, message) => {
    const error = await openModel(await file(bytes())).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "content", message: expect.stringMatching(message) });
  });

  it("a missing file", async () => {
    await expect(openModel(join(folder, "nowhere.onnx"))).rejects.toMatchObject({ code: "file" });
  });

  it("a model whose output contradicts its metadata, when it is run", async () => {
    const model = await openModel(await file(small({ ...metadata, scale: "2" })));
    await expect(applyModel(model, Tensor.full([1, 3, 4, 4], 0))).rejects.toThrow(
      "returned float32 1x3x4x4 for 1x3x4x4, not 1x3x8x8",
    );
    const other = await openModel(await file(small(metadata, 5)));
    await expect(applyModel(other, Tensor.full([1, 3, 4, 4], 0))).rejects.toMatchObject({ code: "shape" });
  });
});
