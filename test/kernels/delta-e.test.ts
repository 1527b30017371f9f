import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { linearTable } from "../../packages/core/src/kernels/curves.ts";
import { type DeltaESpec, runKernel } from "../../packages/core/src/kernels/index.ts";
import { deltaE } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomSource } from "../random.ts";
import { expected, gradientError, valueError } from "./oracle.ts";

type Colour = readonly [number, number, number];
type Random = () => number;

/** A magnitude between 10^from and 10^to, and either sign. */
const spread = (random: Random, from: number, to: number) =>
  (random() < 0.5 ? -1 : 1) * 10 ** (from + (to - from) * random());

const grey = (level: number): Colour => [level, level, level];
const vary = (colour: Colour, change: () => number) => colour.map((value) => value + change()) as unknown as Colour;
const any = (random: Random): Colour => [random(), random(), random()];

/** sRGB of a colour given by lightness, chroma and hue in degrees (the inverse of packages/core/src/losses/lab.ts, white point apart); may leave [0, 1]. */
function fromHue(lightness: number, chroma: number, hue: number): Colour {
  const [a, b] = [Math.cos, Math.sin].map((f) => chroma * f((hue * Math.PI) / 180));
  const fy = (lightness + 16) / 116;
  const [X, Y, Z] = [fy + a / 500, fy, fy - b / 200].map((t) => (t > 0.2069 ? t ** 3 : (t - 16 / 116) / 7.787));
  const [x, y, z] = [X * 0.95047, Y, Z * 1.08883];
  const linear = [
    3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
    -0.969266 * x + 1.8760108 * y + 0.041556 * z,
    0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
  ];
  return linear.map((v) => (v > 0.0031308 ? 1.055 * v ** (1 / 2.4) - 0.055 : 12.92 * v)) as unknown as Colour;
}

/**
 * Pairs of output and target that are hard for float32: what each is, and how to draw one. Differences go down to 1e-5, a four hundredth of an 8-bit step; see below for
 * smaller ones.
 */
const pairs: Record<string, (random: Random) => [output: Colour, target: Colour]> = {
  "anything against anything": (random) => [any(random), any(random)],
  "nearly identical": (random) => {
    const colour = any(random);
    return [vary(colour, () => spread(random, -5, -1)), colour];
  },
  "nearly grey against nearly grey": (random) => [
    vary(grey(random()), () => spread(random, -5, -1)),
    vary(grey(random()), () => spread(random, -5, -1)),
  ],
  "nearly grey against nearly the same": (random) => {
    const level = grey(random());
    return [vary(level, () => spread(random, -5, -2)), vary(level, () => spread(random, -5, -2))];
  },
  "nearly grey against a colour": (random) => [vary(grey(random()), () => spread(random, -5, -2)), any(random)],
  "a colour against nearly grey": (random) => [any(random), vary(grey(random()), () => spread(random, -5, -2))],
  "neutral against neutral": (random) => [grey(random()), grey(random())],
  "neutral against a colour": (random) => [grey(random()), any(random)],
  "nearly black": (random) => [
    vary(grey(0), () => Math.abs(spread(random, -5, -1))),
    vary(grey(0), () => Math.abs(spread(random, -5, -1))),
  ],
  "black against a colour": (random) => [grey(0), any(random)],
  "a colour against black": (random) => [any(random), grey(0)],
  "nearly white": (random) => [
    vary(grey(1), () => -Math.abs(spread(random, -5, -1))),
    vary(grey(1), () => -Math.abs(spread(random, -5, -1))),
  ],
  "white against nearly white": (random) => [vary(grey(1), () => -Math.abs(spread(random, -5, -1))), grey(1)],
  "around the bend of the transfer function": (random) => [
    vary(grey(0.04045), () => spread(random, -5, -2)),
    vary(grey(0.04045), () => spread(random, -5, -2)),
  ],
  "around the bend of the cube root": (random) => [
    vary(grey(0.0936), () => spread(random, -5, -2)),
    vary(grey(0.0936), () => spread(random, -5, -2)),
  ],
  "around blue": (random) => {
    const hue = 275 + 60 * (random() - 0.5);
    return [
      fromHue(30 + 20 * random(), 40 * random(), hue + spread(random, -3, 1.5)),
      fromHue(30 + 20 * random(), 40 * random(), hue),
    ];
  },
  "where hue's numbering starts": (random) => [
    fromHue(40 + 30 * random(), 40 * random(), spread(random, -2, 1.8)),
    fromHue(40 + 30 * random(), 40 * random(), spread(random, -2, 1.8)),
  ],
  "opposite hues": (random) => {
    const hue = 360 * random();
    return [
      fromHue(40 + 30 * random(), 30 * random(), hue + 180 + spread(random, -1, 1)),
      fromHue(40 + 30 * random(), 30 * random(), hue),
    ];
  },
  "at right angles in hue": (random) => {
    const hue = 360 * random();
    return [
      fromHue(40 + 30 * random(), 30 * random(), hue + 90 + spread(random, -2, 1)),
      fromHue(40 + 30 * random(), 30 * random(), hue),
    ];
  },
};

const count = 1500;

function image(colours: readonly Colour[]): Tensor {
  const data = new Float32Array(3 * colours.length);
  for (const [i, colour] of colours.entries()) for (let c = 0; c < 3; c++) data[c * colours.length + i] = colour[c];
  return new Tensor(data, [1, 3, 1, colours.length]);
}

/**
 * The largest errors among many pairs: of a pair's difference relative to itself (to a thousandth of a just
 * noticeable difference, if that is larger), and of its gradient relative to the gradient's largest
 * component. Expected values are the definition's in float64.
 */
async function errors(
  formula: DeltaESpec["formula"],
  draw: (random: Random) => [Colour, Colour],
): Promise<{ value: number; gradient: number }> {
  const random = randomSource(17);
  const drawn = Array.from({ length: count }, () => draw(random));
  const [output, target] = [0, 1].map((side) => image(drawn.map((pair) => pair[side])));
  const wanted = expected(deltaE({ formula }).definition as Definition, output, target);
  const spec: DeltaESpec = { kind: "deltaE", formula, dataRange: 1 };
  const { map, grad } = await runKernel(spec, output, target, { map: true, grad: true });
  const least = formula === "lab-mse" ? 1e-6 : 1e-3;
  const worst = { value: 0, gradient: 0 };
  for (let i = 0; i < count; i++) {
    worst.value = Math.max(worst.value, valueError(map!.data[i], wanted.map!.data[i], least));
    const [actual, right] = [grad!, wanted.grad].map((data) =>
      Float64Array.of(data[i], data[count + i], data[2 * count + i]),
    );
    worst.gradient = Math.max(worst.gradient, gradientError(actual, right));
  }
  return worst;
}

describe.each(["2000", "94", "76", "lab-mse"] as const)(
  "deltaE %s of single pairs of colours equals float64",
  (formula) => {
    test.each(Object.keys(pairs))("%s", async (name) => {
      const { value, gradient } = await errors(formula, pairs[name]);
      expect(value, "value").toBeLessThan(formula === "lab-mse" ? 2e-5 : 1e-5); // A square's error is twice its root's.
      expect(gradient, "gradient").toBeLessThan(1e-4);
    });

    test("nearly identical in float32", async () => {
      const draw = (random: Random): [Colour, Colour] => {
        const colour = any(random);
        return [vary(colour, () => spread(random, -8, -5)), colour];
      };
      // The table's steps end here: what is a thousandth of a just noticeable difference or less is off by up to 2e-8.
      const { value, gradient } = await errors(formula, draw);
      expect(value, "value").toBeLessThan(2e-5);
      expect(gradient, "gradient").toBeLessThan(1e-2);
    });

    test("identical colours have distance 0 and gradient 0", async () => {
      const random = randomSource(5);
      const colours = image([
        grey(0),
        grey(1),
        ...Array.from({ length: 50 }, () => grey(random())),
        ...Array.from({ length: 50 }, () => any(random)),
      ]);
      const { perImage, grad, map } = await runKernel({ kind: "deltaE", formula, dataRange: 1 }, colours, colours, {
        grad: true,
        map: true,
      });
      expect(perImage[0]).toBe(0);
      expect(map!.data.every((value) => value === 0)).toBe(true);
      expect(grad!.every((value) => value === 0)).toBe(true);
    });
  },
);

describe("the linearisation table is accurate", () => {
  /** IEC 61966-2-1. */
  const curve = (x: number) => (x > 0.04045 ? ((x + 0.055) / 1.055) ** 2.4 : x / 12.92);

  test.each([1, 0.8, 255, 65535, 1e-3])("with white = %d", (range) => {
    const { rows, perStep, threshold } = linearTable(range);
    expect(Number.isInteger(Math.log2(perStep))).toBe(true);
    expect(rows.length / 4).toBeLessThanOrEqual(2050);
    expect(Math.fround(threshold)).toBe(threshold);
    const random = randomSource(3);
    for (let i = 0; i < 10_000; i++) {
      const sample = Math.fround(range * random() ** 3);
      const place = Math.round(sample * perStep);
      const rest = sample * perStep - place;
      const [value, more, tilt, bend] = rows.subarray(4 * (place + (sample > threshold ? 1 : 0)));
      const wanted = curve(sample / range);
      expect(Math.abs(value + more + rest * (tilt + rest * bend) - wanted)).toBeLessThanOrEqual(6e-8 * wanted);
    }
  });
});
