import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// npx tsx bench/video.ts [frames] [rounds]: 300 frames of 1920x1080 of ffmpeg's testsrc2, encoded well and badly by x264, through `reconloss compare` and through ffmpeg's own filters, in turn, whole
// processes, start and decoding included; needs `npm run build` and ffmpeg. Prints seconds and frames a second, processor seconds, and the numbers of both.

const [frames = "300", rounds = "3"] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "packages", "reconloss", "dist", "cli", "main.js");
if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
const folder = mkdtempSync(join(tmpdir(), "bench-video-"));
const [target, output] = ["target.mp4", "output.mp4"].map((name) => join(folder, name));
const quiet = ["-hide_banner", "-nostdin", "-v", "error", "-y"];
const source = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30", "-frames:v", frames, "-pix_fmt", "yuv420p"];
const x264 = (crf: string) => ["-c:v", "libx264", "-preset", "veryfast", "-crf", crf];
execFileSync("ffmpeg", [...quiet, ...source, ...x264("12"), target]);
execFileSync("ffmpeg", [...quiet, "-i", target, ...x264("34"), output]);

const ofFilter = (filter: string) => () =>
  run("ffmpeg", [
    "-hide_banner",
    "-nostdin",
    "-i",
    output,
    "-i",
    target,
    "-lavfi",
    `[0:v][1:v]${filter}`,
    "-f",
    "null",
    "-",
  ]);
const ofOurs =
  (metrics: string, ...more: string[]) =>
  () =>
    run(process.execPath, [program, "compare", output, target, "-m", metrics, ...more]);
const contenders: Record<string, () => string> = {
  "ffmpeg, decoding alone": () =>
    run("ffmpeg", [
      "-hide_banner",
      "-nostdin",
      "-i",
      output,
      "-i",
      target,
      "-map",
      "0:v",
      "-f",
      "null",
      "-",
      "-map",
      "1:v",
      "-f",
      "null",
      "-",
    ]),
  "ffmpeg psnr": ofFilter("psnr"),
  "reconloss psnr": ofOurs("psnr"),
  "ffmpeg ssim": ofFilter("ssim"),
  "reconloss ssim": ofOurs("ssim"),
  "reconloss ssim of luma": ofOurs("ssim", "--planes", "y"),
};

/** Runs a program to its end, and returns what it says of the numbers. */
function run(name: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => /^(psnr|ssim)|(PSNR|SSIM) /.test(line));
  return lines.map((line) => line.replace(/^\[[^\]]*\] /, "").trim()).join("; ");
}

/** Processor seconds of this process and those that have ended under it. */
function processorSeconds(): number {
  const text = execFileSync("sh", ["-c", `cut -d" " -f16,17 /proc/${process.pid}/stat`], { encoding: "utf8" });
  return text.split(" ").reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}

const measured: Record<string, { wall: number; busy: number; said: string }[]> = {};
for (let round = 0; round <= Number(rounds); round++) {
  for (const [name, contender] of Object.entries(contenders)) {
    const [start, before] = [performance.now(), processorSeconds()];
    const said = contender();
    // The first round warms the disk's cache.
    if (round > 0)
      (measured[name] ??= []).push({
        wall: (performance.now() - start) / 1000,
        busy: processorSeconds() - before,
        said,
      });
  }
}
rmSync(folder, { recursive: true });

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
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
for (const [name, [{ said }]] of Object.entries(measured)) console.error(`${name}: ${said}`);
