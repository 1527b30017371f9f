/**
 * `npm run demo`: two photographs, six ways in which an image-output model fails, every loss.
 *
 * The photographs are those of `photographs.ts`. Every failure is made just as strong as a reduction to a quarter and back is by the mean squared error, so that what remains is what each loss cares about.
 */
import { rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import sharp, { type Sharp } from "sharp";
import { mse, parseLosses } from "../packages/core/src/losses/index.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";
import { columnTitle, plainTable } from "../packages/reconloss/src/cli/table.ts";
import { coloursFor } from "../packages/reconloss/src/cli/terminal.ts";
import {
  comparePairs,
  formatNumber,
  isWorse,
  type Outcome,
  summarise,
} from "../packages/reconloss/src/compare/index.ts";
import { fromPixels, type ImagePair, readImage, toPixels, writeImage } from "../packages/reconloss/src/image/index.ts";
import { writeReport } from "../packages/reconloss/src/report/index.ts";
import { blur, expose, noise } from "../packages/reconloss/src/tasks/distort.ts";
import { photographNames, photographPath } from "./photographs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "demo");

/** A failure, from none to strong: what strength means is its own affair, but more is worse. */
interface Failure {
  name: string;
  /** The strength at which the search begins. */
  gentle: number;
  strongest: number;
  distort: (image: Tensor, strength: number) => Promise<Tensor> | Tensor;
}

function encodable(image: Tensor) {
  const { data, width, height, channels } = toPixels(image);
  return sharp(data as Uint8Array, { raw: { width, height, channels } });
}

async function decoded(image: Sharp): Promise<Tensor> {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return fromPixels({ data, width: info.width, height: info.height, channels: info.channels });
}

async function quarterAndBack(image: Tensor): Promise<Tensor> {
  const [, , height, width] = image.shape;
  const small = { width: Math.ceil(width / 4), height: Math.ceil(height / 4), fit: "fill", kernel: "cubic" } as const;
  const reduced = await encodable(image).resize(small).png().toBuffer();
  return decoded(sharp(reduced).resize({ width, height, fit: "fill", kernel: "cubic" }));
}

const failures: Failure[] = [
  { name: "blur", gentle: 2, strongest: 16, distort: blur },
  { name: "noise", gentle: 0.05, strongest: 0.5, distort: (image, sigma) => noise(image, sigma, 1) },
  {
    name: "jpeg",
    gentle: 90,
    strongest: 99,
    distort: async (image, strength) => {
      return decoded(
        sharp(
          await encodable(image)
            .jpeg({ quality: 100 - Math.round(strength) })
            .toBuffer(),
        ),
      );
    },
  },
  { name: "low-light", gentle: 0.1, strongest: 1, distort: (image, loss) => expose(image, 1 - loss) },
  {
    name: "colour-cast",
    gentle: 0.2,
    strongest: 1,
    distort: (image, cast) => expose(image, [1, 1 - cast / 3, 1 - cast]),
  },
];

/** As an 8-bit file holds it. */
function rounded(image: Tensor): Tensor {
  return fromPixels(toPixels(image));
}

/**
 * The failure at the strength where its mean squared error is the one that is wanted, within 1% where its steps are that fine. Error grows about as
 * the square of strength, which says where to look next; halving what is left of the range, where that leads out of it.
 */
async function withError(wanted: number, { gentle, strongest, distort }: Failure, target: Tensor): Promise<Tensor> {
  let [low, high, strength] = [0, strongest, gentle];
  let best = { image: target, miss: Number.POSITIVE_INFINITY };
  for (let step = 0; step < 8 && best.miss > 0.01; step++) {
    const image = rounded(await distort(target, strength));
    const ratio = (await mse().value(image, target)) / wanted;
    const miss = Math.abs(Math.log(ratio));
    if (miss < best.miss) best = { image, miss };
    if (ratio < 1) low = strength;
    else high = strength;
    const next = strength / Math.sqrt(ratio);
    strength = next > low && next < high ? next : (low + high) / 2;
  }
  return best.image;
}

/** One loss or two of each kind, those of networks through the one that is part of the package: a demo downloads nothing. */
const shown =
  "l1, charbonnier, psnr, ssim, ms-ssim, gmsd, deltaE, fft, edge, perceptual(net=tiny), lpips(net=tiny), tv";

async function makeOutputs(): Promise<ImagePair[]> {
  rmSync(folder, { recursive: true, force: true });
  const pairs: ImagePair[] = [];
  for (const photograph of photographNames) {
    const image = await readImage(photographPath(photograph));
    const target = join(folder, "targets", `${photograph}.png`);
    await writeImage(target, image);
    const save = async (failure: string, output: Tensor) => {
      const name = `${failure}/${photograph}.png`;
      const path = join(folder, "outputs", name);
      await writeImage(path, output);
      pairs.push({ name, output: path, target });
    };
    const quarter = await quarterAndBack(image);
    const wanted = await mse().value(quarter, image);
    await save("x4-down-up", quarter);
    for (const failure of failures) await save(failure.name, await withError(wanted, failure, image));
  }
  return pairs;
}

/** "l1 and charbonnier mind low-light most; ssim minds noise most". */
function describeSensitivity(table: readonly { label: string; ranked: readonly string[] }[]): string {
  const list = new Intl.ListFormat("en");
  return [...new Set(table.map(({ ranked }) => ranked[0]))]
    .map((kind) => {
      const labels = table.filter(({ ranked }) => ranked[0] === kind).map(({ label }) => label);
      return `${list.format(labels)} ${labels.length === 1 ? "minds" : "mind"} ${kind} most`;
    })
    .join("; ");
}

async function main(): Promise<void> {
  const { dim, bold, yellow } = coloursFor(process.stdout, process.env);
  const print = (text = "") => process.stdout.write(`${text}\n`);
  const begun = performance.now();
  const kinds = ["x4-down-up", ...failures.map(({ name }) => name)];
  print(dim(`making ${kinds.join(", ")} of ${photographNames.length} photographs ...`));
  const pairs = await makeOutputs();

  const losses = parseLosses(shown);
  const outcomes: Outcome[] = [];
  for await (const outcome of comparePairs(pairs, losses)) outcomes.push(outcome);
  const comparison = summarise(losses, outcomes);

  const table = losses.map((loss) => {
    const { label, better, decimals } = loss;
    const means = kinds.map((kind) => {
      const pairs = comparison.pairs.filter(({ name }) => name.startsWith(`${kind}/`));
      return pairs.reduce((sum, { values }) => sum + values[label], 0) / pairs.length;
    });
    const ranked = kinds.toSorted((a, b) => {
      const [x, y] = [a, b].map((kind) => means[kinds.indexOf(kind)]);
      return isWorse(better, x, y, comparison.targetMean[label]) ? -1 : 1;
    });
    const spread = (Math.max(...means) - Math.min(...means)) / Math.abs(Math.max(...means));
    return {
      label,
      title: columnTitle(loss).replaceAll("\n", ""),
      ranked,
      isBlind: spread < 0.05,
      numbers: means.map((mean) => formatNumber(mean, decimals)),
    };
  });
  const rows = table.map(({ title, ranked, isBlind, numbers }) => [
    bold(title),
    ...kinds.map((kind, column) => {
      return !isBlind && ranked[0] === kind ? yellow(`${numbers[column]} ◂`) : `${numbers[column]}  `;
    }),
  ]);
  print(`\n${plainTable([["", ...kinds.map((kind) => `${kind}  `)].map(bold), ...rows])}`);
  print(dim("◂ the failure that a loss minds most; no mark where it hardly tells them apart"));
  print();

  const report = join(folder, "report.html");
  await writeReport(report, comparison, {
    title: "Six failures, equally wrong",
    introduction: [
      "Each photograph was spoiled in six ways, as image models spoil theirs. A reduction to a quarter and back is the yardstick: the others are just as strong as it by the mean squared error (JPEG as nearly as its steps allow), so mse and psnr cannot tell them apart. The other losses can, and they do not agree.",
      `${describeSensitivity(table.filter(({ isBlind }) => !isBlind))}.`,
    ],
  });
  print(
    `${dim(`${((performance.now() - begun) / 1000).toFixed(1)} s.`)} Open ${bold(relative(process.cwd(), report))} in a browser: ${pathToFileURL(report)}`,
  );
  if (comparison.failed.length > 0) process.exitCode = 1;
}

await main();
