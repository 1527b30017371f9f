/**
 * `npx tsx bench/scale.ts --images 100000 [--dir FOLDER]`: images per second and peak memory of the plain command, and of one worker and of two side by side that take
 * shards in turn, on tar files of synthetic images and the small network of this package; each also on 1,000 images, to tell what grows.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeRun, resultFile } from "./results.ts";

const { values } = parseArgs({ options: { images: { type: "string" }, dir: { type: "string" } } });
const folder = values.dir ?? join(tmpdir(), "reconloss-scale");
/** Images of a shard. */
const mostOfShard = 10_000;
const most = Number(values.images ?? 100_000);
const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "packages", "reconloss", "dist", "cli", "main.js");
if (!existsSync(program)) throw new Error("build first: npm run build");

interface Run {
  seconds: number;
  /** The greatest resident memory of the process, in MB. */
  peak: number;
}

/** Runs a command to its end; memory is what /proc says last. */
async function run(args: readonly string[]): Promise<Run> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  let peak = 0;
  const look = () => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
    } catch {
      // The process has ended.
    }
  };
  const timer = setInterval(look, 20);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
  return { seconds: (performance.now() - begun) / 1000, peak };
}

const rows: (Run & { images: number; what: string })[] = [];
function printRun(images: number, what: string, { seconds, peak }: Run): void {
  rows.push({ images, what, seconds, peak });
  console.log(
    `${what}, ${images} images: ${(images / seconds).toFixed(0)} images/s, peak ${peak > 0 ? `${peak.toFixed(0)} MB` : "not seen: it was over too soon"}`,
  );
}

for (const images of [1_000, most]) {
  const input = join(folder, `input-${images}`);
  if (!existsSync(input)) {
    mkdirSync(folder, { recursive: true });
    await run([
      "--import",
      "tsx",
      join(root, "scripts", "synthetic-shards.ts"),
      "--images",
      String(images),
      "--shard-size",
      "1000",
      "-o",
      input,
    ]);
  }
  const last = String(images / 1000 - 1).padStart(6, "0");
  const pattern = join(input, images === 1_000 ? "shard-000000.tar" : `shard-{000000..${last}}.tar`);
  const network = ["--network", "tiny"];
  const plain = join(folder, "plain.npz");
  printRun(
    images,
    "plain command",
    await run([program, "stats", pattern, "-o", plain, ...network, "--no-cache", "--no-progress"]),
  );
  for (const workers of [1, 2]) {
    const work = join(folder, `work-${images}-${workers}`);
    rmSync(work, { recursive: true, force: true });
    const shards = Math.max(2, Math.ceil(images / mostOfShard));
    await run([program, "shards", "plan", "stats", pattern, "-o", work, "--shards", String(shards), ...network]);
    const threads = Math.max(1, Math.floor(availableParallelism() / workers));
    const options = ["--threads", String(threads), "--no-cache", "--no-progress"];
    let next = 0;
    let peak = 0;
    /** Takes the next shard, each in a process of its own, until there is none. */
    const worker = async () => {
      while (next < shards) {
        const shard = await run([program, "shards", "work", work, "--shard", String(next++), ...options]);
        peak = Math.max(peak, shard.peak);
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: workers }, worker));
    const seconds = (performance.now() - begun) / 1000;
    printRun(images, `${workers} ${workers === 1 ? "worker" : "workers"}, ${shards} shards`, { seconds, peak });
    const merged = join(folder, "merged.npz");
    printRun(images, "merge", await run([program, "shards", "merge", work, "--statistics", merged]));
    console.log(`  the same bytes as the plain command's: ${readFileSync(plain).equals(readFileSync(merged))}`);
  }
}
writeFileSync(resultFile("scale"), `${JSON.stringify({ ...describeRun(), rows }, undefined, 1)}\n`);
