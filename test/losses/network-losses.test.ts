import { beforeAll, describe, expect, test } from "vitest";
import type { Definition, OwnEvaluation } from "../../packages/core/src/definitions/definition.ts";
import { type DefinedValues, evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { dists, type Loss, l1, lpips, parseLoss, perceptual, weighted } from "../../packages/core/src/losses/index.ts";
import { LazyWeights } from "../../packages/core/src/losses/network-loss.ts";
import { vgg } from "../../packages/core/src/nets/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { enginesFor, evaluateBy } from "../engine.ts";
import { seededDists, seededLpips, seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** Properties of every loss with a network, for any weights; these are seeded. Expected values: the float64 reference. */
const perceptualWeights = { weights: seededStateDict(vgg("vgg16").tensors(["pool3"])) };
const losses: Record<string, { loss: () => Loss; least: number }> = {
  "lpips alex": { loss: () => lpips({ net: "alex" }, seededLpips("alex")), least: 31 },
  "lpips squeeze": { loss: () => lpips({ net: "squeeze", version: "0.0" }, seededLpips("squeeze")), least: 17 },
  "dists, shrunk": { loss: () => dists({ resize: 5 }, seededDists()), least: 1 },
  "perceptual content and style": {
    loss: () => perceptual({ taps: "relu1_2+0.5*pool2", styleTaps: "2*conv2_1" }, perceptualWeights),
    least: 4,
  },
  "perceptual of unit features, resized": {
    loss: () =>
      perceptual({ taps: "relu1_1", unitFeatures: true, resize: 9, criterion: "frobenius" }, perceptualWeights),
    least: 1,
  },
};

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

describe.each(Object.entries(losses))("%s", (_, { loss: make, least }) => {
  const shape: Shape = [2, 3, least + 2, least + 5];
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
  let loss: Loss;
  beforeAll(() => {
    loss = make();
  });

  test("native value, terms, gradient and map equal the float64 reference", async () => {
    const requested = { grad: true, map: loss.hasMap };
    const definition = loss.definition as Definition;
    await definition.prepare?.();
    const images = { output: toFloat64(output), target: toFloat64(target) };
    const expected = evaluateDefinition(reference, definition, images, requested);
    const runs: OwnEvaluation[] = [await loss.evaluate(output, target, requested)];
    for (const engine of enginesFor(definition, { output, target }, requested)) {
      if (engine.name !== "reference") runs.push(await evaluateBy(engine, definition, { output, target }, requested));
    }
    for (const got of runs) expectEqual(got, expected, loss.hasMap);
  });

  const expectEqual = (got: OwnEvaluation, expected: DefinedValues<Float64Image>, hasMap: boolean) => {
    expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-5);
    expect(relativeError(got.perImage, expected.perImage.data)).toBeLessThan(1e-5);
    expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-4);
    expect(Object.keys(got.terms!)).toEqual(Object.keys(expected.terms!));
    const terms = Object.values(expected.terms!).map(({ data }) => data[0]);
    expect(relativeError(Object.values(got.terms!), terms)).toBeLessThan(1e-5);
    if (hasMap) expect(relativeError(got.map!.data, expected.map!.data)).toBeLessThan(1e-4);
  };

  test("a prepared target gives the same value as the target", async () => {
    const prepared = await loss.prepareTarget(target);
    const requested = { grad: true, map: loss.hasMap };
    const [direct, reused] = [
      await loss.evaluate(output, target, requested),
      await loss.evaluate(output, prepared, requested),
    ];
    expect(relativeError([reused.value], [direct.value])).toBeLessThan(1e-6);
    expect(relativeError(reused.perImage, direct.perImage)).toBeLessThan(1e-6);
    expect(relativeError(reused.grad!.data, direct.grad!.data)).toBeLessThan(1e-5);
    if (loss.hasMap) expect(relativeError(reused.map!.data, direct.map!.data)).toBeLessThan(1e-5);
    // Another loss has no use for the features and takes the target itself.
    expect(await l1().value(output, prepared)).toBe(await l1().value(output, target));
    // It is what was computed that counts, not what the target's data became.
    const copy = new Tensor(target.data.slice(), target.shape);
    const before = await loss.prepareTarget(copy);
    copy.data.set(output.data);
    expect(relativeError([await loss.value(output, before)], [direct.value])).toBeLessThan(1e-6);
  });

  test("an image has the same value alone and in a batch, and grey counts as three equal channels", async () => {
    const together = await loss.perImage(output, target);
    for (const index of [0, 1]) {
      const alone = await loss.value(output.image(index), target.image(index));
      expect(relativeError([alone], [together[index]])).toBeLessThan(1e-5);
    }
    const [h, w] = [shape[2], shape[3]];
    const grey = [randomTensor([1, 1, h, w], 3), randomTensor([1, 1, h, w], 4)];
    const colour = grey.map(({ data }) => new Tensor(Float32Array.of(...data, ...data, ...data), [1, 3, h, w]));
    const [one, three] = [await loss.value(grey[0], grey[1]), await loss.value(colour[0], colour[1])];
    expect(relativeError([one], [three])).toBeLessThan(1e-5);
  });

  test("identical images are at distance 0, and every gradient is finite", async () => {
    const flat = (value: number) => Tensor.full(shape, value);
    for (const [a, b] of [
      [output, output],
      [flat(0), flat(0)],
      [flat(0.5), flat(0.5)],
      [flat(0), flat(1)],
      [flat(0.5), target],
    ]) {
      const { value, grad } = await loss.valueAndGrad(a, b);
      expect(grad.data.every(Number.isFinite)).toBe(true);
      if (a === b) expect(grad.data.every((x) => x === 0)).toBe(true);
      if (a === b) expect(value).toBe(0);
      else expect(value >= 0).toBe(true);
    }
  });

  test("rejects images that are too small, have two channels or are out of range", async () => {
    const refused = (a: Tensor) => expect(loss.value(a, a)).rejects;
    await refused(randomTensor([1, 2, 40, 40], 1)).toThrow(/output is 1x2x40x40, but 1 or 3 channels are needed/);
    await refused(Tensor.full(shape, 128)).toMatchObject({ code: "range" });
    if (least === 1) return;
    await refused(randomTensor([1, 3, least - 1, 64], 1)).toThrow(`at least ${least}x${least} pixels`);
    await loss.value(randomTensor([1, 3, least, least], 1), randomTensor([1, 3, least, least], 2));
  });
});

/** The trunk of a network that is dead for dark images: every feature of black is 0. */
test("handles all-zero features with finite gradients", async () => {
  const { trunk, heads } = seededLpips("alex");
  const dead = Object.fromEntries(
    Object.entries(trunk).map(([name, { shape, data }]) => [
      name,
      // With no bias and no negative weight, images in [-1, 0] give no positive sum anywhere.
      { shape, data: data.map((x) => (name.endsWith("bias") ? 0 : Math.abs(x))) },
    ]),
  );
  const loss = lpips({ version: "0.0", range: "signed" }, { trunk: dead, heads });
  const shape: Shape = [1, 3, 40, 40];
  const [black, white] = [Tensor.full(shape, -1), Tensor.full(shape, 1)];
  expect(await loss.value(black, Tensor.full(shape, -0.5))).toBe(0);
  for (const [a, b] of [
    [black, white],
    [white, black],
    [black, black],
  ]) {
    const { value, grad } = await loss.valueAndGrad(a, b);
    expect(Number.isFinite(value)).toBe(true);
    expect(grad.data.every(Number.isFinite)).toBe(true);
    if (a !== b) expect(value).toBeGreaterThan(0);
  }
});

test("a sum prepares the target for every term", async () => {
  const deep = lpips({ net: "squeeze" }, seededLpips("squeeze"));
  const total = weighted([
    [1, l1()],
    [0.1, deep],
  ]);
  const [output, target] = [randomTensor([1, 3, 32, 32], 1), randomTensor([1, 3, 32, 32], 2)];
  const prepared = await total.prepareTarget(target);
  const direct = await total.valueAndGrad(output, target);
  const reused = await total.valueAndGrad(output, prepared);
  expect(relativeError([reused.value], [direct.value])).toBeLessThan(1e-6);
  expect(relativeError(reused.grad.data, direct.grad.data)).toBeLessThan(1e-5);
});

describe("specifications", () => {
  test("survive parsing and formatting unchanged", () => {
    const spec = "l1 + 0.1*lpips(net=vgg,heads=false) + 0.01*perceptual(taps=0.5*relu2_2+relu3_3,styleTaps=relu1_2)";
    expect(parseLoss(spec).spec).toBe(spec);
    expect(parseLoss("perceptual(preset=basicsr-vgg19)").options).toMatchObject({
      net: "vgg19",
      criterion: "l1",
      taps: "0.1*conv1_2+0.1*conv2_2+conv3_4+conv4_4+conv5_4",
    });
  });

  test.each([
    ["perceptual(taps=none)", "must not both be none"],
    ["perceptual(taps=relu3_4)", 'vgg16: there is no tap "relu3_4"'],
    ["perceptual(taps=3*)", "option taps must be taps with weights"],
    ["perceptual(taps=relu1_1+)", "option taps must be taps with weights"],
    ["perceptual(taps=relu1_1+relu1_1)", "lists a tap twice"],
    ["lpips(net=resnet)", "option net must be alex | vgg | squeeze"],
    ["lpips(version=0.2)", "option version must be 0.1 | 0.0"],
  ])("rejects %s", (spec, message) => {
    expect(() => parseLoss(spec)).toThrow(message);
  });
});

test("loads weights once, and again after a failure", async () => {
  let tries = 0;
  const weights = new LazyWeights(async () => {
    tries++;
    if (tries === 1) throw new Error("no network");
    return {};
  });
  expect(() => weights.tensors).toThrow("before its prepare()");
  await expect(weights.prepare()).rejects.toThrow("no network");
  await Promise.all([weights.prepare(), weights.prepare()]);
  await weights.prepare();
  expect(tries).toBe(2);
});
