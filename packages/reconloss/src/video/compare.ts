import { type Device, type Loss, type PreparedImage, ReconlossError } from "@reconloss/core";
import { reference } from "@reconloss/core/graph";
import { checkArguments, checkDevice, checkPixelRange, counted, poolScores } from "@reconloss/core/internal";
import { comparePairs } from "../compare/compare.ts";
import type { CompareOptions } from "../compare/compare-options.ts";
import { pairFolders } from "../image/index.ts";
import { defaultLimitPixels } from "../image/limit.ts";
import { checkFrameSize, FrameStream, framesFor } from "./frames.ts";
import { parsePixelFormat } from "./pixel-format.ts";
import { type FrameLayout, layoutOf, planesFor, type VideoPlanes } from "./planes.ts";
import { probeVideo, type VideoInfo } from "./probe.ts";
import { type FrameStatistics, frameStatistics } from "./statistics.ts";

/** The options of a comparison of videos. */
export interface CompareVideosOptions {
  /**
   * The part of the frames that is compared. `"yuv"`: luma and both chromas as they are stored, each plane by itself, as ffmpeg's filters do; `"y"`: luma alone; `"rgb"`: colours, by the matrix and range that
   * each file states. Default: `"yuv"` for losses that look at each channel by itself (psnr, ssim, ms-ssim, l1 ...), `"y"` where one video has luma alone, else `"rgb"`.
   */
  planes?: VideoPlanes;
  /** The device that networks run on; default "cpu". */
  device?: Device;
  /** The most pixels a frame may have; default: as of `readImage`. */
  limitPixels?: number;
  /** Told of each frame that was compared, and how many the files say there are. Default: nothing. */
  onFrame?: (frame: FrameResult, total: number) => void;
}

/** The numbers of a frame. */
export interface FrameResult {
  /** From 0. */
  readonly frame: number;
  /** The time at which the output's is shown, in seconds from its first; undefined of files in a folder. */
  readonly time?: number;
  /** The file, of files in a folder. */
  readonly name?: string;
  /** By label of the loss, over all planes; and `psnr.y`, `psnr.u`, `psnr.v` of each plane. */
  readonly values: Readonly<Record<string, number>>;
  /** Under the same names, the scores that losses with `pooling=dataset` pool over frames. */
  readonly scores?: Readonly<Record<string, number>>;
  /** The group, of files in folders within the folder. */
  readonly group?: string;
}

/** The result of a comparison of two videos. */
export interface VideoComparison {
  /** Paths of what was compared. */
  readonly paths: { readonly output: string; readonly target: string };
  /** Facts about the videos; undefined of folders. */
  readonly videos?: { readonly output: VideoInfo; readonly target: VideoInfo };
  /** Of the frames, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly losses: readonly Loss[];
  readonly planes: VideoPlanes;
  /** In order. */
  readonly frames: readonly FrameResult[];
  /** Under the names that `values` of frames have. */
  readonly statistics: Readonly<Record<string, FrameStatistics>>;
  /** The values of losses with `pooling=dataset` of the pooled errors of all frames, under the names that `values` have. */
  readonly pooled: Readonly<Record<string, number>>;
  /** Notes for a reader of the numbers. */
  readonly notes: readonly string[];
  /** Problems of a file, or of the pair: frames without a partner, damaged data. */
  readonly failed: readonly string[];
}

/** The reason why the frames of two videos cannot be compared; undefined where they can. */
function refusal(output: VideoInfo, target: VideoInfo, planes: VideoPlanes): string | undefined {
  const size = ({ width, height }: VideoInfo) => `${width}x${height}`;
  if (size(output) !== size(target)) {
    return `output is ${size(output)} but target is ${size(target)}; scale one of them first (ffmpeg -vf scale)`;
  }
  const [a, b] = [output, target].map(({ pixelFormat }) => parsePixelFormat(pixelFormat));
  if (planes === "rgb") return undefined;
  for (const [side, format, { pixelFormat }] of [
    ["output", a, output],
    ["target", b, target],
  ] as const) {
    if (format.kind === "rgb")
      return `${side} has no planes of luma and chroma (${pixelFormat}); compare colours: --planes rgb`;
    if (format.kind === "grey" && planes === "yuv")
      return `${side} has only luma (${pixelFormat}); compare it: --planes y`;
  }
  if (planes === "yuv" && a.chroma.join() !== b.chroma.join()) {
    return `output stores chroma as ${output.pixelFormat} but target as ${target.pixelFormat}; compare luma (--planes y) or colours (--planes rgb)`;
  }
  if (output.range !== target.range) {
    return `output has ${output.range} range but target ${target.range} range, so the same sample has different brightness; compare colours: --planes rgb`;
  }
  return undefined;
}

/** Notes on two videos whose frames are compared. */
function notesOn(output: VideoInfo, target: VideoInfo, planes: VideoPlanes, layouts: readonly FrameLayout[]): string[] {
  const notes: string[] = [];
  const [own, others] = layouts.map(({ conversion }) => conversion);
  notes.push(own === others ? `compared: ${own}` : `compared: the output as ${own}; the target as ${others}`);
  const both = (of: (video: VideoInfo) => string | undefined) => [of(output) ?? "not said", of(target) ?? "not said"];
  const [a, b] = [output, target].map(({ pixelFormat }) => parsePixelFormat(pixelFormat));
  if (planes !== "rgb" && a.bits !== b.bits) {
    notes.push(
      `output has ${a.bits} bits per sample and target ${b.bits}: the samples with fewer bits were multiplied by ${2 ** Math.abs(a.bits - b.bits)}`,
    );
  }
  if (a.hasAlpha || b.hasAlpha) notes.push("alpha was ignored");
  const [matrix, targetMatrix] = both((video) => video.matrix);
  if (planes !== "rgb" && matrix !== targetMatrix) {
    notes.push(
      `the matrix of output (${matrix}) is not that of target (${targetMatrix}), which does not affect planes as stored`,
    );
  }
  const [transfer, targetTransfer] = both((video) => video.transfer);
  if (transfer !== targetTransfer)
    notes.push(
      `the transfer of output (${transfer}) is not that of target (${targetTransfer}); values are compared unchanged`,
    );
  else if (planes === "rgb" && /2084|b67/.test(transfer))
    notes.push(`the values are of ${transfer} (HDR), and losses take them as sRGB`);
  for (const [side, { rotation }] of [
    ["output", output],
    ["target", target],
  ] as const) {
    if (rotation !== 0) notes.push(`the ${side} is rotated by ${rotation} degrees, as its file says`);
  }
  const rates = both(({ rate }) => String(Number(rate.toFixed(3))));
  if (rates[0] !== rates[1])
    notes.push(
      `output has ${rates[0]} frames per second and target ${rates[1]}; frames were paired by their number, not by time`,
    );
  if (output.isVariable || target.isVariable) {
    const which =
      output.isVariable && target.isVariable ? "both videos" : output.isVariable ? "the output" : "the target";
    notes.push(`the frame rate of ${which} varies; frames were paired by their number, not by time`);
  }
  return notes;
}

/**
 * Compares two videos frame by frame: the first frame of one with the first of the other, and so on. ffmpeg of PATH decodes both and writes frames into pipes; a few frames are in memory at a time,
 * and no temporary file is written.
 *
 * Of planes as stored, samples are divided by 255 (1023 of 10 bits, and so on), and `values` has every plane, and all of them by their numbers of samples: `psnr` is then that of the mean squared error of
 * all samples, as ffmpeg's `psnr` filter has it as `average`. 8 bits against 10 are multiplied by 4.
 *
 * @returns numbers of every frame, statistics, and what was wrong: frames without a partner and damaged data are in `failed`, and do not stop the rest
 * @throws {ReconlossError} `missing-dependency` without ffmpeg; `image` for what is no video, and frames larger than `limitPixels`; `shape` for videos of different sizes, chroma or range, whose
 * samples cannot be compared; `file` for a path that cannot be read; `invalid-argument` for losses of another range
 *
 * @example
 * ```ts
 * import { psnr, ssim } from "reconloss";
 * import { compareVideos } from "reconloss/video";
 * const measure = async (output: string, target: string) => {
 *   const { statistics, frames } = await compareVideos(output, target, [psnr(), ssim()]);
 *   return [statistics.ssim.mean, statistics.ssim.p5, frames[0].values["psnr.y"]];
 * };
 * ```
 */
export async function compareVideos(
  outputPath: string,
  targetPath: string,
  losses: readonly Loss[],
  options: CompareVideosOptions = {},
): Promise<VideoComparison> {
  checkArguments("compareVideos", {
    ...{ output: [outputPath, "text"], target: [targetPath, "text"], losses: [losses, "objects"] },
    options: [options, "object?"],
  });
  const { device, limitPixels = defaultLimitPixels(), onFrame } = options;
  checkArguments("compareVideos", { onFrame: [onFrame, "function?"] });
  checkDevice("compareVideos", device);
  checkPixelRange(losses, "files");
  const [output, target] = await Promise.all([probeVideo(outputPath), probeVideo(targetPath)]);
  const planes = options.planes ?? planesFor(losses, [output, target]);
  if (!["y", "yuv", "rgb"].includes(planes)) {
    throw new ReconlossError("invalid-argument", `compareVideos: planes must be "y", "yuv" or "rgb", got "${planes}"`);
  }
  for (const { path, width, height } of [output, target]) checkFrameSize(path, width, height, limitPixels);
  const refused = refusal(output, target, planes);
  if (refused !== undefined) throw new ReconlossError("shape", `compare: ${refused}`);
  const bits = Math.max(...[output, target].map(({ pixelFormat }) => parsePixelFormat(pixelFormat).bits));
  const layouts = [output, target].map((video) => layoutOf(video, planes, bits));
  const total = Math.min(output.times.length, target.times.length);
  const frames: FrameResult[] = [];
  const scores: Record<string, number[]> = {};
  const failed: string[] = [];
  const streams: FrameStream[] = [];
  try {
    const memory = framesFor(2, Math.max(...layouts.map(({ bytes }) => bytes)));
    for (const [index, { path }] of [output, target].entries()) {
      const frames = memory[index].map((frame) => frame.subarray(0, layouts[index].bytes));
      streams.push(await FrameStream.open(path, layouts[index], frames));
    }
    const [first, second] = streams;
    for (;;) {
      const [a, b] = await Promise.all([first.next(), second.next()]);
      if (a === undefined || b === undefined) {
        if (a !== undefined || b !== undefined) failed.push(leftOver(frames.length, a !== undefined, output, target));
        break;
      }
      const measured = await measureFrame([layouts[0].read(a), layouts[1].read(b)], layouts[0], losses, device);
      for (const stream of streams) stream.giveBack();
      const time = output.times[frames.length] ?? frames.length / (output.rate || 1);
      const frame = { frame: frames.length, time, ...measured };
      for (const [label, score] of Object.entries(measured.scores)) (scores[label] ??= []).push(score);
      frames.push(frame);
      onFrame?.(frame, total);
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
  for (const [index, stream] of streams.entries()) {
    const problem = stream.problem();
    if (problem !== undefined) failed.push(`${index === 0 ? "output" : "target"} ${stream.path}: ${problem}`);
  }
  if (frames.length === 0) {
    throw new ReconlossError(
      "image",
      `compare: no frame could be compared${failed.length > 0 ? `: ${failed.join("; ")}` : ""}`,
    );
  }
  return {
    paths: { output: outputPath, target: targetPath },
    videos: { output, target },
    ...{ width: output.width, height: output.height, losses, planes, frames, failed },
    ...summaryOfFrames(losses, frames, scores),
    notes: [...notesOn(output, target, planes, layouts), ...notesOnFrames(losses, frames)],
  };
}

/** Statistics over frames, and what losses make of the scores of all. */
function summaryOfFrames(
  losses: readonly Loss[],
  frames: readonly FrameResult[],
  scores: Readonly<Record<string, readonly number[]>>,
): Pick<VideoComparison, "statistics" | "pooled"> {
  const keys = new Set(frames.flatMap(({ values }) => Object.keys(values)));
  const statistics = [...keys].flatMap((key) => {
    const of = frameStatistics(frames.flatMap(({ values }) => values[key] ?? []));
    return of === undefined ? [] : [[key, of] as const];
  });
  return {
    statistics: Object.fromEntries(statistics),
    pooled: Object.fromEntries(
      Object.entries(scores).flatMap(([key, list]) => {
        const loss = losses.find(({ label }) => key === label || key.startsWith(`${label}.`));
        return loss?.definition?.poolScores ? [[key, pooledScore(loss.definition, list)]] : [];
      }),
    ),
  };
}

/** Notes on frames whose numbers no statistic can have. */
function notesOnFrames(losses: readonly Loss[], frames: readonly FrameResult[]): string[] {
  return losses.flatMap(({ label, better }) => {
    const best = better === "higher" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    const others = frames.filter(({ values }) => !Number.isFinite(values[label]));
    if (others.length === 0) return [];
    const why = others.every(({ values }) => values[label] === best) ? ", which are identical" : "";
    return [
      `${label} is not finite in ${others.length} of ${counted(frames.length, "frame", "frames")}${why}: no statistic has them`,
    ];
  });
}

/** The options of a comparison of frames in folders. */
export interface CompareFramesOptions
  extends Pick<CompareOptions, "decode" | "alpha" | "background" | "device" | "inspect" | "jobs" | "finished"> {
  /** Told of each frame that was compared, and how many there are. Default: nothing. */
  onFrame?: (frame: FrameResult, total: number) => void;
}

/**
 * Compares the frames of two videos that are image files in two folders, paired by name as `pairFolders` does and in natural order, each pair as `comparePairs` does.
 *
 * @throws {ReconlossError} as `pairFolders` and `comparePairs`; `image` where no frame can be compared
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { psnr, Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { compareFrames } from "reconloss/video";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (const i of [1, 2, 3]) {
 *   await writeImage(join(folder, "outputs", `${i}.png`), Tensor.full([1, 3, 8, 8], 0.2));
 *   await writeImage(join(folder, "targets", `${i}.png`), Tensor.full([1, 3, 8, 8], 0.2 + i / 10));
 * }
 * const { statistics } = await compareFrames(join(folder, "outputs"), join(folder, "targets"), [psnr()]);
 * statistics.psnr.n; // 3
 * ```
 */
export async function compareFrames(
  outputs: string,
  targets: string,
  losses: readonly Loss[],
  options: CompareFramesOptions = {},
): Promise<VideoComparison> {
  checkArguments("compareFrames", {
    ...{ outputs: [outputs, "text"], targets: [targets, "text"], losses: [losses, "objects"] },
    options: [options, "object?"],
  });
  const { onFrame, ...how } = options;
  checkArguments("compareFrames", { onFrame: [onFrame, "function?"] });
  const { pairs, unpaired } = await pairFolders(outputs, targets);
  const frames: FrameResult[] = [];
  const scores: Record<string, number[]> = {};
  const failed = unpaired.map(({ path, reason }) => `${path}: ${reason}`);
  const notes = new Map<string, number>();
  let size: readonly [number, number] | undefined;
  for await (const { result, failures, notes: pairNotes } of comparePairs(pairs, losses, how)) {
    for (const { output, error } of failures) failed.push(`${output}: ${error}`);
    for (const { text } of pairNotes) notes.set(text, (notes.get(text) ?? 0) + 1);
    if (result === undefined) continue;
    size ??= [result.width, result.height];
    for (const [label, score] of Object.entries(result.scores ?? {})) (scores[label] ??= []).push(score);
    const { name, values, scores: own, group } = result;
    const frame = { frame: frames.length, name, values, scores: own, ...(group === undefined ? {} : { group }) };
    frames.push(frame);
    onFrame?.(frame, pairs.length);
  }
  if (size === undefined) {
    throw new ReconlossError(
      "image",
      `compare: no frame could be compared${failed.length > 0 ? `: ${failed[0]}` : ""}`,
    );
  }
  return {
    paths: { output: outputs, target: targets },
    ...{ width: size[0], height: size[1], losses, planes: "rgb", frames, failed },
    ...summaryOfFrames(losses, frames, scores),
    notes: Array.from(notes, ([text, count]) => `in ${count} of ${counted(frames.length, "frame", "frames")}, ${text}`),
  };
}

/** The problem of a video that ends before the other. */
function leftOver(count: number, outputGoesOn: boolean, output: VideoInfo, target: VideoInfo): string {
  const [longer, shorter] = outputGoesOn ? ["output", "target"] : ["target", "output"];
  const { times } = outputGoesOn ? output : target;
  const more = times.length > count ? counted(times.length - count, "frame", "frames") : "frames";
  return `${longer} has ${more} more than ${shorter}, which ends after ${counted(count, "frame", "frames")}, without a partner`;
}

/** Says of a loss that refuses the size of a plane of chroma what can be done. */
function refuseChroma(plane: number) {
  return (error: unknown): never => {
    if (plane === 0 || !(error instanceof ReconlossError) || error.code !== "shape") throw error;
    throw new ReconlossError("shape", `${error.message}; that is a chroma plane: compare luma only, --planes y`);
  };
}

/** The value of a definition of the pooled scores of frames. */
function pooledScore(definition: NonNullable<Loss["definition"]>, scores: readonly number[]): number {
  const data = Float64Array.from(scores);
  return poolScores(reference, definition, { data, shape: [data.length, 1, 1, 1] }).data[0];
}

/** The numbers of a frame by all losses, of each plane and of all. */
async function measureFrame(
  [outputs, targets]: readonly (readonly PreparedImage[])[],
  { planes }: FrameLayout,
  losses: readonly Loss[],
  device: Device | undefined,
): Promise<{ values: Record<string, number>; scores: Record<string, number> }> {
  const values: Record<string, number> = {};
  const scores: Record<string, number> = {};
  const samples = planes.map(({ height, width, channels }) => height * width * channels);
  const all = samples.reduce((sum, count) => sum + count, 0);
  for (const loss of losses) {
    const { label, definition, needsTarget } = loss;
    let mean = 0;
    const own: { name: string; value: number; score: number }[] = [];
    for (const [index, output] of outputs.entries()) {
      const compared = needsTarget ? targets[index] : undefined;
      const evaluation = await loss.evaluate(output, compared, {}, { device }).catch(refuseChroma(index));
      const { value, unlimited = value } = evaluation;
      mean += (evaluation.scores[0] * samples[index]) / all;
      own.push({ name: `${label}.${planes[index].name}`, value: unlimited, score: evaluation.scores[0] });
    }
    scores[label] = mean;
    if (own.length === 1) {
      values[label] = own[0].value;
      continue;
    }
    values[label] = definition ? pooledScore(definition, [mean]) : mean;
    for (const { name, value, score } of own) {
      values[name] = value;
      scores[name] = score;
    }
  }
  return { values, scores };
}
