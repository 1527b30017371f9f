import type { perceptual } from "../../packages/core/src/losses/perceptual.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";

/** How a family of official numbers is said in our grammar. */
export interface Rule {
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

export const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const each = (values: number[]) => values;
const basicsr = (name: string, channels: string, crop: string) =>
  `${name}(channels=${channels === "y" ? "y-bt601" : "rgb"},crop=${crop})`;

export const rules: Record<string, Rule[]> = {
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

/** How the official numbers of `iqa.json` are written in our grammar, by the part of a case's id before the image. */
export const qualitySpecs: Record<string, string> = {
  gmsd: "gmsd",
  "gmsd-t0.01": `gmsd(t=${0.01 * 255 ** 2})`,
  "ms-gmsd": "ms-gmsd",
  "ms-gmsdc": "ms-gmsd(chromatic=true)",
  "ms-gmsd-weights": "ms-gmsd(weights=1:2)",
  mdsi: "mdsi",
  "mdsi-mult": "mdsi(combination=mult)",
  "mdsi-rho2": "mdsi(rho=2,o=0.5,q=0.5,alpha=0.4)",
  haarpsi: "haarpsi",
  "haarpsi-nosubsample": "haarpsi(subsample=false)",
  "haarpsi-c5-a5.8": "haarpsi(c=5,alpha=5.8)",
  "haarpsi-matlab-yiq": "haarpsi(preset=matlab)",
  vifp: "vif",
  "vifp-sigma0.4": "vif(sigmaNSq=0.4)",
  "tm-vif": "vif(preset=torchmetrics)",
  // torchmetrics scales nothing: of images in [0, 1], its noise of 2 is 2 * 255^2 in squared 8-bit levels.
  "tm-vif-range1": `vif(preset=torchmetrics,sigmaNSq=${2 * 255 ** 2})`,
  uqi: "uqi",
  "uqi-7-1.0": "uqi(size=7,sigma=1)",
  sam: "sam",
  "sam-lifted": "sam",
  ergas: "ergas",
  "ergas-r2": "ergas(ratio=2)",
  scc: "scc",
  fsim: "fsim",
  fsimc: "fsim(chromatic=true)",
  "fsim-s3-o6": "fsim(scales=3,orientations=6)",
  "fsimc-matlab": "fsimc(preset=matlab)",
  srsim: "sr-sim",
  srsimc: "sr-simc",
  "srsim-g9": "sr-sim(size=9)",
  dss: "dss",
  vsi: "vsi",
  "iw-ssim": "iw-ssim",
  flip: "flip",
  "flip-ppd30": "flip(pixelsPerDegree=30)",
  "flip-ppd100": "flip(pixelsPerDegree=100)",
};

export type PerceptualOptions = NonNullable<Parameters<typeof perceptual>[0]>;

const basicsrVgg19: PerceptualOptions = { preset: "basicsr-vgg19" };
const relu = "relu1_2+relu2_2+relu3_3+relu4_3";
const grams = { taps: "none", styleTaps: "0.1*conv1_2+0.1*conv2_2+conv3_4+conv4_4+conv5_4" };

/** The options of `perceptual` that have the number of each family of cases of `perceptual.json`. */
export const perceptualOptions: Readonly<Record<string, PerceptualOptions>> = {
  "basicsr-vgg19-l1": basicsrVgg19,
  "basicsr-vgg19-style-l1": { ...basicsrVgg19, ...grams },
  "basicsr-vgg19-conv5_4-l1": { preset: "esrgan-vgg19" },
  "basicsr-vgg16-l2": { taps: "relu2_2+0.5*relu3_3" },
  "basicsr-vgg16-fro-rangenorm": { criterion: "frobenius", range: "signed" },
  "piq-content": { preset: "piq-content" },
  "piq-content-multi": { preset: "piq-content", taps: "0.5*relu2_2+relu3_3", criterion: "l1", unitFeatures: true },
  "piq-content-vgg19-avgpool": { preset: "piq-content", net: "vgg19", taps: "relu4_4", pooling: "average" },
  "piq-style": { preset: "piq-style" },
  "uhdm-resizeTrue": { preset: "uhdm-vgg16" },
  "uhdm-resizeFalse": { preset: "uhdm-vgg16", resize: 0 },
  "uhdm-style-resizeFalse": { preset: "uhdm-vgg16", resize: 0, taps: "relu3_3", styleTaps: relu },
  "uhdm-identical": { preset: "uhdm-vgg16", resize: 0 },
};
