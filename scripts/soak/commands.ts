import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { weightsOf } from "../../packages/core/src/internal.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { runProgram } from "../../packages/reconloss/src/cli/program.ts";
import { completeSettings, openModel, runTraining } from "../../packages/reconloss/src/tasks/index.ts";
import { openCheckpoint, safetensors } from "../../packages/reconloss/src/weights/index.ts";
import { picture, pictureFolder } from "./samples.ts";

/** A command that is killed. It runs in a folder of its own, in which all that it writes is. */
export interface KilledCommand {
  readonly name: string;
  /** Makes what it reads, once, in a folder that nothing is written to later. */
  prepare?(inputs: string): Promise<void>;
  /** Prepares its folder before it is run. */
  begin?(inputs: string, folder: string): Promise<void>;
  args(inputs: string, folder: string): string[];
  /** The arguments that resume it after a kill; default: the same again. */
  next?(inputs: string, folder: string): Promise<string[]>;
  /** Whether older files lie where it writes its own, every other time. */
  readonly replaces?: boolean;
  /** The part of what it prints that does not depend on how often it was killed; default: all. */
  printed?(text: string): unknown;
  /** Files that change while it runs, or depend on time: whether one, as a kill left it, is whole. */
  readonly checks?: readonly {
    readonly name: RegExp;
    isWhole(path: string, reference?: Uint8Array): Promise<boolean>;
  }[];
  /** Files whose last content differs between runs: how fast it went, which images were computed anew. */
  readonly varies?: RegExp;
  /** The amount of the killed run's work that the next run reused, from its output. */
  resumed?(text: string): boolean;
}

const imagesOf = (inputs: string, name: string) => join(inputs, name);
const endsAsPage = async (path: string) => (await readFile(path, "utf8")).trimEnd().endsWith("</html>");
const opens = (open: (path: string) => Promise<unknown>) => async (path: string) =>
  open(path).then(
    () => true,
    () => false,
  );

/** A log grows: what is there must be the beginning of what an undisturbed run writes. */
const isBeginning = async (path: string, reference?: Uint8Array) => {
  const bytes = await readFile(path);
  return reference !== undefined && bytes.equals(reference.subarray(0, bytes.length));
};

async function makePairs(inputs: string): Promise<void> {
  await pictureFolder(imagesOf(inputs, "outputs"), 8, 200, 1);
  await pictureFolder(imagesOf(inputs, "targets"), 8, 200, 2);
}

/** Runs the program in this process, where it must end well. */
async function runWell(...args: string[]): Promise<void> {
  let said = "";
  const stderr = { write: (text: string) => void (said += text) };
  const code = await runProgram(args, { stdout: { write: () => {} }, stderr, env: {} });
  if (code !== 0) throw new Error(`${args.join(" ")}: ${said}`);
}

/** The arguments that compare a's outputs, or also b's, with targets. */
const ofOne = (inputs: string) => ["compare", imagesOf(inputs, "outputs"), imagesOf(inputs, "targets")];
const ofMethods = (inputs: string) => [
  ...["compare", `a=${imagesOf(inputs, "outputs")}`, `b=${imagesOf(inputs, "targets")}`],
  ...["--targets", imagesOf(inputs, "targets")],
];

/** Pairs, and the numbers of an earlier run of them. */
const withEarlier = (args: (inputs: string) => string[]) => async (inputs: string) => {
  await makePairs(inputs);
  await runWell(...args(inputs), ...gatedMetrics, "--no-cache", "--no-progress", "--json", join(inputs, "before.json"));
};
const gatedMetrics = ["-m", "l1,ssim,deltaE"];
const gates = (inputs: string, folder: string) => [
  ...["--baseline", join(inputs, "before.json"), "--fail", "group(l1>9), any(ssim<-1)"],
  ...["--junit", join(folder, "junit.xml"), "--summary", join(folder, "summary.md")],
];

async function makeSets(inputs: string): Promise<void> {
  await pictureFolder(imagesOf(inputs, "outputs"), 24, 64, 1);
  await pictureFolder(imagesOf(inputs, "reals"), 24, 64, 100);
}

const trainingSettings = [
  "--loss",
  "l1",
  "--steps",
  "30",
  "--every",
  "5",
  "--batch",
  "2",
  "--patch",
  "24",
  "--no-progress",
];

const training: Omit<KilledCommand, "name" | "args"> = {
  prepare: async (inputs) => void (await pictureFolder(imagesOf(inputs, "photographs"), 10, 48)),
  next: async (inputs, folder) => {
    const hasBegun = existsSync(join(folder, "out", "checkpoint.safetensors"));
    if (hasBegun) return ["train", "--resume", "-o", join(folder, "out"), "--no-progress"];
    return trainArgs(inputs, folder);
  },
  printed: () => undefined,
  varies: /report\.html$/,
  checks: [
    { name: /report\.html$/, isWhole: endsAsPage },
    { name: /\.safetensors$/, isWhole: opens(async (path) => (await openCheckpoint(path)).close()) },
    { name: /\.onnx$/, isWhole: opens(openModel) },
    { name: /\.jsonl$/, isWhole: isBeginning },
  ],
};

function trainArgs(inputs: string, folder: string): string[] {
  const data = imagesOf(inputs, "photographs");
  return ["train", "super-resolution", "--data", data, "-o", join(folder, "out"), ...trainingSettings];
}

/** Files that each run appends to, and the next reads up to the last whole record. */
const kept = (name: RegExp) => ({ varies: name, checks: [{ name, isWhole: async () => true }] });
const features = kept(/\.features$/);
const tinyFeatures = (folder: string) => ["--network", "tiny", "--cache", join(folder, "features"), "--no-progress"];

/** Every command that writes. */
export const commands: readonly KilledCommand[] = [
  {
    name: "compare",
    prepare: makePairs,
    replaces: true,
    args: (inputs, folder) => [
      ...["compare", imagesOf(inputs, "outputs"), imagesOf(inputs, "targets"), "--json", "--no-progress"],
      ...["--csv", join(folder, "table.csv"), "--report", join(folder, "report.html"), "--maps", join(folder, "maps")],
    ],
    ...kept(/\.pairs$/),
  },
  {
    name: "gates",
    prepare: withEarlier(ofOne),
    replaces: true,
    args: (inputs, folder) => [
      ...[...ofOne(inputs), ...gatedMetrics, "--json", "--jsonl", join(folder, "lines.jsonl"), "--no-progress"],
      ...gates(inputs, folder),
    ],
    ...kept(/\.pairs$/),
  },
  {
    name: "compare of methods",
    prepare: withEarlier(ofMethods),
    replaces: true,
    args: (inputs, folder) => [
      ...[...ofMethods(inputs), ...gatedMetrics, "--json", join(folder, "table.json"), "--no-progress"],
      ...["--latex", join(folder, "table.tex"), "--markdown", join(folder, "table.md")],
      ...["--csv", join(folder, "table.csv"), "--report", join(folder, "report.html"), ...gates(inputs, folder)],
    ],
    ...kept(/\.pairs$/),
  },
  {
    name: "compare of frames",
    prepare: makePairs,
    replaces: true,
    args: (inputs, folder) => [
      ...[...ofOne(inputs), "--frames", "-m", "l1,ssim", "--json", join(folder, "frames.json"), "--no-progress"],
      ...["--csv", join(folder, "frames.csv"), "--report", join(folder, "report.html")],
      ...["--junit", join(folder, "junit.xml"), "--summary", join(folder, "summary.md")],
    ],
    ...kept(/\.pairs$/),
  },
  {
    name: "merge",
    prepare: async (inputs) => {
      await makePairs(inputs);
      const work = join(inputs, "work");
      const planned = [...ofOne(inputs), ...gatedMetrics, "--fail", "l1>9", "--shards", "2", "-o", work];
      await runWell("shards", "plan", ...planned);
      for (const shard of ["0", "1"]) await runWell("shards", "work", work, "--shard", shard, "--no-progress");
    },
    replaces: true,
    args: (inputs, folder) => [
      ...["shards", "merge", join(inputs, "work"), "--json", "--csv", join(folder, "table.csv")],
      ...["--jsonl", join(folder, "lines.jsonl"), "--report", join(folder, "report.html")],
      ...["--junit", join(folder, "junit.xml"), "--summary", join(folder, "summary.md")],
    ],
  },
  {
    name: "figure",
    prepare: makePairs,
    replaces: true,
    args: (inputs, folder) => [
      ...["figure", `a=${imagesOf(inputs, "outputs")}`, "--targets", imagesOf(inputs, "targets"), "--no-progress"],
      ...["-m", "l1,ssim", "-o", join(folder, "figure.png"), "--json"],
    ],
    ...kept(/\.pairs$/),
  },
  {
    name: "quality",
    prepare: makePairs,
    replaces: true,
    args: (inputs, folder) => [
      ...["quality", imagesOf(inputs, "targets"), "--format", "webp", "--target", "psnr>=22"],
      ...["-o", join(folder, "web"), "--json", "--no-progress"],
    ],
    // Where files go is of the run's own folder.
    printed: (text) => JSON.parse(text).qualities,
  },
  {
    name: "distribution",
    prepare: makeSets,
    replaces: true,
    args: (inputs, folder) => [
      ...["distribution", imagesOf(inputs, "outputs"), imagesOf(inputs, "reals"), "-m", "frechet,kid,pr", "--json"],
      ...["--kid-subset-size", "8", "--report", join(folder, "report.html"), ...tinyFeatures(folder)],
    ],
    printed: (text) => JSON.parse(text).results,
    resumed: (text) => {
      const { outputs, reals } = JSON.parse(text);
      return outputs.computed + reals.computed < outputs.images + reals.images;
    },
    ...features,
  },
  {
    name: "stats",
    prepare: makeSets,
    replaces: true,
    args: (inputs, folder) => [
      ...["stats", imagesOf(inputs, "reals"), "-o", join(folder, "reals.npz"), "--json", ...tinyFeatures(folder)],
    ],
    printed: () => undefined,
    resumed: (text) => JSON.parse(text).computed < JSON.parse(text).images,
    ...features,
  },
  {
    name: "degrade",
    prepare: async (inputs) => void (await pictureFolder(imagesOf(inputs, "photographs"), 8, 160)),
    replaces: true,
    args: (inputs, folder) => [
      ...["degrade", imagesOf(inputs, "photographs"), "--scale", "2", "--noise", "5", "-o", join(folder, "lr")],
      ...["--baseline", "bicubic", "--targets", join(folder, "hr"), "--json", "--no-progress"],
    ],
    printed: () => undefined,
  },
  { name: "train", args: trainArgs, ...training },
  {
    name: "resume",
    ...training,
    prepare: async (inputs) => {
      await training.prepare?.(inputs);
      const settings = { data: imagesOf(inputs, "photographs"), loss: "l1", steps: 30, every: 5, batch: 2, patch: 24 };
      const stop = new AbortController();
      await runTraining(completeSettings({ task: "super-resolution", ...settings }), join(inputs, "stopped"), {
        signal: stop.signal,
        onStep: ({ step }) => step === 8 && stop.abort(),
      });
    },
    args: (_, folder) => ["train", "--resume", "-o", join(folder, "out"), "--no-progress"],
    begin: async (inputs, folder) => {
      await cp(join(inputs, "stopped"), join(folder, "out"), { recursive: true });
    },
  },
  {
    name: "export",
    replaces: true,
    args: (_, folder) => ["export", "l1 + 0.1*lpips(net=tiny)", "--grad", "-o", join(folder, "loss.onnx")],
  },
  {
    name: "import",
    replaces: true,
    prepare: async (inputs) => {
      await mkdir(inputs, { recursive: true });
      const tensors = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`features.${i}.weight`, large(i)]));
      await writeFile(join(inputs, "mine.safetensors"), safetensors(tensors));
    },
    args: (inputs) => ["weights", "import", join(inputs, "mine.safetensors"), "--as", "squeezenet1_1"],
  },
  {
    name: "pack",
    prepare: async (inputs) => {
      await mkdir(inputs, { recursive: true });
      const shapes = Object.entries(weightsOf("squeezenet1_1")?.tensors ?? {});
      const tensors = shapes.map(([name, shape]) => {
        const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.5);
        return [name, { shape, data }] as const;
      });
      await writeFile(join(inputs, "squeezenet1_1.safetensors"), safetensors(Object.fromEntries(tensors)));
    },
    args: (inputs, folder) => [
      ...["weights", "pack", "squeezenet1_1", "-o", join(folder, "packed"), "--half", "--weights", inputs],
    ],
  },
];

/** A tensor of 8 MB, so that copying takes a while. */
function large(seed: number): Tensor {
  const { data } = picture(256, 256, seed);
  const values = new Float32Array(2 ** 21);
  for (let at = 0; at < values.length; at += data.length) values.set(data.subarray(0, values.length - at), at);
  return new Tensor(values, [2 ** 7, 2 ** 7, 2 ** 7, 1]);
}
