import { describe, expect, test } from "vitest";
import { parseLoss, Tensor } from "../../packages/core/src/index.ts";
import { constant, type Model } from "../../packages/core/src/nets/index.ts";
import { createTrainer, sgd } from "../../packages/core/src/train/index.ts";
import { randomTensor } from "../random.ts";

const gain: Model = {
  name: "gain",
  parameters: { gain: { shape: [3], initialize: constant(1) } },
  buffers: {},
  forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
};
const start = () => createTrainer({ model: gain, loss: parseLoss("mse"), optimizer: sgd(0.5) });
const [dark, light] = [randomTensor([2, 3, 6, 6], 1), randomTensor([2, 3, 6, 6], 2)];
const gainOf = ({ tensors }: ReturnType<typeof start>) => Array.from(tensors.gain.data);

describe("concurrent steps", () => {
  test("run one after the other, with the same bits as when awaited", async () => {
    const [waited, together] = [start(), start()];
    for (let i = 0; i < 4; i++) await waited.step(dark, light);
    const taken = await Promise.all(Array.from({ length: 4 }, () => together.step(dark, light)));
    expect(taken.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(gainOf(together)).toEqual(gainOf(waited));
  });

  test("continue after a rejected step", async () => {
    const trainer = start();
    const nan = Tensor.full(dark.shape, Number.NaN);
    const results = await Promise.allSettled([nan, dark, nan, dark].map((input) => trainer.step(input, light)));
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
    expect(trainer.steps).toBe(2);
  });

  test("run before a checkpoint that is restored after them", async () => {
    const trainer = start();
    const first = trainer.checkpoint();
    await Promise.all([trainer.step(dark, light), trainer.restore(first)]);
    expect([trainer.steps, gainOf(trainer)]).toEqual([0, [1, 1, 1]]);
  });
});

describe("every step validates its images, not only the first:", () => {
  test.each<[string, unknown, unknown, string]>([
    ["no target", dark, undefined, "invalid-argument"],
    ["a target of another shape", dark, randomTensor([2, 3, 6, 7], 1), "shape"],
    ["one that would broadcast", dark, randomTensor([1, 3, 6, 6], 1), "shape"],
    ["pixels", { data: new Uint8ClampedArray(144), width: 6, height: 6 }, light, "invalid-argument"],
    ["nothing", undefined, light, "invalid-argument"],
  ])("%s", async (_, input, target, code) => {
    const trainer = start();
    await trainer.step(dark, light);
    const before = gainOf(trainer);
    await expect(trainer.step(input as Tensor, target as Tensor)).rejects.toMatchObject({ code });
    expect([trainer.steps, gainOf(trainer)]).toEqual([1, before]);
  });
});

test.each<[string, object]>([
  ["loss", { loss: "l1" }],
  ["loss", { loss: undefined }],
  ["model", { model: {} }],
  ["optimizer", { optimizer: 5 }],
  ["schedule", { schedule: 5 }],
  ["seed", { seed: "x" }],
  ["clip", { clip: 0 }],
  ["ema", { ema: 1 }],
  ["shards", { shards: 0 }],
])("createTrainer rejects %s: %o", (name, wrong) => {
  const make = () => createTrainer({ model: gain, loss: parseLoss("mse"), ...wrong });
  expect(make).toThrow(expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(name) }));
});

describe("checkpoint metadata", () => {
  test("is restored, or rejected before anything is written", async () => {
    const trainer = start();
    const texts = { epoch: "3", "": "nothing", constructor: "x", "steps of the day": "4" };
    expect(await start().restore(trainer.checkpoint(texts))).toMatchObject(texts);
    for (const wrong of [
      { epoch: 3 },
      { epoch: null },
      { "model steps": "7" },
      { "day steps": "4" },
      { network: "x" },
      { loss: "" },
    ]) {
      expect(() => trainer.checkpoint(wrong as never), JSON.stringify(wrong)).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
  });
});

test("rejects a checkpoint with an invalid count or number, and stays unchanged", async () => {
  const trainer = start();
  await trainer.step(dark, light);
  const good = trainer.checkpoint();
  const text = Buffer.from(good).toString("latin1");
  expect(text).toContain('"model steps":"1"');
  for (const count of ["x", " ", "-", "."]) {
    const damaged = Buffer.from(text.replace('"model steps":"1"', `"model steps":"${count}"`), "latin1");
    await expect(start().restore(new Uint8Array(damaged))).rejects.toMatchObject({ code: "checkpoint" });
  }
  const broken = good.slice();
  new DataView(broken.buffer).setFloat32(broken.length - 4, Number.NaN, true);
  const other = start();
  await expect(other.restore(broken)).rejects.toMatchObject({ code: "checkpoint", message: /holds NaN/ });
  expect([other.steps, gainOf(other)]).toEqual([0, [1, 1, 1]]);
});
