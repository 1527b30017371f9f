import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compile } from "../packages/core/src/graph/compile.ts";
import { type Loss, lpips, msSsim, psnr, ssim } from "../packages/core/src/losses/index.ts";
import { imagenetStatistics, normalise, vgg } from "../packages/core/src/nets/index.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";
import { openCheckpoint, readStateDict } from "../packages/reconloss/src/weights/index.ts";
import { expectValue, hasReference, referenceFolder } from "./golden.ts";

/** Real weights and photographs, where they are on this machine; the values are the official code's, of `expected.json` beside them. */
interface Summary {
  shape: number[];
  mean: number;
  std: number;
  l2: number;
}

interface Case {
  metric: string;
  output: string;
  target: string;
  expected: number;
  perLayer?: number[];
  spatialMean?: number;
  spatialMax?: number;
  withoutHeads?: number;
  gradientL2?: number;
  gradientFirst?: number[];
  tolerance: { abs?: number; rel?: number; gradientRel?: number };
}

interface FeatureCase {
  metric: string;
  image: string;
  weights: string;
  expected: Record<string, Summary>;
  tolerance: { rel: number };
}

const revive = (_: string, value: unknown) => (value === "Infinity" ? Number.POSITIVE_INFINITY : value);
const all: (Case | FeatureCase)[] = hasReference
  ? JSON.parse(readFileSync(new URL("expected.json", referenceFolder), "utf8"), revive).cases
  : [];
const pathOf = (name: string) => fileURLToPath(new URL(name, referenceFolder));
const weightsOf = (name: string) => pathOf(`weights/${name}`);

const trunks = { alex: "alexnet.safetensors", squeeze: "squeezenet1_1.pth" };
const made = new Map<string, Loss>();

/** The loss that a metric of the list names. */
function lossOf(metric: string, heads = true): Loss {
  const key = `${metric} ${heads}`;
  const net = /^lpips-(alex|squeeze)-v0.1$/.exec(metric)?.[1] as keyof typeof trunks | undefined;
  const make = () => {
    if (net) return lpips({ net, heads }, { trunk: weightsOf(trunks[net]), heads: weightsOf(`lpips-${net}.pth`) });
    if (metric.startsWith("psnr-rgb")) return psnr();
    return metric.startsWith("ms-ssim") ? msSsim() : ssim();
  };
  const loss = made.get(key) ?? make();
  made.set(key, loss);
  return loss;
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.skipIf(!hasReference)("real weights and photographs", () => {
  const pairs = all.filter((one): one is Case => "target" in one);

  test.each(pairs.map((one) => [one.metric, one.output, one] as const))("%s of %s", async (metric, _, one) => {
    const [output, target] = [await readImage(pathOf(one.output)), await readImage(pathOf(one.target))];
    const deep = one.perLayer !== undefined;
    const got = await lossOf(metric).evaluate(output, target, { grad: deep, map: deep });
    expectValue(got.value, one.expected, one.tolerance);
    if (!deep) return;
    const { abs = 0, rel = 0, gradientRel = 0 } = one.tolerance;
    for (const [layer, value] of Object.values(got.terms ?? {}).entries()) {
      expectValue(value, one.perLayer![layer], { abs, rel });
    }
    expectValue(mean((got.map as Tensor).data), one.spatialMean!, { abs, rel });
    expectValue(
      (got.map as Tensor).data.reduce((max, value) => Math.max(max, value), 0),
      one.spatialMax!,
      { abs, rel },
    );
    expectValue(norm((got.grad as Tensor).data), one.gradientL2!, { abs, rel: gradientRel });
    const largest = (got.grad as Tensor).data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    one.gradientFirst!.forEach((value, i) => {
      expectValue((got.grad as Tensor).data[i], value, { abs: abs + gradientRel * largest });
    });
    expectValue(await lossOf(metric, false).value(output, target), one.withoutHeads!, { abs, rel });
  });

  const features = all.filter((one): one is FeatureCase => "weights" in one);

  test.each(features.map((one) => [one.metric, one] as const))("%s", async (metric, one) => {
    const image = await readImage(pathOf(one.image));
    const taps = Object.keys(one.expected);
    const network = vgg("vgg16");
    const checkpoint = await openCheckpoint(pathOf(one.weights));
    const weights = await readStateDict(checkpoint, network.tensors(taps), { ignore: ["features."] });
    await checkpoint.close();
    const program = await compile<"x", string>({ x: ["n", 3, "h", "w"] }, (o, { x }) => {
      const caffe = { mean: [103.939, 116.779, 123.68], std: [1, 1, 1] };
      const input = metric.includes("keras")
        ? normalise(o, o.flip(o.mul(x, 255), "c"), caffe)
        : normalise(o, x, imagenetStatistics);
      return Object.fromEntries(network.features(o, input, weights, taps).map((value, i) => [taps[i], value]));
    });
    const results = await program.run({ x: image });
    for (const [tap, { shape, mean: expectedMean, l2 }] of Object.entries(one.expected)) {
      const data = results[tap].data as Float32Array;
      expect(results[tap].shape).toEqual(shape);
      expectValue(mean(data), expectedMean, one.tolerance);
      expectValue(norm(data), l2, one.tolerance);
    }
  });
});
