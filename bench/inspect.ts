import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { imresize } from "../packages/core/src/pixels/imresize.ts";
import { toImageSync } from "../packages/core/src/pixels/input.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { inspect } from "../packages/reconloss/src/compare/inspect.ts";
import { decodeImage, readImage, toPixels } from "../packages/reconloss/src/image/index.ts";
import { blur, noise } from "../packages/reconloss/src/tasks/distort.ts";
import { asFile } from "../packages/reconloss/src/tasks/patches.ts";
import { median } from "./in-turn.ts";

// npx tsx bench/inspect.ts [folder]: how many of a folder's photographs are noted as shifted, of another tone or with exchanged channels after what should be noted and what should not, what is noted falsely, and how
// long looking takes. The figures of "Looking before judging" in docs/judging.md.

const [folder = fileURLToPath(new URL("../../shared/photos/heldout", import.meta.url))] = process.argv.slice(2);
if (!existsSync(folder)) throw new Error(`${folder} is missing; name a folder of photographs`);

const encoder = (image: Tensor) => {
  const { data, width, height } = toPixels(image);
  return sharp(data as Uint8ClampedArray, { raw: { width, height, channels: 3 } });
};
const decoded = async (bytes: Promise<Buffer>) => (await decodeImage(new Uint8Array(await bytes))).image;

/** The largest part of an image whose sides are multiples of 4. */
function part({ data, shape: [n, c, h, w] }: Tensor): Tensor {
  const [height, width] = [h - (h % 4), w - (w % 4)];
  const rows = Array.from({ length: n * c * height }, (_, i) => {
    const from = (Math.floor(i / height) * h + (i % height)) * w;
    return data.subarray(from, from + width);
  });
  const result = Tensor.full([n, c, height, width], 0);
  rows.forEach((row, i) => void result.data.set(row, i * width));
  return result;
}

const mapped = ({ data, shape }: Tensor, of: (value: number) => number) => new Tensor(data.map(of), shape);
const sizeOf = ({ shape: [, , h, w] }: Tensor) => [h, w] as const;
const reduced = (image: Tensor, scale: number) => {
  const [h, w] = sizeOf(image);
  return asFile(imresize(image, [h / scale, w / scale]));
};

/** The image a pixel further right and down, its border repeated. */
function shifted({ data, shape }: Tensor): Tensor {
  const [, , h, w] = shape;
  const moved = data.map((_, i) => {
    const [plane, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    return data[(plane * h + Math.max(0, y - 1)) * w + Math.max(0, x - 1)];
  });
  return new Tensor(moved, shape);
}

/** What is done to a photograph, and which note it must get, if any. */
const changes: Readonly<Record<string, { expected: string; change: (image: Tensor) => Tensor | Promise<Tensor> }>> = {
  ...Object.fromEntries(
    [0.5, 1, 2, 4].map((sigma) => [
      `blur, sigma ${sigma}`,
      { expected: "none", change: (x: Tensor) => blur(x, sigma) },
    ]),
  ),
  ...Object.fromEntries(
    [5, 25, 50, 100].map((sigma) => [
      `noise, ${sigma} of 255`,
      { expected: "none", change: (x: Tensor) => noise(x, sigma / 255, 1) },
    ]),
  ),
  ...Object.fromEntries(
    [90, 50, 20, 5].map((quality) => [
      `JPEG, quality ${quality}`,
      { expected: "none", change: (x: Tensor) => decoded(encoder(x).jpeg({ quality }).toBuffer()) },
    ]),
  ),
  ...Object.fromEntries(
    [2, 4].map((scale) => [
      `reduced and enlarged by ${scale}`,
      { expected: "none", change: (x: Tensor) => imresize(reduced(x, scale), sizeOf(x)) },
    ]),
  ),
  "shift by a pixel": { expected: "shifted", change: shifted },
  "sharp's cubic enlargement by 2": {
    expected: "shifted",
    change: (x) => {
      const [h, w] = sizeOf(x);
      const enlarged = encoder(reduced(x, 2)).resize(w, h, { kernel: "cubic", fit: "fill" });
      return decoded(enlarged.png().toBuffer());
    },
  },
  "gain 0.95": { expected: "other-tone", change: (x) => mapped(x, (value) => 0.95 * value) },
  "gamma 1.1": { expected: "other-tone", change: (x) => mapped(x, (value) => value ** 1.1) },
};

const photographs = await Promise.all(
  readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .sort()
    .map(async (name) => part(await readImage(join(folder, name)))),
);
const times: number[] = [];
console.log(
  `| of ${photographs.length} photographs | expected | noted as expected | other notes |\n|---|---|---:|---:|`,
);
for (const [name, { expected, change }] of Object.entries(changes)) {
  let [right, others] = [0, 0];
  for (const photograph of photographs) {
    const output = toImageSync(toPixels(asFile(await change(photograph))));
    const target = toImageSync(toPixels(photograph));
    const start = process.cpuUsage();
    const kinds = inspect({ output, target }).map(({ kind }) => kind as string);
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
    right += Number(expected === "none" ? kinds.length === 0 : kinds.includes(expected));
    others += kinds.filter((kind) => kind !== expected).length;
  }
  console.log(`| ${name} | ${expected} | ${right} | ${others} |`);
}
console.log(`\nlooking takes ${median(times).toFixed(1)} ms of processor time for a pair (median of ${times.length})`);
