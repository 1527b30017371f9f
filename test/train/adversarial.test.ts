import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { discriminatorLoss } from "../../packages/core/src/losses/adversarial/index.ts";
import { defineLoss, exportLoss, l1, parseLoss, type Term, weighted } from "../../packages/core/src/losses/index.ts";
import { edsr, patchGan } from "../../packages/core/src/nets/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  adam,
  adversarial,
  createTrainer,
  gan,
  loadCheckpoint,
  r1,
  r2,
  saveCheckpoint,
  TrainingStep,
  wganGp,
} from "../../packages/reconloss/src/train/index.ts";
import { expectValue, goldenCases, readNpy, readTensor } from "../golden.ts";
import { seeded } from "../models.ts";
import { tinyDiscriminator } from "../tiny-discriminator.ts";

const images = (seed: string, n = 2, size = 32, low = 0, high = 1) => {
  const random = new Random(seed);
  const shape = [n, 3, size, size] as const;
  return Tensor.from(
    Array.from({ length: n * 3 * size * size }, () => random.between(low, high)),
    shape,
  );
};

describe("Adam on the hinge loss of a discriminator equals PyTorch's", () => {
  // goldens gan.json, tiny/*/adam: torch.optim.Adam in float64.
  const cases = goldenCases("gan").filter(({ id }) => id.endsWith("/adam"));
  test("both golden cases are tested", () => expect(cases).toHaveLength(2));
  test.each(cases)("$id", async ({ id, inputs, options, expected, gradients, parameters, ...golden }) => {
    const tolerance = golden.tolerance as { rel: number; abs: number; parameterAbs: number };
    const model = seeded(tinyDiscriminator(id.includes("leaky") ? "leaky" : "softplus"));
    const { lr, betas, eps } = options as { lr: number; betas: [number, number]; eps: number };
    const step = new TrainingStep({
      name: id,
      parameters: model.parameters,
      objective: (o, tensors, { real, fake }) => {
        const logits = (x: typeof real) => model.forward(o, x, tensors, true).output;
        const halves = discriminatorLoss(o, { real: logits(real), fake: logits(fake) }, { objective: "hinge" });
        return { loss: o.add(halves.real, halves.fake) };
      },
      optimizer: adam(lr, { betas, eps }),
    });
    const batch = { real: readTensor(inputs.real as string), fake: readTensor(inputs.fake as string) };
    const first = await step.gradients(batch);
    for (const [name, path] of Object.entries(gradients as Record<string, string>)) {
      const { data } = readNpy(path);
      const largest = Math.max(...Array.from(data, Math.abs));
      for (const [i, value] of data.entries()) expectValue(first[name].data[i], value, { abs: 1e-5 * largest });
    }
    const { losses } = expected as { losses: number[] };
    const after = parameters as Record<string, Record<string, string>>;
    for (const [i, loss] of losses.entries()) {
      expectValue((await step.run(batch)).loss, loss, tolerance);
      for (const [name, path] of Object.entries(after[`after${i + 1}`] ?? {})) {
        const { data } = readNpy(path);
        const bound = { abs: tolerance.parameterAbs };
        for (const [j, value] of data.entries()) expectValue(step.tensors[name].data[j], value, bound);
      }
    }
  });
});

const small = () => patchGan({ features: 4, depth: 1, norm: "none" });
const [real, fake] = [images("real", 2, 32, 0.5, 1), images("fake", 2, 32, 0, 0.5)];

describe("adversarial", () => {
  test.each(["vanilla", "lsgan", "hinge", "wgan-softplus"] as const)(
    "%s: the discriminator learns",
    async (objective) => {
      const game = adversarial({ discriminator: small(), objective, optimizer: adam(5e-3) });
      const first = await game.update(real, fake);
      let last = first;
      for (let i = 0; i < 30; i++) last = await game.update(real, fake);
      expect(last.real + last.fake).toBeLessThan(first.real + first.fake);
      expect(await game.value(fake)).toBeGreaterThan(await game.value(real));
    },
  );

  test("the gradient equals the slope of the value", async () => {
    for (const relativistic of [false, true]) {
      const game = adversarial({ discriminator: small(), relativistic, optimizer: adam(5e-3) });
      for (let i = 0; i < 10; i++) await game.update(real, fake);
      const target = relativistic ? real : undefined;
      const { grad } = await game.valueAndGrad(fake, target);
      const length = Math.hypot(...grad.data);
      const moved = (by: number) =>
        new Tensor(
          fake.data.map((x, i) => x + (by * grad.data[i]) / length),
          fake.shape,
        );
      const difference = (await game.value(moved(0.02), target)) - (await game.value(moved(-0.02), target));
      expect(Math.abs(difference / 0.04 - length)).toBeLessThan(0.01 * length);
    }
  });

  test("adds the penalty at its interval", async () => {
    for (const penalty of [r1(10, { every: 3 }), wganGp(10, { every: 3 })]) {
      const game = adversarial({ discriminator: small(), objective: "wgan", penalty });
      const reports = [];
      for (let i = 0; i < 4; i++) reports.push(await game.update(real, fake));
      expect(reports.map(({ penalty }) => penalty !== undefined)).toEqual([true, false, false, true]);
      expect(reports[0].penalty).toBeGreaterThan(0);
    }
  });

  test("resumes from a saved file with the same bits", async () => {
    const folder = mkdtempSync(join(tmpdir(), "adversarial-"));
    const options = { objective: "hinge", penalty: wganGp(10) } as const;
    const [a, b] = [
      adversarial({ discriminator: small(), ...options }),
      adversarial({ discriminator: small(), ...options }),
    ];
    await a.update(real, fake);
    await saveCheckpoint(a, join(folder, "game.safetensors"));
    await loadCheckpoint(b, join(folder, "game.safetensors"));
    expect(await b.update(real, fake)).toEqual(await a.update(real, fake));
    expect(b.checkpoint()).toEqual(a.checkpoint());
    expect(existsSync(join(folder, "game.safetensors"))).toBe(true);
    rmSync(folder, { recursive: true });
    const other = adversarial({ discriminator: patchGan({ features: 6, depth: 1, norm: "none" }) });
    const error = await other.restore(a.checkpoint()).catch((error: ReconlossError) => error);
    expect(error).toMatchObject({ code: "checkpoint" });
  });

  test("trains batch and spectral norms, and updates their buffers", async () => {
    for (const norm of ["batch", "spectral", "instance"] as const) {
      const game = adversarial({
        discriminator: patchGan({ features: 4, depth: 2, norm }),
        objective: "hinge",
        penalty: r1(1),
      });
      const before = game.checkpoint();
      const report = await game.update(real, fake);
      expect(Object.values(report).every(Number.isFinite)).toBe(true);
      expect(game.checkpoint()).not.toEqual(before);
      expect(Number.isFinite(await game.value(fake))).toBe(true);
    }
  });

  test("exportLoss contains the current discriminator", async () => {
    const game = adversarial({ discriminator: small(), objective: "hinge" });
    await game.update(real, fake);
    const { InferenceSession, Tensor: OrtTensor } = await import("onnxruntime-node");
    const session = await InferenceSession.create(await exportLoss(game));
    const { value } = await session.run({ output: new OrtTensor("float32", fake.data, fake.shape) });
    expect(Number(value.data[0])).toBeCloseTo(await game.value(fake), 6);
  });

  test("rejects invalid options", () => {
    expect(() => r1(-1)).toThrow(/at least 0/);
    expect(() => wganGp(1, { every: 0 })).toThrow(/whole number/);
    expect(() => adversarial({ objective: "hinge", realLabel: 0.9 })).toThrow(/no labels/);
    expect(() => parseLoss("gan(r1=1,gp=1)", [gan])).toThrow(/only one kind of penalty/);
    expect(() => parseLoss("gan")).toThrow(/no loss "gan"/);
  });

  test("NaN leaves the discriminator unchanged", async () => {
    const game = adversarial({ discriminator: small() });
    const before = game.checkpoint();
    const broken = new Tensor(fake.data.slice().fill(Number.NaN, 5, 6), fake.shape);
    await expect(game.update(real, broken)).rejects.toThrow(/step 1.*fake is NaN.*fake 2x3x32x32 holds NaN in image 0/);
    expect(game.checkpoint()).toEqual(before);
  });
});

describe("training with an adversarial term", () => {
  const spec = "l1 + 0.01*gan(objective=hinge,features=4,depth=1,norm=none,r1=1,every=2)";
  const input = images("input", 2, 16);
  const target = images("target", 2, 32);
  const make = () =>
    createTrainer({ model: edsr({ channels: 8, blocks: 1 }), loss: parseLoss(spec, [gan]), optimizer: adam(1e-3) });

  test("model and discriminator both step, and a checkpoint resumes both with the same bits", async () => {
    const [a, b] = [make(), make()];
    const first = await a.step(input, target);
    expect(Object.keys(first.terms)).toEqual(["l1", expect.stringContaining("gan(objective=hinge")]);
    expect(first.learned[0].penalty).toBeGreaterThan(0);
    await a.step(input, target);
    await b.restore(a.checkpoint());
    for (let i = 0; i < 2; i++) expect(await b.step(input, target)).toEqual(await a.step(input, target));
    expect(b.checkpoint()).toEqual(a.checkpoint());
  });

  test("if one discriminator's step fails, neither the model nor any other discriminator is changed", async () => {
    const broken = defineLoss({
      name: "broken",
      summary: "learns twice",
      better: "lower",
      source: "a test",
      options: {},
      define: () => {
        let [steps, fails] = [0, false];
        return {
          score: (o, { output }) => o.mean(output, "chw"),
          learner: {
            notes: [],
            update: async () => {
              if (fails) throw new ReconlossError("non-finite", "broken: NaN");
              fails = ++steps === 2;
              return {};
            },
            save: () => ({ steps: 0, tensors: {} }),
            restore: () => {
              fails = false;
            },
          },
        };
      },
    });
    const make = () => {
      const terms: Term[] = [
        [1, l1()],
        [0.1, adversarial({ discriminator: small(), penalty: r2(1), matching: 1, ema: 0.5 })],
        [0.1, adversarial({ discriminator: small() }), { start: 1 }],
        [0.1, adversarial({ discriminator: small() }), { start: 9 }],
        [0.1, broken()],
      ];
      return createTrainer({ model: edsr({ channels: 4, blocks: 1 }), loss: weighted(terms), ema: 0.9 });
    };
    const [failing, whole] = [make(), make()];
    for (const trainer of [failing, whole]) for (let i = 0; i < 2; i++) await trainer.step(input, target);
    const before = failing.checkpoint();
    await expect(failing.step(input, target)).rejects.toThrow("broken: NaN");
    expect(failing.checkpoint()).toEqual(before);
    expect(failing.steps).toBe(2);
    await expect(failing.step(input, target)).rejects.toThrow("broken: NaN");
    expect(failing.checkpoint()).toEqual(before);
    // And goes on from there as if nothing had been tried.
    for (const trainer of [failing, whole]) await trainer.restore(before);
    expect(await failing.step(input, target)).toEqual(await whole.step(input, target));
  });

  test("the term's weight affects the generator only", async () => {
    const terms = [0.1, 1].map((weight) => {
      const game = adversarial({ discriminator: small() });
      return {
        game,
        loss: weighted([
          [1, l1()],
          [weight, game],
        ]),
      };
    });
    const reports = [];
    for (const { loss } of terms) {
      const trainer = createTrainer({ model: edsr({ channels: 8, blocks: 1 }), loss });
      reports.push((await trainer.step(input, target)).learned[0]);
    }
    expect(reports[0]).toEqual(reports[1]);
  });
});
