import { dirname, join } from "node:path";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { frechetDistance } from "../../packages/core/src/metrics/index.ts";
import { compareWithBaseline, parseTolerances, readBaselines } from "../../packages/reconloss/src/compare/baseline.ts";
import { toJson } from "../../packages/reconloss/src/compare/index.ts";
import { onnxExtractor, readStatistics } from "../../packages/reconloss/src/distribution/index.ts";
import { openSet } from "../../packages/reconloss/src/distribution/inputs/open.ts";
import { readFileBytes } from "../../packages/reconloss/src/files.ts";
import { readImage, readPairList, readRegions } from "../../packages/reconloss/src/image/index.ts";
import { writeTrainingReport } from "../../packages/reconloss/src/report/index.ts";
import {
  applyModel,
  completeSettings,
  openModel,
  runTraining,
  savedSettings,
} from "../../packages/reconloss/src/tasks/index.ts";
import { beginning } from "../../packages/reconloss/src/tasks/initial-network.ts";
import { openCheckpoint } from "../../packages/reconloss/src/weights/index.ts";
import { type Repair, repairPng, repairTar, repairZip } from "./checksums.ts";
import * as samples from "./samples.ts";

/** Files of one kind: whole ones, and what reads them. */
export interface Kind {
  readonly name: string;
  /** The name under which a mutated file is read. */
  readonly file: string;
  /** Whole files, and the files that lie beside the one that is read. */
  samples(folder: string): Promise<{ files: readonly Uint8Array[]; beside?: Readonly<Record<string, Uint8Array>> }>;
  /** Reads a file as the package's users do. */
  read(path: string): Promise<unknown>;
  readonly repair?: Repair;
}

/** The most pixels that a mutated image may claim: memory is measured against a bound that does not depend on the machine. */
const limitPixels = 2 ** 22;

async function readAsImage(path: string): Promise<void> {
  const image = await readImage(path, { alpha: "composite", limitPixels });
  if (!image.data.every(Number.isFinite)) throw new Error("an image with NaN or infinity");
  // Pillow shows other pixels of some files, or none that are known; that is no failure of the file.
  await readImage(path, { decode: "pillow", limitPixels }).catch((error) => {
    if (!(error instanceof ReconlossError)) throw error;
  });
}

const image = (name: string, files: () => Promise<readonly Uint8Array[]>, repair?: Repair): Kind => ({
  name,
  file: `image.${name}`,
  samples: async () => ({ files: await files() }),
  read: readAsImage,
  repair,
});

async function readAllTensors(path: string): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  try {
    for (const name of checkpoint.names) await checkpoint.read(name);
  } finally {
    await checkpoint.close();
  }
}

const checkpoint = (
  name: string,
  file: string,
  files: () => Promise<readonly Uint8Array[]>,
  repair?: Repair,
): Kind => ({
  name,
  file,
  samples: async () => ({ files: await files() }),
  read: readAllTensors,
  repair,
});

/** Reads the first images of a set and their classes; one that cannot be read leaves the others. */
async function readAsSet(path: string): Promise<void> {
  const set = await openSet(path, { attempts: 1, stallTimeout: 1000 });
  try {
    const images = await set.images?.();
    for (let index = 0; index < Math.min(16, images?.count ?? 0); index++) {
      const read = async () => (await images?.load(index))?.decode();
      for (const attempt of [read, () => images?.label?.(index)]) await attempt()?.catch(refuseOthers);
    }
  } finally {
    await set.close();
  }
}

function refuseOthers(error: unknown): void {
  if (!(error instanceof ReconlossError)) throw error;
}

const set = (name: keyof typeof samples.setFiles, file: string, repair?: Repair): Kind => ({
  name: `set-${name}`,
  file,
  samples: async () => ({
    files: await samples.setFiles[name](),
    beside: { "image.png": (await samples.encoded.png())[0] },
  }),
  read: readAsSet,
  repair,
});

/** Resumes a training that is at its end, which reads everything that is in its folder, and writes its report. */
async function resume(path: string): Promise<void> {
  const folder = dirname(path);
  await runTraining(await savedSettings(folder), folder, {
    resume: true,
    signal: AbortSignal.abort(),
    onSaved: (progress) => writeTrainingReport(join(folder, "report.html"), progress),
  });
}

const ofTraining = (name: string, file: string): Kind => ({
  name,
  file,
  samples: async (folder) => {
    const { [file]: own, ...beside } = await samples.trainedFolder(folder);
    return { files: [own], beside };
  },
  read: resume,
});

/** Holds a comparison against an earlier run, of whatever kind the file says it is. */
async function asBaseline(path: string): Promise<void> {
  const text = new TextDecoder().decode(await readFileBytes(path));
  const [comparison, tolerances] = [samples.smallComparison(), parseTolerances("", samples.resultLosses)];
  for (const baseline of readBaselines(text, path).values()) {
    toJson({ ...comparison, baseline: compareWithBaseline(comparison, baseline, tolerances) });
  }
}

/** Pairs that a list names, whose images lie beside it. */
const pairList = (extension: string, files: readonly string[]): Kind => ({
  name: `pairs-${extension}`,
  file: `pairs.${extension}`,
  samples: async () => ({
    files: files.map((text) => Buffer.from(text)),
    beside: { "image.png": (await samples.encoded.png())[0] },
  }),
  read: readPairList,
});

/** Everything that is read from files. */
export const kinds: readonly Kind[] = [
  image("png", samples.encoded.png, repairPng),
  image("jpeg", samples.encoded.jpeg),
  image("webp", samples.encoded.webp),
  image("gif", samples.encoded.gif),
  image("tiff", samples.encoded.tiff),
  image("avif", samples.encoded.avif),
  image("bmp", () => samples.goldenFiles("formats", /\.bmp$/)),
  image("pnm", () => samples.goldenFiles("formats", /\.p[bgp]m$/)),
  image("pfm", () => samples.goldenFiles("formats", /\.pfm$/)),
  image("npy", async () => samples.arrayFiles()),
  {
    name: "npz-statistics",
    file: "statistics.npz",
    samples: async () => ({ files: samples.statisticsFiles() }),
    read: async (path) => {
      const { fid } = await readStatistics(path);
      frechetDistance(fid, fid);
    },
    repair: repairZip,
  },
  {
    name: "npz-samples",
    file: "samples.npz",
    samples: async () => ({ files: samples.sampleFiles() }),
    read: readAsSet,
    repair: repairZip,
  },
  set("list", "list.txt"),
  set("jsonl", "list.jsonl"),
  set("tar", "shard.tar", repairTar),
  set("zip", "images.zip", repairZip),
  set("npy", "samples.npy"),
  set("parquet", "data.parquet"),
  checkpoint("safetensors", "weights.safetensors", async () => [
    ...samples.safetensorsFiles(),
    ...(await samples.goldenFiles("checkpoints", /^(ok|mixed)\.safetensors$/)),
  ]),
  checkpoint("pytorch-zip", "weights.pth", () => samples.goldenFiles("checkpoints", /^zip-/), repairZip),
  checkpoint("pytorch-legacy", "weights.pth", () => samples.goldenFiles("checkpoints", /^legacy-/)),
  {
    name: "onnx-apply",
    file: "model.onnx",
    samples: async () => ({ files: samples.imageModels() }),
    read: async (path) => applyModel(await openModel(path), samples.picture(16, 16, 1)),
  },
  {
    name: "onnx-network",
    file: "network.onnx",
    samples: async () => ({ files: [samples.featureNetwork(16)] }),
    read: async (path) => {
      const network = await onnxExtractor(path);
      const [height, width] = network.size;
      await network.run(samples.picture(height, width, 1));
    },
  },
  {
    name: "onnx-init",
    file: "init.onnx",
    samples: async () => ({ files: samples.imageModels() }),
    read: (path) => beginning(completeSettings({ task: "deblur", data: dirname(path), init: path }), path, false),
  },
  { name: "baseline", file: "results.json", samples: async () => ({ files: samples.resultFiles() }), read: asBaseline },
  pairList("csv", ['output,target,group,mask\n"image.png",image.png,Set5,\n']),
  pairList("jsonl", ['{"output": "image.png", "target": "image.png", "group": "a", "ignore": [[0, 0, 2, 2]]}\n']),
  {
    name: "regions",
    file: "regions.json",
    samples: async () => ({
      files: ["[[0, 0, 4, 4]]", '{"a.png": [[1, 2, 3, 4]], "b": []}'].map((text) => Buffer.from(text)),
    }),
    read: readRegions,
  },
  ofTraining("training-checkpoint", "checkpoint.safetensors"),
  ofTraining("training-log", "log.jsonl"),
  ofTraining("validation-log", "validation.jsonl"),
];
