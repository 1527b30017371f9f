import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { defineLoss, type Loss, l1, parseLoss } from "../../packages/core/src/losses/index.ts";
import { constant, kaimingUniform, type Model } from "../../packages/core/src/nets/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  adam,
  adamW,
  constantRate,
  cosineRate,
  createTrainer,
  exportModel,
  type Optimizer,
  type Schedule,
  sgd,
  steppedRate,
  type Trainer,
  TrainingStep,
} from "../../packages/reconloss/src/train/index.ts";
import { seeded, seededBatch } from "../models.ts";

/** The network of five_steps.py: two convolutions and a pixel shuffle. */
const model: Model = {
  name: "two convolutions",
  parameters: {
    "conv0.weight": { shape: [4, 3, 3, 3], initialize: kaimingUniform(27) },
    "conv0.bias": { shape: [4], initialize: kaimingUniform(27) },
    "conv1.weight": { shape: [12, 2, 3, 3], initialize: kaimingUniform(18) },
    "conv1.bias": { shape: [12], initialize: kaimingUniform(18) },
  },
  buffers: { calls: { shape: [1], initialize: constant(0) } },
  forward: (o, x, t, training) => {
    const first = o.add(o.conv2d(x, t["conv0.weight"], { padding: 1 }), t["conv0.bias"]);
    const active = o.maximum(first, o.mul(first, 0.2));
    const second = o.conv2d(active, t["conv1.weight"], { padding: 1, stride: 2, groups: 2 });
    const output = o.depthToSpace(o.add(second, t["conv1.bias"]), 2);
    return { output, buffers: { ...(training && { calls: o.add(t.calls, 1) }) } };
  },
};

const seededInitial = seeded(model);

const input = seededBatch("input", [2, 3, 10, 8]);
const target = seededBatch("target", [2, 3, 10, 8]);

interface FiveSteps {
  steps: { loss: number; norm?: number; gradients: Record<string, number[]> }[];
  parameters: Record<string, number[]>;
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  const error = Math.max(...Array.from(expected, (value, i) => Math.abs(value - got[i])));
  expect(error / scale).toBeLessThan(tolerance);
}

describe("five steps equal PyTorch's", () => {
  // Written by five_steps.py with torch 2.13 in float64.
  const golden = JSON.parse(readFileSync(new URL("../goldens/train/five-steps.json", import.meta.url), "utf8"));
  const cases: Record<string, { optimizer: Optimizer; clip?: number; schedule?: Schedule }> = {
    adam: { optimizer: adam(1e-2, { betas: [0.8, 0.99], weightDecay: 0.1 }) },
    adamW: { optimizer: adamW(1e-2, { weightDecay: 0.1 }) },
    sgd: { optimizer: sgd(0.1, { momentum: 0 }) },
    "sgd with momentum and clipping": { optimizer: sgd(0.5, { weightDecay: 0.01 }), clip: 0.05 },
    "sgd, nesterov, stepped rate": {
      optimizer: sgd(0.2, { momentum: 0.8, nesterov: true }),
      schedule: steppedRate({ every: 2, factor: 0.5 }),
    },
  };
  test("every golden case is tested", () => expect(Object.keys(cases)).toEqual(Object.keys(golden.cases)));

  test.each(Object.entries(cases))("%s", async (name, options) => {
    const { steps, parameters } = golden.cases[name] as FiveSteps;
    const step = new TrainingStep({
      name,
      parameters: seededInitial.parameters,
      buffers: seededInitial.buffers,
      objective: (o, tensors, inputs) => {
        const { output, buffers } = seededInitial.forward(o, inputs.input, tensors, true);
        const error = o.square(o.sub(output, inputs.target));
        return { loss: o.mean(o.sqrt(o.add(error, 1e-6)), "nchw"), buffers };
      },
      ...options,
    });
    for (const expected of steps) {
      const gradients = await step.gradients({ input, target });
      for (const [name, gradient] of Object.entries(expected.gradients)) {
        expectClose(gradients[name].data, gradient, 1e-4);
      }
      const { loss, gradientNorm } = await step.run({ input, target });
      expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-5 * expected.loss);
      if (expected.norm) expect(Math.abs(gradientNorm - expected.norm)).toBeLessThan(1e-5 * expected.norm);
    }
    for (const [name, values] of Object.entries(parameters)) expectClose(step.tensors[name].data, values, 1e-4);
    expect(step.tensors.calls.data[0]).toBe(5);
  });
});

test("learning-rate schedules", () => {
  expect(constantRate()(7)).toBe(1);
  const cosine = cosineRate({ steps: 110, warmup: 10, floor: 0.1 });
  expect([5, 10, 60, 110, 200].map(cosine)).toEqual([0.5, 1, expect.closeTo(0.55), expect.closeTo(0.1), 0.1]);
  expect([1, 2, 3, 5].map(steppedRate({ every: 2, factor: 0.5 }))).toEqual([1, 1, 0.5, 0.25]);
  for (const wrong of [
    () => cosineRate({ steps: 1.5 }),
    () => cosineRate({ steps: 2, warmup: 3 }),
    () => steppedRate({ every: 0, factor: 1 }),
  ]) {
    expect(wrong).toThrow(ReconlossError);
  }
  for (const wrong of [
    () => adam(-1),
    () => adam(1, { betas: [1, 0] }),
    () => sgd(Number.NaN),
    () => sgd(1, { momentum: 1 }),
  ]) {
    expect(wrong).toThrow(/must be at least 0/);
  }
});

describe("trainer", () => {
  const trainer = (loss: Loss = l1(), more = {}) => createTrainer({ model, loss, optimizer: adam(0.02), ...more });

  test.each(["l1", "l1 + 0.1*ssim(size=7)", "psnr", "charbonnier + 0.01*psnr", "0.1*tv + mse"])(
    "%s improves",
    async (spec) => {
      const loss = parseLoss(spec);
      const training = trainer(loss);
      const first = await training.step(input, target);
      const minimised = (value: number) => (loss.better === "lower" ? value : loss.offset - value);
      expect(first.value).toBeCloseTo(minimised(await loss.value(first.output, target)), 4);
      if (spec.includes("+")) expect(Object.keys(first.terms)).toHaveLength(2);
      let last = first;
      for (let i = 0; i < 15; i++) last = await training.step(input, target);
      expect(last.value).toBeLessThan(first.value);
      expect(training.steps).toBe(16);
    },
  );

  test.each([
    "psnr",
    "psnr(pooling=dataset)",
    "l1 + 0.01*psnr",
    "l1 + 0.01*psnr(pooling=dataset)",
    "l1 + 0.01*psnr(pooling=channels)",
  ])("%s keeps training when output equals target, with infinite PSNR counted as 100", async (spec) => {
    const loss = parseLoss(spec);
    const asItIs: Model = {
      name: "as it is",
      parameters: { gain: { shape: [3], initialize: constant(1) } },
      buffers: {},
      forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
    };
    const training = createTrainer({ model: asItIs, loss });
    const exact = new Tensor(
      input.data.map((x) => Math.abs(x) / 2),
      input.shape,
    );
    const { value, terms, gradientNorm } = await training.step(exact, exact);
    const weight = spec.startsWith("psnr") ? 1 : 0.01;
    expect(value).toBeCloseTo(-100 * weight, 5);
    expect(gradientNorm).toBe(0);
    expect(Object.values(terms).every(Number.isFinite)).toBe(true);
    // One identical image of several leaves the mean of the others' decibels.
    const mixed = exact.data.slice();
    for (let i = mixed.length / 2; i < mixed.length; i++) mixed[i] += 0.1;
    const half = await training.step(exact, new Tensor(mixed, exact.shape));
    expect(Number.isFinite(half.value)).toBe(true);
    if (!spec.includes("dataset")) expect(half.value).toBeLessThan(-50 * weight);
    // The sum itself and its graph agree.
    if (spec.startsWith("psnr")) return;
    const evaluated = await loss.evaluate(exact, exact, { grad: true });
    expect(evaluated.value).toBeCloseTo(-100 * weight, 5);
    expect(evaluated.unlimited).toBe(Number.NEGATIVE_INFINITY);
    const other = await loss.evaluate(exact, Tensor.full(exact.shape, 0.5), {});
    expect(other).not.toHaveProperty("unlimited");
    expect(evaluated.grad?.data.every((x) => x === 0)).toBe(true);
  });

  test("a loss without a graph gives the same steps, by its gradient alone", async () => {
    const graph = l1();
    const opaque: Loss = {
      ...graph,
      value: graph.value.bind(graph),
      valueAndGrad: graph.valueAndGrad.bind(graph),
      definition: undefined,
    };
    const [a, b] = [trainer(graph), trainer(opaque)];
    for (let i = 0; i < 3; i++) {
      const [x, y] = [await a.step(input, target), await b.step(input, target)];
      expect(y.value).toBeCloseTo(x.value, 6);
    }
    for (const [name, { data }] of Object.entries(a.tensors)) expectClose(b.tensors[name].data, data, 1e-4);
  });

  test("a checkpoint resumes with the same bits, including running means", async () => {
    const options = { ema: 0.9, clip: 1, schedule: cosineRate({ steps: 10 }) };
    const a = trainer(l1(), options);
    for (let i = 0; i < 3; i++) await a.step(input, target);
    const bytes = a.checkpoint({ note: "after three" });
    const b = trainer(l1(), { ...options, seed: 99 });
    expect((await b.restore(bytes)).note).toBe("after three");
    for (let i = 0; i < 3; i++) expect(await b.step(input, target)).toEqual(await a.step(input, target));
    expect(b.tensors).toEqual(a.tensors);
    expect(b.checkpoint()).toEqual(a.checkpoint());
    expect(b.steps).toBe(6);
  });

  test("running means follow the parameters", async () => {
    const [plain, averaged] = [trainer(), trainer(l1(), { ema: 0.5 })];
    const start = plain.tensors["conv0.bias"].data.slice();
    await plain.step(input, target);
    await averaged.step(input, target);
    const after = plain.tensors["conv0.bias"].data;
    expectClose(
      averaged.tensors["conv0.bias"].data,
      start.map((value, i) => (value + after[i]) / 2),
      1e-6,
    );
  });

  test("rejects a checkpoint of another training, and stays unchanged", async () => {
    const a = trainer();
    await a.step(input, target);
    const before = a.checkpoint();
    const other = createTrainer({ model, loss: l1(), optimizer: sgd(0.1) });
    const code = (bytes: Uint8Array) =>
      a.restore(bytes).then(
        () => "none",
        (error: ReconlossError) => error.code,
      );
    expect(await code(other.checkpoint())).toBe("checkpoint");
    expect(await code(before.slice(0, -4))).toBe("checkpoint");
    expect(await code(new Uint8Array(3))).toBe("checkpoint");
    expect(a.checkpoint()).toEqual(before);
  });

  test("NaN rejects the step with its number, term and tensor, and leaves the state unchanged", async () => {
    const training = trainer(parseLoss("l1 + 0.1*ssim(size=7)"));
    await training.step(input, target);
    const before = training.checkpoint();
    const broken = new Tensor(input.data.slice(), input.shape);
    broken.data[250] = Number.NaN;
    const error = await training.step(broken, target).catch((error: ReconlossError) => error);
    expect(error).toMatchObject({ code: "non-finite" });
    expect((error as Error).message).toMatch(/step 2.*l1 is NaN.*input 2x3x10x8 holds NaN in image 1.*not taken/);
    expect(training.checkpoint()).toEqual(before);
    await training.step(input, target);
    expect(training.steps).toBe(2);
  });

  test("rejects a target that the loss rejects", async () => {
    const bright = new Tensor(
      target.data.map((value) => value * 255),
      target.shape,
    );
    await expect(trainer().step(input, bright)).rejects.toMatchObject({ code: "range" });
    await expect(trainer().step(input, seededBatch("small", [2, 3, 4, 4]))).rejects.toMatchObject({ code: "shape" });
    await expect(trainer().step(input)).rejects.toBeInstanceOf(ReconlossError);
  });

  test("the same seed gives the same training, another seed a different one", async () => {
    const run = async (seed: number) => (await trainer(l1(), { seed }).step(input, target)).value;
    expect(await run(1)).toBe(await run(1));
    expect(await run(1)).not.toBe(await run(2));
  });

  test("an exported model computes the same as the trainer, at another size", async () => {
    const training = trainer(l1(), { ema: 0.9 });
    await training.step(input, target);
    const { InferenceSession, Tensor: OrtTensor } = await import("onnxruntime-node");
    const session = await InferenceSession.create(exportModel(model, training.tensors));
    const image = seededBatch("another", [1, 3, 14, 12]);
    const { output } = await session.run({ input: new OrtTensor("float32", image.data, image.shape) });
    expectClose(output.data as Float32Array, (await training.apply(image)).data, 1e-5);
  });

  test("a single loss is its own term, and a custom loss can be trained", async () => {
    const brightness = defineLoss({
      name: "brightness",
      summary: "squared difference of means",
      better: "lower",
      source: "a test",
      options: {},
      define: () => ({ score: (o, { output, target }) => o.square(o.mean(o.sub(output, target), "chw")) }),
    });
    const training: Trainer = trainer(brightness());
    const { value, terms } = await training.step(input, target);
    expect(terms).toEqual({ brightness: value });
  });
});
