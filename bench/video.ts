import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseLosses } from "../packages/core/src/losses/parse.ts";
import { FrameStream } from "../packages/reconloss/src/video/frames.ts";
import { compareVideos, probeVideo, type VideoPlanes } from "../packages/reconloss/src/video/index.ts";
import { layoutOf } from "../packages/reconloss/src/video/planes.ts";
import { median } from "./in-turn.ts";

// npx tsx bench/video.ts [frames] [rounds] [sources]: 300 frames of 1920x1080 of ffmpeg's testsrc2, encoded well and badly, through compareVideos and through ffmpeg's own filters, in turn, decoding
// included (the start of Node is not), each with all cores. Prints for every source seconds, frames a second, how many times those of ffmpeg's own filter they are, processor seconds of all processes, and
// the numbers of both. "frames read, nothing computed" is what any program takes that has the frames of two ffmpegs: nothing that it computes of them can be faster.

/** By name, ffmpeg's options for the target and for the output, which is made of the target; and a filter before. */
const sources: Readonly<Record<string, { target: string; output: string; filter?: string }>> = {
  // Takes little more than half as long to decode as the next.
  "MPEG-4": { target: "-c:v mpeg4 -q:v 3", output: "-c:v mpeg4 -q:v 20" },
  "H.264": { target: "-c:v libx264 -preset veryfast -crf 12", output: "-c:v libx264 -preset veryfast -crf 34" },
  // As a camera's: noise makes what is stored, and so decoding, several times as long.
  "H.264 of noise": {
    target: "-c:v libx264 -preset medium -crf 18",
    output: "-c:v libx264 -preset medium -crf 28",
    filter: "noise=alls=10:allf=t:all_seed=1",
  },
};

const [frames = "300", rounds = "3", chosen = Object.keys(sources).join()] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "bench-video-"));
const nowhere = ["-f", "null", "-"];

/** A pair of videos of a source. */
function encode(name: string): readonly [output: string, target: string] {
  const { target: well, output: badly, filter = "null" } = sources[name];
  const [output, target] = ["output.mp4", "target.mp4"].map((file) => join(folder, file));
  const quiet = ["-hide_banner", "-nostdin", "-v", "error", "-y"];
  const pictures = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30", "-frames:v", frames, "-vf", filter];
  execFileSync("ffmpeg", [...quiet, ...pictures, "-pix_fmt", "yuv420p", ...well.split(" "), target]);
  execFileSync("ffmpeg", [...quiet, "-i", target, ...badly.split(" "), output]);
  return [output, target];
}

/** Runs ffmpeg to its end, and returns what its filter says of the numbers. */
function ofFfmpeg(inputs: readonly string[], ...args: readonly string[]): string {
  const files = inputs.flatMap((path) => ["-i", path]);
  const { status, stderr } = spawnSync("ffmpeg", ["-hide_banner", "-nostdin", ...files, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`ffmpeg ended with ${status}: ${stderr}`);
  const lines = stderr.split("\n").filter((line) => /(PSNR|SSIM) /.test(line));
  return lines.map((line) => line.replace(/^\[[^\]]*\] /, "").trim()).join("; ");
}

/** Decodes both videos as compareVideos does, and lets each pair of frames go. */
async function readOnly(paths: readonly string[]): Promise<string> {
  const streams = await Promise.all(
    paths.map(async (path) => FrameStream.open(path, layoutOf(await probeVideo(path), "yuv", 8))),
  );
  for (let count = 0; ; count++) {
    const pair = await Promise.all(streams.map((stream) => stream.next()));
    if (pair.includes(undefined)) return `${count} frames`;
    for (const stream of streams) stream.giveBack();
  }
}

interface Contender {
  run(): Promise<string>;
  /** The contender whose frames a second are 1. */
  readonly against?: string;
}

function contendersFor([output, target]: readonly [string, string]): Record<string, Contender> {
  const inputs = [output, target];
  const filter = (name: string): Contender => ({
    run: async () => ofFfmpeg(inputs, "-lavfi", `[0:v][1:v]${name}`, ...nowhere),
    against: `ffmpeg ${name}`,
  });
  const ours = (metrics: string, planes: VideoPlanes, against: string): Contender => ({
    run: async () => {
      const { statistics, pooled } = await compareVideos(output, target, parseLosses(metrics), { planes });
      return Object.entries(statistics)
        .map(([key, { mean }]) => `${key} ${(pooled[key] ?? mean).toFixed(6)}`)
        .join(", ");
    },
    against,
  });
  return {
    "ffmpeg, decoding alone": {
      run: async () => ofFfmpeg(inputs, "-map", "0:v", ...nowhere, "-map", "1:v", ...nowhere),
    },
    "frames read, nothing computed": { run: () => readOnly(inputs), against: "ffmpeg psnr" },
    "ffmpeg psnr": filter("psnr"),
    "reconloss psnr(pooling=dataset)": ours("psnr(pooling=dataset)", "yuv", "ffmpeg psnr"),
    "ffmpeg ssim": filter("ssim"),
    "reconloss ssim(preset=ffmpeg)": ours("ssim(preset=ffmpeg)", "yuv", "ffmpeg ssim"),
    "reconloss ssim": ours("ssim", "yuv", "ffmpeg ssim"),
    "reconloss ssim of luma": ours("ssim", "y", "ffmpeg ssim"),
  };
}

/** Processor seconds of this process and of those that have ended under it (Linux counts in hundredths). */
function processorSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}

/** The times of all contenders in turn. */
async function measure(contenders: Record<string, Contender>) {
  const measured: Record<string, { wall: number; busy: number; note: string }[]> = {};
  for (let round = 0; round <= Number(rounds); round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      const [start, before] = [performance.now(), processorSeconds()];
      const note = await contender.run();
      const [wall, busy] = [(performance.now() - start) / 1000, processorSeconds() - before];
      // The first round warms the disk's cache.
      if (round > 0) (measured[name] ??= []).push({ wall, busy, note });
    }
  }
  return measured;
}

const [version] = execFileSync("ffmpeg", ["-version"], { encoding: "utf8" }).split("\n");
console.log(
  `${frames} frames of 1920x1080, median of ${rounds} runs in turn, ${cpus()[0].model}, ${availableParallelism()} cores\n${version}`,
);
for (const source of chosen.split(",")) {
  const contenders = contendersFor(encode(source));
  const measured = await measure(contenders);
  const wallOf = (name: string) => median(measured[name].map((one) => one.wall));
  console.log(`\n| ${source} | seconds | frames a second | of its filter | processor seconds |\n|---|---|---|---|---|`);
  for (const [name, runs] of Object.entries(measured)) {
    const { against } = contenders[name];
    const share = against === undefined || against === name ? "" : (wallOf(against) / wallOf(name)).toFixed(2);
    const busy = median(runs.map((one) => one.busy)).toFixed(2);
    console.log(
      `| ${name} | ${wallOf(name).toFixed(2)} | ${(Number(frames) / wallOf(name)).toFixed(0)} | ${share} | ${busy} |`,
    );
  }
  for (const [name, [{ note }]] of Object.entries(measured)) console.error(`${name}: ${note}`);
}
rmSync(folder, { recursive: true });
