import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { ProgramOutput } from "../../packages/core/src/graph/program.ts";
import {
  flattenSpatial,
  type Inception,
  type InceptionFeature,
  inceptionFid,
  inceptionV3,
} from "../../packages/core/src/nets/index.ts";
import { type Resizer, resize } from "../../packages/core/src/pixels/resize.ts";
import { expectValue, type GoldenCase, goldenCases, readGoldenImage, readNpy } from "../golden.ts";
import { seededStateDict } from "../networks.ts";

const cases = goldenCases("inception");

/** Both conventions of input: 2x - 1 of x in [0, 1], or (u - 128) / 128 of u in [0, 255]. */
const scales = { unit: [2, 1], bytes: [255 / 128, 1] } as const;

const programs = new Map<string, ReturnType<typeof compileNetwork>>();

function compileNetwork(network: Inception, wanted: readonly InceptionFeature[], scale: keyof typeof scales) {
  const [factor, shift] = scales[scale];
  const weights = seededStateDict(network.tensors(wanted));
  return compile({ image: ["n", 3, 299, 299] }, (o, { image }) => {
    const values = network.features(o, o.sub(o.mul(image, factor), shift), weights, wanted);
    return Object.fromEntries(wanted.map((feature, i) => [feature, values[i]]));
  });
}

async function featuresOf(
  path: string,
  network: Inception,
  wanted: readonly InceptionFeature[],
  resizer: Resizer,
  scale: keyof typeof scales,
): Promise<Record<string, ProgramOutput>> {
  const key = `${network.name} ${wanted} ${scale}`;
  const program = programs.get(key) ?? compileNetwork(network, wanted, scale);
  programs.set(key, program);
  const image = resize(await readGoldenImage(path), [299, 299], resizer);
  return (await program).run({ image });
}

/** Every value within the tolerance. */
function expectVector(got: ArrayLike<number>, path: string, { rel = 0, abs = 0 }: GoldenCase["tolerance"]): void {
  const { data } = readNpy(path);
  expect(got.length).toBe(data.length);
  for (const [i, value] of data.entries())
    expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(abs + rel * Math.abs(value));
}

const all: InceptionFeature[] = ["64", "192", "768", "2048", "spatial", "logits", "logits-no-bias"];

test("names and shapes of the tensors equal pytorch-fid's", () => {
  const text = readFileSync(new URL("../goldens/expected/inception-tensors.json", import.meta.url), "utf8");
  const expected = Object.entries(JSON.parse(text) as Record<string, number[]>);
  const used = expected.filter(([name]) => !name.endsWith("num_batches_tracked"));
  expect(inceptionFid.tensors()).toEqual(Object.fromEntries(used));
});

/** The goldens' names of what they sum up. */
const summaries: Record<string, InceptionFeature> = {
  "64": "64",
  "192": "192",
  "768": "768",
  "2048": "2048",
  logitsNoBias: "logits-no-bias",
  logits_unbiased: "logits-no-bias",
  logitsWithBias: "logits",
  logits: "logits",
};

interface Summary {
  mean: number;
  std: number;
  l2: number;
  first: number[];
}

function expectSummary(
  data: ArrayLike<number>,
  { mean, l2, first }: Summary,
  tolerance: GoldenCase["tolerance"],
): void {
  const values = Array.from(data);
  expectValue(values.reduce((sum, value) => sum + value, 0) / values.length, mean, tolerance);
  expectValue(Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0)), l2, tolerance);
  for (const [i, value] of first.entries()) expectValue(values[i], value, tolerance);
}

describe("the FID network equals pytorch-fid's and torch-fidelity's with seeded weights", () => {
  const ways: [RegExp, Resizer, keyof typeof scales][] = [
    [/^pytorch-fid/, "legacy-pytorch", "unit"],
    [/^torch-fidelity/, "legacy-tensorflow", "bytes"],
    [/^clean/, "clean", "bytes"],
  ];
  test.each(cases.filter(({ id }) => !id.startsWith("torchvision")))("$id", async (golden) => {
    const [, resizer, scale] = ways.find(([pattern]) => pattern.test(golden.id)) as (typeof ways)[0];
    const got = await featuresOf(golden.inputs.image as string, inceptionFid, all, resizer, scale);
    // The goldens allow 1e-4 absolute beside 1e-4 relative; features are around 0.1, so less is allowed here.
    const tolerance = { rel: 1e-4, abs: 2e-6 };
    expectVector(got["2048"].data, golden.vector2048 as string, tolerance);
    if (golden.vector2023) {
      expect(got.spatial.shape).toEqual([1, 7, 17, 17]);
      const flat = flattenSpatial(got.spatial.data as Float32Array, got.spatial.shape);
      expectVector(flat, golden.vector2023 as string, tolerance);
    }
    const expected = golden.expected as Record<string, Summary>;
    for (const [name, feature] of Object.entries(summaries)) {
      if (expected[name]) expectSummary(got[feature].data, expected[name], tolerance);
    }
    if (golden.logits) expectVector(got["logits-no-bias"].data, golden.logits as string, { rel: 1e-4, abs: 2e-5 });
  });
});

describe("torchvision's inception_v3 with seeded weights equals torchvision", () => {
  test.each(cases.filter(({ id }) => id.startsWith("torchvision")))("$id", async (golden) => {
    const got = await featuresOf(golden.inputs.image as string, inceptionV3, ["logits"], "legacy-pytorch", "unit");
    expectVector(got.logits.data, golden.logits as string, { rel: 1e-4, abs: 2e-5 });
  });
});
