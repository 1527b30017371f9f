import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { compile } from "../../packages/core/src/graph/index.ts";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { type DistsResources, dists } from "../../packages/core/src/losses/index.ts";
import { normalise } from "../../packages/core/src/nets/normalise.ts";
import { dists as known, weightsOf } from "../../packages/core/src/nets/table.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { weightsEntry } from "../../packages/core/src/weights/index.ts";
import {
  expectGradient,
  expectSummary,
  expectValue,
  goldenCases,
  mapTensor,
  readInput,
  referenceFolder,
  type Summary,
} from "../golden.ts";
import { seededDists } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** Official numbers of DISTS, of `deep2.json`: DISTS_pt.py and piq in float64, on seeded weights of VGG16. */
const cases = goldenCases("deep2").filter(({ id }) => id.startsWith("dists-"));
const { trunk, weights: synthetic } = seededDists();
const published = fileURLToPath(new URL("weights/dists.pt", referenceFolder));

const loss = (kind: string) => {
  const weights: DistsResources["weights"] =
    kind === "dists-synthetic" ? synthetic : new Uint8Array(readFileSync(published));
  return dists(kind === "dists-piq" ? { preset: "piq" } : {}, { trunk, weights });
};

test("computes each layer of each image once, though the terms are results too", async () => {
  const definition = loss("dists-synthetic").definition as Definition;
  await definition.prepare?.();
  const dims = [1, 3, 48, 48] as const;
  const { bytes } = buildModel({ output: dims, target: dims }, (o, images) => {
    const { terms = {}, ...rest } = evaluateDefinition(o, definition, images, {});
    return { ...rest, ...terms };
  });
  // A node's kind is a string of its own: its field's number, its length, and itself. 13 convolutions and 4 poolings.
  expect(new TextDecoder("latin1").decode(bytes).split('"\u0004Conv').length - 1).toBe(2 * (13 + 4));
});

describe("dists equals the reference values", () => {
  const values = cases.filter(({ id }) => /^dists-(real|synthetic|piq)\//.test(id));
  const here = values.filter(({ id }) => id.startsWith("dists-synthetic") || existsSync(published));
  test.each(here.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const kind = id.slice(0, id.indexOf("/"));
    const [output, target] = [
      await readInput(golden.inputs.output as string),
      await readInput(golden.inputs.target as string),
    ];
    const grad = golden.gradient !== undefined || golden.gradientSummary !== undefined;
    const got = await loss(kind).evaluate(output, target, { grad });
    expectValue(got.value, golden.expected as number, golden.tolerance);
    golden.perImage?.forEach((value, i) => {
      expectValue(got.perImage[i], value, golden.tolerance);
    });
    if (got.grad) expectGradient(got.grad, golden);
  });

  test("layers of VGG16 with L2 pooling", async () => {
    const golden = cases.find(({ id }) => id === "dists-taps/scene")!;
    const image = await readInput(golden.inputs.image as string);
    const program = await compile({ image: image.shape }, (o, { image }) =>
      Object.fromEntries(
        known.network
          .features(o, normalise(o, image, known.input), trunk, known.taps)
          .map((layer, i) => [known.taps[i], layer]),
      ),
    );
    const layers = Object.values(await program.run({ image }));
    expect(layers.length).toBe(5);
    const expected = golden.expected as (Summary & { shape: number[] })[];
    for (const [i, layer] of layers.entries()) {
      expect(layer.shape).toEqual(expected[i].shape);
      expectSummary(layer.data, expected[i], golden.tolerance);
    }
  });

  test("every golden case is tested", () => {
    const kinds = new Set(cases.map(({ id }) => id.slice(0, id.indexOf("/"))));
    // The plain means of the similarities of each stage are no loss; what is made of them is.
    expect([...kinds]).toEqual(["dists-real", "dists-synthetic", "dists-taps", "dists-stages", "dists-piq"]);
  });
});

test("alpha and beta are a file of the registry, with the shapes of the table", () => {
  expect(weightsEntry("dists").bytes).toBe(12_288);
  expect(weightsOf("dists")?.tensors).toEqual({ alpha: [1, 1475, 1, 1], beta: [1, 1475, 1, 1] });
  expect(dists().definition?.weights).toEqual(["vgg16", "dists"]);
});

describe("dists", () => {
  const seeded = dists({}, { trunk, weights: synthetic });
  const shape: Shape = [1, 3, 12, 14];
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];

  test("images in [0, 255] and [-1, 1] have the same value as in [0, 1]", async () => {
    const value = await seeded.value(output, target);
    const scaled = (f: (x: number) => number) => [output, target].map((x) => mapTensor(x, f)) as [Tensor, Tensor];
    const resources = { trunk, weights: synthetic };
    const of255 = await dists({ dataRange: 255 }, resources).value(...scaled((x) => 255 * x));
    const signed = await dists({ range: "signed" }, resources).value(...scaled((x) => 2 * x - 1));
    for (const got of [of255, signed]) expect(Math.abs(got / value - 1)).toBeLessThan(1e-5);
  });

  test("a weight applies to means and variances as in the float64 reference, and a weight of 1 changes nothing", async () => {
    const weight = mapTensor(randomTensor([1, 1, 12, 14], 3), (x) => (x < 0.3 ? 0 : x));
    const { value, grad } = await seeded.valueAndGrad(output, target, { weight });
    const images = { output: toFloat64(output), target: toFloat64(target), weight: toFloat64(weight) };
    const expected = evaluateDefinition(reference, seeded.definition as Definition, images, { grad: true });
    expect(Math.abs(value / expected.value.data[0] - 1)).toBeLessThan(1e-5);
    const exact = expected.grad?.data as Float64Array;
    const largest = exact.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    for (const [i, x] of exact.entries()) expect(Math.abs(grad.data[i] - x)).toBeLessThan(1e-4 * largest);
    const plain = await seeded.value(output, target);
    expect(Math.abs(value / plain - 1)).toBeGreaterThan(1e-3);
    const ones = Tensor.full([1, 1, 12, 14], 1);
    expect(Math.abs((await seeded.value(output, target, { weight: ones })) / plain - 1)).toBeLessThan(1e-6);
  });
});
