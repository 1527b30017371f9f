import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseLosses } from "../packages/core/src/losses/parse.ts";
import { compareVideos, type VideoPlanes } from "../packages/reconloss/src/video/index.ts";
import { median } from "./in-turn.ts";

// npx tsx bench/video.ts [frames] [rounds]: 300 frames of 1920x1080 of ffmpeg's testsrc2, encoded well and badly by x264, through compareVideos and through ffmpeg's own filters, in turn, decoding
// included (the start of Node is not). Prints seconds, frames a second, processor seconds of all processes, and the numbers of both.

const [frames = "300", rounds = "3"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "bench-video-"));
const [target, output] = ["target.mp4", "output.mp4"].map((name) => join(folder, name));
const quiet = ["-hide_banner", "-nostdin", "-v", "error", "-y"];
const source = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30", "-frames:v", frames, "-pix_fmt", "yuv420p"];
const x264 = (crf: string) => ["-c:v", "libx264", "-preset", "veryfast", "-crf", crf];
execFileSync("ffmpeg", [...quiet, ...source, ...x264("12"), target]);
execFileSync("ffmpeg", [...quiet, "-i", target, ...x264("34"), output]);

/** Runs ffmpeg to its end, and returns what its filter says of the numbers. */
function ofFfmpeg(...args: readonly string[]): string {
  const { status, stderr } = spawnSync("ffmpeg", ["-hide_banner", "-nostdin", "-i", output, "-i", target, ...args], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`ffmpeg ended with ${status}: ${stderr}`);
  const lines = stderr.split("\n").filter((line) => /(PSNR|SSIM) /.test(line));
  return lines.map((line) => line.replace(/^\[[^\]]*\] /, "").trim()).join("; ");
}

const nowhere = ["-f", "null", "-"];
const ofFilter = (filter: string) => async () => ofFfmpeg("-lavfi", `[0:v][1:v]${filter}`, ...nowhere);
const ofOurs = (metrics: string, planes: VideoPlanes) => async () => {
  const { statistics, pooled } = await compareVideos(output, target, parseLosses(metrics), { planes });
  return Object.entries(statistics)
    .map(([key, { mean }]) => `${key} ${(pooled[key] ?? mean).toFixed(6)}`)
    .join(", ");
};
const contenders: Record<string, () => Promise<string>> = {
  "ffmpeg, decoding alone": async () => ofFfmpeg("-map", "0:v", ...nowhere, "-map", "1:v", ...nowhere),
  "ffmpeg psnr": ofFilter("psnr"),
  "reconloss psnr(pooling=dataset)": ofOurs("psnr(pooling=dataset)", "yuv"),
  "ffmpeg ssim": ofFilter("ssim"),
  "reconloss ssim(preset=ffmpeg)": ofOurs("ssim(preset=ffmpeg)", "yuv"),
  "reconloss ssim": ofOurs("ssim", "yuv"),
  "reconloss ssim of luma": ofOurs("ssim", "y"),
};

/** Processor seconds of this process and of those that have ended under it (Linux counts in hundredths). */
function processorSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}

const measured: Record<string, { wall: number; busy: number; note: string }[]> = {};
for (let round = 0; round <= Number(rounds); round++) {
  for (const [name, contender] of Object.entries(contenders)) {
    const [start, before] = [performance.now(), processorSeconds()];
    const note = await contender();
    // The first round warms the disk's cache.
    if (round > 0)
      (measured[name] ??= []).push({
        wall: (performance.now() - start) / 1000,
        busy: processorSeconds() - before,
        note,
      });
  }
}
rmSync(folder, { recursive: true });

const [version] = execFileSync("ffmpeg", ["-version"], { encoding: "utf8" }).split("\n");
console.log(
  `${frames} frames of 1920x1080, H.264, median of ${rounds} runs in turn, ${cpus()[0].model}, ${availableParallelism()} cores\n${version}\n`,
);
console.log("| | seconds | frames a second | processor seconds |\n|---|---|---|---|");
for (const [name, runs] of Object.entries(measured)) {
  const wall = median(runs.map((one) => one.wall));
  const busy = median(runs.map((one) => one.busy));
  console.log(`| ${name} | ${wall.toFixed(2)} | ${(Number(frames) / wall).toFixed(0)} | ${busy.toFixed(2)} |`);
}
for (const [name, [{ note }]] of Object.entries(measured)) console.error(`${name}: ${note}`);
