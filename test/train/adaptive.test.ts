import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { parseLoss } from "../../packages/core/src/grammar.ts";
import { defineLoss, l1, lpips, psnr, type Term, weighted } from "../../packages/core/src/losses/index.ts";
import { edsr, type Model } from "../../packages/core/src/nets/index.ts";
import { activation, chain } from "../../packages/core/src/nets/layer.ts";
import { conv } from "../../packages/core/src/nets/layers.ts";
import { model } from "../../packages/core/src/nets/model.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  adam,
  adversarial,
  createTrainer,
  sgd,
  type Trainer,
  type TrainerStep,
} from "../../packages/core/src/train/index.ts";
import { expectValue, goldenCases, readTensor } from "../golden.ts";
import { seeded, seededBatch, seededTensors } from "../models.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";
import { tinyActivations, tinyDiscriminator } from "../tiny-discriminator.ts";

const silu = activation((o, x) => o.div(x, o.add(o.exp(o.neg(x)), 1)));
const decoder = seeded(
  model(
    "decoder",
    { channels: 3 },
    chain(conv("decoder.0", 3, 8, 3, { padding: 1 }), silu, conv("decoder.2", 8, 3, 3, { padding: 1 })),
  ),
);

describe("the adaptive weight equals VQGAN's", () => {
  // goldens deep2.json: taming-transformers in float64.
  const cases = goldenCases("deep2").filter(({ id }) => id.startsWith("adaptive-weight/"));
  test("every golden case is tested", () => expect(cases).toHaveLength(3));

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (_, golden) => {
    const discriminator = model(
      "disc",
      { channels: 3 },
      chain(
        conv("disc.0", 3, 8, 4, { stride: 2, padding: 1 }),
        tinyActivations.leaky,
        conv("disc.2", 8, 1, 4, { padding: 1 }),
      ),
    );
    // The golden's discriminatorWeight is the weight that the sum gives; it multiplies what follows from gradients.
    const factor = golden.options.discriminatorWeight as number;
    const times = Number(/all times (\d)/.exec(golden.options.discriminator as string)?.[1]);
    const judged = defineLoss({
      name: "judged",
      summary: "what a discriminator says of images as they are",
      better: "lower",
      source: "the golden's",
      needsTarget: false,
      options: {},
      define: () => ({
        adaptive: true,
        state: () => seededTensors(discriminator),
        score: (o, { output, state = {} }) => {
          const logits = discriminator.forward(o, output, state, true).output;
          return o.neg(o.mul(o.mean(logits, "chw"), times));
        },
      }),
    });
    const [input, target] = [golden.inputs.decoderInput, golden.inputs.target].map((path) =>
      readTensor(path as string),
    );
    const loss = weighted([
      [1, l1()],
      [factor, judged()],
    ]);
    const { weights, terms, value } = await createTrainer({ model: decoder, loss }).step(input, target);
    expect(Object.keys(weights)).toEqual(["judged"]);
    expectValue(factor * weights.judged, golden.expected as number, golden.tolerance);
    expectValue(terms.l1, golden.nll as number, { rel: 1e-5 });
    expectValue(terms.judged, golden.g as number, { rel: 1e-4 });
    expectValue(value, terms.l1 + factor * weights.judged * terms.judged, { rel: 1e-6 });
  });

  test("the weight is a constant for the gradient, and is limited", async () => {
    // One weight w at which l1 has the slope 1 and the other term the slope s: |1| / (|s| + 1e-4), at most 1e4.
    const one: Model = {
      name: "one",
      parameters: { w: { shape: [1, 1, 2, 1], initialize: (_, shape) => new Float32Array(shape[2]).fill(2) } },
      buffers: {},
      forward: (o, x, { w }) => ({ output: o.add(x, o.mean(w, "h")), buffers: {} }),
    };
    const sloped = (slope: number) =>
      defineLoss({
        name: "sloped",
        summary: "a plane",
        better: "lower",
        source: "a test",
        needsTarget: false,
        options: {},
        define: () => ({ adaptive: true, score: (o, { output }) => o.mul(o.mean(output, "chw"), slope) }),
      })();
    const [input, target] = [Tensor.full([1, 3, 2, 2], 0.5), Tensor.full([1, 3, 2, 2], 0)];
    const length = Math.SQRT1_2; // of the gradient of the mean of two values
    for (const [slope, expected] of [
      [-4, length / (4 * length + 1e-4)],
      [0, Math.min(1e4, length / 1e-4)],
      [1e-6, length / (1e-6 * length + 1e-4)],
    ]) {
      const loss = weighted([
        [1, l1()],
        [0.5, sloped(slope)],
      ]);
      const trainer = createTrainer({ model: one, loss, optimizer: sgd(0.1, { momentum: 0 }) });
      const { weights, gradientNorm } = await trainer.step(input, target);
      expectValue(weights.sloped, expected, { rel: 1e-5 });
      expectValue(gradientNorm, Math.abs(1 + 0.5 * expected * slope) * length, { rel: 1e-5, abs: 1e-7 });
    }
    const steep = weighted([
      [1e9, l1()],
      [1, sloped(1)],
    ]);
    const { weights } = await createTrainer({ model: one, loss: steep, optimizer: sgd(0) }).step(input, target);
    expectValue(weights.sloped, 1e4, { rel: 1e-6 });
  });
});

function expectClose(got: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((value, i) => Math.abs(value - got[i])));
  expect(error / scale).toBeLessThan(tolerance);
}

/** VQGAN's loss, as vqgan_steps.py has it: from step 3 on half of the adversarial term, from step 4 on the whole. */
function vqgan(): Trainer {
  const game = adversarial({
    discriminator: seeded(tinyDiscriminator("leaky")),
    objective: "hinge",
    adaptive: true,
    optimizer: adam(2e-3, { betas: [0.5, 0.999] }),
  });
  const terms: Term[] = [
    [1, l1()],
    [1, lpips({ net: "alex" }, seededLpips("alex"))],
    [0.8, game, { start: 2, warmup: 2 }],
  ];
  return createTrainer({ model: decoder, loss: weighted(terms), optimizer: adam(1e-2, { betas: [0.5, 0.9] }) });
}

const shape = [2, 3, 32, 36] as const;

describe("five steps with LPIPS and a hinge discriminator that starts later", () => {
  // PyTorch's in float64: vqgan_steps.py.
  const golden = JSON.parse(readFileSync(new URL("../goldens/train/vqgan-steps.json", import.meta.url), "utf8"));

  const step = (trainer: Trainer) => trainer.step(seededBatch("input", shape), seededBatch("target", shape));
  const whole = vqgan();
  const recorded: TrainerStep[] = [];
  /** The checkpoints after each step. */
  const saved: Uint8Array[] = [];
  beforeAll(async () => {
    for (let i = 0; i < 5; i++) {
      recorded.push(await step(whole));
      saved.push(whole.checkpoint());
    }
  });

  test("equal PyTorch's", () => {
    for (const [i, expected] of golden.steps.entries()) {
      const { value, weights, learned, terms } = recorded[i];
      const [[name, weight]] = Object.entries(weights);
      expectValue(value, expected.loss, { rel: 1e-4 });
      expectValue(weight, expected.weight, { rel: 1e-3 });
      expectValue(terms[name], expected.g, { rel: 1e-3 });
      const { real, fake } = learned[0];
      if (expected.discriminator === undefined) expect(learned).toEqual([{}]);
      else expectValue(real + fake, expected.discriminator, { rel: 1e-4 });
    }
    for (const [name, values] of Object.entries(golden.decoder)) {
      expectClose(whole.tensors[name].data, values as number[], 1e-3);
    }
    const learned = whole.loss.learners?.[0].save().tensors ?? {};
    for (const [name, values] of Object.entries(golden.discriminator)) {
      expectClose(learned[`parameter/${name}`].data, values as number[], 1e-3);
    }
  });

  test("resume with the same bits from checkpoints before, at and after that start", async () => {
    const resumed = vqgan();
    for (const stop of [1, 2, 3]) {
      await resumed.restore(saved[stop - 1]);
      for (let i = stop; i < 5; i++) expect(await step(resumed)).toEqual(recorded[i]);
      expect(resumed.checkpoint()).toEqual(saved[4]);
    }
  });
});

describe("adaptive=true in a specification", () => {
  const spec = "l1 + 0.8*gan(objective=hinge,adaptive=true,features=4,depth=1,norm=none)";
  const [input, target] = [randomTensor([2, 3, 8, 8], 1, 0, 1), randomTensor([2, 3, 16, 16], 2, 0, 1)];

  test("sets the weight in training, and 1 elsewhere", async () => {
    const trainer = createTrainer({ model: edsr({ channels: 4, blocks: 1 }), loss: parseLoss(spec) });
    const { weights, terms, value } = await trainer.step(input, target);
    const [[name, weight]] = Object.entries(weights);
    expect(weight).toBeGreaterThan(0);
    expectValue(value, terms.l1 + 0.8 * weight * terms[name], { rel: 1e-5 });
    const other = await parseLoss(spec).evaluate(target, target, {});
    expectValue(other.value, 0.8 * Object.values(other.terms)[1], { rel: 1e-6 });
  });

  test("gives a nested sum the same weights and steps as a flat one", async () => {
    const make = () => adversarial({ discriminator: seeded(tinyDiscriminator("leaky")), adaptive: true });
    const inner = (): Term => [
      0.5,
      weighted([
        [2, l1()],
        [1.6, make()],
      ]),
    ];
    const flat: Term[] = [
      [1, l1()],
      [0.8, make()],
    ];
    const results = [];
    for (const terms of [flat, [inner()]]) {
      const trainer = createTrainer({ model: edsr({ channels: 4, blocks: 1 }), loss: weighted(terms) });
      await trainer.step(input, target);
      const { value, gradientNorm } = await trainer.step(input, target);
      results.push([value, gradientNorm]);
    }
    for (const [i, expected] of results[0].entries()) expectValue(results[1][i], expected, { rel: 1e-5 });
  });

  test("is rejected where the weight cannot be determined", () => {
    const alone = "gan(adaptive=true,features=4)";
    const message = (make: () => unknown) => {
      try {
        make();
      } catch (error) {
        if (error instanceof ReconlossError) return `${error.code}: ${error.message}`;
      }
      return "nothing";
    };
    const net = edsr({ channels: 4, blocks: 1 });
    expect(message(() => createTrainer({ model: net, loss: parseLoss(alone) }))).toMatch(
      /^invalid-argument: createTrainer: the weight of gan\(.*needs other terms beside it/,
    );
    expect(message(() => parseLoss(`0.5*${alone}`))).toMatch(/^invalid-argument: weighted: .*there is only gan\(/);
    const pooled = () =>
      weighted([
        [1, psnr({ pooling: "dataset" })],
        [1, parseLoss(alone)],
      ]);
    expect(message(pooled)).toMatch(
      /^invalid-argument: weighted: .*adaptive.*psnr\(pooling=dataset\) is not part of one/,
    );
    const flat = { ...net, parameters: { bias: { shape: [3], initialize: () => new Float32Array(3) } } };
    expect(message(() => createTrainer({ model: flat as Model, loss: parseLoss(spec) }))).toMatch(
      /no parameter that is a matrix/,
    );
    const wrong = { ...net, lastLayer: "nowhere" };
    expect(message(() => createTrainer({ model: wrong, loss: parseLoss(spec) }))).toMatch(/has no nowhere/);
  });
});
