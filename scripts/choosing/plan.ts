/**
 * What is trained and what is optimised for docs/choosing.md: a row each, told apart by nothing but the loss.
 */

/** A loss on trial. */
export interface Trial {
  /** What its files are called, and what `--only` takes. */
  readonly name: string;
  /** The loss, as the grammar writes it. */
  readonly loss: string;
  /** What pictures and tables call it, where the specification is too long. */
  readonly label?: string;
}

/** A name for pictures and tables. */
export function labelOf({ loss, label = loss }: Trial): string {
  return label;
}

const perceptual = "perceptual(net=alexnet,taps=relu3)";
const gan = "gan(objective=hinge,features=24,depth=2,norm=spectral,learningRate=0.0005)";

/** What the same network is trained with. */
export const trainings: readonly Trial[] = [
  { name: "l1", loss: "l1" },
  { name: "mse", loss: "mse" },
  { name: "charbonnier", loss: "charbonnier" },
  { name: "ssim", loss: "ssim" },
  { name: "ms-ssim", loss: "ms-ssim(size=5)" },
  { name: "l1-ssim", loss: "l1 + 0.1*ssim" },
  { name: "l1-tv", loss: "l1 + 0.1*tv" },
  { name: "l1-perceptual", loss: `l1 + 0.02*${perceptual}`, label: "l1 + 0.02*perceptual" },
  { name: "l1-lpips", loss: "l1 + 0.1*lpips" },
  { name: "l1-gan", loss: `l1 + 0.01*${gan}`, label: "l1 + 0.01*gan" },
  { name: "l1-lpips-gan", loss: `l1 + 0.1*lpips + 0.01*${gan}`, label: "l1 + 0.1*lpips + 0.01*gan" },
];

/** What pixels are optimised under, from noise towards a photograph. */
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

/** What pixels are optimised under, from a noisy photograph towards the same. */
export const denoisingTrials: readonly Trial[] = [
  ...[0.05, 0.1, 0.4].map((weight) => ({ name: `mse-${weight}tv`, loss: `mse + ${weight}*tv` })),
  { name: "mse-isotropic", loss: "mse + 0.2*tv(form=isotropic)" },
  { name: "mse-squared", loss: "mse + 1*tv(form=squared)" },
  { name: "l1-tv", loss: "l1 + 0.6*tv" },
];
