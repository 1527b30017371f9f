import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64, toTensor } from "../../packages/core/src/graph/reference.ts";
import { labDifference } from "../../packages/core/src/losses/delta-e.ts";
import { deltaE } from "../../packages/core/src/losses/index.ts";
import { linearToOklab, rgbToLab, rgbToOklab } from "../../packages/core/src/losses/lab.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { goldenCases } from "../golden.ts";
import { randomTensor } from "../random.ts";

type Colour = readonly [number, number, number];
type Formula = Parameters<typeof labDifference>[1];

/** Colours as the pixels of one row, on the float64 backend. */
const row = (colours: readonly Colour[]) => ({
  data: Float64Array.from([0, 1, 2].flatMap((channel) => colours.map((colour) => colour[channel]))),
  shape: [1, 3, 1, colours.length] as const,
});

/** Differences of pairs of L*a*b* colours, the first of each being the reference. */
const differences = (formula: Formula, references: Colour[], samples: Colour[], weights = {}): number[] => [
  ...labDifference(reference, formula, row(samples), row(references), { kL: 1, kC: 1, kH: 1, ...weights }).data,
];

function expectClose(got: readonly number[], expected: readonly number[], relative: number): void {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(got[i] / value - 1), `number ${i}`).toBeLessThan(relative);
}

const { inputs: sharma, expected: ciede2000 } = goldenCases("deltae").find(({ id }) => id === "sharma-table")!;
const [lab1, lab2] = [sharma.lab1, sharma.lab2] as Colour[][];

/** colour-science, test_delta_e.py: the reference, and three samples. */
const bright: Colour = [100, 21.57210357, 272.2281935];
const samples = (L: number): Colour[] => [
  [L, 426.67945353, 72.39590835],
  [L, 74.05216981, 276.45318193],
  [L, 8.32281957, -73.58297716],
];

describe("CMC l:c", () => {
  test("equals scikit-image on Sharma's pairs", () => {
    // skimage/color/tests/test_delta_e.py, test_cmc: kL = kC = 1.
    const expected = [
      1.73873611, 2.49660844, 3.30494501, 0.85735576, 0.88332927, 0.97822692, 3.50480874, 2.87930032, 6.5783807,
      6.57838075, 6.5783808, 6.57838086, 6.67492321, 6.67492326, 6.67492331, 4.66852997, 42.10875485, 39.45889064,
      38.36005919, 33.93663807, 1.14400168, 1.00600419, 1.11302547, 1.05335328, 1.42822951, 1.2548143, 1.76838061,
      2.02583367, 3.08695508, 1.74893533, 1.90095165, 1.70258148, 1.80317207, 2.44934417,
    ];
    expectClose(differences("cmc", lab1, lab2), expected, 1e-8);
  });

  test("equals colour-science", () => {
    const expected = [172.70477129, 20.59732717, 121.71841479];
    for (const kL of [1, 2])
      expectClose(differences("cmc", [bright, bright, bright], samples(100), { kL }), expected, 1e-9);
  });

  test("l and c divide the differences of lightness and chroma", () => {
    const grey = (L: number): Colour => [L, 0, 0];
    const at = (a: Colour, b: Colour, weights = {}) => differences("cmc", [a], [b], weights)[0];
    expect(at(grey(50), grey(60), { kL: 2 })).toBeCloseTo(at(grey(50), grey(60)) / 2, 9);
    expect(at([50, 20, 0], [50, 30, 0], { kC: 3 })).toBeCloseTo(at([50, 20, 0], [50, 30, 0]) / 3, 9);
  });
});

test("HyAB adds the distance in lightness to that in the plane of a and b", () => {
  // |52 - 40| + hypot(3, 4), and colour-science's example of delta_E_HyAB.
  expect(differences("hyab", [[40, 1, 2]], [[52, 4, 6]])[0]).toBeCloseTo(17, 12);
  const [a, b]: Colour[] = [
    [39.91531343, 51.16658481, 146.12933781],
    [53.12207516, -39.92365056, 249.54831278],
  ];
  expect(differences("hyab", [a], [b])[0]).toBeCloseTo(151.021548, 5);
});

test("CIEDE2000 with kL = 2 equals colour-science's for textiles", () => {
  // Its third pair lies more than 180 degrees apart, where it takes the mean hue past 360 instead of Sharma's equation 14: 2e-6 off.
  const expected = [95.79205352, 23.55420943];
  expectClose(differences("2000", [bright, bright], samples(50).slice(0, 2), { kL: 2 }), expected, 1e-9);
});

test.each(["2000", "94"] as const)("kL, kC and kH divide the differences of %s", (formula) => {
  const at = (a: Colour, b: Colour, weights = {}) => differences(formula, [a], [b], weights)[0];
  const pairs: Record<string, [Colour, Colour]> = {
    kL: [
      [50, 20, 10],
      [55, 20, 10],
    ],
    kC: [
      [50, 20, 0],
      [50, 30, 0],
    ],
    kH: [
      [50, 20, 1],
      [50, 20, -1],
    ],
  };
  for (const [name, [a, b]] of Object.entries(pairs)) {
    expect(at(a, b, { [name]: 2.5 })).toBeCloseTo(at(a, b) / 2.5, 9);
    for (const other of Object.keys(pairs))
      if (other !== name) expect(at(a, b, { [other]: 2.5 })).toBeCloseTo(at(a, b), 9);
  }
});

describe("OKLab", () => {
  test("equals Ottosson's table of XYZ colours", () => {
    // bottosson.github.io/posts/oklab, "Table of example XYZ and Oklab pairs"; XYZ to linear sRGB is the inverse of IEC 61966-2-1.
    const table: [Colour, Colour][] = [
      [
        [0.95, 1, 1.089],
        [1, 0, 0],
      ],
      [
        [1, 0, 0],
        [0.45, 1.236, -0.019],
      ],
      [
        [0, 1, 0],
        [0.922, -0.671, 0.263],
      ],
      [
        [0, 0, 1],
        [0.153, -1.415, -0.449],
      ],
    ];
    const toLinear = ([x, y, z]: Colour): Colour => [
      3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
      -0.969266 * x + 1.8760108 * y + 0.041556 * z,
      0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
    ];
    // Colours outside sRGB have cone responses below 0, whose roots are negative: the table's roots are taken here, ours are of images.
    const linear = table.map(([xyz]) => toLinear(xyz));
    const inside = linear.map((colour) => conesOf(colour).every((cone) => cone >= 0));
    const got = linearToOklab(reference, row(linear)).data;
    let checked = 0;
    for (const [i, [, expected]] of table.entries()) {
      if (!inside[i]) continue;
      checked++;
      for (const [channel, value] of expected.entries()) {
        expect(Math.abs(got[channel * table.length + i] - value)).toBeLessThan(2e-3);
      }
    }
    expect(checked).toBeGreaterThan(0);
  });

  test("converts the primaries, black and white of sRGB", () => {
    // CSS Color 4's sample values, to their five decimals.
    const table: [Colour, Colour][] = [
      [
        [1, 0, 0],
        [0.62796, 0.22486, 0.12585],
      ],
      [
        [0, 1, 0],
        [0.86644, -0.23389, 0.1795],
      ],
      [
        [0, 0, 1],
        [0.45201, -0.03246, -0.31153],
      ],
      [
        [1, 1, 1],
        [1, 0, 0],
      ],
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
    ];
    const got = rgbToOklab(reference, row(table.map(([rgb]) => rgb))).data;
    for (const [i, [, expected]] of table.entries()) {
      for (const [channel, value] of expected.entries()) {
        expect(Math.abs(got[channel * table.length + i] - value)).toBeLessThan(2e-5);
      }
    }
  });

  test("black and white are at distance 1", async () => {
    const [white, black] = [Tensor.full([1, 3, 2, 2], 1), Tensor.full([1, 3, 2, 2], 0)];
    expect(await deltaE({ formula: "oklab" }).value(white, black)).toBeCloseTo(1, 6);
  });
});

/** Ottosson's first matrix. */
function conesOf([r, g, b]: Colour): number[] {
  return [
    0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
    0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
    0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
  ];
}

describe("images in L*a*b*", () => {
  const lab = (x: Tensor) => toTensor(rgbToLab(reference, toFloat64(x)));
  const [output, target] = [randomTensor([2, 3, 5, 6], 1), randomTensor([2, 3, 5, 6], 2)].map(
    (x) =>
      new Tensor(
        x.data.map((value) => Math.min(Math.max(value, 0), 1)),
        x.shape,
      ),
  );

  test.each(["2000", "94", "76", "cmc", "hyab", "lab-mse"] as const)(
    "%s equals its value for the sRGB images",
    async (formula) => {
      const got = await deltaE({ formula, space: "lab" }).value(lab(output), lab(target));
      const expected = await deltaE({ formula }).value(output, target);
      expect(Math.abs(got / expected - 1)).toBeLessThan(1e-5);
    },
  );

  test("CIEDE2000 equals Sharma's table", async () => {
    const image = (colours: Colour[]) => toTensor(row(colours));
    const map = await deltaE({ space: "lab" }).map(image(lab2), image(lab1));
    // The hues of pairs 9 to 15 are opposite to less than float32 can hold, where the distance is not continuous.
    const settled = (pair: number) => pair < 9 || pair > 15;
    for (const [i, value] of (ciede2000 as number[]).entries()) {
      if (settled(i + 1)) expect(map.data[i]).toBeCloseTo(value, 3);
    }
  });

  test.each(["2000", "94", "76", "cmc", "hyab", "lab-mse"] as const)(
    "%s has the definition's gradient",
    async (formula) => {
      const loss = deltaE({ formula, space: "lab" });
      const [x, y] = [lab(output), lab(target)];
      const images = { output: toFloat64(x), target: toFloat64(y) };
      const expected = evaluateDefinition(reference, loss.definition as Definition, images, { grad: true }).grad!.data;
      const { grad } = await loss.valueAndGrad(x, y);
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, value] of grad.data.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1e-4 * largest);
    },
  );

  test.each(["2000", "94", "76", "cmc", "hyab", "lab-mse"] as const)(
    "%s has a finite gradient for greys and equal colours",
    async (formula) => {
      const grey = (L: number) => toTensor(row([[L, 0, 0]]));
      for (const [a, b] of [
        [50, 50],
        [0, 0],
        [0, 100],
        [100, 0],
        [16, 16],
      ]) {
        const { value, grad } = await deltaE({ formula, space: "lab" }).valueAndGrad(grey(a), grey(b));
        expect(Number.isFinite(value)).toBe(true);
        expect(grad.data.every(Number.isFinite)).toBe(true);
      }
    },
  );

  test("rejects images without three channels, or outside the range of L*a*b*", async () => {
    const loss = deltaE({ space: "lab" });
    const [one, far] = [Tensor.full([1, 1, 2, 2], 50), Tensor.full([1, 3, 2, 2], 1000)];
    await expect(loss.value(one, one)).rejects.toThrow("space=lab needs 3 channels");
    await expect(loss.value(far, far)).rejects.toMatchObject({ code: "range" });
  });
});

test("rejects a weight that the formula does not have", () => {
  expect(() => deltaE({ formula: "76", kL: 2 })).toThrow("deltaE: formula=76 takes no kL");
  expect(() => deltaE({ formula: "cmc", kH: 2 })).toThrow("deltaE: formula=cmc takes no kH");
  expect(() => deltaE({ formula: "oklab", space: "lab" })).toThrow(
    "deltaE: formula=oklab is a distance of sRGB images",
  );
});
