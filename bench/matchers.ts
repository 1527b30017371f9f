import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import blazediffCore from "@blazediff/core";
import blazediffSsim from "@blazediff/ssim/ssim";
import pixelmatch from "pixelmatch";
import { ssim as ssimJs } from "ssim.js";
import { type MatchOptions, matchImages } from "../packages/reconloss/src/matchers/index.ts";
import { comparator } from "../packages/reconloss/src/vitest/index.ts";
import { median, timesInTurn } from "./in-turn.ts";
import { changes, type Shot, shots } from "./pages.ts";
import { describeRun, resultFile } from "./results.ts";

// npx tsx bench/matchers.ts: what guards of screenshots tell of changes of a page, and how long a pair of 1920x1080 takes at least, each in turn; then the first comparison of a process, by the clock and (in brackets) of processor time.

// No dependency: npm writes no lock file that holds for every system where a registry lacks its program for some of them. `npm install --no-save odiff-bin@4.5.0` before.
const { compare: odiff } = (await import("odiff-bin" as string)) as {
  compare(
    base: string,
    compared: string,
    diff: string,
    options: { antialiasing: boolean },
  ): Promise<{ match: boolean }>;
};

const folder = mkdtempSync(join(tmpdir(), "bench-matchers-"));
let files = 0;
const fileOf = new Map<Shot, string>();

/** The PNG file of a picture, for those that read files. */
function pathOf(shot: Shot): string {
  const path = fileOf.get(shot) ?? join(folder, `${files++}.png`);
  if (!fileOf.has(shot)) writeFileSync(path, shot.png);
  fileOf.set(shot, path);
  return path;
}

interface Guard {
  name: string;
  /** The form in which it reads images, and what else differs from the others. */
  reads: string;
  /** Whether it tells that two pictures differ. */
  detects(reference: Shot, actual: Shot): Promise<boolean> | boolean;
}

const ours = (name: string, options: MatchOptions): Guard => ({
  name: `reconloss, ${name}`,
  reads: "RGBA",
  detects: async (reference, actual) => {
    const shot = ({ data, width, height }: Shot) => ({ data, metadata: { width, height } });
    return !(await comparator(shot(reference), shot(actual), { createDiff: false, ...options })).pass;
  },
});

/** The similarity below which a guard by SSIM tells, as in the README of jest-image-snapshot. */
const leastSimilar = 0.99;

const guards: readonly Guard[] = [
  ours("`deltaE.max<1`, the default", {}),
  ours("`deltaE.max<1` and antialiasing", { antialiasing: true }),
  ours("`deltaE.max<0.1`", { conditions: "deltaE.max<0.1" }),
  ours("`ssim>0.99`", { conditions: "ssim>0.99" }),
  ours("`ssim.min>0.9`", { conditions: "ssim.min>0.9" }),
  {
    name: "reconloss, the default, of PNG files' bytes",
    reads: "PNG",
    detects: async (reference, actual) => !(await matchImages(actual.png, reference.png)).pass,
  },
  {
    name: "pixelmatch 8.0.0",
    reads: "RGBA",
    detects: ({ data, width, height }, actual) => pixelmatch(data, actual.data, undefined, width, height) > 0,
  },
  {
    name: "@blazediff/core 1.10.0, what Vitest uses",
    reads: "RGBA",
    detects: ({ data, width, height }, actual) => blazediffCore(data, actual.data, undefined, width, height) > 0,
  },
  {
    name: "odiff-bin 4.5.0, antialiasing",
    reads: "PNG files, by a process of its own; writes a picture",
    detects: async (reference, actual) => {
      const result = await odiff(pathOf(reference), pathOf(actual), join(folder, "diff.png"), { antialiasing: true });
      return !result.match;
    },
  },
  {
    name: `@blazediff/ssim 1.7.1, below ${leastSimilar}`,
    reads: "RGBA; large pictures are averaged down",
    detects: ({ data, width, height }, actual) =>
      blazediffSsim(data, actual.data, undefined, width, height) < leastSimilar,
  },
  ...(["bezkrovny", "fast"] as const).map(
    (ssim): Guard => ({
      name: `ssim.js 3.5.0, ${ssim}, below ${leastSimilar}`,
      reads: ssim === "bezkrovny" ? "RGBA; what jest-image-snapshot calls: windows side by side" : "RGBA",
      detects: (reference, actual) => {
        const image = ({ data, width, height }: Shot) =>
          ({ data: Uint8ClampedArray.from(data), width, height }) as ImageData;
        return ssimJs(image(reference), image(actual), { ssim }).mssim < leastSimilar;
      },
    }),
  ),
];

/** The least of several times: what other programs of the machine add to them is left out. */
const least = (values: readonly number[]) => Math.min(...values);
const rounds = process.argv.includes("--quick") ? 3 : 11;

const { base, changed, large } = await shots();
const detections = new Map<Guard, boolean[]>();
for (const guard of guards) {
  const row: boolean[] = [];
  for (const shot of changed) row.push(await guard.detects(base, shot));
  if (await guard.detects(base, base)) throw new Error(`${guard.name} tells a page from itself`);
  detections.set(guard, row);
}

const times = await timesInTurn(
  Object.fromEntries(guards.map((guard) => [guard.name, () => guard.detects(...large)])),
  rounds,
  2,
);

/** Milliseconds by the clock, and of processor time of all threads. */
interface Spent {
  clock: number;
  processor: number;
}

/**
 * The time of the first comparison of a process, as soon as the module is imported or a while after, and of the next ones; with the packages as they are built. The import itself does not count: what
 * it loads in the background does. Medians of several processes.
 */
function firstOf(conditions: string, wait: number): { first: Spent; next: Spent } {
  const entry = fileURLToPath(new URL("../packages/reconloss/dist/vitest/index.js", import.meta.url));
  const program = `
const metadata = { width: 1920, height: 1080 };
const shot = (x) => ({ data: new Uint8Array(4 * 1920 * 1080).map((_, i) => (i % 4 === 3 ? 255 : i === x ? 9 : i % 251)), metadata });
const [a, b] = [shot(0), shot(4000)];
const { comparator } = await import(${JSON.stringify(entry)});
await new Promise((resolve) => setTimeout(resolve, ${wait}));
const spent = [];
for (let i = 0; i < 6; i++) {
  const [begin, before] = [performance.now(), process.cpuUsage()];
  await comparator(a, b, { createDiff: false, conditions: ${JSON.stringify(conditions)} });
  const { user, system } = process.cpuUsage(before);
  spent.push({ clock: performance.now() - begin, processor: (user + system) / 1000 });
}
const [first, ...rest] = spent;
const least = (name) => Math.min(...rest.map((each) => each[name]));
console.log(JSON.stringify({ first, next: { clock: least("clock"), processor: least("processor") } }));`;
  const args = ["--input-type=module", "-e", program];
  const runs: { first: Spent; next: Spent }[] = Array.from({ length: 5 }, () =>
    JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })),
  );
  const of = (name: "first" | "next"): Spent => ({
    clock: median(runs.map((run) => run[name].clock)),
    processor: median(runs.map((run) => run[name].processor)),
  });
  return { first: of("first"), next: of("next") };
}

const first = ["deltaE.max<1", "ssim>0.99", "l1<0.01"].map((conditions) => {
  const [cold, warm] = [firstOf(conditions, 0), firstOf(conditions, 2000)];
  return { conditions, cold: cold.first, warm: warm.first, next: warm.next };
});

const table = (rows: readonly (readonly string[])[]) => {
  const [head, ...rest] = rows.map((row) => `| ${row.join(" | ")} |`);
  return [head, `|${" --- |".repeat(rows[0].length)}`, ...rest].join("\n");
};
const mark = (isDetected: boolean, isReal: boolean) =>
  isDetected ? (isReal ? "yes" : "**yes**") : isReal ? "**no**" : "no";
const rows = guards.map((guard) => [
  guard.name,
  least(times[guard.name]).toFixed(1),
  ...(detections.get(guard) ?? []).map((isDetected, index) => mark(isDetected, changes[index].isReal)),
  guard.reads,
]);
console.log(table([["", "ms", ...changes.map((_, index) => String(index + 1)), "reads"], ...rows]));
console.log(changes.map(({ name }, index) => `${index + 1}. ${name}`).join("\n"));
const inMs = ({ clock, processor }: Spent) => `${clock.toFixed(1)} (${processor.toFixed(1)})`;
const of = first.map(({ conditions, ...spent }) => [`\`${conditions}\``, ...Object.values(spent).map(inMs)]);
console.log(table([["", "first, at once", "first, 2 s after the import", "next"], ...of]));
const record = guards.map((guard) => ({
  name: guard.name,
  milliseconds: times[guard.name],
  detections: detections.get(guard),
}));
const result = { ...describeRun(), changes: changes.map(({ name }) => name), guards: record, first };
writeFileSync(resultFile("matchers"), `${JSON.stringify(result, null, 2)}\n`);
rmSync(folder, { recursive: true, force: true });
