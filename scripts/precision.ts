/**
 * Measures how far each loss, as it runs natively, is from its definition in float64, and writes docs/precision.md: `npm run precision`.
 * With names of losses or their forms behind it (`npm run precision -- fsim niqe`), only these are measured, and the page keeps its other rows.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Definition } from "../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../packages/core/src/graph/reference.ts";
import { parseLoss } from "../packages/core/src/losses/parse.ts";
import { lossFactories } from "../packages/core/src/losses/registry.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";
import { casesOf, peerFamilies } from "../test/metrics/peer-numbers.ts";

/** Besides each loss as it is by default: presets and forms that are computed otherwise. Losses that need files are measured in that of them which is part of the package. */
const variants: Readonly<Record<string, readonly string[]>> = {
  psnr: ["channels=y-bt601,crop=4", "pooling=channels"],
  ssim: ["piq", "ssim.m", "matlab", "skimage", "torchmetrics", "fused"].map((preset) => `preset=${preset}`),
  "ms-ssim": ["piq", "tensorflow", "torchmetrics"].map((preset) => `preset=${preset}`),
  deltaE: ["76", "94", "lab-mse", "cmc", "hyab", "oklab"].map((formula) => `formula=${formula}`),
  tv: ["form=isotropic", "form=squared", "preset=piq"],
  fsim: ["chromatic=true"],
  "sr-sim": ["chromatic=true"],
  lpips: ["net=tiny"],
  niqe: ["model=tiny", "model=tiny,shapes=smooth"],
};
const needsFiles = (spec: string) => (parseLoss(spec).definition?.weights ?? []).length > 0;
const specs = lossFactories
  .map(({ info }) => info.name)
  .flatMap((name) => [name, ...(variants[name] ?? []).map((options) => `${name}(${options})`)])
  .filter((spec) => !needsFiles(spec));

const read = (name: string) => readImage(fileURLToPath(new URL(`../test/goldens/inputs/${name}`, import.meta.url)));

/** The kinds of pairs: what each stresses. */
const pairs: Record<string, [output: Tensor, target: Tensor]> = {
  blurred: [await read("scene_blur.png"), await read("scene.png")],
  noisy: [await read("scene_noise.png"), await read("scene.png")],
  "odd sides": [await read("odd_noise.png"), await read("odd.png")],
  "nearly flat": [
    await read("scene.png").then(
      ({ data, shape }) =>
        new Tensor(
          data.map((x) => 0.9 + 0.001 * x),
          shape,
        ),
    ),
    await read("scene.png").then(({ shape }) => Tensor.full(shape, 0.9)),
  ],
};

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((max, x) => Math.max(max, Math.abs(x)), 0);
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((max, x, i) => Math.max(max, Math.abs(x - b[i])), 0);
}

const page = new URL("../docs/precision.md", import.meta.url);
const only = process.argv.slice(2);
const isAsked = (spec: string) => only.length === 0 || only.includes(spec) || only.includes(spec.split("(")[0]);
/** The rows that the page has, by their first cell. */
const kept = new Map(
  readFileSync(page, "utf8")
    .split("\n")
    .map((line) => [/^\| (`[^`]+`) \|/.exec(line)?.[1], line]),
);

const rows: string[] = [];
for (const spec of specs) {
  const row = kept.get(`\`${spec}\``);
  if (!isAsked(spec) && row !== undefined) {
    rows.push(row);
    continue;
  }
  const loss = parseLoss(spec);
  const errors: string[] = [];
  for (const [output, target] of Object.values(pairs)) {
    const images = { output: toFloat64(output), target: toFloat64(target) };
    // First, since it prepares the definition: reads the networks' weights.
    const got = await loss.evaluate(output, target, { grad: true }).catch((error) => {
      if (error.code === "shape") return undefined;
      throw error;
    });
    if (got === undefined) {
      errors.push("too small");
      continue;
    }
    const exact = evaluateDefinition(reference, loss.definition as Definition, images, { grad: true });
    const value = Math.abs(got.value - exact.value.data[0]) / (Math.abs(exact.value.data[0]) || 1);
    const gradient = difference((got.grad as Tensor).data, exact.grad!.data) / (largest(exact.grad!.data) || 1);
    errors.push(`${value.toExponential(0)} / ${gradient.toExponential(0)}`);
  }
  rows.push(`| \`${spec}\` | ${errors.join(" | ")} |`);
  console.error(rows.at(-1));
}

/** The errors of the metrics of sets against their peers: the greatest relative error, and the greatest error where the peer's number is 0. */
const sets: string[] = [];
for (const { family, metric, peer, numbersOf } of peerFamilies) {
  const row = kept.get(`\`${metric}\``);
  if (!isAsked(metric) && row !== undefined) {
    sets.push(row);
    continue;
  }
  let [relative, absolute] = [0, 0];
  for (const golden of casesOf(family)) {
    const [{ got, expected }] = await numbersOf(golden);
    const error = Math.abs(got - expected);
    if (Math.abs(expected) > 1e-9) relative = Math.max(relative, error / Math.abs(expected));
    else absolute = Math.max(absolute, error);
  }
  const { length } = casesOf(family);
  sets.push(`| \`${metric}\` | ${peer} | ${length} | ${relative.toExponential(0)} | ${absolute.toExponential(0)} |`);
  console.error(sets.at(-1));
}

writeFileSync(
  page,
  `# Precision

How far each loss, as it runs, is from its own definition evaluated in float64: relative error of the value / largest error of the gradient
relative to its largest entry; of a number that is 0, its error as it is. Sums are float64 everywhere, pixels float32. Written by \`npm run precision\` from the images in
\`test/goldens/inputs\`; "nearly flat" is a bright image with contrast of 0.001 against a flat one, where covariances are small differences
of large numbers.

| loss | ${Object.keys(pairs).join(" | ")} |
|---|${"---|".repeat(Object.keys(pairs).length)}
${rows.join("\n")}

\`cmc\`, \`hyab\` and \`oklab\` have no kernel: they take the difference of two colours that float32 has rounded, so that where colours are all but equal, at the tip of the
distance, the direction of a pixel's gradient is the rounding's.

Losses of absolute sums of pixels (\`wavelet\`, \`sobel\`, \`gradient\`, \`gradient-weighted\`, \`chroma\`, \`average\`) have a tip where a sum is 0, as 8-bit images often make it: there its sign is the rounding's, and one
pixel's gradient is off by what one sum contributes. \`mdsi\` and \`ms-gmsd\` are roots, steep where places are all but equal. The phases that \`fsim\` compares are those of rounding errors where the target is flat.

The official numbers of these losses in \`test/goldens/expected\` are met within the tolerances stated there
(\`npx vitest run test/losses/goldens.test.ts\`, which also says how lumas of exactly half a level are rounded).

## Metrics of sets of images

How far each is from its peer, run in float64 on the same feature vectors (\`test/goldens/expected/distribution2.json\`, held by \`npx vitest run test/metrics/goldens2.test.ts\`): the
greatest relative error of the cases, and the greatest error of those whose number is 0 but for rounding. The half order of the Vendi score is where the peer counts
eigenvalues that are only rounding, 9e-8 of the number; without them the two are within 1e-10.

| metric | peer | cases | relative error | error at 0 |
|---|---|---|---|---|
${sets.join("\n")}

## Where max-pooling ties

Networks with max-pooling (AlexNet, VGG, SqueezeNet: \`lpips\`, \`perceptual\`) have no single gradient where two values of a window are equal: each choice of the greatest
is a subgradient. Equal values go to the first in row-major order, as in PyTorch, in float32 and in float64, so that areas of one colour and JPEG blocks have the
same gradient in both. Where values are equal but for float32's last bits, as resized or decoded flat areas are, rounding chooses: the value stays, and gradients may be
apart by half of the largest entry. Any float32 implementation has that: PyTorch's own float32 and float64 part there as ours do
(\`npx vitest run test/losses/ties.test.ts\`).
`,
);
