import { describe, expect, test } from "vitest";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import {
  alexnet,
  imagenetStatistics,
  type Network,
  normalise,
  squeezenet,
  vgg,
} from "../../packages/core/src/nets/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { type GoldenCase, goldenCases, readInput, readTensor } from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** The values of a network at taps for a normalised image, natively. */
async function featuresOf(network: Network, image: Tensor, taps: readonly string[]): Promise<Tensor[]> {
  const weights = seededStateDict(network.tensors(taps));
  const program = await compile<"x", string>({ x: ["n", 3, "h", "w"] }, (o, { x }) =>
    Object.fromEntries(network.features(o, x, weights, taps).map((value, i) => [taps[i], value])),
  );
  const results = await program.run({ x: image });
  return taps.map((tap) => new Tensor(results[tap].data as Float32Array, results[tap].shape));
}

const networks = {
  "taps/vgg16": vgg("vgg16"),
  "taps/vgg19": vgg("vgg19"),
  "alex-taps": alexnet,
  "vgg-taps": vgg("vgg16"),
  "squeeze-taps": squeezenet,
};

/** The names in the goldens of SqueezeNet's taps are LPIPS's. */
const squeezeTaps: Readonly<Record<string, string>> = Object.fromEntries(
  ["relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"].map((tap, i) => [`relu${i + 1}`, tap]),
);

/** LPIPS's own statistics: images in [-1, 1] less the shift, over the scale. */
const lpipsStatistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

describe("features with seeded weights equal the official networks'", () => {
  const cases = [...goldenCases("perceptual"), ...goldenCases("lpips")].filter(({ id }) => id.includes("taps/"));

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden: GoldenCase) => {
    const family = id.slice(0, id.lastIndexOf("/")) as keyof typeof networks;
    const network = networks[family];
    const image = await readInput(golden.inputs.image as string);
    const statistics = family.startsWith("taps/") ? imagenetStatistics : lpipsStatistics;
    const input = toTensor32(normalise(reference, toFloat64(image), statistics));
    type Summary = { shape: number[]; mean: number; std: number; l2: number; first: number[] };
    const expected = golden.expected as Record<string, Summary>;
    const names = Object.keys(expected);
    const found = await featuresOf(
      network,
      input,
      names.map((name) => (network === squeezenet ? squeezeTaps[name] : name)),
    );
    const { abs, rel } = golden.tolerance as { abs: number; rel: number };
    const close = (got: number, want: number) =>
      expect(Math.abs(got - want)).toBeLessThanOrEqual(abs + rel * Math.abs(want));
    for (const [i, name] of names.entries()) {
      const { shape, mean, std, l2, first } = expected[name];
      const { data } = found[i];
      expect(found[i].shape).toEqual(shape);
      const sum = data.reduce((total, x) => total + x, 0);
      const squares = data.reduce((total, x) => total + x * x, 0);
      close(sum / data.length, mean);
      close(Math.sqrt(squares / data.length - (sum / data.length) ** 2), std);
      close(Math.sqrt(squares), l2);
      for (const [position, value] of first.entries()) close(data[position], value);
      if (typeof golden[name] === "string") {
        const full = readTensor(golden[name] as string);
        expect(full.shape).toEqual(shape);
        for (const [position, value] of full.data.entries()) {
          if (Math.abs(data[position] - value) > abs + rel * Math.abs(value)) close(data[position], value);
        }
      }
    }
  });
});

function toTensor32({ data, shape }: Float64Image): Tensor {
  return Tensor.from(data, shape);
}

describe("layers that no golden covers", () => {
  const image = randomTensor([1, 3, 8, 8], 3);

  test("batch norm divides by sqrt(variance + 1e-5), as PyTorch does", () => {
    const network = vgg("vgg16", { batchNorm: true });
    const taps = ["conv1_1", "bn1_1", "relu1_1"];
    const shapes = network.tensors(taps);
    expect(shapes["features.1.running_var"]).toEqual([64]);
    const weights = seededStateDict(shapes);
    const [conv, norm, active] = network.features(reference, toFloat64(image), weights, taps);
    const part = (name: string) => weights[`features.1.${name}`].data;
    for (const position of [0, 77, 64 * 63, 64 * 64 - 1]) {
      const c = Math.floor(position / 64);
      const expected =
        ((conv.data[position] - part("running_mean")[c]) / Math.sqrt(part("running_var")[c] + 1e-5)) *
          part("weight")[c] +
        part("bias")[c];
      expect(norm.data[position]).toBeCloseTo(expected, 5);
      expect(active.data[position]).toBe(Math.max(norm.data[position], 0));
    }
  });

  test("pooling=average replaces every pooling layer", () => {
    const network = vgg("vgg16", { pooling: "average" });
    const [before, after] = network.features(reference, toFloat64(image), seededStateDict(network.tensors(["pool1"])), [
      "relu1_2",
      "pool1",
    ]);
    const mean = [0, 1, 8, 9].reduce((sum, i) => sum + before.data[i], 0) / 4;
    expect(after.shape).toEqual([1, 64, 4, 4]);
    expect(after.data[0]).toBeCloseTo(mean, 10);
  });
});

describe("computes only the requested taps", () => {
  test("needs no tensors or layers beyond the last tap", () => {
    expect(Object.keys(alexnet.tensors(["relu2"]))).toEqual([
      "features.0.weight",
      "features.0.bias",
      "features.3.weight",
      "features.3.bias",
    ]);
    // Tensors beyond the tap are not there, and not missed.
    const weights = seededStateDict(alexnet.tensors(["relu1"]));
    const [x] = alexnet.features(reference, toFloat64(randomTensor([1, 3, 7, 9], 1)), weights, ["relu1"]);
    expect(x.shape).toEqual([1, 64, 1, 1]);
  });

  test("returns taps in the requested order, and rejects unknown ones", () => {
    const network = vgg("vgg16");
    const weights = seededStateDict(network.tensors(["conv1_2"]));
    const find = (taps: string[]) =>
      network.features(reference, toFloat64(randomTensor([1, 3, 4, 4], 1)), weights, taps);
    const [b, a] = find(["relu1_1", "conv1_1"]);
    expect(Array.from(b.data)).toEqual(Array.from(a.data, (x) => Math.max(x, 0)));
    expect(() => find(["relu6_1"])).toThrow('vgg16: there is no tap "relu6_1"; there are: conv1_1, relu1_1');
  });

  test("names a missing tensor", () => {
    const apply = <T>(o: Ops<T>, x: T) => alexnet.features(o, x, {}, ["relu1"]);
    expect(() => apply(reference, toFloat64(randomTensor([1, 3, 16, 16], 1)))).toThrow("features.0.weight");
  });
});

/** The smallest sizes are those at which PyTorch's layers still give something: found with torch 2.13 by trying. */
test.each([
  [alexnet, ["relu1"], 7],
  [alexnet, ["relu5"], 31],
  [vgg("vgg16"), ["relu5_3"], 16],
  [vgg("vgg19"), ["pool5"], 32],
  [squeezenet, ["relu1"], 3],
  [squeezenet, ["fire9"], 17],
] as const)("least size %#", async (network, taps, least) => {
  expect(network.leastSize(taps)).toBe(least);
  const shape = (size: number): Shape => [1, 3, size, size];
  const [x] = await featuresOf(network, randomTensor(shape(least), 1), taps);
  expect(x.shape.slice(2)).toEqual([1, 1]);
});
