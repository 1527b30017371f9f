import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../../packages/core/src/errors.ts";
import { parseLoss } from "../../../packages/core/src/grammar.ts";
import { reference } from "../../../packages/core/src/graph/reference.ts";
import { discriminatorLoss, exportLoss, generatorLoss, type Loss } from "../../../packages/core/src/losses/index.ts";
import { edsr, patchGan, unet } from "../../../packages/core/src/nets/index.ts";
import { Tensor } from "../../../packages/core/src/tensor.ts";
import { adam, adversarial, createTrainer, gan, r1, r2, wganGp } from "../../../packages/core/src/train/index.ts";
import { expectValue, type GoldenCase, goldenCases, readGoldenImage, readTensor } from "../../golden.ts";
import { seeded } from "../../models.ts";
import { randomTensor } from "../../random.ts";
import { backends, tinyDiscriminator, valueAndGradients } from "../../tiny-discriminator.ts";

const small = "features=2,depth=1,norm=none";
const [output, target, input] = [1, 2, 3].map((seed) => randomTensor([2, 3, 12, 14], seed));

// Every option of the generator's side: the engines against the definition in float64, and that against finite differences.
const specs = [
  ...["vanilla", "lsgan", "hinge", "wgan", "wgan-softplus"].flatMap((objective) =>
    ["false", "true", "paired"].map(
      (relativistic) => `gan(objective=${objective},relativistic=${relativistic},${small},r1=1)`,
    ),
  ),
  `gan(conditional=true,${small})`,
  `gan(conditional=true,relativistic=paired,matching=2,ema=0.5,${small})`,
  "gan(discriminator=multiscale,conditional=true,matching=1,features=2,depth=1)",
  `gan(adaptive=true,matching=1,${small})`,
];

describe.each(specs)("%s", (spec) => {
  const loss = parseLoss(spec);
  const options = { input };

  test("every engine matches the float64 definition, and the gradient matches the slope of the value", async () => {
    // The discriminator learns first, so that its running means differ from its weights.
    await loss.learners?.[0].update(target, output, options);
    const expected = await loss.valueAndGrad(output, target, { ...options, engine: "reference" });
    const got = await loss.valueAndGrad(output, target, options);
    expectValue(got.value, expected.value, { rel: 1e-5, abs: 1e-6 });
    const largest = Math.max(...expected.grad.data.map(Math.abs));
    for (const [i, x] of expected.grad.data.entries()) {
      expect(Math.abs(got.grad.data[i] - x)).toBeLessThanOrEqual(1e-4 * largest);
    }
    // Uphill the value rises by the length of the gradient; leaky units and absolute values turn within a longer step.
    const length = Math.hypot(...expected.grad.data);
    const moved = (by: number) => {
      const data = output.data.map((x, i) => x + (by * expected.grad.data[i]) / length);
      return loss.value(new Tensor(data, output.shape), target, { ...options, engine: "reference" });
    };
    const slope = ((await moved(1e-2)) - (await moved(-1e-2))) / 2e-2;
    expect(Math.abs(slope - length)).toBeLessThan(0.01 * length);
  });
});

describe("paired logits (R3GAN) match the formulas", () => {
  // By the definition: the discriminator's mean of softplus(fake - real), the generator's of softplus(real - fake); their derivatives are sigmoids.
  const [real, fake] = [
    [0.5, -1.5, 3, 0],
    [0.25, 2, -4, 0],
  ];
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const mean = (f: (i: number) => number) => real.reduce((sum, _, i) => sum + f(i), 0) / real.length;

  test.each(Object.entries(backends))("on %s", async (_, run) => {
    const tensors = { real: Tensor.from(real, [2, 1, 1, 2]), fake: Tensor.from(fake, [2, 1, 1, 2]) };
    for (const objective of ["vanilla", "wgan-softplus"] as const) {
      const options = { objective, relativistic: "paired" as const };
      const got = await run(tensors, (o, values) => {
        const ofDiscriminator = valueAndGradients(o, values, ["real", "fake"], (o, { real, fake }) => {
          const halves = discriminatorLoss(o, { real, fake }, options);
          return o.add(halves.real, halves.fake);
        });
        const ofGenerator = valueAndGradients(o, values, ["real", "fake"], (o, { real, fake }) =>
          generatorLoss(o, { real, fake }, options),
        );
        return {
          d: ofDiscriminator.value,
          "d by real": ofDiscriminator["d real"],
          "d by fake": ofDiscriminator["d fake"],
          g: ofGenerator.value,
          "g by fake": ofGenerator["d fake"],
          "g by real": ofGenerator["d real"],
        };
      });
      expectValue(
        got.d[0],
        mean((i) => softplus(fake[i] - real[i])),
        { rel: 1e-6 },
      );
      expectValue(
        got.g[0],
        mean((i) => softplus(real[i] - fake[i])),
        { rel: 1e-6 },
      );
      for (const i of real.keys()) {
        expectValue(got["d by real"][i], -sigmoid(fake[i] - real[i]) / 4, { rel: 1e-5 });
        expectValue(got["d by fake"][i], sigmoid(fake[i] - real[i]) / 4, { rel: 1e-5 });
        expectValue(got["g by fake"][i], -sigmoid(real[i] - fake[i]) / 4, { rel: 1e-5 });
        expect(got["g by real"][i]).toBe(0);
      }
    }
  });

  test("rejects an unknown value of relativistic", () => {
    const logits = { real: reference.scalar(1), fake: reference.scalar(0) };
    expect(() => discriminatorLoss(reference, logits, { relativistic: "pairs" as "paired" })).toThrow(
      'adversarial: relativistic must be true | false | paired, got "pairs"',
    );
    expect(() => parseLoss("gan(relativistic=pair)")).toThrow(/relativistic must be true \| false \| paired.*paired/);
    expect(parseLoss("gan(relativistic=paired)").options.relativistic).toBe("paired");
    expect(gan({ relativistic: true }).spec).toBe("gan(relativistic=true)");
  });
});

describe("gradient penalties on real and fake images", () => {
  // goldens gan.json, tiny/leaky/r1: the mean squared slope at the real images; R2 is the same at the fake ones.
  const golden = goldenCases("gan").find(({ id }) => id === "tiny/leaky/r1") as GoldenCase;
  const unshown = (path: unknown) => {
    const { data, shape } = readTensor(path as string);
    return new Tensor(
      data.map((x) => (x + 1) / 2),
      shape,
    );
  };
  const [first, second] = [unshown(golden.inputs.real), unshown(golden.inputs.fake)];
  const make = (penalty: Parameters<typeof adversarial>[0] = {}) =>
    adversarial({ discriminator: seeded(tinyDiscriminator("leaky")), relativistic: "paired", ...penalty });

  test("R1 penalises real images, R2 fake ones", async () => {
    const penalty = [r1(2), r2(2)];
    expectValue((await make({ penalty }).update(first, second)).penalty, golden.expected as number, golden.tolerance);
    const swapped = await make({ penalty }).update(second, first);
    expectValue(swapped.fakePenalty, golden.expected as number, golden.tolerance);
    const alone = await make({ penalty: r2(2) }).update(second, first);
    expect(alone).toEqual({ real: swapped.real, fake: swapped.fake, fakePenalty: expect.any(Number) });
    expectValue(alone.fakePenalty, swapped.fakePenalty, { rel: 1e-6 });
  });

  test("minimises both, each at its interval", async () => {
    const game = make({ penalty: [r1(40, { every: 2 }), r2(40, { every: 3 })], optimizer: adam(5e-3) });
    const reports: Readonly<Record<string, number>>[] = [];
    for (let i = 0; i < 13; i++) reports.push(await game.update(first, second));
    const at = (name: string) => reports.flatMap((report, i) => (report[name] === undefined ? [] : [i]));
    expect(at("penalty")).toEqual([0, 2, 4, 6, 8, 10, 12]);
    expect(at("fakePenalty")).toEqual([0, 3, 6, 9, 12]);
    expect(reports[12].penalty).toBeLessThan(reports[0].penalty);
    expect(reports[12].fakePenalty).toBeLessThan(reports[0].fakePenalty);
  });

  test("rejects penalties that cannot be combined", () => {
    expect(() => adversarial({ penalty: [r1(), r1(5)] })).toThrow(/each kind of penalty may be given once/);
    expect(() => adversarial({ penalty: [wganGp(), r2()] })).toThrow(
      /only one kind of penalty may be given: gp, or r1 and r2/,
    );
    expect(() => parseLoss("gan(gp=10,r2=1)")).toThrow(/only one kind of penalty may be given: gp, or r1 and r2/);
    expect(() => r2(-1)).toThrow(/at least 0/);
    expect(parseLoss("gan(objective=wgan,r2=1)").options.gp).toBe(0);
  });
});

describe("a conditional discriminator", () => {
  // goldens gan.json, patchgan/conditional6-train: pix2pix's PatchGAN with seeded weights on six channels, an image and its mirror image.
  test("with seeded weights matches pix2pix's on the input and output", async () => {
    const golden = goldenCases("gan").find(({ id }) => id === "patchgan/conditional6-train") as GoldenCase;
    const [scene, noise] = await Promise.all(
      ["scene", "scene_noise"].map((name) => readGoldenImage(`inputs/${name}.png`)),
    );
    const region = ({ data, shape: [, c, h, w] }: Tensor, top: number, left: number, mirrored: boolean) =>
      Array.from({ length: c * 96 * 80 }, (_, i) => {
        const [k, y, x] = [Math.floor(i / (96 * 80)), Math.floor(i / 80) % 96, i % 80];
        return data[(k * h + top + y) * w + left + (mirrored ? 79 - x : x)];
      });
    const both = (mirrored: boolean) =>
      Tensor.from([...region(scene, 0, 0, mirrored), ...region(noise, 40, 60, mirrored)], [2, 3, 96, 80]);
    const game = adversarial({ discriminator: seeded(patchGan({ inputs: 6 })), objective: "wgan", conditional: true });
    const { mean } = golden.expected as { mean: number };
    expectValue(await game.value(both(true), undefined, { input: both(false) }), -mean, golden.tolerance);
    expect(await game.value(both(false), undefined, { input: both(true) })).not.toBeCloseTo(-mean, 3);
  });

  const spec = `l1 + 0.1*gan(objective=hinge,conditional=true,r1=1,r2=1,${small})`;

  test("learns from the model's input, and resumes from a checkpoint with the same bits", async () => {
    const make = () => createTrainer({ model: unet({ channels: 4, depth: 1 }), loss: parseLoss(spec) });
    const [a, b] = [make(), make()];
    const first = await a.step(input, target);
    expect(first.learned[0]).toMatchObject({ penalty: expect.any(Number), fakePenalty: expect.any(Number) });
    // What the learner is shown is the model's input: another one, and it learns something else.
    const other = make();
    await other.step(output, target);
    expect(other.loss.learners?.[0].save()).not.toEqual(a.loss.learners?.[0].save());
    await b.restore(a.checkpoint());
    for (let i = 0; i < 2; i++) expect(await b.step(input, target)).toEqual(await a.step(input, target));
    expect(b.checkpoint()).toEqual(a.checkpoint());
  });

  test("accepts an input of another size by resizing it to the images", async () => {
    const trainer = createTrainer({ model: edsr({ channels: 4, blocks: 1 }), loss: parseLoss(spec) });
    const { value } = await trainer.step(randomTensor([2, 3, 6, 7], 5), target);
    expect(value).toBeGreaterThan(0);
  });

  const refusals: [string, (loss: Loss) => Promise<unknown>, string, RegExp][] = [
    ["no input", (loss) => loss.value(output, target), "invalid-argument", /the option input must be a Tensor/],
    [
      "an update without one",
      (loss) => loss.learners![0].update(target, output),
      "invalid-argument",
      /the option input is missing/,
    ],
    [
      "another number of images",
      (loss) => loss.value(output, target, { input: randomTensor([1, 3, 12, 14], 1) }),
      "shape",
      /input is 1x3x12x14/,
    ],
    [
      "other channels",
      (loss) => loss.value(output, target, { input: randomTensor([2, 64, 1, 1], 1) }),
      "shape",
      /images of 3 channels.* got 64/,
    ],
    [
      "NaN",
      (loss) => loss.value(output, target, { input: Tensor.full([2, 3, 12, 14], Number.NaN) }),
      "non-finite",
      /input .*is NaN/,
    ],
    ["a file", (loss) => exportLoss(loss), "invalid-argument", /needs the input that outputs were made from/],
  ];
  test.each(refusals)("rejects %s", async (_, call, code, message) => {
    for (const loss of [parseLoss(`gan(conditional=true,${small})`), parseLoss(spec)]) {
      const error = await call(loss).catch((caught: ReconlossError) => caught);
      expect(error).toBeInstanceOf(ReconlossError);
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });

  test("accepts grey images with channels=1", async () => {
    const grey = (seed: number) => randomTensor([2, 1, 12, 14], seed);
    for (const conditional of [false, true]) {
      const loss = parseLoss(`l1 + 0.1*gan(conditional=${conditional},channels=1,${small})`);
      const trainer = createTrainer({ model: unet({ channels: 4, depth: 1, colours: 1 }), loss });
      expect((await trainer.step(grey(1), grey(2))).learned[0].real).toBeGreaterThan(0);
    }
    expect(parseLoss(`l1 + gan(${small})`).refusal([2, 1, 12, 14])).toMatch(/3 channels.*channels=1/);
    expect(parseLoss(`l1 + gan(channels=1,${small})`).refusal([2, 3, 12, 14])).toMatch(/1 channel/);
  });
});

describe("feature matching through a moving average of the discriminator (ema)", () => {
  const options = { objective: "lsgan", matching: 1, optimizer: adam(1e-2) } as const;
  const make = (ema: number) =>
    adversarial({ discriminator: patchGan({ features: 2, depth: 1, norm: "none" }), ema, ...options });

  // By the definition: mean = ema mean + (1 - ema) weights after each step, from the first weights on.
  test("compares the layers of the averaged weights, and takes logits from the current ones", async () => {
    const [kept, plain] = [make(0.75), make(0)];
    let means = Object.entries(plain.definition!.state!()).map(([name, { data }]) => [name, [...data]] as const);
    for (let i = 0; i < 3; i++) {
      for (const game of [kept, plain]) await game.update(target, output);
      const now = plain.definition!.state!();
      means = means.map(([name, values]) => [name, values.map((x, i) => 0.75 * x + 0.25 * now[name].data[i])]);
    }
    const state = kept.definition!.state!();
    for (const [name, values] of means) {
      for (const [i, x] of values.entries()) expect(state[`ema/${name}`].data[i]).toBeCloseTo(x, 6);
    }
    const [a, b] = [await kept.evaluate(output, target, {}), await plain.evaluate(output, target, {})];
    expect(a.terms.adversarial).toBe(b.terms.adversarial);
    expect(Math.abs(a.terms.matching - b.terms.matching)).toBeGreaterThan(1e-4);
    // A discriminator with the means for weights has the same distance between its layers.
    const discriminator = patchGan({ features: 2, depth: 1, norm: "none" });
    const start = Object.entries(discriminator.parameters).map(([name, spec]) => {
      return [name, { ...spec, initialize: () => state[`ema/${name}`].data }];
    });
    const mean = adversarial({
      ...options,
      discriminator: { ...discriminator, parameters: Object.fromEntries(start) },
    });
    const { terms } = await mean.evaluate(output, target, {});
    expectValue(a.terms.matching, terms.matching, { rel: 1e-6 });
  });

  test("resumes from a checkpoint with the same bits", async () => {
    const spec = `l1 + 0.1*gan(matching=1,ema=0.9,${small})`;
    const start = () => createTrainer({ model: unet({ channels: 4, depth: 1 }), loss: parseLoss(spec) });
    const [a, b] = [start(), start()];
    for (let i = 0; i < 2; i++) await a.step(input, target);
    await b.restore(a.checkpoint());
    for (let i = 0; i < 2; i++) expect(await b.step(input, target)).toEqual(await a.step(input, target));
    expect(b.checkpoint()).toEqual(a.checkpoint());
    const without = createTrainer({
      model: unet({ channels: 4, depth: 1 }),
      loss: parseLoss(`l1 + 0.1*gan(matching=1,${small})`),
    });
    await expect(without.restore(a.checkpoint())).rejects.toMatchObject({ code: "checkpoint" });
    await expect(a.restore(without.checkpoint())).rejects.toMatchObject({ code: "checkpoint" });
    expect(a.checkpoint()).toEqual(b.checkpoint());
  });

  test("rejects ema without matching, and values outside [0, 1)", () => {
    expect(() => parseLoss("gan(ema=0.9)")).toThrow(/ema applies only to the layers that matching compares/);
    expect(() => parseLoss("gan(matching=1,ema=1)")).toThrow(/ema must be number >= 0, < 1/);
    expect(() => adversarial({ matching: 1, ema: -0.5 })).toThrow(/ema/);
  });
});
