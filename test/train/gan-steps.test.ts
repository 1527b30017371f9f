import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Model, multiscaleDiscriminator, patchGan } from "../../packages/core/src/nets/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { type AdversarialOptions, adversarial, r1, r2, sgd } from "../../packages/core/src/train/index.ts";
import { expectValue } from "../golden.ts";
import { seeded, seededBatch, seededTensors } from "../models.ts";
import { backends, tinyDiscriminator } from "../tiny-discriminator.ts";

/** The results of PyTorch in float64 (gan_steps.py): NLayerDiscriminator, MultiscaleDiscriminator and R3GAN's loss with seeded weights. */
interface Golden {
  readonly shape: readonly [number, number, number, number];
  /** At all scales, the finest first. */
  readonly logits: { readonly real: number[][]; readonly fake: number[][] };
  readonly generator: { readonly value: number; readonly gradient: number[] };
  /** The halves of the loss, and penalties. */
  readonly discriminator: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, number[]>>;
  readonly generatorAfterwards: number;
}
const { rate, cases } = JSON.parse(
  readFileSync(new URL("../goldens/train/gan-steps.json", import.meta.url), "utf8"),
) as { rate: number; cases: Readonly<Record<string, Golden>> };

const games: Readonly<Record<string, AdversarialOptions & { discriminator: Model }>> = {
  "paired, with R1 and R2 (R3GAN)": {
    discriminator: tinyDiscriminator("leaky"),
    relativistic: "paired",
    penalty: [r1(2), r2(4)],
  },
  conditional: { discriminator: patchGan({ inputs: 6, features: 3, depth: 2 }), objective: "hinge", conditional: true },
  "multi-scale": { discriminator: multiscaleDiscriminator({ features: 2, depth: 2, scales: 3 }), objective: "lsgan" },
  "conditional multi-scale": {
    discriminator: multiscaleDiscriminator({ inputs: 6, features: 2, depth: 1, scales: 2 }),
    conditional: true,
  },
};

function expectClose(got: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  expect(got.length, what).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((value, i) => Math.abs(value - got[i])));
  expect(error / scale, what).toBeLessThan(tolerance);
}

test("every golden case is tested", () => expect(Object.keys(games)).toEqual(Object.keys(cases)));

describe.each(Object.entries(games))("%s equals PyTorch:", (name, { discriminator, ...options }) => {
  const golden = cases[name];
  const [real, fake, input] = ["real", "fake", "input"].map((name) => seededBatch(name, golden.shape));
  const given = options.conditional ? { input } : {};

  test.each(Object.entries(backends))("the logits of all scales, on %s", async (_, run) => {
    const images = { real, fake, ...given } as Record<string, Tensor>;
    const got = await run({ ...images, ...seededTensors(discriminator) }, (o, { real, fake, input, ...tensors }) => {
      const logits = ([side, image]: readonly [string, typeof real]) => {
        const [seen, condition] = [image, input].map((x) => x && o.sub(o.mul(x, 2), 1));
        const shown = condition === undefined ? seen : o.concat([condition, seen]);
        const { output, coarser = [] } = discriminator.forward(o, shown, tensors, true);
        return [output, ...coarser].map((x, scale) => [`${side} ${scale}`, x]);
      };
      return Object.fromEntries([...logits(["real", real]), ...logits(["fake", fake])]);
    });
    const { logits } = golden;
    expect(Object.keys(got)).toHaveLength(2 * logits.real.length);
    for (const side of ["real", "fake"] as const) {
      for (const [scale, expected] of logits[side].entries()) {
        expectClose(got[`${side} ${scale}`], expected, 2e-5, `${side} ${scale}`);
      }
    }
  });

  test("the generator's loss and gradient, and a step of the discriminator", async () => {
    // A step that follows the gradient alone says what the gradient is.
    const optimizer = sgd(rate, { momentum: 0 });
    const game = adversarial({ ...options, discriminator: seeded(discriminator), optimizer });
    const { value, grad } = await game.valueAndGrad(fake, real, given);
    expectValue(value, golden.generator.value, { rel: 1e-5, abs: 1e-6 });
    expectClose(grad.data, golden.generator.gradient, 1e-4, "by the output");
    const report = await game.update(real, fake, given);
    expect(Object.keys(report).sort()).toEqual(Object.keys(golden.discriminator).sort());
    for (const [name, expected] of Object.entries(golden.discriminator)) {
      expectValue(report[name], expected, { rel: 2e-5 });
    }
    const before = seededTensors(discriminator);
    const after = game.learners?.[0].save().tensors ?? {};
    for (const [name, expected] of Object.entries(golden.gradients)) {
      const step = before[name].data.map((x, i) => (x - after[`parameter/${name}`].data[i]) / rate);
      // Differences of float32 weights up to 1; a bias before a normalisation has no gradient but rounding.
      const largest = Math.max(...expected.map(Math.abs));
      const error = Math.max(...expected.map((x, i) => Math.abs(x - step[i])));
      expect(error, name).toBeLessThan(1e-4 * largest + 5e-7);
    }
    expectValue(await game.value(fake, real, given), golden.generatorAfterwards, { rel: 1e-4, abs: 1e-5 });
  });
});
