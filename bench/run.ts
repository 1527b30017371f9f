import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Contender, type Contest, contests } from "./contenders.ts";
import { makePair, type Pair } from "./images.ts";
import { PythonPeers } from "./python.ts";
import { describeRun, resultFile } from "./results.ts";

// npm run bench [-- --quick] [--only text,text]: every contender in turn, round after round, so that all meet the same disturbances.

/** One contender's figures in one contest. */
export interface Row {
  contest: string;
  size: string;
  contender: string;
  threads: number;
  differs?: string;
  /** Milliseconds. */
  median: number;
  /** Half of the runs lie within this of each other, as a part of the median. */
  spread: number;
  /** The contender's median to that of the first in its contest: above 1, the first is faster. */
  ratio: number;
  value: number;
  runs: number;
}

const quick = process.argv.includes("--quick");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1].split(",") : [""];
const sizes = quick
  ? [
      [256, 256],
      [1080, 1920],
    ]
  : [
      [256, 256],
      [1080, 1920],
      [2160, 3840],
    ];
/** Rounds stop when this many are done or this much time is spent, whichever is first; never fewer than three. */
const limits = quick ? { rounds: 7, milliseconds: 6_000 } : { rounds: 15, milliseconds: 30_000 };

const interpreter = process.env.RECONLOSS_PYTHON;
if (!interpreter) console.log("no Python peers: RECONLOSS_PYTHON names no interpreter");
const peers = interpreter ? new PythonPeers(interpreter) : undefined;
const folder = mkdtempSync(join(tmpdir(), "bench-"));

function quantile(sorted: readonly number[], part: number): number {
  const at = part * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

async function once(contender: Contender, pair: Pair): Promise<{ milliseconds: number; value: number }> {
  if (contender.python) {
    const shape = [3, pair.height, pair.width];
    const [output, target] = ["output", "target"].map((name) => join(folder, `${name}-${pair.height}`));
    return (peers as PythonPeers).run({ ...contender.python, threads: contender.threads, shape, output, target });
  }
  const begin = performance.now();
  const value = await contender.run!(pair);
  return { milliseconds: performance.now() - begin, value };
}

async function measure(contest: Contest, pair: Pair): Promise<Row[]> {
  const times = new Map<Contender, number[]>();
  const values = new Map<Contender, number>();
  for (const contender of contest.contenders) {
    if (contender.python && !peers) continue;
    try {
      // Warm-up: code is compiled, memory is touched.
      for (let i = 0; i < 3; i++) values.set(contender, (await once(contender, pair)).value);
      times.set(contender, []);
    } catch (error) {
      console.log(`  ${contender.name} does not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  const begin = performance.now();
  for (let round = 0; round < limits.rounds; round++) {
    if (round >= 3 && performance.now() - begin > limits.milliseconds) break;
    for (const [contender, list] of times) list.push((await once(contender, pair)).milliseconds);
  }
  const summaries = [...times].map(([contender, list]) => {
    const sorted = list.toSorted((a, b) => a - b);
    const median = quantile(sorted, 0.5);
    return { contender, median, spread: (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / median, runs: list.length };
  });
  return summaries.map(({ contender, median, spread, runs }) => ({
    contest: contest.name,
    size: `${pair.width}x${pair.height}`,
    contender: contender.name,
    threads: contender.threads,
    differs: contender.differs,
    median,
    spread,
    ratio: median / summaries[0].median,
    value: values.get(contender)!,
    runs,
  }));
}

function format(row: Row): string {
  const cells = [
    `${row.contender} (${row.threads})`.padEnd(38),
    `${row.median.toFixed(2)} ms`.padStart(12),
    `±${(50 * row.spread).toFixed(0)} %`.padStart(7),
    `${row.ratio.toFixed(2)}x`.padStart(9),
    `  ${row.value.toPrecision(6)}`,
    row.differs ? `  ${row.differs}` : "",
  ];
  return `  ${cells.join("")}`;
}

const rows: Row[] = [];
for (const [height, width] of sizes) {
  const pair = makePair(height, width);
  for (const [name, image] of [
    ["output", pair.output],
    ["target", pair.target],
  ] as const) {
    writeFileSync(join(folder, `${name}-${height}`), image.data);
  }
  for (const contest of contests(availableParallelism())) {
    const { threads } = contest.contenders[0];
    if (!only.some((part) => contest.name.includes(part))) continue;
    console.log(`${width}x${height} RGB, ${contest.name}, ${threads} thread${threads === 1 ? "" : "s"}`);
    const measured = await measure(contest, pair);
    for (const row of measured) console.log(format(row));
    rows.push(...measured);
  }
}
peers?.stop();
rmSync(folder, { recursive: true });

const file = resultFile(quick ? "quick" : "full");
writeFileSync(file, `${JSON.stringify({ ...describeRun(), quick, rows }, null, 1)}\n`);
console.log(`written to ${file}`);

// Training steps, in a process of their own: their threads and memory are not those of the losses.
if (only[0] === "") {
  const script = fileURLToPath(new URL("train.ts", import.meta.url));
  spawnSync("npx", ["tsx", script, "super-resolution,discriminator", quick ? "5" : "9"], { stdio: "inherit" });
}
