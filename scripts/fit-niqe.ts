/**
 * `npx tsx scripts/fit-niqe.ts --photographs FOLDER`: the model of natural images of `niqe(model=tiny)`, as Mittal et al. 2013 made theirs: mean and covariance of the features of those 96x96 blocks of
 * photographs that are at least 0.75 times as sharp as the sharpest of the same photograph. Writes `packages/core/src/losses/niqe-tiny.ts`.
 */
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compile, type Program } from "../packages/core/src/graph/index.ts";
import { prepare } from "../packages/core/src/losses/images.ts";
import { niqeFeatures, niqeSharpness } from "../packages/core/src/losses/niqe.ts";
import { featureCount } from "../packages/core/src/losses/niqe-model.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";

const block = 96;
const sharpEnough = 0.75;

const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    out: {
      type: "string",
      default: fileURLToPath(new URL("../packages/core/src/losses/niqe-tiny.ts", import.meta.url)),
    },
  },
});
if (flags.photographs === undefined) throw new Error("usage: fit-niqe.ts --photographs FOLDER [--out FILE]");
const folder = flags.photographs;

const programs = new Map<string, Program<"image", string>>();

/** The features of the sharp blocks of a photograph. */
async function featuresOf(path: string): Promise<Float64Array[]> {
  const image = await readImage(path);
  const [, channels, h, w] = image.shape;
  const key = [channels, h, w].join();
  const program =
    programs.get(key) ??
    (await compile<"image", string>({ image: [1, channels, h, w] }, (o, { image }) => {
      const options = { channels: "y-rgb2ycbcr", crop: 0, clamp: false, low: 0, dataRange: 1 } as const;
      const luma = o.mul(prepare(o, { output: image, target: image }, options).output, 255);
      const whole = o.slice(o.slice(luma, "h", 0, h - (h % block)), "w", 0, w - (w % block));
      return { ...niqeFeatures(o, whole, block, 0.001), sharpness: niqeSharpness(o, whole, block) };
    }));
  programs.set(key, program);
  const { features, valid, sharpness } = await program.run({ image });
  const count = sharpness.data.length;
  const sharpest = Math.max(...sharpness.data);
  const row = (data: ArrayLike<number>, at: number) =>
    Float64Array.from({ length: featureCount }, (_, feature) => data[feature * count + at]);
  return Array.from({ length: count }, (_, at) => at)
    .filter((at) => sharpness.data[at] > sharpEnough * sharpest && row(valid.data, at).every((has) => has > 0))
    .map((at) => row(features.data, at));
}

const rows: Float64Array[] = [];
for (const name of readdirSync(folder).sort()) rows.push(...(await featuresOf(join(folder, name))));
process.stderr.write(`${rows.length} blocks\n`);

const mean = Float64Array.from(
  { length: featureCount },
  (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length,
);
const numbers = [...mean];
for (let i = 0; i < featureCount; i++) {
  for (let j = 0; j <= i; j++) {
    const products = rows.reduce((sum, row) => sum + (row[i] - mean[i]) * (row[j] - mean[j]), 0);
    numbers.push(products / (rows.length - 1));
  }
}
const packed = Buffer.from(Float32Array.from(numbers).buffer).toString("base64");
const lines = [
  "/** Written by scripts/fit-niqe.ts: 36 means, then the lower triangle of the covariance of the features of sharp blocks, row by row, float32 in base64. */",
  "export const packed =",
  `  "${packed}";`,
  "",
];
await writeFile(flags.out, lines.join("\n"));
