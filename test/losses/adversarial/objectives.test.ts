import { describe, expect, test } from "vitest";
import type { Ops } from "../../../packages/core/src/graph/ops.ts";
import { reference } from "../../../packages/core/src/graph/reference.ts";
import {
  adversarialObjectives,
  discriminatorLoss,
  generatorLoss,
  type ObjectiveOptions,
} from "../../../packages/core/src/losses/index.ts";
import { sigmoid, softplus } from "../../../packages/core/src/nets/activations.ts";
import { Tensor } from "../../../packages/core/src/tensor.ts";
import { expectGradientArray, expectValue, type GoldenCase, goldenCases, readTensor } from "../../golden.ts";
import { backends, valueAndGradients } from "../../tiny-discriminator.ts";

const cases = goldenCases("gan");
type Objective = ObjectiveOptions["objective"];

/** Every part of both sides' losses, with gradients by the logits, under the goldens' names. */
function parts<T>(o: Ops<T>, logits: { real: T; fake: T }, options: ObjectiveOptions): Record<string, T> {
  const discriminator = (side: "real" | "fake") =>
    valueAndGradients(
      o,
      logits,
      ["real", "fake"],
      (o, { real, fake }) => discriminatorLoss(o, { real, fake }, options)[side],
    );
  const [real, fake] = [discriminator("real"), discriminator("fake")];
  const generator = valueAndGradients(o, logits, ["real", "fake"], (o, { real, fake }) =>
    generatorLoss(o, { real, fake }, options),
  );
  return {
    discriminatorReal: real.value,
    discriminatorFake: fake.value,
    discriminatorSum: o.add(real.value, fake.value),
    generator: generator.value,
    "discriminator/realLogits": real["d real"],
    "discriminator/fakeLogits": fake["d fake"],
    "generator/fakeLogits": generator["d fake"],
    "discriminatorReal by fake": real["d fake"],
    "discriminatorFake by real": fake["d real"],
    "generator by real": generator["d real"],
  };
}

function optionsOf({ id, options }: GoldenCase): ObjectiveOptions {
  const [family, rest] = id.split("/");
  const objective = rest.replace("-labels", "").replace("_", "-") as Objective;
  const { realLabel, fakeLabel } = options as { realLabel?: number; fakeLabel?: number };
  return { objective, realLabel, fakeLabel, relativistic: family === "relativistic" };
}

describe.each(Object.entries(backends))("objectives on %s equal BasicSR's", (_, run) => {
  const withLogits = cases.filter(({ id }) => /^(objective|relativistic)\//.test(id) && !id.endsWith("extreme-logits"));

  test.each(withLogits.map((golden) => [golden.id, golden] as const))("%s", async (_, golden) => {
    const inputs = golden.inputs as { realLogits: string; fakeLogits: string };
    const logits = { real: readTensor(inputs.realLogits), fake: readTensor(inputs.fakeLogits) };
    const options = optionsOf(golden);
    const got = await run(logits, (o, { real, fake }) => parts(o, { real, fake }, options));
    const { lossWeight } = golden.options;
    for (const [name, value] of Object.entries(golden.expected as Record<string, number>)) {
      // The weight of this case is on the generator's side only.
      const weight = lossWeight && name === "generator" ? 0.005 : 1;
      expectValue(weight * got[name][0], value, golden.tolerance);
    }
    for (const [name, path] of Object.entries((golden.gradients ?? {}) as Record<string, string>)) {
      expectGradientArray(got[name], path, golden.tolerance);
    }
    for (const name of ["discriminatorReal by fake", "discriminatorFake by real", "generator by real"]) {
      expect(
        Array.from(got[name]).every((value) => value === 0),
        name,
      ).toBe(true);
    }
  });

  test("objective/extreme-logits", async () => {
    const golden = cases.find(({ id }) => id === "objective/extreme-logits") as GoldenCase;
    const values = golden.inputs.logits as number[];
    const logits = Tensor.from(values, [1, 1, 1, values.length]);
    const expected = golden.expected as Record<string, number>;
    for (const objective of ["vanilla", "wgan-softplus"] as const) {
      const got = await run({ real: logits, fake: logits }, (o, { real, fake }) =>
        parts(o, { real, fake }, { objective }),
      );
      const name = objective.replace("wgan-", "");
      expectValue(got.discriminatorReal[0], expected[`${name}-real`], golden.tolerance);
      expectValue(got.discriminatorFake[0], expected[`${name}-fake`], golden.tolerance);
      expectValue(got.generator[0], expected[`${name}-real`], golden.tolerance);
      const gradient = Array.from(got["discriminator/fakeLogits"], (value) => value * values.length);
      // sigmoid of -300, -40, 0, 40, 300
      for (const [i, slope] of [0, Math.exp(-40), 0.5, 1, 1].entries()) expect(gradient[i]).toBeCloseTo(slope, 6);
    }
  });
});

describe.each(Object.entries(backends))("softplus and sigmoid on %s", (_, run) => {
  /** log1p and expm1 of float64 are exact to the last digits. */
  const exact = {
    softplus: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  };
  const points = [-80, -30, -16, -1, -1e-6, 0, 1e-6, 0.7, 16, 30, 80].map(Math.fround);
  const x = Tensor.from(points, [1, 1, 1, points.length]);

  test.each(Object.entries({ softplus, sigmoid }))(
    "%s and its derivatives are accurate for large and tiny arguments",
    async (name, f) => {
      const got = await run({ x }, (o, values) => {
        const first = <U>(o: Ops<U>, x: U): U => {
          const { "d x": gradient } = valueAndGradients(o, { x }, ["x"], (o, { x }) => o.sum(f(o, x), "nchw"));
          return gradient;
        };
        const { "d x": second } = valueAndGradients(o, values, ["x"], (o, { x }) => o.sum(first(o, x), "nchw"));
        return { value: f(o, values.x), first: first(o, values.x), second };
      });
      for (const [i, point] of points.entries()) {
        const s = exact.sigmoid(point);
        const t = exact.sigmoid(-point);
        const expected =
          name === "softplus"
            ? { value: exact.softplus(point), first: s, second: s * t }
            : { value: s, first: s * t, second: s * t * (t - s) };
        const close = (got: number, want: number, abs: number, what: string) =>
          expect(Math.abs(got - want), `${what} at ${point}: ${got}, not ${want}`).toBeLessThanOrEqual(
            2e-6 * Math.abs(want) + abs,
          );
        close(got.value[i], expected.value, 0, "value");
        // Derivatives are differences of terms up to 1, which float32 rounds.
        close(got.first[i], expected.first, 2 ** -24, "first derivative");
        close(got.second[i], expected.second, 2 ** -24, "second derivative");
      }
    },
  );
});

describe("rejects invalid options:", () => {
  const logits = { real: reference.scalar(1), fake: reference.scalar(0) };
  test.each([
    [{ objective: "bce" as "vanilla" }, /adversarial: objective must be vanilla \| .* got "bce"/],
    [{ objective: "hinge", realLabel: 0.9 }, /the objective hinge has no labels, got realLabel 0.9/],
    [{ objective: "wgan", fakeLabel: 0.1 }, /the objective wgan has no labels/],
    [{ realLabel: 1.1 }, /adversarial: realLabel must be in \[0, 1\], got 1.1/],
    [{ fakeLabel: Number.NaN }, /adversarial: fakeLabel must be in \[0, 1\], got NaN/],
    [{ objective: "lsgan", fakeLabel: Number.POSITIVE_INFINITY }, /fakeLabel must be finite, got Infinity/],
  ] as const)("%o", (options, message) => {
    const refusal = expect.objectContaining({ code: "invalid-argument", message: expect.stringMatching(message) });
    expect(() => discriminatorLoss(reference, logits, options)).toThrowError(refusal);
    expect(() => generatorLoss(reference, logits, options)).toThrowError(refusal);
  });

  test("relativistic without real logits", () => {
    expect(() => generatorLoss(reference, { fake: logits.fake }, { relativistic: true })).toThrowError(
      "adversarial: the relativistic form needs the logits of real images",
    );
  });
});

test.each(adversarialObjectives)("%s: better logits lower the loss of each side, relativistic or not", (objective) => {
  for (const relativistic of [false, true]) {
    const at = (real: number, fake: number) => ({ real: reference.scalar(real), fake: reference.scalar(fake) });
    const discriminator = (real: number, fake: number) => {
      const loss = discriminatorLoss(reference, at(real, fake), { objective, relativistic });
      return loss.real.data[0] + loss.fake.data[0];
    };
    const generator = (fake: number) => generatorLoss(reference, at(0.5, fake), { objective, relativistic }).data[0];
    expect(discriminator(0.4, -0.1)).toBeLessThan(discriminator(0.1, 0.2));
    expect(generator(0.3)).toBeLessThan(generator(-0.2));
  }
});
