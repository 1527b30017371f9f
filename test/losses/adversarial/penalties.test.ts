import { describe, expect, test } from "vitest";
import type { Traced } from "../../../packages/core/src/graph/autodiff.ts";
import type { Ops } from "../../../packages/core/src/graph/ops.ts";
import { reference, toFloat64 } from "../../../packages/core/src/graph/reference.ts";
import {
  type Discriminate,
  discriminatorLoss,
  gradientPenalty,
  imageGradient,
  r1Penalty,
} from "../../../packages/core/src/losses/index.ts";
import type { Model } from "../../../packages/core/src/nets/index.ts";
import { Tensor } from "../../../packages/core/src/tensor.ts";
import {
  expectArray,
  expectGradientArray,
  expectSummary,
  expectValue,
  type GoldenCase,
  goldenCases,
  type Summary,
} from "../../golden.ts";
import { randomTensor } from "../../random.ts";
import { backends, tinyDiscriminator, tinyInputs, valueAndGradients } from "../../tiny-discriminator.ts";

const cases = goldenCases("gan").filter(({ id }) => id.startsWith("tiny/") && !id.endsWith("/adam"));

/** A model with tensors from outside, inside another differentiation. */
function discriminates<T>(model: Model, tensors: Readonly<Record<string, T>>): Discriminate<T> {
  return ({ o, lift }, x) => {
    const lifted = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, lift(value)]));
    return model.forward(o, x, lifted, true).output;
  };
}

/** The penalty of each kind of case, of a discriminator, real images, fake ones, and interpolations. */
const measures: Record<
  string,
  <T>(o: Ops<T>, d: Discriminate<T>, images: { real: T; fake: T; alpha: T }, logits: (x: T) => T) => T
> = {
  r1: (o, d, { real }) => r1Penalty(o, imageGradient(o, d, real).gradient),
  "wgan-gp": (o, d, images) => gradientPenalty(o, d, images),
  // BasicSR's variant takes the length over the channels of each pixel: the gradient is the same.
  "basicsr-gp": (o, d, { real, fake, alpha }) => {
    const { gradient } = imageGradient(o, d, o.add(o.mul(alpha, real), o.mul(o.sub(1, alpha), fake)));
    return o.mean(o.square(o.sub(o.root(o.sum(o.square(gradient), "c")), 1)), "nhw");
  },
  "softplus-plus-r1": (o, d, { real, fake }, logits) => {
    const sides = discriminatorLoss(o, { real: logits(real), fake: logits(fake) }, { objective: "wgan-softplus" });
    return o.add(o.add(sides.real, sides.fake), o.mul(r1Penalty(o, imageGradient(o, d, real).gradient), 5));
  },
};

describe.each(Object.entries(backends))("the tiny discriminator on %s", (_, run) => {
  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const [, kind, what] = id.split("/") as [string, "leaky" | "softplus", string];
    const model = tinyDiscriminator(kind);
    const names = Object.keys(model.parameters);
    const pick = <V>(values: Readonly<Record<string, V>>) =>
      Object.fromEntries(names.map((name) => [name, values[name]]));
    const inputs = tinyInputs({ ...golden, inputs: { ...imagesOf(kind), ...golden.inputs } } as GoldenCase, model);

    if (what === "forward") {
      const got = await run(inputs, (o, { real, fake, ...tensors }) => ({
        logitsReal: model.forward(o, real, tensors, true).output,
        logitsFake: model.forward(o, fake, tensors, true).output,
      }));
      for (const [name, summary] of Object.entries(golden.expected as Record<string, Summary>)) {
        expectSummary(got[name], summary, golden.tolerance);
      }
      expectArray(got.logitsReal, golden.logitsReal as string, golden.tolerance);
      return;
    }

    const alpha = Tensor.from((golden.options.alpha as number[] | undefined) ?? [0, 0, 0], [3, 1, 1, 1]);
    const got = await run({ ...inputs, alpha }, (o, values) =>
      valueAndGradients(o, values, names, (o, { real, fake, alpha, ...rest }) => {
        const tensors = pick(rest);
        const logits = (x: Traced<(typeof values)[string]>) => model.forward(o, x, tensors, true).output;
        return measures[what](o, discriminates(model, tensors), { real, fake, alpha }, logits);
      }),
    );
    expectValue(got.value[0], golden.expected as number, golden.tolerance);
    for (const [name, path] of Object.entries((golden.parameterGradients ?? {}) as Record<string, string>)) {
      expectGradientArray(got[`d ${name}`], path, golden.tolerance);
    }
    if (golden.note !== undefined) {
      // The goldens' note: a constant added to all logits changes no slope.
      expect(got["d conv2.bias"][0]).toBe(0);
    }
  });
});

/** The images of a discriminator's other cases, for the case that does not repeat them. */
function imagesOf(kind: string): Record<string, unknown> {
  return (cases.find(({ id }) => id === `tiny/${kind}/forward`) as GoldenCase).inputs;
}

describe("gradient penalty of a discriminator with zero gradient", () => {
  test("is finite, and so is its gradient", () => {
    const real = toFloat64(randomTensor([2, 3, 4, 4], 1));
    const values = { weight: reference.scalar(0), real, fake: real, alpha: reference.scalar(0.5) };
    const flat = valueAndGradients(reference, values, ["weight"], (o, { weight, real, fake, alpha }) =>
      gradientPenalty(o, ({ o, lift }, x) => o.mul(x, lift(weight)), { real, fake, alpha }),
    );
    expect(flat.value.data[0]).toBe(1);
    expect(flat["d weight"].data[0]).toBe(0);
  });
});
