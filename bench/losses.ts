import type { EngineName } from "../packages/core/src/engines/index.ts";
import { parseLoss } from "../packages/core/src/losses/index.ts";
import { lossFactories } from "../packages/core/src/losses/registry.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { makePair } from "./images.ts";

/*
 * RECONLOSS_THREADS=1 npx tsx bench/losses.ts [sobel,gmsd,... [256x256,1080x1920 [kernels,onnx]]]: value, and value with gradient, of losses as they run, or by each of some engines, beside a plain
 * copy of both images, which nothing that reads them is faster than. It is the time that the processor spent, the least of some runs, so that other work on the machine counts little; with more threads it is the sum over all of them.
 */

const [named, sized = "256x256,1080x1920", engineNames] = process.argv.slice(2);
const engines = (engineNames?.split(",") ?? [undefined]) as (EngineName | undefined)[];
const withoutFiles = lossFactories
  .map(({ info }) => info.name)
  .filter((name) => (parseLoss(name).definition?.weights ?? []).length === 0);
const specs = named ? named.split(/,(?![^(]*\))/) : withoutFiles;
const sizes = sized.split(",").map((size) => size.split("x").map(Number));
/** Rounds end when this many are done or this much time is spent, whichever is first; never fewer than two. */
const limits = { rounds: 15, milliseconds: 4000 };

async function fastest(run: () => unknown): Promise<number> {
  // Compiles.
  await run();
  const times: number[] = [];
  const start = performance.now();
  do {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  } while (times.length < 2 || (times.length < limits.rounds && performance.now() - start < limits.milliseconds));
  return Math.min(...times);
}

const milliseconds = (time: number) => (time < 10 ? time.toFixed(1) : time.toFixed(0));

console.log("| loss | size | value | value and gradient | copies of both images, by gradient |");
console.log("|---|---|---:|---:|---:|");
for (const [height, width] of sizes) {
  const { output, target } = makePair(height, width);
  const copies = [output.data.slice(), target.data.slice()];
  const into = Tensor.full(output.shape, 0);
  const copy = await fastest(() => {
    copies[0].set(output.data);
    copies[1].set(target.data);
  });
  for (const spec of specs) {
    const loss = parseLoss(spec);
    if (loss.refusal(output.shape) !== undefined) continue;
    for (const engine of engines) {
      const value = await fastest(() => loss.value(output, target, { engine }));
      const gradient = await fastest(() => loss.valueAndGrad(output, target, { into, engine }));
      const times = [value, gradient].map(milliseconds);
      const name = `\`${spec}\`${engine ? `, ${engine}` : ""}`;
      console.log(`| ${name} | ${width}x${height} | ${times.join(" | ")} | ${(gradient / copy).toFixed(0)} |`);
    }
  }
}
