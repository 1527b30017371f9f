import type { Better } from "@reconloss/core";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, matching, suggestion } from "@reconloss/core/internal";
import type { PixelOptions } from "../image/index.ts";

/** A metric of a protocol that is no part of this package: a model of the user's own gives it. */
export interface ProtocolModel {
  readonly name: string;
  readonly better: Better;
  /** A description of the network. */
  readonly summary: string;
}

/** One number that a protocol makes of the means of its metrics. */
export interface ProtocolTotal {
  readonly name: string;
  readonly better: "lower" | "higher";
  /** As its source writes it. */
  readonly formula: string;
  /** The names of the metrics and models that it takes. */
  readonly needs: readonly string[];
  /** Its value, of means by those names. */
  of(means: Readonly<Record<string, number>>): number;
}

/** A way of judging outputs that others use too: which metrics, of which pixels, and whose it is. */
export interface Protocol {
  readonly name: string;
  readonly title: string;
  /** A summary of its metrics and of the pixels that they are computed on. */
  readonly summary: string;
  /** Papers and code that it is taken from. */
  readonly source: string;
  /** Its metrics, as `parseLosses` takes them. */
  readonly metrics: string;
  /** Metrics that only models of the user's own give. */
  readonly models: readonly ProtocolModel[];
  /** By how much outputs are enlarged, where the protocol is of one enlargement: what `crop=scale` stands for. */
  readonly scale?: number;
  readonly total?: ProtocolTotal;
  /** The options by which files become pixels. */
  readonly pixels: PixelOptions;
}

const asStored: PixelOptions = { decode: "stored", alpha: "reject" };

/** Super-resolution is judged on the luma, without the border that networks cannot fill. */
function superResolution(scale: number): Protocol {
  const options = `channels=y-bt601,crop=${scale}`;
  return {
    name: `sr-x${scale}`,
    title: `super-resolution x${scale}`,
    summary: `PSNR and SSIM of the luma (BT.601, not rounded) of 8-bit files, without a border of ${scale} pixels`,
    source:
      "BasicSR, calculate_psnr and calculate_ssim with test_y_channel and crop_border = scale, as the tables of SwinIR and HAT",
    metrics: `psnr(${options}), ssim(${options})`,
    models: [],
    scale,
    pixels: asStored,
  };
}

/**
 * The protocols of `reconloss compare --protocol`, one entry each.
 *
 * @example
 * ```ts
 * import { protocols } from "reconloss/compare";
 * const [, , x4] = protocols;
 * x4.name; // "sr-x4"
 * x4.metrics; // "psnr(channels=y-bt601,crop=4), ssim(channels=y-bt601,crop=4)"
 * ```
 */
export const protocols: readonly Protocol[] = [
  ...[2, 3, 4].map(superResolution),
  {
    name: "ntire2026",
    title: "NTIRE 2026 image super-resolution x4",
    summary:
      "track 1: PSNR of the luma without a border of 4 pixels; track 2: the perceptual score, of the means of LPIPS, DISTS, NIQE and, by models of one's own, CLIP-IQA, MANIQA and MUSIQ",
    source:
      "Chen et al. 2026, The Fourth Challenge on Image Super-Resolution (x4) at NTIRE 2026, arXiv:2604.14558, code zhengchen1999/NTIRE2026_ImageSR_x4, whose measures are IQA-PyTorch's",
    metrics: "psnr(channels=y-bt601,crop=4), ssim(channels=y-bt601,crop=4), lpips(net=alex), dists, niqe(preset=pyiqa)",
    models: [
      { name: "clip-iqa", better: "higher", summary: "CLIP-IQA (Wang et al. 2023), 0 to 1" },
      { name: "maniqa", better: "higher", summary: "MANIQA (Yang et al. 2022), 0 to 1" },
      { name: "musiq", better: "higher", summary: "MUSIQ (Ke et al. 2021), 0 to 100" },
    ],
    scale: 4,
    total: {
      name: "perceptual score",
      better: "higher",
      formula: "(1 - LPIPS) + (1 - DISTS) + CLIPIQA + MANIQA + MUSIQ / 100 + max(0, (10 - NIQE) / 10)",
      needs: ["lpips", "dists", "clip-iqa", "maniqa", "musiq", "niqe"],
      of: (mean) =>
        1 -
        mean.lpips +
        (1 - mean.dists) +
        mean["clip-iqa"] +
        mean.maniqa +
        mean.musiq / 100 +
        Math.max(0, (10 - mean.niqe) / 10),
    },
    pixels: asStored,
  },
  {
    name: "deblur",
    title: "deblurring, as on GoPro and HIDE",
    summary:
      "PSNR of all channels, and MATLAB's SSIM of the colour image as it is, which takes it for a volume; nothing is cropped",
    source: "Zamir et al. 2021, MPRNet, evaluate_GOPRO_HIDE.m, as Restormer; NAFNet's calculate_ssim is the same",
    metrics: "psnr, ssim(preset=matlab,volume=true)",
    models: [],
    pixels: asStored,
  },
  {
    name: "low-light",
    title: "low-light enhancement, as on LOL",
    summary:
      "PSNR and SSIM of all channels, LPIPS by AlexNet; outputs are not brought to the brightness of their targets (no GT mean)",
    source:
      "Cai et al. 2023, Retinexformer, Enhancement/utils.py; LOL: Wei et al. 2018; LPIPS: Zhang et al. 2018, version 0.1",
    metrics: "psnr, ssim, lpips(net=alex)",
    models: [],
    pixels: asStored,
  },
  {
    name: "codec",
    title: "image compression",
    summary:
      "SSIMULACRA 2, PSNR and MS-SSIM of all channels, CIEDE2000: what people see, what papers report, and colours",
    source:
      "reconloss's choice; SSIMULACRA 2.1: Sneyers 2023, cloudinary/ssimulacra2; PSNR and MS-SSIM as CompressAI (mean of the images' decibels; pytorch-msssim); Sharma, Wu, Dalal 2005",
    metrics: "ssimulacra2, psnr, ms-ssim, deltaE",
    models: [],
    pixels: asStored,
  },
];

/**
 * A protocol by its name, whatever its case, hyphens and underscores.
 *
 * @throws {ReconlossError} `invalid-argument` where there is none of that name
 * @example
 * ```ts
 * import { findProtocol } from "reconloss/compare";
 * findProtocol("SR_x4").title; // "super-resolution x4"
 * ```
 */
export function findProtocol(name: string): Protocol {
  checkArguments("findProtocol", { name: [name, "text"] });
  const names = protocols.map((protocol) => protocol.name);
  const known = matching(name, names);
  const found = protocols.find((protocol) => protocol.name === known);
  if (found !== undefined) return found;
  const near = suggestion(name, names);
  throw new ReconlossError("invalid-argument", `there is no protocol "${name}"${near}; there are: ${names.join(", ")}`);
}
