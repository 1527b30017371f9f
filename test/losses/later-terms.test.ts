import { describe, expect, test, vi } from "vitest";
import { parseLoss } from "../../packages/core/src/grammar.ts";
import { exportLoss, l1, mse, psnr, type TermSchedule, weighted } from "../../packages/core/src/losses/index.ts";
import { constant, type Model, patchGan } from "../../packages/core/src/nets/index.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { adversarial, createTrainer, sgd } from "../../packages/core/src/train/index.ts";
import { randomTensor } from "../random.ts";

const [output, target] = [randomTensor([2, 3, 8, 8], 1, 0, 1), randomTensor([2, 3, 8, 8], 2, 0, 1)];

// By the definition: 0 in the steps before the start, then in equal steps to 1.
const factors: [text: string, schedule: TermSchedule, byStep: Record<number, number>][] = [
  ["@3", { start: 3 }, { 1: 0, 3: 0, 4: 1, 100: 1 }],
  ["@3..4", { start: 3, warmup: 1 }, { 3: 0, 4: 1 }],
  ["@2..6", { start: 2, warmup: 4 }, { 1: 0, 2: 0, 3: 0.25, 4: 0.5, 5: 0.75, 6: 1, 7: 1 }],
  ["@0..2", { warmup: 2 }, { 1: 0.5, 2: 1 }],
  ["@0", { start: 0 }, { 1: 1 }],
];

describe.each(factors)("a term with the schedule %s", (text, schedule, byStep) => {
  const parsed = parseLoss(`2*l1 + 0.5*mse${text}`);
  const made = weighted([
    [2, l1()],
    [0.5, mse(), schedule],
  ]);

  test("has the same specification in text and code, and the label without schedule", async () => {
    expect(parsed.spec).toBe(made.spec);
    expect(parseLoss(parsed.spec).spec).toBe(parsed.spec);
    expect(Object.keys((await parsed.evaluate(output, target, {})).terms)).toEqual(["l1", "mse"]);
    const { start = 0, warmup = 1 } = schedule;
    expect(parsed.later).toEqual(start > 0 || warmup > 1 ? [{ label: "mse", start, warmup }] : []);
  });

  test("is multiplied by its factor at each step, in value, per image, gradient, and synchronously", async () => {
    const [plain, later] = [await l1().valueAndGrad(output, target), await mse().valueAndGrad(output, target)];
    const each = [await l1().perImage(output, target), await mse().perImage(output, target)];
    for (const [step, factor] of [...Object.entries(byStep), [undefined, 1] as const]) {
      const options = step === undefined ? {} : { step: Number(step) };
      const { value, grad, terms } = await parsed.valueAndGrad(output, target, options);
      expect(value).toBeCloseTo(2 * plain.value + 0.5 * factor * later.value, 12);
      expect(terms).toEqual({ l1: plain.value, mse: later.value });
      for (const [i, x] of grad.data.entries()) {
        expect(x).toBeCloseTo(2 * plain.grad.data[i] + 0.5 * factor * later.grad.data[i], 8);
      }
      const images = await parsed.perImage(output, target, options);
      for (const [i, x] of images.entries()) expect(x).toBeCloseTo(2 * each[0][i] + 0.5 * factor * each[1][i], 12);
      expect(parsed.valueSync(output, target, options)).toBe(value);
    }
  });
});

/** y = gain x: the gain moves by the gradient of the loss, and with the weight 0 it does not. */
const gainFrom = (start: number): Model => ({
  name: "gain",
  parameters: { gain: { shape: [3], initialize: constant(start) } },
  buffers: {},
  forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
});
const gain = gainFrom(1);

describe("scheduled terms in training", () => {
  const grey = (value: number) => Tensor.full([1, 3, 4, 4], value);

  /** The gain after each of some steps; all channels are the same. */
  async function gains(spec: string, steps: number, start = 1): Promise<number[]> {
    const optimizer = sgd(0.1, { momentum: 0 });
    const trainer = createTrainer({ model: gainFrom(start), loss: parseLoss(spec), optimizer });
    const found = [];
    for (let i = 0; i < steps; i++) {
      await trainer.step(grey(0.5), grey(0.25));
      found.push(trainer.tensors.gain.data[0]);
    }
    return found;
  }

  test.each([
    ["one program", "mse", "mse@2..4"],
    ["a loss that is not one graph", "psnr(pooling=dataset)", "psnr(pooling=dataset)@2..4"],
  ])("the weight follows the step: %s", async (_, spec, later) => {
    const [first, second, third, fourth] = await gains(later, 4);
    expect([first, second]).toEqual([1, 1]);
    // What one step of half the loss, and then one of all of it, leads to from there.
    const [afterHalf] = await gains(`0.5*${spec}`, 1);
    expect(third).toBeCloseTo(afterHalf, 6);
    const [afterWhole] = await gains(`1.0*${spec}`, 1, third);
    expect(fourth).toBeCloseTo(afterWhole, 6);
    expect(fourth).not.toBeCloseTo(third, 3);
  });

  test("a discriminator starts to learn with its term, counts its own steps, and resumes with the same bits", async () => {
    const make = () => {
      const discriminator = patchGan({ features: 4, depth: 1, norm: "none" });
      const game = adversarial({ discriminator, objective: "hinge" });
      const loss = weighted([
        [1, l1()],
        [0.1, game, { start: 2, warmup: 3 }],
      ]);
      return { game, trainer: createTrainer({ model: gain, loss, optimizer: sgd(0.1) }) };
    };
    const { game, trainer } = make();
    const first = game.checkpoint();
    const [recorded, saved]: [unknown[], Uint8Array[]] = [[], []];
    for (let step = 1; step <= 6; step++) {
      const taken = await trainer.step(output, target);
      recorded.push(taken);
      saved.push(trainer.checkpoint());
      if (step <= 2) expect([taken.learned, game.checkpoint()]).toEqual([[{}], first]);
      else expect(taken.learned[0].real).toBeGreaterThan(0);
    }
    expect(trainer.loss.learners?.[0].save().steps).toBe(4);
    const { trainer: other } = make();
    for (const stop of [1, 2, 3, 4, 5]) {
      await other.restore(saved[stop - 1]);
      for (let step = stop + 1; step <= 6; step++) expect(await other.step(output, target)).toEqual(recorded[step - 1]);
      expect(other.checkpoint()).toEqual(saved[5]);
    }
  });

  test("later steps compile no further programs", async () => {
    const runtime = await loadRuntime();
    const trainer = createTrainer({ model: gain, loss: parseLoss("l1 + mse@1..3"), optimizer: sgd(0.1) });
    await trainer.step(output, target);
    const made = vi.spyOn(runtime, "createSession");
    for (let i = 0; i < 4; i++) await trainer.step(output, target);
    expect(made).not.toHaveBeenCalled();
    await createTrainer({ model: gain, loss: l1() }).step(output, target);
    expect(made).toHaveBeenCalled();
    made.mockRestore();
  });
});

test("an exported loss contains every term with its full weight", async () => {
  const { InferenceSession, Tensor: OrtTensor } = await import("onnxruntime-node");
  const loss = parseLoss("l1 + 0.5*mse@1000");
  const session = await InferenceSession.create(await exportLoss(loss));
  const feed = (x: Tensor) => new OrtTensor("float32", x.data, x.shape);
  const { value } = await session.run({ output: feed(output), target: feed(target) });
  expect(Number(value.data[0])).toBeCloseTo(await loss.value(output, target), 6);
});

describe("rejects invalid schedules:", () => {
  test.each([
    ["mse@", /@ is followed by/],
    ["mse@-1", /got "@-1"/],
    ["mse@1.5", /got "@1.5"/],
    ["mse@5..5", /got "@5\.\.5"/],
    ["mse@5..4", /got "@5\.\.4"/],
    ["mse@1e3", /got "@1e3"/],
    ["mse@99999999999999999999", /@ is followed by/],
    ["mse@1@2", /got "@1@2"/],
    ["2@3*mse", /expected name/],
  ])("%s", (spec, message) => {
    expect(() => parseLoss(`l1 + ${spec}`)).toThrowError(
      expect.objectContaining({ code: "syntax", message: expect.stringMatching(message) }),
    );
  });

  test.each([{ start: -1 }, { start: 1.5 }, { warmup: 0 }, { start: "1" }, 5, null])("%o", (schedule) => {
    expect(() => weighted([[1, mse(), schedule as TermSchedule]])).toThrowError(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });

  test.each([0, -1, 1.5, "1", Number.NaN])("step: %o", async (step) => {
    await expect(psnr().value(output, target, { step: step as number })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("step must be a whole number from 1"),
    });
  });
});
