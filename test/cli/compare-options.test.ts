import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { compareCommand } from "../../packages/reconloss/src/cli/compare.ts";
import { type Kind, takenBy } from "../../packages/reconloss/src/cli/compare-kinds.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

// Every option of compare is either refused by its name or changes something, whatever is compared.
const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;

const inputs: Readonly<Record<Kind, () => string[]>> = {
  images: () => [at("outputs"), at("targets")],
  list: () => ["--list", at("pairs.csv")],
  methods: () => [`a=${at("outputs")}`, `b=${at("others")}`, "--targets", at("targets")],
  videos: () => [at("outputs.mkv"), at("targets.mkv")],
  folders: () => [at("outputs"), at("targets"), "--frames"],
};
const kinds = Object.keys(inputs) as Kind[];

/** Arguments with which an option changes something, and those of the run that is compared with; `-m l1` unless they say otherwise. */
interface Sample {
  given: () => string[];
  /** What is there without it too. */
  beside?: () => string[];
}

const sample = (...words: string[]): Sample => ({ given: () => words });
const file = (flag: string, name: string): Sample => ({ given: () => [flag, at(`written/${name}`)] });
const beside = (given: string[], ...words: string[]): Sample => ({ given: () => given, beside: () => words });
const inMarkdown = () => ["--markdown", at("written/table.md")];

/** An example of each option of which something is seen at once. */
const samples: Readonly<Record<string, Sample>> = {
  "--metrics": sample("-m", "mse"),
  "--protocol": beside(["--protocol", "sr-x2"]),
  "--scale": beside(["--scale", "2"], "-m", "psnr(crop=scale)"),
  "--metric-model": sample("--metric-model", "mine=none.onnx,better=lower"),
  "--plugin": sample("--plugin", "none.mjs"),
  "--fail": sample("--fail", "l1>0"),
  "--baseline": sample("--baseline", "none.json"),
  "--tolerance": sample("--tolerance", "l1=1"),
  "--annotate": beside(["--annotate", "github"], "--fail", "l1>0"),
  "--junit": file("--junit", "junit.xml"),
  "--summary": file("--summary", "summary.md"),
  "--json": file("--json", "results.json"),
  "--csv": file("--csv", "table.csv"),
  "--jsonl": file("--jsonl", "lines.jsonl"),
  "--report": file("--report", "report.html"),
  "--markdown": file("--markdown", "table.md"),
  "--latex": file("--latex", "table.tex"),
  "--maps": file("--maps", "maps"),
  "--stream": sample("--stream"),
  "--no-intervals": { given: () => ["--no-intervals"], beside: inMarkdown },
  "--seed": { given: () => ["--seed", "7"], beside: inMarkdown },
  "--fit": { given: () => ["--fit", "crop"] },
  "--alpha": sample("--alpha", "composite"),
  "--background": sample("--background", "black"),
  "--decode": sample("--decode", "pillow"),
  "--no-inspect": sample("--no-inspect"),
  "--limit-pixels": sample("--limit-pixels", "9"),
  "--cache": file("--cache", "pairs"),
  "--pair": sample("--pair", "{name}1.png={name}1.png"),
  "--exclude": sample("--exclude", "1.png"),
  "--masks": { given: () => ["--masks", at("mask.png")] },
  "--ignore": sample("--ignore", "0,0,8,8"),
  "--planes": sample("--planes", "y"),
  "--frames": sample("--frames"),
  "--list": { given: () => ["--list", at("pairs.csv")] },
  "--targets": { given: () => ["--targets", at("targets")] },
};

/** Options of which nothing is seen in a small comparison without networks. */
const unseen: readonly string[] = ["--weights", "--device", "--jobs", "--no-cache", "--no-progress"];
/** Options that make a comparison of one kind another one. */
const choosing: readonly string[] = ["--list", "--targets", "--frames"];

/** Everything that came of a run: what it printed, and the files that it wrote, tables with their content. */
async function outcome(args: readonly string[]) {
  await rm(at("written"), { recursive: true, force: true });
  await mkdir(at("written"));
  const metrics = args.some((word) => word === "-m" || word === "--protocol") ? [] : ["-m", "l1"];
  const ended = await run(["compare", ...args, ...metrics]);
  const names = (await readdir(at("written"))).sort();
  const files = await Promise.all(
    names.map(async (name) => (name.endsWith(".md") ? readFile(at(`written/${name}`), "utf8") : name)),
  );
  return { ...ended, files };
}

beforeAll(async () => {
  const levels = { outputs: [0.5, 0.6, 0.9], others: [0.4, 0.5, 0.6], targets: [0.2, 0.25, 0.3] };
  for (const [name, own] of Object.entries(levels)) {
    for (const [i, level] of own.entries()) {
      // Columns of two levels: another brightness, which looking first notes.
      const data = Float32Array.from({ length: 3 * 32 * 32 }, (_, at) => (at % 32 < 8 ? level / 2 : level));
      await writeImage(join(at(name), `${i + 1}.png`), new Tensor(data, [1, 3, 32, 32]));
    }
    // A pair of two sizes, and one with transparent pixels.
    await writeImage(join(at(name), "4.png"), Tensor.full([1, 3, name === "targets" ? 30 : 32, 32], 0.5));
    const background = { r: 90, g: 90, b: 90, alpha: name === "targets" ? 1 : 0.5 };
    await sharp({ create: { width: 32, height: 32, channels: 4, background } })
      .png()
      .toFile(join(at(name), "5.png"));
  }
  const mask = Float32Array.from({ length: 32 * 32 }, (_, at) => Number(at % 32 < 16));
  await writeImage(at("mask.png"), new Tensor(mask, [1, 1, 32, 32]));
  const rows = [1, 2, 3, 4, 5].map((i) => `outputs/${i}.png,targets/${i}.png`);
  await writeFile(at("pairs.csv"), ["output,target", ...rows].join("\n"));
  if (!hasFfmpeg) return;
  for (const name of ["outputs", "targets"]) {
    const source = ["-y", "-framerate", "10", "-i", `${at(name)}/%d.png`, "-frames:v", "3"];
    spawnSync("ffmpeg", [...source, "-pix_fmt", "yuv444p", "-c:v", "ffv1", at(`${name}.mkv`)]);
  }
});

const sink = { write: () => true };
const { options } = compareCommand({ stdout: sink, stderr: sink, env: {} }, () => {});
/** The options by their long names, with the name of what takes them. */
const flags = [
  ...options.map((option) => [option.long as string, option.attributeName()] as const),
  ["--limit-pixels", "limitPixels"] as const,
];

test("every option declares the kinds of input it applies to, and has an example", () => {
  expect([...new Set(flags.map(([, name]) => name))].sort()).toEqual(Object.keys(takenBy).sort());
  expect(
    flags
      .map(([long]) => long)
      .filter((long) => !unseen.includes(long))
      .sort(),
  ).toEqual(Object.keys(samples).sort());
});

describe.each(kinds.filter((kind) => hasFfmpeg || kind !== "videos"))("%s", (kind) => {
  const isTaken = (name: string) => takenBy[name as keyof typeof takenBy].includes(kind);
  const own = flags.filter(([long]) => !choosing.includes(long));

  it("refuses options that do not apply, by name", async () => {
    for (const [long] of own.filter(([, name]) => !isTaken(name))) {
      const words = samples[long]?.given() ?? (long.startsWith("--no-") || long === "--stream" ? [long] : [long, "2"]);
      const { code, stderr } = await run(["compare", ...inputs[kind](), ...words]);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(new RegExp(`^error: ${long} does not apply to .*; omit ${long}\n$`)),
      ]);
    }
  });

  it("changes its result with every option that applies", async () => {
    const plain = new Map<string, Awaited<ReturnType<typeof outcome>>>();
    for (const [long] of own.filter(([long, name]) => isTaken(name) && !unseen.includes(long))) {
      const { given, beside = () => [] } = samples[long];
      const without = [...inputs[kind](), ...beside()];
      const key = without.join(" ");
      if (!plain.has(key)) plain.set(key, await outcome(without));
      const found = await outcome([...without, ...given()]);
      expect(found.stderr).not.toContain("does not apply");
      expect(found, long).not.toEqual(plain.get(key));
    }
  });
});

it("refuses --frames with lists and methods", async () => {
  for (const kind of ["list", "methods"] as const) {
    const { code, stderr } = await run(["compare", ...inputs[kind](), "--frames"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--frames does not apply to")]);
  }
});
