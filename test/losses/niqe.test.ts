import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { niqe } from "../../packages/core/src/losses/index.ts";
import type { NiqeModel } from "../../packages/core/src/losses/niqe-model.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { checkWeights, importWeights } from "../../packages/reconloss/src/weights/index.ts";
import { temporaryFolder } from "../folder.ts";
import {
  expectValue,
  type GoldenCase,
  goldenCases,
  hasReference,
  mapTensor,
  readInput,
  readNpy,
  referenceFolder,
} from "../golden.ts";
import { randomTensor } from "../random.ts";

/** BasicSR's numbers with synthetic parameters, which come with them, and with the published ones where these are on this machine. */
const cases = goldenCases("priors").filter(({ id }) => /^niqe(-crop4)?\//.test(id) && !id.endsWith("one-block"));

const model: NiqeModel = {
  mean: readNpy("expected/arrays/priors-niqe-synthetic-mu.npy").data,
  covariance: readNpy("expected/arrays/priors-niqe-synthetic-cov.npy").data,
};
const parameters = fileURLToPath(new URL("weights/niqe_pris_params.npz", referenceFolder));

function imageOf({ inputs }: GoldenCase): Promise<Tensor> | undefined {
  const path = inputs.output as string;
  if (!path.startsWith("../reference/")) return readInput(path);
  return hasReference
    ? readImage(fileURLToPath(new URL(path.replace("../reference/", ""), referenceFolder)))
    : undefined;
}

describe("niqe equals BasicSR", () => {
  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (_, golden) => {
    const image = await imageOf(golden);
    if (image === undefined) return;
    const { crop } = golden.options as { crop?: number };
    const synthetic = golden.withSyntheticParameters as { expected: number; relTolerance: number } | undefined;
    if (synthetic) {
      const got = await niqe({}, { model }).value(image);
      expectValue(got, synthetic.expected, { rel: synthetic.relTolerance });
    }
    if (!existsSync(parameters)) return;
    const got = await niqe({ crop }, { model: parameters }).value(image);
    expectValue(got, golden.expected as number, golden.tolerance);
  });
});

/** JPEG leaves blocks flat, where the sign of rounding errors decides: IQA-PyTorch and BasicSR differ there by 0.15 to 0.56 on the same luma. */
const flat = new Set(["niqe/scene_jpeg15", "niqe/big_jpeg30", "niqe/kodim03_jpeg20"]);

describe("niqe(preset=pyiqa) equals IQA-PyTorch with its default luma", () => {
  const own = cases.filter(({ id, pyiqaYiq }) => pyiqaYiq !== undefined && !flat.has(id));
  test("all nine photographs are tested", () => expect(own.length).toBe(9));

  test.each(own.map((golden) => [golden.id, golden] as const))("%s", async (_, golden) => {
    const image = await imageOf(golden);
    if (image === undefined || !existsSync(parameters)) return;
    const got = await niqe({ preset: "pyiqa" }, { model: parameters }).value(image);
    // Both programs on the same luma agree to 4e-3, or to what flat areas make of rounding errors: the tolerance of the case.
    expectValue(got, golden.pyiqaYiq as number, { abs: Math.max(4e-3, golden.tolerance.abs as number) });
  });
});

const newFolder = temporaryFolder();

/** Small blocks, for speed: the mathematics is the same. */
const small = { block: 12, shapes: "smooth", luma: "y-bt601" } as const;
const shape = [2, 3, 27, 38] as const;
const photograph = mapTensor(randomTensor(shape, 3), (x, i) => 0.3 + 0.2 * Math.sin(i / 7) + 0.4 * (x - 0.5));

describe("native values equal the float64 reference", () => {
  test.each([small, { block: 12 }, { block: 12, preset: "pyiqa", crop: 1 }] as const)("%o", async (options) => {
    const loss = niqe(options, { model });
    const got = await loss.evaluate(photograph, undefined, { grad: true });
    const image = toFloat64(photograph);
    const expected = evaluateDefinition(
      reference,
      loss.definition as Definition,
      { output: image, target: image },
      { grad: true },
    );
    expect(got.value / expected.value.data[0]).toBeCloseTo(1, options === small ? 4 : 2);
    const largest = Math.max(...expected.grad!.data.map(Math.abs));
    // Signs of values near 0, and shapes near the middle of two entries, are decided by rounding.
    const bound = options === small ? 1e-3 : 5e-2;
    for (const [i, x] of expected.grad!.data.entries())
      expect(Math.abs(got.grad!.data[i] - x)).toBeLessThan(bound * largest);
  });

  test("the gradient equals finite differences", async () => {
    const loss = niqe(small, { model });
    const definition = loss.definition as Definition;
    await definition.prepare?.();
    const scoreOf = (data: Float64Array) => {
      const image = { data, shape };
      return evaluateDefinition(reference, definition, { output: image, target: image }, {}).value.data[0];
    };
    const image = toFloat64(photograph);
    const { grad } = evaluateDefinition(reference, definition, { output: image, target: image }, { grad: true });
    const largest = Math.max(...grad!.data.map(Math.abs));
    for (const position of [0, 7, 500, 1600, 3000]) {
      const at = (by: number) => scoreOf(image.data.map((x, i) => (i === position ? x + by : x)));
      const difference = (at(1e-6) - at(-1e-6)) / 2e-6;
      expect(Math.abs(grad!.data[position] - difference)).toBeLessThan(1e-3 * largest);
    }
  });

  test("an image has the same value alone and in a batch", async () => {
    const loss = niqe(small, { model });
    const together = await loss.perImage(photograph);
    for (const index of [0, 1]) expect(await loss.value(photograph.image(index))).toBeCloseTo(together[index], 5);
  });
});

describe("weights", () => {
  const loss = niqe(small, { model });
  const weight = mapTensor(randomTensor([2, 1, 27, 38], 8), (x) => (x < 0.3 ? 0 : 3 * x));
  const images = toFloat64(photograph);
  const evaluated = async (given: Tensor | undefined) => {
    await loss.definition?.prepare?.();
    return evaluateDefinition(
      reference,
      loss.definition as Definition,
      { output: images, target: images, weight: given && toFloat64(given) },
      { grad: true },
    );
  };

  test("of 1 change nothing, and only their ratios count", async () => {
    const [plain, ones, one, eight] = await Promise.all(
      [undefined, Tensor.full([1, 3, 27, 38], 1), weight, mapTensor(weight, (x) => 8 * x)].map(evaluated),
    );
    expect(ones.value.data[0] / plain.value.data[0]).toBeCloseTo(1, 10);
    expect(eight.value.data[0] / one.value.data[0]).toBeCloseTo(1, 10);
    expect(Math.abs(one.value.data[0] / plain.value.data[0] - 1)).toBeGreaterThan(1e-4);
    expect(one.grad!.data.every(Number.isFinite)).toBe(true);
  });

  test("match the float64 reference natively, and are rejected where all blocks have weight 0", async () => {
    const expected = (await evaluated(weight)).value.data[0];
    expect((await loss.value(photograph, undefined, { weight })) / expected).toBeCloseTo(1, 4);
    const below = mapTensor(weight, (_, i) => (Math.floor((i % (27 * 38)) / 38) >= 24 ? 1 : 0));
    const refused = expect(loss.value(photograph, undefined, { weight: below })).rejects;
    await refused.toThrow(/weight is 0 at every place that is compared/);
  });
});

describe("images without structure", () => {
  test("flat images have an infinite value, and gradient 0", async () => {
    const got = await niqe(small, { model }).evaluate(Tensor.full(shape, 0.5), undefined, { grad: true });
    expect(got.value).toBe(Number.POSITIVE_INFINITY);
    expect(got.grad!.data.every((x) => x === 0)).toBe(true);
  });

  test("one flat block among others leaves value and gradient finite", async () => {
    // Blocks of 12 in a column of six; the normalisation looks 3 pixels beyond a block, the smaller scale 6 and more.
    const tall = mapTensor(randomTensor([1, 1, 72, 12], 5), (x, i) => (i < 24 * 12 ? 0.5 : x));
    const got = await niqe(small, { model }).evaluate(tall, undefined, { grad: true });
    expect(Number.isFinite(got.value)).toBe(true);
    expect(got.grad!.data.every(Number.isFinite)).toBe(true);
  });

  test("rejects images of fewer than two blocks, where BasicSR fails", async () => {
    const golden = goldenCases("priors").find(({ id }) => id === "niqe/odd-one-block") as GoldenCase;
    expect(golden.expected).toBe("refused");
    const refused = expect(niqe({}, { model }).value(await readInput("inputs/odd.png"))).rejects;
    await refused.toThrow("but at least two blocks of 96x96 pixels are needed");
  });

  test("rejects invalid models, and blocks with an odd side", async () => {
    const broken: [NiqeModel, RegExp][] = [
      [{ mean: [1, 2], covariance: model.covariance }, /the mean must have 36 numbers, got 2/],
      [{ mean: model.mean, covariance: new Float64Array(36 * 36) }, /the covariance is not positive definite/],
    ];
    for (const [bad, message] of broken) {
      await expect(niqe(small, { model: bad }).value(photograph)).rejects.toThrow(message);
    }
    expect(() => niqe({ block: 11 })).toThrow("niqe: block must be even, got 11");
  });
});

describe("niqe(model=tiny)", () => {
  test("needs no file, and is replaced by a model that is passed in", async () => {
    expect(niqe({ model: "tiny" }).spec).toBe("niqe(model=tiny)");
    expect(niqe({ model: "tiny" }).definition?.weights).toEqual([]);
    expect(niqe().definition?.weights).toEqual(["niqe"]);
    const image = await readInput("inputs/incep_a.png");
    const given = await niqe({ model: "tiny" }, { model }).value(image);
    expect(given).toBe(await niqe({}, { model }).value(image));
    expect(given).not.toBe(await niqe({ model: "tiny" }).value(image));
  });

  test("scores blur, noise and compression worse than the photograph", async () => {
    const loss = niqe({ model: "tiny" });
    const of = async (name: string) => loss.value(await readInput(`inputs/${name}.png`));
    const scene = await of("scene");
    for (const worse of ["scene_blur", "scene_noise", "scene_jpeg15"]) expect(await of(worse)).toBeGreaterThan(scene);
    expect(await of("big_jpeg30")).toBeGreaterThan(await of("big"));
  });

  test("has a finite gradient", async () => {
    const { grad } = await niqe({ model: "tiny", block: 12 }).valueAndGrad(photograph);
    expect(grad.data.every(Number.isFinite)).toBe(true);
    expect(grad.data.some((x) => x !== 0)).toBe(true);
  });
});

test("blur and noise score worse than the photograph", async () => {
  if (!existsSync(parameters)) return;
  const loss = niqe({}, { model: parameters });
  const [plain, blur, noise] = await Promise.all(
    ["scene", "scene_blur", "scene_noise"].map(async (name) => loss.value(await readInput(`inputs/${name}.png`))),
  );
  expect(plain).toBeLessThan(blur);
  expect(plain).toBeLessThan(noise);
});

test("the published model is imported by its SHA-256, and a file with another checksum is rejected", async () => {
  const folder = await newFolder;
  const env = { RECONLOSS_HOME: folder, RECONLOSS_OFFLINE: "1" };
  const other = join(folder, "other.npz");
  writeFileSync(other, writeNpz({ mu_pris_param: { data: new Float64Array(36), shape: [1, 36] } }));
  await expect(importWeights(other, "niqe", { env })).rejects.toThrow(
    "the SHA-256 is not that of the published niqe_pris_params.npz",
  );
  await expect(niqe(small, { model: other }).value(photograph)).rejects.toThrow(
    "cov_pris_param is missing; it has: mu_pris_param",
  );
  if (!existsSync(parameters)) return;
  expect((await importWeights(parameters, "niqe", { env })).verified).toBe(true);
  expect(await checkWeights("niqe", { env })).toMatchObject({ state: "verified" });
});
