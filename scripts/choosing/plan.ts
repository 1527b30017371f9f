/**
 * The experiments of docs/choosing.md: tables of losses, each row told apart from its neighbours by nothing but the loss.
 */
import type { GivenSettings } from "../../packages/reconloss/src/tasks/index.ts";
import type { PhotographName } from "../photographs.ts";

/** A loss on trial. */
export interface Trial {
  /** The name of its files, which `--only` takes. */
  readonly name: string;
  /** The loss, as the grammar writes it. */
  readonly loss: string;
  /** Its label in pictures and tables, where the specification is too long. */
  readonly label?: string;
}

/** A square of a photograph that may be shown. */
export interface Place {
  readonly photograph: PhotographName;
  readonly left: number;
  readonly top: number;
}

/** The same network trained for one task with one loss after the other. */
export interface Experiment {
  /** The name of its files, tables and pictures. */
  readonly name: string;
  readonly task: Pick<GivenSettings, "task" | "scale">;
  /** The baseline without a network. */
  readonly without: string;
  readonly steps: number;
  /** Patches in a step, and their side in pixels. */
  readonly batch: number;
  readonly patch: number;
  /** The number of photographs that the networks are judged on. */
  readonly judged: number;
  /** The square of each, in its middle, that they are judged on; default: the whole. */
  readonly side?: number;
  readonly trials: readonly Trial[];
  readonly lookedAt: readonly Place[];
}

/** A name for pictures and tables. */
export function labelOf({ loss, label = loss }: Trial): string {
  return label;
}

const perceptual = "perceptual(net=alexnet,taps=relu3)";
const contextual = "contextual(net=alexnet,taps=relu2)";
const gan = "gan(objective=hinge,features=24,depth=2,norm=spectral,learningRate=0.0005)";
/** The losses that labels call by their name alone, as they are. */
export const shortened: readonly string[] = [perceptual, contextual, gan];

const husk = { photograph: "flower", left: 320, top: 520 } as const;
const edge = { photograph: "flower", left: 300, top: 600 } as const;
const cat = { photograph: "cat", left: 380, top: 290 } as const;

/** Short trainings, judged on squares. */
const onSquares = { steps: 300, batch: 4, patch: 64, judged: 10, side: 256, lookedAt: [husk, cat] } as const;

/** The tasks that networks are trained for, and their losses. */
export const experiments: readonly Experiment[] = [
  {
    name: "x4",
    task: { task: "super-resolution", scale: 4 },
    without: "bicubic",
    ...{ steps: 800, batch: 4, patch: 80, judged: 26 },
    lookedAt: [husk, edge, cat],
    trials: [
      { name: "l1", loss: "l1" },
      { name: "mse", loss: "mse" },
      { name: "charbonnier", loss: "charbonnier" },
      { name: "ssim", loss: "ssim" },
      { name: "ms-ssim", loss: "ms-ssim(size=5)" },
      { name: "l1-ssim", loss: "l1 + 0.1*ssim" },
      { name: "l1-tv", loss: "l1 + 0.1*tv" },
      { name: "l1-perceptual", loss: `l1 + 0.02*${perceptual}`, label: "l1 + 0.02*perceptual" },
      { name: "l1-lpips", loss: "l1 + 0.1*lpips" },
      { name: "l1-contextual", loss: `l1 + 0.02*${contextual}`, label: "l1 + 0.02*contextual" },
      { name: "l1-gan", loss: `l1 + 0.01*${gan}`, label: "l1 + 0.01*gan" },
      { name: "l1-lpips-gan", loss: `l1 + 0.1*lpips + 0.01*${gan}`, label: "l1 + 0.1*lpips + 0.01*gan" },
      { name: "l1-dists", loss: "l1 + 0.1*dists" },
    ],
  },
  {
    name: "deblur",
    task: { task: "deblur" },
    without: "blurred",
    ...onSquares,
    trials: [
      { name: "l1", loss: "l1" },
      { name: "edge", loss: "charbonnier + 0.05*edge" },
      { name: "fft", loss: "l1 + 0.1*fft" },
      { name: "edge-fft", loss: "charbonnier + 0.05*edge + 0.1*fft" },
    ],
  },
  {
    name: "enhance",
    task: { task: "enhance" },
    without: "dark",
    ...onSquares,
    trials: [
      { name: "l1", loss: "l1" },
      { name: "exposure", loss: "l1 + 0.1*exposure" },
      { name: "colour-constancy", loss: "l1 + 0.5*colour-constancy" },
      { name: "illumination-smoothness", loss: "l1 + illumination-smoothness" },
      { name: "spatial-consistency", loss: "l1 + spatial-consistency" },
      { name: "tv", loss: "l1 + 0.1*tv" },
      {
        name: "zero-dce",
        loss: "l1 + 0.1*exposure + 0.5*colour-constancy + illumination-smoothness + spatial-consistency",
        label: "l1 + the four of Zero-DCE",
      },
    ],
  },
];

/** The losses under which pixels are optimised from noise towards a photograph. */
export const pixelTrials: readonly Trial[] = [
  { name: "mse", loss: "mse" },
  { name: "l1", loss: "l1" },
  { name: "charbonnier", loss: "charbonnier" },
  { name: "psnr", loss: "psnr" },
  { name: "ssim", loss: "ssim" },
  { name: "ms-ssim", loss: "ms-ssim" },
  { name: "deltaE", loss: "deltaE" },
  { name: "perceptual", loss: perceptual, label: "perceptual" },
  {
    name: "style",
    loss: "perceptual(net=alexnet,taps=none,styleTaps=relu1+relu2+relu3)",
    label: "perceptual, style only",
  },
  { name: "lpips", loss: "lpips" },
  { name: "l1-ssim", loss: "l1 + 0.1*ssim" },
  { name: "l1-lpips", loss: "l1 + 0.1*lpips" },
  { name: "gan", loss: gan, label: "gan" },
  { name: "tv", loss: "tv" },
];

/** The losses under which pixels are optimised from a noisy photograph towards the same photograph. */
export const denoisingTrials: readonly Trial[] = [
  ...[0.05, 0.1, 0.4].map((weight) => ({ name: `mse-${weight}tv`, loss: `mse + ${weight}*tv` })),
  { name: "mse-isotropic", loss: "mse + 0.2*tv(form=isotropic)" },
  { name: "mse-squared", loss: "mse + 1*tv(form=squared)" },
  { name: "l1-tv", loss: "l1 + 0.6*tv" },
];
