import { describe, expect, test } from "vitest";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { labDifference } from "../../packages/core/src/losses/delta-e.ts";
import { prepare } from "../../packages/core/src/losses/images.ts";
import { rgbToLab } from "../../packages/core/src/losses/lab.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  clampTensor,
  expectGradient,
  expectMap,
  expectValue,
  type GoldenCase,
  goldenCases,
  mapTensor,
  readInput,
} from "../golden.ts";

/** How a family of official numbers is said in our grammar. */
interface Rule {
  /** Which cases, by the part of their id before the slash. */
  id: RegExp;
  spec: string;
  /** The official number from our per-image values; default: our value of the batch. */
  value?: (perImage: number[], tensor: Tensor) => number | number[];
  /** What the official function is given, times the image. */
  scale?: number;
  weighted?: boolean;
  /** The official function's own luma, rounded to 8 bits, instead of the image. */
  officialLuma?: boolean;
  /** One more channel-wise call: kornia reduces each channel by itself. */
  perChannel?: boolean;
  /** The official numbers of an image's channels count as their mean. */
  meanOfChannels?: boolean;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const each = (values: number[]) => values;
const basicsr = (name: string, channels: string, crop: string) =>
  `${name}(channels=${channels === "y" ? "y-bt601" : "rgb"},crop=${crop})`;

const rules: Record<string, Rule[]> = {
  pixel: [
    { id: /^l1$/, spec: "l1" },
    { id: /^mse$/, spec: "mse" },
    // BasicSR adds its eps inside the root; ours is squared there.
    { id: /^charbonnier-eps1e-12$/, spec: "charbonnier(eps=1e-6)" },
    { id: /^charbonnier-eps1e-6$/, spec: "charbonnier(eps=1e-3)" },
    { id: /^charbonnier-eps1e-3$/, spec: `charbonnier(eps=${Math.sqrt(1e-3)})` },
    { id: /^l1-sum$/, spec: "l1(reduction=sum)", value: sum },
    { id: /^mse-sum$/, spec: "mse(reduction=sum)", value: sum },
    { id: /^l1-weighted$/, spec: "l1", weighted: true },
    { id: /^mse-weighted$/, spec: "mse", weighted: true },
    { id: /^charbonnier-weighted$/, spec: "charbonnier(eps=1e-6)", weighted: true },
  ],
  psnr: [
    { id: /^range1$/, spec: "psnr" },
    { id: /^range1$/, spec: "psnr(preset=skimage)" },
    { id: /^piq-eps1e-8$/, spec: "psnr(preset=piq)" },
    { id: /^piq-yiq$/, spec: "psnr(preset=piq,channels=y-yiq)" },
    { id: /^basicsr-y-crop0$/, spec: "psnr(preset=basicsr-y)" },
    ...["rgb", "y"].flatMap((channels) =>
      ["0", "4"].map((crop) => ({
        id: new RegExp(`^basicsr-${channels}-crop${crop}$`),
        spec: basicsr("psnr", channels, crop),
      })),
    ),
    { id: /^torchmetrics-pooled$/, spec: "psnr(preset=torchmetrics)" },
    { id: /^torchmetrics-perimage$/, spec: "psnr", value: each },
    { id: /^torchmetrics-meanofimages$/, spec: "psnr" },
    { id: /^torchmetrics-tuple-range-clamped$/, spec: "psnr(pooling=dataset,clamp=true)" },
    { id: /^basicsr-pt-eps1e-8$/, spec: "psnr(eps=1e-8)", value: each },
    { id: /^grad-mean-of-perimage$/, spec: "psnr(eps=1e-8)" },
    { id: /^range2$/, spec: "psnr(pooling=dataset,dataRange=2)" },
    { id: /^range255$/, spec: "psnr(pooling=dataset,dataRange=255)" },
  ],
  tv: [
    { id: /^torchmetrics-sum$|^basicsr-sum$/, spec: "tv(preset=torchmetrics)", value: sum },
    { id: /^torchmetrics-mean$/, spec: "tv(preset=torchmetrics)" },
    { id: /^torchmetrics-none$/, spec: "tv(preset=torchmetrics)", value: each },
    { id: /^basicsr-mean$/, spec: "tv(preset=basicsr)" },
    // kornia has a number for each channel; ours is their mean.
    { id: /^kornia-sum$/, spec: "tv(preset=kornia)", value: each, perChannel: true },
    { id: /^kornia-sum$/, spec: "tv(preset=kornia)", value: each, meanOfChannels: true },
    { id: /^kornia-mean$/, spec: "tv", value: each, perChannel: true },
    { id: /^kornia-mean$/, spec: "tv", value: each, meanOfChannels: true },
    // Ours is squared inside the root.
    { id: /^iso-mean-eps1e-12$/, spec: "tv(form=isotropic,eps=1e-6)" },
    { id: /^iso-mean-eps1e-0?6$/, spec: "tv(form=isotropic,eps=1e-3)" },
    { id: /^iso-mean-eps0.001$/, spec: `tv(form=isotropic,eps=${Math.sqrt(1e-3)})` },
    { id: /^iso-sum-eps1e-6$/, spec: "tv(form=isotropic,eps=1e-3,reduction=sum)", value: each },
    { id: /^squared-mean$/, spec: "tv(form=squared)" },
    { id: /^piq-l1$/, spec: "tv(preset=piq-l1)", value: each },
    { id: /^piq-l2$/, spec: "tv(preset=piq)", value: each },
    { id: /^piq-l2_squared$/, spec: "tv(preset=piq-l2-squared)", value: each },
  ],
  edges: [
    { id: /^mprnet$/, spec: "edge" },
    { id: /^mprnet-charbonnier-edge$/, spec: "charbonnier + 0.05*edge" },
    { id: /^sobel-l1$/, spec: "sobel" },
    { id: /^sobel-l1-raw$/, spec: "sobel(normalized=false)" },
    { id: /^diff-l1$/, spec: "sobel(mode=diff)" },
    { id: /^sobel2-l1$/, spec: "sobel(order=2)" },
    { id: /^diff2-l1$/, spec: "sobel(mode=diff,order=2)" },
    { id: /^sobel-mse$/, spec: "sobel(distance=mse)" },
    { id: /^sobel-magnitude-l1$/, spec: "sobel(form=magnitude)" },
    { id: /^gdl$/, spec: "gdl" },
    { id: /^forward-diff-l1$/, spec: "gradient" },
    { id: /^gw$/, spec: "gradient-weighted" },
    { id: /^gw-adaptive$/, spec: "gradient-weighted(preset=cdc-corner)" },
  ],
  robust: [
    ...[1, 0.1, 0.01].flatMap((size) => [
      { id: new RegExp(`^huber-${size}$`), spec: `huber(delta=${size})` },
      { id: new RegExp(`^smoothl1-${size}$`), spec: `smooth-l1(beta=${size})` },
    ]),
    ...[
      ["cauchy", "cauchy", "barron(alpha=0)"],
      ["welsch", "welsch", "barron(alpha=-Infinity)"],
      ["geman-mcclure", "geman-mcclure", "barron(alpha=-2)"],
      ["kornia-charbonnier", "barron"],
      ["logcosh", "log-cosh"],
    ].flatMap(([id, ...specs]) =>
      specs.flatMap((spec) => {
        const withOption = (option: string) =>
          spec.endsWith(")") ? `${spec.slice(0, -1)},${option})` : `${spec}(${option})`;
        return [
          { id: new RegExp(`^${id}$`), spec },
          { id: new RegExp(`^${id}-sum$`), spec: withOption("reduction=sum"), value: sum },
          { id: new RegExp(`^${id}-c0.1$`), spec: withOption("c=0.1") },
        ];
      }),
    ),
    ...[2, 1, 0.5, 0, -1, -2].map((alpha) => ({
      id: new RegExp(`^barron-a${alpha}$`),
      spec: `barron(alpha=${alpha},c=0.1)`,
    })),
    { id: /^barron-a-inf$/, spec: "barron(alpha=-Infinity,c=0.1)" },
    { id: /^psnrloss$/, spec: "psnr-loss" },
    { id: /^psnrloss-toY$/, spec: "psnr-loss(channels=y-bt601)" },
    { id: /^psnrloss-w0.5$/, spec: "0.5*psnr-loss" },
    { id: /^cosine$/, spec: "cosine" },
    { id: /^cosine-eps1e-3$/, spec: "cosine(eps=1e-3)" },
    { id: /^angular-deg$/, spec: "cosine(form=degrees,margin=1e-7)" },
  ],
  ssim: [
    { id: /^wang$|^wang-grad$|^piq-downsampleFalse$/, spec: "ssim" },
    { id: /^wang-range255$/, spec: "ssim(dataRange=255)", scale: 255 },
    { id: /^win7-sigma1$/, spec: "ssim(size=7,sigma=1)" },
    { id: /^k-0.02-0.05$/, spec: "ssim(k1=0.02,k2=0.05)" },
    { id: /^torchmetrics$/, spec: "ssim(preset=torchmetrics)" },
    { id: /^torchmetrics-uniform7$/, spec: "ssim(preset=torchmetrics,window=uniform,size=7)" },
    { id: /^skimage$/, spec: "ssim(preset=skimage)" },
    { id: /^skimage-gaussian$/, spec: "ssim(preset=skimage-gaussian)" },
    { id: /^fused-same$/, spec: "ssim(preset=fused)" },
    { id: /^fused-valid$/, spec: "ssim(preset=fused,region=valid)" },
    { id: /^piq-downsampleTrue$/, spec: "ssim(preset=piq)" },
    ...["rgb", "y"].flatMap((channels) =>
      ["0", "4"].map((crop) => ({
        id: new RegExp(`^basicsr-(pt-)?${channels}-crop${crop}$`),
        spec: basicsr("ssim", channels, crop),
      })),
    ),
    // See "the rounded luma" below for what our own rounding does.
    { id: /^yiq-rounded$/, spec: "ssim(nonNegative=true)", officialLuma: true },
  ],
  "ms-ssim": [
    { id: /^pytorch-msssim$/, spec: "ms-ssim" },
    { id: /^piq$/, spec: "ms-ssim(preset=piq)" },
  ],
  priors: [
    { id: /^exposure-16-0.6$/, spec: "exposure(preset=zero-dce)" },
    { id: /^exposure-8-0.5$/, spec: "exposure(preset=zero-dce,patch=8,level=0.5)" },
    { id: /^exposure-4-0.6$/, spec: "exposure(preset=zero-dce,patch=4)" },
    { id: /^colour-constancy$/, spec: "colour-constancy(preset=zero-dce)" },
    { id: /^colour-constancy-paper$/, spec: "colour-constancy" },
    { id: /^illumination-tv$/, spec: "illumination-smoothness(preset=zero-dce)" },
    { id: /^spatial-consistency$/, spec: "spatial-consistency(preset=zero-dce)" },
    { id: /^saturation-sa$/, spec: "saturation" },
    { id: /^dark-channel-15$/, spec: "dark-channel" },
    { id: /^dark-channel-5$/, spec: "dark-channel(window=5)" },
    { id: /^bright-channel-15$/, spec: "bright-channel" },
    // The goldens' eps, 1e-6, is added inside the root as it is, ours squared.
    ...["0.5", "0.8", "1.5"].flatMap((p) => [
      { id: new RegExp(`^tv-p${p}-iso$`), spec: `hyper-laplacian(p=${p},form=isotropic)` },
      { id: new RegExp(`^tv-p${p}-aniso$`), spec: `hyper-laplacian(p=${p})` },
    ]),
  ],
  frequency: [
    { id: /^mimo-l1-full$/, spec: "fft" },
    { id: /^l1-rfft2$/, spec: "fft(preset=rfft2)" },
    { id: /^l1-rfft2-ortho$/, spec: "fft(preset=rfft2-ortho)" },
    { id: /^l1-abs-rfft2$/, spec: "fft(preset=rfft2,error=modulus)" },
    { id: /^l1-amplitude$/, spec: "fft(preset=rfft2-ortho,error=amplitude)" },
    { id: /^mse-rfft2-ortho$/, spec: "fft(preset=rfft2-ortho,power=2)" },
    { id: /^mimo-3-scales$/, spec: "0.1*fft(scales=3,pixels=10)" },
    { id: /^ffl$/, spec: "focal-frequency" },
    { id: /^ffl-alpha2$/, spec: "focal-frequency(alpha=2)" },
    { id: /^ffl-alpha0.5$/, spec: "focal-frequency(alpha=0.5)" },
    { id: /^ffl-alpha0$/, spec: "focal-frequency(alpha=0)" },
    { id: /^ffl-patch2$/, spec: "focal-frequency(patchFactor=2)" },
    { id: /^ffl-patch4$/, spec: "focal-frequency(patchFactor=4)" },
    { id: /^ffl-ave$/, spec: "focal-frequency(averageSpectrum=true)" },
    { id: /^ffl-log$/, spec: "focal-frequency(logMatrix=true)" },
    { id: /^ffl-batch$/, spec: "focal-frequency(batchMatrix=true)" },
    {
      id: /^ffl-patch2-log-batch-ave$/,
      spec: "focal-frequency(alpha=1.5,patchFactor=2,averageSpectrum=true,logMatrix=true,batchMatrix=true)",
    },
    { id: /^ffl-weight3$/, spec: "3*focal-frequency" },
  ],
  deltae: [
    { id: /^(image|grad)\/76$/, spec: "deltaE(formula=76)" },
    { id: /^(image|grad)\/94$/, spec: "deltaE(formula=94)" },
    { id: /^(image|grad)\/2000$/, spec: "deltaE" },
    { id: /^labmse$|^grad\/labmse$/, spec: "deltaE(formula=lab-mse)" },
  ],
};

/**
 * Cases about colours, refusals, parts of losses, and losses with parameters of their own have tests of their own; piq's features of BRISQUE are not OpenCV's,
 * which `brisque` has.
 */
const testedElsewhere =
  /^(rgb2lab|pairs)\/|^sharma-table$|^ffl-(patch5|matrix)\/|\/too-small$|^niqe|^brisque-features|^kernels$|^mprnet-laplacian\/|^ldl-/;

function kindOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/"));
}

/** The map that the weighted cases describe: 2 where (row + column) % 3 is 0, else 0.5. */
function caseWeight({ shape: [, , h, w] }: Tensor): Tensor {
  return Tensor.from(
    Array.from({ length: h * w }, (_, i) => ((Math.floor(i / w) + (i % w)) % 3 === 0 ? 2 : 0.5)),
    [1, 1, h, w],
  );
}

function channelsAsImages({ data, shape: [n, c, h, w] }: Tensor): Tensor {
  return new Tensor(data, [n * c, 1, h, w]);
}

function hasGradient({ gradient, gradientSummary, gradientMaxAbs }: GoldenCase): boolean {
  return gradient !== undefined || gradientSummary !== undefined || gradientMaxAbs !== undefined;
}

/**
 * Where derivatives of output and target agree exactly, as they often do in images of 8 bits, an absolute error has a tip: the official gradient there is the sign of a rounding error, ours 0.
 */
const hasTies = /^(sobel2?|diff2?|forward-diff|sobel-magnitude)-l1(-raw)?\/|^(gdl|gw|gw-adaptive)\//;

type LumaOf8Bit = (r: number, g: number, b: number) => number;

/** The luma as the official function computes it: in float64 on [0, 1], where the error of the sum decides what half a level becomes. */
const officialLuma: LumaOf8Bit = (r, g, b) => (0.299 * (r / 255) + 0.587 * (g / 255) + 0.114 * (b / 255)) * 255;

function roundedLuma({ data, shape: [n, , h, w] }: Tensor, luma: LumaOf8Bit): Tensor {
  const plane = h * w;
  const levels = Array.from({ length: plane }, (_, i) => {
    const [r, g, b] = [0, 1, 2].map((channel) => Math.round(data[channel * plane + i] * 255));
    const y = luma(r, g, b);
    const rounded = Math.round(y);
    return rounded - y === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
  });
  return Tensor.from(
    levels.map((level) => level / 255),
    [n, 1, h, w],
  );
}

async function check(golden: GoldenCase, rule: Rule): Promise<void> {
  const loss = parseLoss(rule.spec);
  const prepare = async (input: unknown) => {
    const tensor = await readInput(input as string);
    const { clampInputs } = golden.options as { clampInputs?: number[] };
    const clamped = clampInputs ? clampTensor(tensor, clampInputs) : tensor;
    if (rule.officialLuma) return roundedLuma(clamped, officialLuma);
    const scaled = mapTensor(clamped, (value) => value * (rule.scale ?? 1));
    return rule.perChannel ? channelsAsImages(scaled) : scaled;
  };
  const output = await prepare(golden.inputs.output);
  const target = golden.inputs.target === undefined ? undefined : await prepare(golden.inputs.target);
  const isOf8Bit = String(golden.inputs.output).endsWith(".png");
  const grad = hasGradient(golden) && !(isOf8Bit && hasTies.test(golden.id));
  const options = rule.weighted ? { weight: caseWeight(output) } : {};
  const got = await loss.evaluate(output, target, { grad, map: golden.map !== undefined }, options);

  const exact = golden.expectedExactWindow;
  const tolerance = exact === undefined ? golden.tolerance : { abs: golden.tolerance.exactWindowAbs };
  const official = rule.meanOfChannels
    ? (golden.expected as number[][]).map((channels) => sum(channels) / channels.length)
    : golden.expected;
  const expected = [exact ?? official].flat(2) as number[];
  const values = [rule.value?.([...got.perImage], output) ?? got.value].flat();
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expectValue(value, expected[i], tolerance);
  });
  golden.perImage?.forEach((value, i) => {
    expectValue(got.perImage[i], value, golden.tolerance);
  });
  if (got.grad) {
    // The sum over a batch of our gradient's mean: n times ours.
    const factor = rule.value === sum ? output.shape[0] : 1;
    expectGradient(factor === 1 ? got.grad : mapTensor(got.grad, (value) => value * factor), golden);
  }
  // The goldens state no tolerance for maps; gradients have 1e-4 of the largest entry.
  if (got.map && golden.map) expectMap(got.map, golden.map, 1e-4 * Math.max(...got.map.data));
}

describe.each(Object.keys(rules))("official numbers: %s", (family) => {
  const cases = goldenCases(family).filter(({ id }) => !testedElsewhere.test(id));

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const fitting = rules[family].filter((candidate) => candidate.id.test(kindOf(id)));
    expect(fitting, `no rule for ${id}`).not.toEqual([]);
    for (const rule of fitting) await check(golden, rule);
  });
});

test("the rounded luma differs from the official one only where the exact luma is half a level", async () => {
  const options = { channels: "y-matlab", crop: 0, clamp: false, low: 0, dataRange: 1 } as const;
  const image = await readInput("inputs/scene_blur.png");
  const images = { output: toFloat64(image), target: toFloat64(image) };
  const ours = prepare(reference, images, options).output.data;
  const official = roundedLuma(image, officialLuma).data;
  const plane = official.length;
  let halves = 0;
  for (const [i, level] of official.entries()) {
    const [r, g, b] = [0, 1, 2].map((channel) => Math.round(image.data[channel * plane + i] * 255));
    if ((299 * r + 587 * g + 114 * b) % 1000 === 500) halves++;
    else expect(ours[i]).toBeCloseTo(level, 6);
  }
  expect(halves).toBeGreaterThan(0);
  expect(halves).toBeLessThan(plane / 200);
});

describe("official numbers: colours", () => {
  const cases = Object.fromEntries(goldenCases("deltae").map((golden) => [golden.id, golden]));

  /** Colours as the pixels of one row, on the float64 backend. */
  const row = (colours: number[][], scale = 1) => ({
    data: Float64Array.from([0, 1, 2].flatMap((channel) => colours.map((colour) => colour[channel] * scale))),
    shape: [1, 3, 1, colours.length] as const,
  });

  test.each(["rgb2lab/colours", "rgb2lab/floats"])("%s", (id) => {
    const { inputs, expected, tolerance } = cases[id];
    const { rgb8, rgb } = inputs as Record<string, number[][] | undefined>;
    const lab = rgbToLab(reference, rgb8 ? row(rgb8, 1 / 255) : row(rgb as number[][]));
    const wanted = row(expected as number[][]);
    lab.data.forEach((value, i) => {
      expectValue(value, wanted.data[i], tolerance);
    });
  });

  test.each(["76", "94", "2000"] as const)("pairs/%s", (formula) => {
    const { inputs, expected, tolerance } = cases[`pairs/${formula}`];
    const { outputRgb8, targetRgb8 } = inputs as Record<string, number[][]>;
    const [output, target] = [outputRgb8, targetRgb8].map((colours) => rgbToLab(reference, row(colours, 1 / 255)));
    labDifference(reference, formula, output, target).data.forEach((value, i) => {
      expectValue(value, (expected as number[])[i], tolerance);
    });
  });

  test("Sharma's 34 pairs of CIEDE2000", () => {
    const { inputs, expected, fullPrecisionScikitImage } = cases["sharma-table"];
    const { lab1, lab2 } = inputs as Record<string, number[][]>;
    const { data } = labDifference(reference, "2000", row(lab2), row(lab1));
    expect(data.length).toBe(34);
    data.forEach((value, i) => {
      expectValue(value, (expected as number[])[i], { abs: 1e-4 });
      expectValue(value, (fullPrecisionScikitImage as number[])[i], { abs: 1e-9 });
    });
  });
});
