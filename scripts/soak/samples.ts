import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";
import sharp from "sharp";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import type { Model } from "../../packages/core/src/nets/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeNpy } from "../../packages/core/src/weights/npy.ts";
import { type Comparison, summarise, toJson } from "../../packages/reconloss/src/compare/index.ts";
import { statisticsBytes } from "../../packages/reconloss/src/distribution/statistics-file.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { judgementOf, judgementToJson } from "../../packages/reconloss/src/judge/index.ts";
import { completeSettings, exportTrained, makeTask, runTraining } from "../../packages/reconloss/src/tasks/index.ts";
import { framesToJson } from "../../packages/reconloss/src/video/index.ts";
import { safetensors } from "../../packages/reconloss/src/weights/index.ts";
import { tarMember } from "../tar.ts";

/** An image of smooth colours with noise, [1, channels, height, width] in [0, 1]. */
export function picture(height: number, width: number, seed: number, channels: 1 | 3 = 3): Tensor {
  const random = new Random(seed, "picture");
  const data = Float32Array.from({ length: channels * height * width }, (_, i) => {
    const [x, y] = [(i % width) / width, (Math.floor(i / width) % height) / height];
    const wave = Math.sin(7 * x + seed) + Math.cos(5 * y + i / (height * width));
    return Math.min(1, Math.max(0, 0.5 + wave / 5 + random.between(-0.1, 0.1)));
  });
  return new Tensor(data, [1, channels, height, width]);
}

/** A folder of so many PNG files. */
export async function pictureFolder(folder: string, count: number, side: number, seed = 0): Promise<string> {
  for (let i = 0; i < count; i++) await writeImage(join(folder, `${i}.png`), picture(side, side, seed + i));
  return folder;
}

/** One picture, as sharp takes it; grey and colour, with and without alpha. */
function raw(channels: 1 | 2 | 3 | 4) {
  const samples = Uint8Array.from({ length: 24 * 20 * channels }, (_, i) => (i * 37 + (i % 24) * 5) & 255);
  return sharp(samples, { raw: { width: 24, height: 20, channels } });
}

/** Whole images of a format that sharp writes. */
export const encoded = {
  png: () =>
    Promise.all([
      raw(1).png().toBuffer(),
      raw(3).png({ palette: true }).toBuffer(),
      raw(4).png({ adaptiveFiltering: true }).toBuffer(),
      raw(3).toColourspace("rgb16").png().toBuffer(),
    ]),
  jpeg: () =>
    Promise.all([
      raw(1).jpeg().toBuffer(),
      raw(3).jpeg({ progressive: true }).toBuffer(),
      raw(3).withMetadata({ orientation: 6 }).jpeg({ chromaSubsampling: "4:4:4" }).toBuffer(),
      raw(3).toColourspace("cmyk").jpeg().toBuffer(),
    ]),
  webp: () => Promise.all([raw(3).webp().toBuffer(), raw(4).webp({ lossless: true }).toBuffer()]),
  gif: () => Promise.all([raw(3).gif().toBuffer(), raw(4).gif({ interFrameMaxError: 0 }).toBuffer()]),
  tiff: () =>
    Promise.all([
      raw(3).tiff({ compression: "none" }).toBuffer(),
      raw(4).tiff({ compression: "lzw" }).toBuffer(),
      raw(3).tiff({ compression: "jpeg" }).toBuffer(),
      raw(1).toColourspace("grey16").tiff({ compression: "deflate", tile: true }).toBuffer(),
      raw(3).toColourspace("scrgb").tiff({ compression: "none" }).toBuffer(),
    ]),
  avif: () => Promise.all([raw(3).avif({ effort: 0 }).toBuffer(), raw(4).avif({ effort: 0, bitdepth: 8 }).toBuffer()]),
};

const goldens = fileURLToPath(new URL("../../test/goldens/", import.meta.url));

/** Files of this repository that no writer of its own makes. */
export async function goldenFiles(folder: string, names: RegExp): Promise<Uint8Array[]> {
  const all = await readdir(join(goldens, folder));
  return Promise.all(all.filter((name) => names.test(name)).map((name) => readFile(join(goldens, folder, name))));
}

/** Statistics of six features, deflated and stored. */
export function statisticsFiles(): Uint8Array[] {
  const square = {
    rows: 6,
    columns: 6,
    data: Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 + i : 0.1)),
  };
  const fid = { count: 50, mean: Float64Array.from({ length: 6 }, (_, i) => i / 6), covariance: square };
  const arrays = {
    "mu.npy": writeNpy(fid.mean, [6]),
    "sigma.npy": writeNpy(square.data, [6, 6]),
    "count.npy": writeNpy(Float64Array.of(50), []),
  };
  return [statisticsBytes({ fid, sfid: fid, protocol: { network: "mine" } }), zipSync(arrays, { level: 0 })];
}

/** Arrays that are images: bytes in colour, float64 in grey. */
export function arrayFiles(): Uint8Array[] {
  const grey = Float64Array.from({ length: 120 }, (_, i) => i / 120);
  return [
    writeNpy(
      Uint8Array.from({ length: 360 }, (_, i) => i * 7),
      [10, 12, 3],
    ),
    writeNpy(grey, [10, 12]),
  ];
}

/** Three images as the ADM evaluator stores samples, stored and deflated. */
export function sampleFiles(): Uint8Array[] {
  const data = Uint8Array.from({ length: 3 * 8 * 8 * 3 }, (_, i) => i * 41);
  const files = { "arr_0.npy": writeNpy(data, [3, 8, 8, 3]), "arr_1.npy": writeNpy(new Uint8Array(3), [3]) };
  return [zipSync(files, { level: 0 }), zipSync(files, { level: 6 })];
}

/** Losses and pairs that stand in files of results, priors and numbers that are infinite among them. */
export const resultLosses = parseLosses("psnr, tv, psnr(pooling=dataset) as pooled");

/** A comparison of two pairs by these losses. */
export function smallComparison(): Comparison {
  const outcomes = ["a.png", "Set5/b.png"].map((name, index) => {
    const values = { psnr: index === 0 ? 30.5 : Number.POSITIVE_INFINITY, tv: 0.1, pooled: 30 };
    const paths = { name, output: `x/${name}`, target: `y/${name}` };
    const more = { targetValues: { tv: 0.2 }, scores: { pooled: 0.001 } };
    return { result: { ...paths, width: 8, height: 8, values, ...more }, failures: [], notes: [], maps: {} };
  });
  return summarise(resultLosses, outcomes);
}

/** What `--json` writes of one comparison, of methods, and of videos. */
export function resultFiles(): Uint8Array[] {
  const comparison = smallComparison();
  const methods = ["ours", "theirs"].map((name) => ({ name, outputs: name, comparison }));
  const frames = comparison.pairs.map(({ values, name }, frame) => ({ frame, name, values }));
  const videos = {
    paths: { output: "x", target: "y" },
    width: 8,
    height: 8,
    planes: "rgb",
    notes: [],
    failed: [],
  } as const;
  const statistics = { psnr: { ...comparison.statistics.psnr, notFinite: 1, p5: 30.5, p95: 30.5 } };
  return [
    toJson(comparison),
    judgementToJson(judgementOf({ methods, targets: "y", losses: resultLosses }, { resamples: 10 })),
    framesToJson({ ...videos, losses: resultLosses, frames, statistics, pooled: { pooled: 30 } }),
  ].map((text) => Buffer.from(text));
}

/** Sets of images, of each kind that is one file. */
export const setFiles = {
  list: async () => [Buffer.from("image.png\n../image.png\nhttp://127.0.0.1:9/a.png\n\n")],
  jsonl: async () => [Buffer.from('{"path": "image.png", "label": 1}\n{"file_name": "b.png", "cls": "cat"}\n')],
  tar: async () => {
    const [png, jpeg] = [(await encoded.png())[0], (await encoded.jpeg())[0]];
    const members = [
      ["a.png", png],
      ["a.cls", Buffer.from("1")],
      ["b", jpeg],
      ["b.json", Buffer.from("{}")],
    ] as const;
    return [Buffer.concat([...members.map(([name, bytes]) => tarMember(name, bytes)), Buffer.alloc(1024)])];
  },
  zip: async () => {
    const files = { "a.png": (await encoded.png())[0], "a.cls": Buffer.from("1"), b: (await encoded.jpeg())[0] };
    return [zipSync(files, { level: 0 }), zipSync(files, { level: 6 })];
  },
  npy: async () => [
    writeNpy(
      Uint8Array.from({ length: 3 * 8 * 8 * 3 }, (_, i) => i * 41),
      [3, 8, 8, 3],
    ),
  ],
  parquet: async () => {
    const data = [(await encoded.png())[0], (await encoded.jpeg())[0]];
    const columnData = [
      { name: "image", data, type: "BYTE_ARRAY" as const },
      { name: "label", data: [1, 2], type: "INT32" as const },
    ];
    return [new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 1 }))];
  },
} as const;

export function safetensorsFiles(): Uint8Array[] {
  const tensor = Tensor.from(
    Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 2, 2],
  );
  return [safetensors({ weight: tensor, "layer.bias": Tensor.full([1, 8, 1, 1], 0.5) }, { made: "here" })];
}

/** A network with one convolution. */
const oneConvolution: Model = {
  name: "one convolution",
  parameters: {
    weight: { shape: [3, 3, 3, 3], initialize: () => new Float32Array(81) },
    bias: { shape: [3], initialize: () => new Float32Array(3) },
  },
  buffers: {},
  forward: (o, x, { weight, bias }) => ({
    output: o.clamp(o.add(o.conv2d(x, weight, { padding: 1 }), bias), 0, 1),
    buffers: {},
  }),
};

/** Models that `apply` takes. */
export function imageModels(): Uint8Array[] {
  const tensors = { weight: picture(9, 9, 1, 1), bias: Tensor.full([1, 3, 1, 1], 0.1) };
  const weight = new Tensor(tensors.weight.data, [3, 3, 3, 3]);
  const about = { loss: "l1", steps: 1 };
  return [exportTrained(makeTask("deblur", {}), oneConvolution, { ...tensors, weight }, about)];
}

/** A small network of two convolutions and a mean, that `--network` takes. */
export function featureNetwork(side: number): Uint8Array {
  const weights = (outputs: number, inputs: number, seed: number) => {
    const random = new Random(seed, "weights");
    return Float32Array.from({ length: outputs * inputs * 9 }, () => random.between(-0.5, 0.5));
  };
  return buildModel({ image: ["n", 3, side, side] }, (o, { image }) => {
    const x = o.relu(o.conv2d(image, o.constant(weights(4, 3, 1), [4, 3, 3, 3]), { stride: 2 }));
    const y = o.relu(o.conv2d(x, o.constant(weights(6, 4, 2), [6, 4, 3, 3]), { stride: 2 }));
    return { features: y, vectors: o.mean(y, "hw") };
  }).bytes;
}

/** The settings of a training that takes a moment. */
export const shortTraining = { steps: 2, batch: 1, patch: 16, every: 1, megapixels: 1 } as const;

/** Trains for two steps, and gives the folder's files by name. */
export async function trainedFolder(folder: string): Promise<Record<string, Uint8Array>> {
  await mkdir(folder, { recursive: true });
  const data = await pictureFolder(join(folder, "photographs"), 10, 24);
  const out = join(folder, "trained");
  await runTraining(completeSettings({ task: "super-resolution", data, loss: "l1", ...shortTraining }), out);
  const names = (await readdir(out)).filter((name) => name !== "training.lock");
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(out, name))])));
}
