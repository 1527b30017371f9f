import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type KernelSpec, runKernel, setKernelThreads } from "../packages/core/src/kernels/index.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { wang } from "./contenders.ts";
import { describeRun, resultFile } from "./results.ts";

// npx tsx bench/scaling.ts: processor time per megapixel and memory of value and gradient on one thread, from small images to very large ones. Every
// row is measured in a process of its own, whose peak memory is then that of one image. Processor time is what the clock shows on an idle machine,
// and does not count how long others had the core.

/** One loss at one size. */
export interface ScalingRow {
  loss: string;
  height: number;
  width: number;
  /** Milliseconds of processor time, the median. */
  median: number;
  /** The memory of the process when its images and the gradient's array were filled, in bytes. */
  images: number;
  /** Its peak above that, compiled kernels included, in bytes. */
  above: number;
}

const losses: Record<string, KernelSpec> = { ssim: wang, mse: { kind: "mse" } };
const sizes = [
  [256, 384],
  [512, 512],
  [1024, 1024],
  [1080, 1920],
  [2160, 3840],
  [4000, 4000],
  [8000, 8000],
] as const;

const peak = () => process.resourceUsage().maxRSS * 1024;

/** An image of waves with some unevenness, made without help of other arrays, which would raise the peak. */
function image(height: number, width: number, phase: number): Tensor {
  const data = new Float32Array(3 * height * width);
  for (let row = 0, i = 0; row < 3 * height; row++) {
    const level = 0.5 + 0.2 * Math.sin(0.11 * row + phase);
    for (let column = 0; column < width; column++, i++) data[i] = level + ((i * 2654435761) % 1024) / 8192;
  }
  return new Tensor(data, [1, 3, height, width]);
}

async function measure(loss: string, height: number, width: number): Promise<ScalingRow> {
  setKernelThreads(1);
  const [output, target] = [image(height, width, 0), image(height, width, 0.1)];
  const grad = new Float32Array(output.data.length).fill(1);
  const images = peak();
  const run = async () => {
    const begin = process.cpuUsage();
    await runKernel(losses[loss], output, target, { grad });
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };
  // As many runs as make the code warm and the median steady: more of the short ones.
  const runs = Math.max(5, Math.min(60, Math.round(60e6 / (height * width))));
  for (let i = 0; i < Math.ceil(runs / 3); i++) await run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await run());
  times.sort((a, b) => a - b);
  return { loss, height, width, median: times[times.length >> 1], images, above: peak() - images };
}

if (process.argv.includes("--row")) {
  const [loss, height, width] = process.argv[process.argv.indexOf("--row") + 1].split(",");
  console.log(JSON.stringify(await measure(loss, Number(height), Number(width))));
} else {
  const scaling: ScalingRow[] = [];
  for (const loss of Object.keys(losses)) {
    for (const [height, width] of sizes) {
      const tsx = fileURLToPath(import.meta.resolve("tsx"));
      const program = ["--import", tsx, fileURLToPath(import.meta.url), "--row", `${loss},${height},${width}`];
      const row: ScalingRow = JSON.parse(execFileSync(process.execPath, program).toString());
      const pixels = height * width;
      console.log(
        `${loss} ${width}x${height}: ${row.median.toFixed(2)} ms, ${((1e6 * row.median) / pixels).toFixed(2)} ms per megapixel, ` +
          `${(row.above / 2 ** 20).toFixed(0)} MiB above ${(row.images / 2 ** 20).toFixed(0)}`,
      );
      scaling.push(row);
    }
  }
  const file = resultFile("scaling");
  writeFileSync(file, `${JSON.stringify({ ...describeRun(), scaling }, null, 1)}\n`);
  console.log(`written to ${file}`);
}
