import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tensor } from "../packages/core/src/tensor.ts";
import { writeImage } from "../packages/reconloss/src/image/index.ts";
import { blur, noise } from "../packages/reconloss/src/tasks/distort.ts";
import { makePair } from "./images.ts";

// npm run bench:folder: a folder of 24 PNG files of 768x512 through `reconloss compare`, end to end, against a Python script with
// scikit-image that does the same. Whole processes, start included, in turn; needs `npm run build`. RECONLOSS_PYTHON names the interpreter, RECONLOSS_BEFORE the
// dist/cli/main.js of another checkout that takes turns too.

const count = 24;
const rounds = 5;
const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "packages", "reconloss", "dist", "cli", "main.js");
const [metrics = "psnr,ssim,ms-ssim,deltaE"] = process.argv.slice(2);
const before = process.env.RECONLOSS_BEFORE;
const interpreter = process.env.RECONLOSS_PYTHON;
if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
const folder = mkdtempSync(join(tmpdir(), "bench-folder-"));
const [outputs, targets] = ["outputs", "targets"].map((name) => join(folder, name));

for (let i = 0; i < count; i++) {
  const { target } = makePair(512, 768);
  const photograph = new Tensor(
    target.data.map((x) => x * (0.6 + (0.4 * i) / count)),
    target.shape,
  );
  const name = `${String(i).padStart(2, "0")}.png`;
  await writeImage(join(targets, name), photograph);
  await writeImage(
    join(outputs, name),
    i % 2 === 0 ? blur(photograph, 0.8 + i / count) : noise(photograph, 0.01 + i / 1000, i),
  );
}

type Means = Record<string, number>;

function timed(run: () => Means): { seconds: number; means: Means } {
  const start = performance.now();
  const means = run();
  return { seconds: (performance.now() - start) / 1000, means };
}

const options = { encoding: "utf8", maxBuffer: 2 ** 24 } as const;
/** The options with which every round computes; checkouts from before pairs were kept know no such option. */
const anew = (main: string) =>
  execFileSync(process.execPath, [main, "compare", "--help"], options).includes("--no-cache") ? ["--no-cache"] : [];
const more: Record<string, string[]> = Object.fromEntries(
  [program, before ?? program].map((main) => [main, anew(main)]),
);
const compare = (main: string): Means => {
  const args = ["compare", outputs, targets, "--metrics", metrics, "--json", ...more[main]];
  return JSON.parse(execFileSync(process.execPath, [main, ...args], options)).mean;
};
const contenders: Record<string, () => Means> = {
  "reconloss compare": () => compare(program),
  ...(before && { "reconloss before": () => compare(before) }),
  ...(interpreter && {
    "scikit-image": () => {
      const script = fileURLToPath(new URL("folder_peer.py", import.meta.url));
      return JSON.parse(execFileSync(interpreter, [script, outputs, targets], options));
    },
  }),
};

const seconds: Record<string, number[]> = {};
const means: Record<string, Means> = {};
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(contenders)) {
    const result = timed(run);
    means[name] = result.means;
    // The first round warms the disk's cache.
    if (round > 0) (seconds[name] ??= []).push(result.seconds);
  }
}
rmSync(folder, { recursive: true });

const sorted = (name: string) => seconds[name].toSorted((a, b) => a - b);
const median = (name: string) => sorted(name)[Math.floor(rounds / 2)];
console.log(
  `${count} pairs of 768x512 PNG, ${metrics}, ${rounds} runs in turn, ${cpus()[0].model}, ${availableParallelism()} cores`,
);
for (const name of Object.keys(contenders)) {
  const [least, , , , most] = sorted(name);
  const ratio = median(name) / median("reconloss compare");
  console.log(
    `${name}: median ${median(name).toFixed(2)} s (${least.toFixed(2)}-${most.toFixed(2)}), ${ratio.toFixed(1)}x; ${JSON.stringify(means[name])}`,
  );
}
