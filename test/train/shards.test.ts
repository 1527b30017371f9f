import { expect, test } from "vitest";
import { l1, parseLoss } from "../../packages/core/src/losses/index.ts";
import { constant, edsr, type Model, patchGan } from "../../packages/core/src/nets/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { adam, adversarial, createTrainer, r1, sgd, TrainingStep } from "../../packages/reconloss/src/train/index.ts";
import { randomTensor } from "../random.ts";

/** Three steps of a small network on a batch that cannot be cut evenly: what they say and the weights they lead to. */
async function steps(shards: number, spec = "l1") {
  const trainer = createTrainer({
    model: edsr({ channels: 16, blocks: 1 }),
    loss: parseLoss(spec),
    optimizer: adam(1e-3),
    shards,
  });
  const recorded: number[] = [];
  const outputs: Tensor[] = [];
  for (let step = 0; step < 3; step++) {
    const input = randomTensor([5, 3, 12, 14], step, 0, 1);
    const { value, gradientNorm, output } = await trainer.step(input, randomTensor([5, 3, 24, 28], step + 10, 0, 1));
    recorded.push(value, gradientNorm);
    outputs.push(output);
  }
  return { recorded, outputs, tensors: trainer.tensors };
}

function expectClose(a: ArrayLike<number>, b: ArrayLike<number>, relative: number): void {
  const largest = Array.from(b).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(a.length).toBe(b.length);
  const error = Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0);
  expect(error).toBeLessThanOrEqual(relative * largest);
}

// Expected: what one program gives for the whole batch.
test.each([2, 3])("%i shards take the same steps as one", async (shards) => {
  const [one, several] = [await steps(1), await steps(shards)];
  expectClose(several.recorded, one.recorded, 1e-6);
  for (const [step, output] of several.outputs.entries()) {
    expect(output.shape).toEqual([5, 3, 24, 28]);
    expectClose(output.data, one.outputs[step].data, 1e-5);
  }
  for (const [name, { data }] of Object.entries(several.tensors)) expectClose(data, one.tensors[name].data, 1e-4);
});

test("the same number of shards gives the same bits", async () => {
  const [first, again] = [await steps(2), await steps(2)];
  expect(again.recorded).toEqual(first.recorded);
  expect(again.tensors).toEqual(first.tensors);
});

test.each(["instance", "spectral", "none", "batch"] as const)(
  "a discriminator with norm %s and R1 learns the same in shards, or is not sharded",
  async (norm) => {
    const game = (shards: number) =>
      adversarial({
        discriminator: patchGan({ features: 8, depth: 1, norm }),
        objective: "hinge",
        penalty: r1(10),
        shards,
      });
    const [one, two] = [game(1), game(2)];
    for (let step = 0; step < 2; step++) {
      const [real, fake] = [randomTensor([4, 3, 16, 16], step, 0, 1), randomTensor([4, 3, 16, 16], step + 5, 0, 1)];
      const [expected, given] = [await one.update(real, fake), await two.update(real, fake)];
      for (const [name, value] of Object.entries(expected)) expect(given[name] / value).toBeCloseTo(1, 5);
    }
  },
);

/** y = gain x, whose loss is a mean over images, a sum over them, or neither. */
function gain(objective: "mean" | "sum" | "root"): (shards: number) => Promise<number> {
  return async (shards) => {
    const step = new TrainingStep({
      name: "gain",
      parameters: { gain: { shape: [1], initialize: constant(2) } },
      objective: (o, { gain }, { x }) => {
        const square = o.square(o.mul(x, gain));
        const loss = { mean: o.mean(square, "nchw"), sum: o.sum(square, "nchw"), root: o.sqrt(o.mean(square, "nchw")) };
        return { loss: loss[objective] };
      },
      optimizer: sgd(0.01, { momentum: 0 }),
      shards,
    });
    await step.run({ x: new Tensor(Float32Array.of(1, 2, 3), [3, 1, 1, 1]) });
    return step.tensors.gain.data[0];
  };
}

// By hand, with g = 2 and x = 1, 2, 3: d/dg of g^2 mean(x^2) = 2 g 14/3, of the sum 2 g 14, of the root of the mean sqrt(14/3); the rate is 0.01.
test.each([
  ["mean", 2 - 0.01 * 4 * (14 / 3)],
  ["sum", 2 - 0.01 * 4 * 14],
  ["root", 2 - 0.01 * Math.sqrt(14 / 3)],
] as const)("shards a loss that is the %s over the batch", async (objective, expected) => {
  for (const shards of [1, 2, 3]) expect(await gain(objective)(shards)).toBeCloseTo(expected, 6);
});

test("a rejected step is rejected in shards too, and leaves the state unchanged", async () => {
  const step = new TrainingStep({
    name: "gain",
    parameters: { gain: { shape: [1], initialize: constant(2) } },
    objective: (o, { gain }, { x }) => ({ loss: o.mean(o.mul(x, gain), "nchw") }),
    optimizer: sgd(0.01),
    shards: 2,
  });
  const x = new Tensor(Float32Array.of(1, 2, Number.NaN), [3, 1, 1, 1]);
  await expect(step.run({ x })).rejects.toThrow("gain: at step 1, loss is NaN; x 3x1x1x1 holds NaN in image 2");
  expect(step.tensors.gain.data[0]).toBe(2);
});

test("returned tensors are not changed by later steps", async () => {
  const model: Model = {
    name: "gain",
    parameters: { gain: { shape: [3], initialize: constant(1) } },
    buffers: {},
    forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
  };
  const trainer = createTrainer({ model, loss: l1(), optimizer: adam(0.1) });
  const [dark, light] = [Tensor.full([1, 3, 4, 4], 0.25), Tensor.full([1, 3, 4, 4], 0.5)];
  const seen: { tensor: Tensor; values: number[] }[] = [];
  for (let step = 0; step < 6; step++) {
    await trainer.step(dark, light);
    if (step % 2 === 0) seen.push({ tensor: trainer.tensors.gain, values: [...trainer.tensors.gain.data] });
  }
  for (const { tensor, values } of seen) expect([...tensor.data]).toEqual(values);
  expect(new Set(seen.map(({ values }) => values[0])).size).toBe(3);
});
