import { describe, expect, test } from "vitest";
import { parseLoss } from "../../../packages/core/src/grammar.ts";
import { reference } from "../../../packages/core/src/graph/reference.ts";
import { defineLoss, featureMatching } from "../../../packages/core/src/losses/index.ts";
import { multiscaleDiscriminator } from "../../../packages/core/src/nets/index.ts";
import { adversarial } from "../../../packages/core/src/train/adversarial.ts";
import { expectGradient, expectValue, goldenCases, readInput } from "../../golden.ts";
import { seededTensors } from "../../models.ts";
import { randomTensor } from "../../random.ts";
import { tinyDiscriminator } from "../../tiny-discriminator.ts";

/** Official numbers of feature matching, of `deep2.json`: pix2pixHD in float64, on its MultiscaleDiscriminator with seeded weights. */
const cases = goldenCases("deep2").filter(({ id }) => id.startsWith("feature-matching-"));

function discriminatorOf(id: string) {
  const [, scales, depth] = /(\d)D-(\d)layers/.exec(id)!.map(Number);
  return multiscaleDiscriminator({ features: 8, scales, depth });
}

describe("feature matching equals the reference values", () => {
  test("every golden case is tested", () => expect(cases.length).toBe(6));

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const discriminator = discriminatorOf(id);
    const specs = Object.entries({ ...discriminator.parameters, ...discriminator.buffers });
    expect(Object.fromEntries(specs.map(([name, { shape }]) => [name, shape]))).toEqual(golden.options.tensors);
    const matching = defineLoss({
      name: "matching",
      summary: "pix2pixHD's feature matching with its weight of 10",
      better: "lower",
      source: "pix2pixHD",
      options: {},
      define: () => ({
        state: () => seededTensors(discriminator),
        score: (o, { output, target, state = {} }) => {
          const [fake, real] = [output, target].map((x) => discriminator.forward(o, x, state, true).features!);
          return o.mul(featureMatching(o, { fake, real }), 10);
        },
      }),
    });
    const [output, target] = [
      await readInput(golden.inputs.output as string),
      await readInput(golden.inputs.target as string),
    ];
    const { value, grad } = await matching().valueAndGrad(output, target);
    expectValue(value, golden.expected as number, golden.tolerance);
    expectGradient(grad, golden);
  });
});

describe("gan(matching)", () => {
  const make = (matching: number) => {
    const discriminator = multiscaleDiscriminator({ features: 4, depth: 2 });
    return adversarial({ discriminator, objective: "lsgan", matching });
  };
  const shape = [2, 3, 17, 22] as const;
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];

  test("adds the weighted feature distance to the adversarial loss, and reports both as terms", async () => {
    const [without, one, ten] = [make(0), make(1), make(10)];
    expect([without.needsTarget, one.needsTarget]).toEqual([false, true]);
    const judged = await without.valueAndGrad(output);
    const [small, large] = [await one.valueAndGrad(output, target), await ten.valueAndGrad(output, target)];
    for (const { value, terms } of [small, large]) {
      expect(terms.adversarial).toBeCloseTo(judged.value, 5);
      expect(terms.adversarial + terms.matching).toBeCloseTo(value, 5);
    }
    expect(large.terms.matching).toBeCloseTo(10 * small.terms.matching, 5);
    const largest = Math.max(...large.grad.data.map(Math.abs));
    for (const [i, x] of judged.grad.data.entries()) {
      const matched = small.grad.data[i] - x;
      expect(Math.abs(large.grad.data[i] - x - 10 * matched)).toBeLessThan(1e-5 * largest);
    }
    const { terms, grad } = await ten.valueAndGrad(target, target);
    expect(terms.matching).toBe(0);
    expect(grad.data.every(Number.isFinite)).toBe(true);
  });

  test("sums the losses of all scales with equal weight, for generator and discriminator", async () => {
    const game = make(0);
    const tensors = game.definition!.state!();
    const discriminator = multiscaleDiscriminator({ features: 4, depth: 2 });
    // lsgan: the mean squared distance of logits of outputs from 1 for the generator, from 0 for the discriminator.
    const logits = (images: typeof output) => {
      const values = Object.fromEntries(
        Object.entries(tensors).map(([name, { data, shape }]) => [name, { data: Float64Array.from(data), shape }]),
      );
      const shown = { data: Float64Array.from(images.data, (x) => 2 * x - 1), shape: images.shape };
      const { output, coarser } = discriminator.forward(reference, shown, values, true);
      return [output, ...coarser!];
    };
    const distance = (images: typeof output, label: number) =>
      logits(images)
        .map(({ data }) => data.reduce((sum, x) => sum + (x - label) ** 2, 0) / data.length)
        .reduce((sum, x) => sum + x);
    expect(await game.value(output)).toBeCloseTo(distance(output, 1), 5);
    const halves = [distance(target, 1), distance(output, 0)];
    const report = await game.update(target, output);
    expect(report.real).toBeCloseTo(halves[0], 5);
    expect(report.fake).toBeCloseTo(halves[1], 5);
    expect(Object.values(game.definition!.state!())).not.toEqual(Object.values(tensors));
  });

  test("rejects a discriminator that exposes no layers", async () => {
    const game = adversarial({ discriminator: tinyDiscriminator("leaky"), matching: 1 });
    await expect(game.value(output, target)).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("the discriminator tiny has no layers to match"),
    });
  });
});

test("pix2pixHD's loss has a specification, and several scales use instance normalisation by default", () => {
  const loss = parseLoss("gan(objective=lsgan,discriminator=multiscale,matching=10)");
  expect(loss.options).toMatchObject({ norm: "instance", scales: 2, depth: 3, matching: 10 });
  expect(loss.needsTarget).toBe(true);
  expect(parseLoss("gan").options).toMatchObject({ norm: "batch", matching: 0 });
});

test.each(["patch", "unet", "vgg"])(
  "gan(matching=1) compares layers of the discriminator %s",
  async (discriminator) => {
    const loss = parseLoss(`gan(discriminator=${discriminator},features=2,matching=1)`);
    const size = discriminator === "vgg" ? 128 : 32;
    const [a, b] = [randomTensor([1, 3, size, size], 1), randomTensor([1, 3, size, size], 2)];
    expect((await loss.valueAndGrad(a, b)).terms.matching).toBeGreaterThan(0);
  },
);
