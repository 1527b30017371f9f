import { beforeAll, describe, expect, test } from "vitest";
import type { Definition, Images, OwnEvaluation } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { checkWeight } from "../../packages/core/src/definitions/pixel-weights.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { sharedTensors } from "../../packages/core/src/kernels/index.ts";
import { defineLoss, type Loss, lpips, parseLoss, perceptual, weighted } from "../../packages/core/src/losses/index.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { multiscaleDiscriminator, vgg } from "../../packages/core/src/nets/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { adversarial } from "../../packages/core/src/train/adversarial.ts";
import { enginesFor, evaluateBy } from "../engine.ts";
import { mapTensor } from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";
import { tinyDiscriminator } from "../tiny-discriminator.ts";

/**
 * Properties of every loss under a weight. Expected values: the float64 reference, finite differences of it, the same loss of a part of the
 * images, and the formulas of the definitions written out.
 */
interface Case {
  name: string;
  make: () => Loss;
  least: number;
  /** Whether the weight only multiplies: `reduction=sum`. */
  multiplies?: boolean;
  /** Whether each place of the gradient belongs to one place of the error. */
  byPixel?: boolean;
}

const vggWeights = { weights: seededStateDict(vgg("vgg16").tensors(["pool3"])) };

const grammar: [spec: string, least: number, kind?: "multiplies" | "byPixel" | "both"][] = [
  ["l1", 1, "byPixel"],
  ["l1(channels=y-bt601,crop=1)", 3, "byPixel"],
  ["l1(reduction=sum)", 1, "both"],
  ["mse", 1, "byPixel"],
  ["charbonnier", 1, "byPixel"],
  ["charbonnier(eps=0.1,reduction=sum)", 1, "both"],
  ["huber(delta=0.3)", 1, "byPixel"],
  ["smooth-l1(beta=0.3,reduction=sum)", 1, "both"],
  ["log-cosh", 1, "byPixel"],
  ["cauchy(c=0.1)", 1, "byPixel"],
  ["geman-mcclure(c=0.1)", 1, "byPixel"],
  ["welsch(c=0.1)", 1, "byPixel"],
  ["barron(alpha=-1,reduction=sum)", 1, "both"],
  ["psnr-loss", 1, "byPixel"],
  ["cosine", 1, "byPixel"],
  ["cosine(form=degrees,crop=1)", 3, "byPixel"],
  ["psnr", 1, "byPixel"],
  ["psnr(pooling=dataset,eps=1e-8)", 1, "byPixel"],
  ["psnr(pooling=channels)", 1, "byPixel"],
  ["rmse", 1, "byPixel"],
  ["nrmse", 1, "byPixel"],
  ["nrmse(normalization=mean,dataRange=2)", 1, "byPixel"],
  ["nrmse(normalization=min-max)", 1, "byPixel"],
  ["deltaE", 1, "byPixel"],
  ["deltaE(formula=lab-mse)", 1, "byPixel"],
  ["deltaE(formula=cmc)", 1, "byPixel"],
  ["dssim(size=5)", 5],
  ["ssim(size=7)", 7],
  ["ssim(channels=y-yiq,size=5,crop=1)", 7],
  ["ssim(preset=torchmetrics,sigma=0.9)", 4],
  ["ssim(preset=matlab,sigma=1)", 1],
  ["ssim(size=5,part=cs,region=zero)", 1],
  ["ssim(size=3:6,sigma=1:2)", 6],
  ["ms-ssim-l1(sigmas=0.5:1.5)", 1],
  ["ms-ssim-l1(sigmas=0.5:1,preset=psyrocloud,crop=1)", 3],
  ["ms-ssim(size=3)", 33],
  ["ms-ssim(size=3,preset=torchmetrics)", 32],
  ["ms-ssim(weights=0.2:0.3:0.5,size=3,odd=replicate,normalize=simple)", 9],
  ["ms-ssim(weights=0.5:0.5,size=3,odd=symmetric,channels=y-bt601)", 5],
  ["fft", 1],
  ["fft(preset=rfft2,error=amplitude,channels=y-yiq,crop=1)", 3],
  ["fft(power=2,error=modulus)", 1],
  ["focal-frequency(alpha=0)", 1],
  ["wavelet(wavelet=db2)", 2],
  ["wavelet(weights=1:0.5,channels=y-bt601,crop=1)", 4],
  ["colour(size=3,reduction=sum)", 1, "multiplies"],
  ["colour(size=3)", 1],
  ["chroma(size=2)", 2],
  ["average(size=2,crop=1)", 4],
  ["edge", 1],
  ["sobel", 1],
  ["sobel(form=magnitude,eps=0.01)", 1],
  ["gradient", 2],
  ["gradient(order=2,form=magnitude)", 3],
  ["gradient-variance(size=2)", 2],
  ["gradient-weighted", 1],
  ["tv", 2],
  ["tv(form=isotropic,eps=0.01)", 2],
  ["tv(form=squared,reduction=sum)", 2, "multiplies"],
  ["tv(preset=kornia)", 2, "multiplies"],
  ["tv(form=l2-norm)", 2],
  ["exposure(patch=3)", 3],
  ["colour-constancy", 1],
  ["colour-constancy(preset=zero-dce)", 1],
  ["illumination-smoothness", 2],
  ["illumination-smoothness(preset=zero-dce)", 2],
  ["spatial-consistency(patch=2)", 4],
  ["spatial-consistency(preset=zero-dce)", 4],
  ["saturation", 1, "byPixel"],
  ["dark-channel(window=3)", 1],
  ["hyper-laplacian", 2],
  ["hyper-laplacian(form=isotropic,p=0.5)", 2],
  ["l0-gradient(form=gaussian)", 2],
  ["range(low=0.25,dataRange=0.5)", 1, "byPixel"],
  ["gmsd", 3],
  ["gmsd(preset=matlab,odd=drop,crop=1)", 6],
  ["ms-gmsd(weights=1:2)", 5],
  ["ms-gmsd(weights=1:2,chromatic=true)", 5],
  ["mdsi", 1],
  ["mdsi(combination=mult,rho=2)", 1],
  ["haarpsi", 16],
  ["haarpsi(subsample=false,crop=1)", 18],
  ["vif", 41],
  ["vif(preset=torchmetrics)", 41],
  ["iw-ssim(weights=1:2,size=3)", 5],
  ["fsim", 2],
  ["fsimc(preset=matlab,crop=1)", 4],
  ["sr-sim(size=3)", 12],
  ["sr-simc(size=4,crop=1)", 18],
  ["dss(share=0.5)", 24],
  ["vsi(size=8)", 1],
  ["ssimulacra2", 8],
  ["flip(pixelsPerDegree=20)", 1],
  ["uqi(size=5)", 5],
  ["sam", 1, "byPixel"],
  ["ergas", 1, "byPixel"],
  ["scc(size=4)", 4],
  ["contextual(taps=image)", 1],
  ["contextual(taps=image,positions=30)", 1],
  ["2*l1 + 0.5*psnr + 0.1*tv", 2],
];

const cases: Case[] = [
  ...grammar.map(([spec, least, kind]) => ({
    name: spec,
    make: () => parseLoss(spec),
    least,
    multiplies: kind === "multiplies" || kind === "both",
    byPixel: kind === "byPixel" || kind === "both",
  })),
  { name: "lpips(net=tiny)", make: () => lpips({ net: "tiny" }), least: 20 },
  {
    name: "perceptual, content and style",
    make: () => perceptual({ taps: "relu1_1+0.5*pool1", styleTaps: "2*conv1_1", criterion: "l1" }, vggWeights),
    least: 2,
  },
  {
    name: "perceptual, Frobenius, enlarged first",
    make: () => perceptual({ taps: "relu1_1", criterion: "frobenius", resize: 7 }, vggWeights),
    least: 1,
  },
  {
    name: "perceptual, sums of Gram matrices and over channels",
    make: () => perceptual({ taps: "pool1", styleTaps: "relu1_1", gram: "sum", reduction: "channel-sum" }, vggWeights),
    least: 2,
  },
  {
    name: "adversarial",
    make: () => adversarial({ discriminator: tinyDiscriminator("leaky"), objective: "lsgan" }),
    least: 8,
  },
  {
    name: "adversarial, matching layers at two scales",
    make: () => {
      const discriminator = multiscaleDiscriminator({ features: 2, depth: 1, norm: "none" });
      return adversarial({ discriminator, objective: "lsgan", matching: 10 });
    },
    least: 2,
  },
  {
    name: "adversarial, relativistic",
    make: () => adversarial({ discriminator: tinyDiscriminator("softplus"), relativistic: true }),
    least: 8,
  },
  {
    name: "adversarial, relativistic by pairs",
    make: () => adversarial({ discriminator: tinyDiscriminator("softplus"), relativistic: "paired" }),
    least: 8,
  },
];

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/** The float64 reference of a loss whose weights are loaded. */
function expectedOf(loss: Loss, images: Images<Tensor>, grad = false) {
  const definition = loss.definition as Definition;
  const { output, target, weight, share } = images;
  const state = Object.entries(definition.state?.() ?? {}).map(([name, tensor]) => [name, toFloat64(tensor)]);
  return evaluateDefinition(
    reference,
    definition,
    {
      output: toFloat64(output),
      target: toFloat64(target),
      weight: weight && toFloat64(weight),
      share: share && toFloat64(share),
      state: Object.fromEntries(state),
    },
    { grad },
  );
}

test("every loss of the grammar is tested here", () => {
  const tested = new Set(cases.map(({ name }) => name.split(/[(, ]/)[0]));
  // They have tests of their own: the blocks of niqe must be large, brisque needs a model, and dists has a network of many layers.
  const elsewhere = ["niqe", "brisque", "dists"];
  for (const { info } of lossFactories) if (!elsewhere.includes(info.name)) expect(tested).toContain(info.name);
});

describe.each(cases)("$name", ({ make, least, multiplies = false, byPixel = false }) => {
  const [h, w] = [least + 2, least + 5];
  const shape: Shape = [2, 3, h, w];
  const output = randomTensor(shape, 1);
  const target = randomTensor(shape, 2);
  /** Some places count nothing. */
  const weightOf = (n: number, c: number) =>
    mapTensor(randomTensor([n, c, h, w], 7 * n + c), (x) => (x < 0.3 ? 0 : 3 * x));
  const weight = weightOf(2, 1);
  let loss: Loss;
  beforeAll(async () => {
    loss = make();
    await loss.definition?.prepare?.();
  });

  // Every two of: a weight for each image or for all, for each channel or for all, over the image or the batch.
  test.each([
    [1, 1, "image"],
    [2, 3, "image"],
    [2, 1, "batch"],
    [1, 3, "batch"],
  ] as const)(
    "native value and gradient equal the float64 reference for weights of %i images and %i channels, normalised by %s",
    async (n, c, weightNormalisation) => {
      const given = weightOf(n, c);
      const { share } = checkWeight("test", output, given, weightNormalisation);
      const images = { output, target, weight: given, share: multiplies ? undefined : share };
      // A sum's terms take their shares one by one, the sum as one graph takes them all at once: the same, but for terms that only multiply.
      const expected = expectedOf(loss, images, true);
      const runs: OwnEvaluation[] = [
        await loss.evaluate(output, target, { grad: true }, { weight: given, weightNormalisation }),
      ];
      if (loss.definition) {
        const { state: _, ...rest } = { state: undefined, ...images };
        for (const engine of enginesFor(loss.definition, rest, { grad: true })) {
          if (engine.name === "reference") continue;
          runs.push(await evaluateBy(engine, loss.definition, rest, { grad: true }));
        }
      }
      for (const got of runs) {
        expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-5);
        expect(relativeError(got.perImage, expected.perImage.data)).toBeLessThan(1e-5);
        expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-4);
        for (const [name, term] of Object.entries(expected.terms ?? {})) {
          expect(relativeError([got.terms![name]], term.data)).toBeLessThan(1e-5);
        }
      }
    },
  );

  test("the gradient equals finite differences", () => {
    const { grad } = expectedOf(loss, { output, target, weight }, true);
    const step = 1e-6;
    const picked = [0, 7, output.data.length >> 1, output.data.length - 2];
    const value = (position: number, by: number) => {
      const definition = loss.definition as Definition;
      const moved = Float64Array.from(output.data);
      moved[position] += by;
      const state = Object.entries(definition.state?.() ?? {}).map(([name, tensor]) => [name, toFloat64(tensor)]);
      const images = {
        output: { data: moved, shape },
        target: toFloat64(target),
        weight: toFloat64(weight),
        state: Object.fromEntries(state),
      };
      return evaluateDefinition(reference, definition, images, {}).value.data[0];
    };
    const differences = picked.map((position) => (value(position, step) - value(position, -step)) / (2 * step));
    const got = picked.map((position) => grad!.data[position]);
    const largest = grad!.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    for (const [i, x] of got.entries()) expect(Math.abs(x - differences[i])).toBeLessThan(1e-4 * largest);
  });

  test("weights of 1 change nothing: bit-exactly in the reference, up to rounding natively", async () => {
    // In shapes that have been compiled above.
    for (const [images, batch] of [
      [
        [1, 1],
        [2, 1],
      ],
      [
        [2, 3],
        [1, 3],
      ],
    ]) {
      const [ones, onesOfBatch] = [images, batch].map(([n, c]) => Tensor.full([n, c, h, w], 1));
      const [plain, weighted] = [
        expectedOf(loss, { output, target }),
        expectedOf(loss, { output, target, weight: ones }),
      ];
      expect(weighted.value.data).toEqual(plain.value.data);
      expect(weighted.perImage.data).toEqual(plain.perImage.data);
      const [unweighted, got] = [
        await loss.evaluate(output, target, { grad: true }),
        await loss.evaluate(output, target, { grad: true }, { weight: ones }),
      ];
      expect(relativeError(got.perImage, unweighted.perImage)).toBeLessThan(2e-6);
      expect(relativeError(got.grad!.data, unweighted.grad!.data)).toBeLessThan(2e-5);
      const options = { weight: onesOfBatch, weightNormalisation: "batch" } as const;
      const overBatch = await loss.evaluate(output, target, { grad: true }, options);
      expect(relativeError([overBatch.value], [unweighted.value])).toBeLessThan(2e-6);
    }
  });

  test("only ratios of weights count, unless the weights multiply a sum", async () => {
    const scaled = mapTensor(weight, (x) => 8 * x);
    const [one, eight] = [
      await loss.perImage(output, target, { weight }),
      await loss.perImage(output, target, { weight: scaled }),
    ];
    expect(relativeError(eight, multiplies ? one.map((x) => 8 * x) : one)).toBeLessThan(1e-6);
  });

  test.skipIf(multiplies)("ratios count the same at any magnitude in float32, separately for each image", async () => {
    const eighths = mapTensor(weight, (x) => Math.round(8 * x) / 8);
    const options = { weightNormalisation: "image" } as const;
    const expected = await loss.evaluate(output, target, { grad: true }, { ...options, weight: eighths });
    for (const [first, second] of [
      [2 ** -140, 2 ** -140],
      [2 ** -100, 2 ** 100],
      [2 ** 126, 2 ** 126],
    ]) {
      const sized = mapTensor(eighths, (x, i) => x * (i < h * w ? first : second));
      const got = await loss.evaluate(output, target, { grad: true }, { ...options, weight: sized });
      expect(relativeError(got.perImage, expected.perImage)).toBeLessThan(1e-6);
      expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-6);
    }
  });

  test("rejects an image of weight 0, or leaves it out of the batch", async () => {
    const oneEmpty = mapTensor(weight, (x, i) => (i < h * w ? x : 0));
    await expect(loss.value(output, target, { weight: oneEmpty })).rejects.toThrow(
      /weight is 0 everywhere \(image 1\)/,
    );
    const none = Tensor.full([2, 1, h, w], 0);
    for (const weightNormalisation of ["image", "batch"] as const) {
      const refused = expect(loss.value(output, target, { weight: none, weightNormalisation })).rejects;
      await refused.toMatchObject({ code: "invalid-argument" });
    }
    // What is one number of a batch is another number for one image.
    if (loss.definition?.learner) return;
    const options = { weight: oneEmpty, weightNormalisation: "batch" } as const;
    const got = await loss.evaluate(output, target, { grad: true }, options);
    if (multiplies) {
      expect(got.perImage[1]).toBe(0);
      expect(got.value).toBeCloseTo(got.perImage[0] / 2, 5);
      return;
    }
    const alone = await loss.evaluate(output.image(0), target.image(0), { grad: true }, { weight: weight.image(0) });
    expect(relativeError([got.value], [alone.value])).toBeLessThan(1e-5);
    expect(relativeError([got.perImage[0]], [alone.perImage[0]])).toBeLessThan(1e-5);
    expect(got.perImage[1]).toBeNaN();
    expect(relativeError(got.grad!.image(0).data, alone.grad!.data)).toBeLessThan(1e-5);
    expect(got.grad!.image(1).data.every((x) => x === 0)).toBe(true);
  });

  test.runIf(byPixel)("the gradient of a pixel of weight 0 is exactly 0", async () => {
    const { grad } = await loss.valueAndGrad(output, target, { weight });
    let masked = 0;
    for (const [i, x] of grad.data.entries()) {
      const place = Math.floor(i / (3 * h * w)) * h * w + (i % (h * w));
      if (weight.data[place] > 0) continue;
      expect(Math.abs(x)).toBe(0);
      masked++;
    }
    expect(masked).toBeGreaterThan(0);
  });

  test("writes the gradient into the given tensor", async () => {
    const into = Tensor.full(shape, Number.NaN);
    const { grad } = await loss.valueAndGrad(output, target, { weight, into });
    expect(grad).toBe(into);
    expect(grad.data).toEqual((await loss.valueAndGrad(output, target, { weight })).grad.data);
    const overwritten = expect(loss.valueAndGrad(output, target, { weight, into: weight })).rejects;
    await overwritten.toMatchObject({ code: expect.stringMatching("shape|invalid-argument") });
  });

  test("tensors in shared memory give the same value and gradient", async () => {
    const [a, b, into, pixels] = sharedTensors(shape, shape, shape, weight.shape);
    for (const [to, from] of [
      [a, output],
      [b, target],
      [pixels, weight],
    ])
      to.data.set(from.data);
    const { value } = await loss.valueAndGrad(a, b, { weight: pixels, into });
    const expected = await loss.valueAndGrad(output, target, { weight });
    expect(relativeError([value], [expected.value])).toBeLessThan(1e-6);
    expect(relativeError(into.data, expected.grad.data)).toBeLessThan(1e-6);
  });

  test("a prepared target gives the same value as the target", async () => {
    if (!loss.needsTarget) return;
    const prepared = await loss.prepareTarget(target);
    const [direct, reused] = [
      await loss.value(output, target, { weight }),
      await loss.value(output, prepared, { weight }),
    ];
    expect(relativeError([reused], [direct])).toBeLessThan(1e-6);
  });
});

/** Crops rows [2, 6) and columns [1, 5) of images. */
function part({ data, shape: [n, c, h, w] }: Tensor): Tensor {
  const kept = Array.from(data.keys()).filter((i) => {
    const [row, column] = [Math.floor(i / w) % h, i % w];
    return row >= 2 && row < 6 && column >= 1 && column < 5;
  });
  return Tensor.from(
    kept.map((i) => data[i]),
    [n, c, 4, 4],
  );
}

describe("weighted losses equal their definitions", () => {
  const [n, c, h, w] = [2, 3, 8, 7];
  const [output, target] = [randomTensor([n, c, h, w], 1), randomTensor([n, c, h, w], 2)];
  const mask = Tensor.from(
    Array.from({ length: h * w }, (_, i) => {
      const [row, column] = [Math.floor(i / w), i % w];
      return row >= 2 && row < 6 && column >= 1 && column < 5 ? 1 : 0;
    }),
    [1, 1, h, w],
  );
  const weight = randomTensor([n, c, h, w], 3);

  test.each([
    "l1",
    "mse",
    "charbonnier",
    "psnr",
    "psnr(pooling=dataset)",
    "psnr(pooling=channels)",
    "deltaE",
    "l1(reduction=sum)",
  ])("%s under a mask equals its value on the masked region", async (spec) => {
    const loss = parseLoss(spec);
    const masked = await loss.perImage(output, target, { weight: mask });
    expect(relativeError(masked, await loss.perImage(part(output), part(target)))).toBeLessThan(1e-6);
  });

  test.each(["l1", "mse"])(
    "%s over the batch divides the weighted errors by the sum of weights, as BasicSR",
    async (spec) => {
      const error = (d: number) => (spec === "l1" ? Math.abs(d) : d * d);
      let [sum, total] = [0, 0];
      for (const [i, x] of weight.data.entries()) {
        sum += x * error(output.data[i] - target.data[i]);
        total += x;
      }
      const options = { weight, weightNormalisation: "batch" } as const;
      expect(await parseLoss(spec).value(output, target, options)).toBeCloseTo(sum / total, 6);
    },
  );

  test("psnr over the batch with pooling is computed from one mean squared error", async () => {
    const options = { weight, weightNormalisation: "batch" } as const;
    const error = await parseLoss("mse").value(output, target, options);
    const pooled = await parseLoss("psnr(pooling=dataset)").value(output, target, options);
    expect(pooled).toBeCloseTo(-10 * Math.log10(error), 5);
  });

  test("the infinite PSNR of an identical image counts in a batch mean by the image's weight", async () => {
    const same = new Tensor(output.data.slice(), output.shape);
    same.data.set(target.image(1).data, c * h * w);
    const options = { weight, weightNormalisation: "batch" } as const;
    const [sum, errors] = [
      await parseLoss("psnr + l1").value(same, target, options),
      await parseLoss("l1").value(same, target, options),
    ];
    const totals = [0, 1].map((image) => weight.image(image).data.reduce((total, x) => total + x, 0));
    const decibels = await parseLoss("psnr").perImage(same, target, options);
    expect(decibels[1]).toBe(Number.POSITIVE_INFINITY);
    const expected = -(totals[0] * decibels[0] + totals[1] * 100) / (totals[0] + totals[1]) + errors;
    expect(sum).toBeCloseTo(expected, 4);
  });

  test("tv weights each difference by its first pixel, as BasicSR's WeightedTVLoss", async () => {
    const of = (image: number, down: number, across: number) => {
      let [sum, total] = [0, 0];
      for (let channel = 0; channel < c; channel++)
        for (let row = 0; row < h - down; row++)
          for (let column = 0; column < w - across; column++) {
            const at = (y: number, x: number) => ((image * c + channel) * h + y) * w + x;
            const first = at(row, column);
            sum += weight.data[first] * Math.abs(output.data[at(row + down, column + across)] - output.data[first]);
            total += weight.data[first];
          }
      return sum / total;
    };
    const expected = [0, 1].map((image) => of(image, 1, 0) + of(image, 0, 1));
    expect(relativeError(await parseLoss("tv").perImage(output, undefined, { weight }), expected)).toBeLessThan(1e-6);
  });

  test.each([
    ["ssim(size=5)", 2],
    ["ssim(preset=torchmetrics)", 0],
    ["ssim(preset=matlab)", 0],
    ["ssim(size=4)", 1],
    ["ssim(size=3:5)", 1],
    ["deltaE", 0],
    ["ms-ssim-l1(sigmas=0.5:1)", 0],
  ])("%s under a mask equals the mean of the map inside the mask", async (spec, border) => {
    const [a, b] = [randomTensor([1, 3, 11, 13], 1), randomTensor([1, 3, 11, 13], 2)];
    const pixels = mapTensor(randomTensor([1, 1, 11, 13], 3), (x) => (x < 0.6 ? 0 : 1));
    const map = await parseLoss(spec).map(a, b);
    const [, , rows, columns] = map.shape;
    const left = spec.includes("3:5") ? 2 : border;
    let [sum, count] = [0, 0];
    for (const [i, x] of map.data.entries()) {
      const counts = pixels.data[(Math.floor(i / columns) + border) * 13 + (i % columns) + left];
      sum += counts * x;
      count += counts;
    }
    expect(rows * columns).toBeGreaterThan(count);
    expect(relativeError([await parseLoss(spec).value(a, b, { weight: pixels })], [sum / count])).toBeLessThan(1e-5);
  });

  test("ms-ssim of two scales equals the product of the weighted means of its maps", async () => {
    const [a, b, pixels] = [1, 2, 3].map((seed) => randomTensor([1, 1, 12, 14], seed));
    for (const [i, x] of a.data.entries()) b.data[i] = 0.7 * x + 0.3 * b.data[i];
    const half = (x: Tensor) =>
      Tensor.from(
        Array.from({ length: 42 }, (_, i) => {
          const at = 28 * Math.floor(i / 7) + 2 * (i % 7);
          return (x.data[at] + x.data[at + 1] + x.data[at + 14] + x.data[at + 15]) / 4;
        }),
        [1, 1, 6, 7],
      );
    const fine = await parseLoss("ssim(size=3,part=cs)").value(a, b, { weight: pixels });
    const coarse = await parseLoss("ssim(size=3)").value(half(a), half(b), { weight: half(pixels) });
    const got = await parseLoss("ms-ssim(size=3,weights=0.4:0.6)").value(a, b, { weight: pixels });
    expect(got).toBeCloseTo(fine ** 0.4 * coarse ** 0.6, 5);
  });

  test("channels of weight 0 do not count", async () => {
    const a = randomTensor([1, 3, 12, 14], 1);
    const b = mapTensor(a, (x, i) => x * (0.8 + 0.001 * (i % 50)));
    const green = mapTensor(Tensor.full([1, 3, 12, 14], 0), (_, i) => (Math.floor(i / 168) === 1 ? 2 : 0));
    const one = (x: Tensor) => new Tensor(x.data.subarray(168, 336), [1, 1, 12, 14]);
    for (const spec of ["l1", "ssim(size=3)", "ms-ssim(size=3,weights=0.4:0.6)", "tv"]) {
      const got = await parseLoss(spec).evaluate(a, b, { grad: true }, { weight: green });
      expect(got.value).toBeCloseTo(await parseLoss(spec).value(one(a), one(b)), 6);
      expect([...got.grad!.data.subarray(0, 168), ...got.grad!.data.subarray(336)].every((x) => x === 0)).toBe(true);
    }
  });

  test("luma uses the mean weight over a pixel's channels", async () => {
    const mean = Tensor.from(
      Array.from({ length: n * h * w }, (_, i) => {
        const [image, place] = [Math.floor(i / (h * w)), i % (h * w)];
        return [0, 1, 2].reduce((sum, channel) => sum + weight.data[(image * c + channel) * h * w + place], 0) / 3;
      }),
      [n, 1, h, w],
    );
    for (const spec of ["l1(channels=y-yiq)", "deltaE", "deltaE(formula=lab-mse)"]) {
      const loss = parseLoss(spec);
      const [one, three] = [
        await loss.perImage(output, target, { weight: mean }),
        await loss.perImage(output, target, { weight }),
      ];
      expect(relativeError(three, one)).toBeLessThan(1e-6);
    }
  });

  test("a layer's weight is the mean over the pixels of each position", async () => {
    // One tap of 16x16 and 8x8 positions for images of as many and of twice as many pixels, so that positions own whole squares.
    const [a, b] = [randomTensor([1, 3, 16, 16], 4), randomTensor([1, 3, 16, 16], 5)];
    const pixels = randomTensor([1, 1, 16, 16], 6);
    const loss = perceptual({ taps: "relu1_2+pool1" }, vggWeights);
    await loss.definition?.prepare?.();
    const places = loss.definition?.tiles?.places(reference, { output: toFloat64(a), target: toFloat64(b) });
    const expected = places!.map(({ data, shape: [, , side] }) => {
      const step = 16 / side;
      let [sum, total] = [0, 0];
      for (let i = 0; i < 256; i++) {
        const [row, column] = [Math.floor(i / 16 / step), Math.floor((i % 16) / step)];
        sum += pixels.data[i] * data[row * side + column];
        total += pixels.data[i];
      }
      return sum / total;
    });
    const { terms } = await loss.evaluate(a, b, {}, { weight: pixels });
    expect(relativeError(Object.values(terms!), expected)).toBeLessThan(1e-5);
  });

  test("a Gram matrix under a mask equals that of the masked region", async () => {
    // conv1_1 sees one pixel beyond each: masked, the images are flat around the part, which is padded with the same by the network's zeros only
    // where images are normalised to 0, so the part is compared in features, not in pixels.
    const loss = perceptual({ taps: "none", styleTaps: "conv1_1" }, vggWeights);
    await loss.definition?.prepare?.();
    const pixels = randomTensor([1, 1, h, w], 8);
    const features = vgg("vgg16");
    const of = (image: Tensor) => {
      const shifted = { data: image.data.map((x, i) => normalised(x, i, h * w)), shape: image.shape };
      const [x] = features.features(reference, toFloat64(new Tensor(shifted.data, shifted.shape)), vggWeights.weights, [
        "conv1_1",
      ]);
      const total = pixels.data.reduce((sum, value) => sum + value, 0);
      return Array.from({ length: 64 * 64 }, (_, pair) => {
        const [i, j] = [Math.floor(pair / 64), pair % 64];
        let sum = 0;
        for (let place = 0; place < h * w; place++) {
          sum += pixels.data[place] * x.data[i * h * w + place] * x.data[j * h * w + place];
        }
        return sum / total / 64;
      });
    };
    const [a, b] = [of(output.image(0)), of(target.image(0))];
    const expected = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;
    const got = await loss.value(output.image(0), target.image(0), { weight: pixels });
    expect(relativeError([got], [expected])).toBeLessThan(1e-5);
  });

  /** ImageNet's normalisation, from torchvision's documentation. */
  function normalised(x: number, i: number, plane: number): number {
    const channel = Math.floor(i / plane) % 3;
    return (x - [0.485, 0.456, 0.406][channel]) / [0.229, 0.224, 0.225][channel];
  }
});

describe("rejects weights", () => {
  const [output, target] = [randomTensor([2, 3, 6, 7], 1), randomTensor([2, 3, 6, 7], 2)];
  const refused = (spec: string, bad: unknown, options = {}) =>
    expect(parseLoss(spec).value(output, target, { weight: bad as Tensor, ...options })).rejects;
  const withValue = (x: number) => mapTensor(Tensor.full([1, 1, 6, 7], 1), (one, i) => (i === 4 ? x : one));

  test("of the wrong shape, or with invalid values", async () => {
    await refused("l1", Tensor.full([2, 2, 6, 7], 1)).toThrow(
      "l1: weight must be 2x1x6x7 or 2x3x6x7 or 1x1x6x7 or 1x3x6x7, got 2x2x6x7",
    );
    await refused("l1", [1, 2]).toThrow("l1: weight must be a Tensor, got an array");
    await refused("l1", withValue(-1)).toThrow("element 4 of image 0 of weight (1x1x6x7) is -1");
    await refused("l1", withValue(Number.NaN)).toThrow("is NaN");
    await refused("l1", withValue(Number.POSITIVE_INFINITY)).toThrow("is Infinity");
    await refused("l1", withValue(1), { weightNormalisation: "set" }).toThrow(
      'l1: weightNormalisation must be image | batch, got "set"',
    );
  });

  test("that exclude every compared pixel", async () => {
    /** The first row alone has weight, of images as large as the loss needs them. */
    const refusedOnBorder = (spec: string) => {
      const loss = parseLoss(spec);
      const shape = ([6, 20, 44] as const).map((side): Shape => [1, 3, side, side + 1]).find((x) => !loss.refusal(x));
      const [, , rows, columns] = shape as Shape;
      const border = mapTensor(Tensor.full([1, 1, rows, columns], 0), (_, i) => (i < columns ? 1 : 0));
      const images = [1, 2].map((seed) => randomTensor(shape as Shape, seed));
      return expect(loss.value(images[0], images[1], { weight: border }), spec).rejects;
    };
    // niqe.test.ts and brisque.test.ts have theirs: they need a model.
    const cropped = lossFactories.flatMap(({ info }) => {
      if (["niqe", "brisque"].includes(info.name)) return [];
      const least = { size: ",size=3", patch: ",patch=2" };
      const fitting = Object.entries(least).find(([option]) => option in info.options)?.[1] ?? "";
      const small = info.name === "ms-ssim" ? ",weights=0.5:0.5,size=1" : fitting;
      // Sums of nothing are 0.
      const mean = info.options.reduction?.default === "sum" ? ",reduction=mean" : "";
      return "crop" in info.options ? [`${info.name}(crop=1${small}${mean})`] : [];
    });
    expect(cropped.length).toBeGreaterThan(8);
    const others = [
      "psnr(crop=1,pooling=channels)",
      "nrmse(crop=1,normalization=min-max)",
      "nrmse(crop=1,normalization=mean)",
      "colour-constancy(crop=1,preset=zero-dce)",
    ];
    const windows = ["ssim(size=3)", "ssim(size=4)", "ms-ssim(size=3,weights=0.5:0.5)"];
    for (const spec of [...cropped, ...others, ...windows]) {
      await refusedOnBorder(spec).toThrow(/weight is 0 at every place that is compared .*\(image 0\)/);
    }
  });

  test("that overflow float32", async () => {
    for (const spec of ["l1(reduction=sum)", "tv(preset=kornia)"]) {
      const problem = "weights are too large: float32 does not hold what they multiply (image 0)";
      await refused(spec, Tensor.full([1, 1, 6, 7], 3e38)).toThrow(problem);
    }
  });

  test("but not where an image is negligible beside another", async () => {
    const weight = mapTensor(Tensor.full([2, 1, 6, 7], 1), (_, i) => (i < 42 ? 1e30 : 1e-30));
    const options = { weight, weightNormalisation: "batch" } as const;
    const { value, perImage } = await parseLoss("l1").evaluate(output, target, {}, options);
    expect(relativeError(perImage, await parseLoss("l1").perImage(output, target))).toBeLessThan(1e-6);
    expect(value).toBeCloseTo(perImage[0], 6);
  });

  test("for a loss whose definition does not use them", async () => {
    const brightness = defineLoss({
      name: "brightness",
      summary: "difference of means",
      better: "lower",
      source: "this test",
      options: {},
      define: () => ({ score: (o, { output, target }) => o.square(o.mean(o.sub(output, target), "chw")) }),
    })();
    for (const loss of [brightness, weighted([[1, brightness]])]) {
      const refusal = expect(loss.value(output, target, { weight: withValue(2) })).rejects;
      await refusal.toThrow("the definition of this loss does not use one");
    }
  });
});
