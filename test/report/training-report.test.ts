import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import type { Html } from "../../packages/reconloss/src/html.ts";
import { curve } from "../../packages/reconloss/src/report/curve.ts";
import { writeTrainingReport } from "../../packages/reconloss/src/report/index.ts";
import { completeSettings, makeTask, type TrainingProgress } from "../../packages/reconloss/src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();

function svg(points: readonly number[], more: Partial<Parameters<typeof curve>[0]> = {}): string {
  const numbered = points.map((value, index) => ({ step: index + 1, value }));
  return (curve({ title: "loss", points: numbered, ...more }) as Html).text;
}

/** The coordinates of a path. */
function path(text: string, kind = "line"): [number, number][] {
  const [, d] = new RegExp(`class="${kind}" d="M([^"]*)"`).exec(text) ?? [];
  return d.split("L").map((pair) => pair.split(" ").map(Number) as [number, number]);
}

describe("curve", () => {
  it("goes from the first step to the last, larger values higher", () => {
    const line = path(svg([1, 3, 2]));
    expect(line.map(([x]) => x)).toEqual([56, 304, 552]);
    const [first, most, last] = line.map(([, y]) => y);
    expect(most).toBeLessThan(last);
    expect(last).toBeLessThan(first);
    expect(last).toBeCloseTo((first + most) / 2, 0);
  });

  it("has a logarithmic axis where values range widely", () => {
    const [[, a], [, b], [, c]] = path(svg([1000, 10, 0.1]));
    expect(b - a).toBeCloseTo(c - b, 0);
  });

  it("merges many points, averaging noise", () => {
    const noisy = Array.from({ length: 5000 }, (_, index) => 5 + (index % 2 === 0 ? 1 : -1));
    const text = svg(noisy, { noisy: true });
    const [raw, line] = [path(text, "raw"), path(text)];
    expect(raw.length).toBeLessThan(300);
    const heights = line.slice(10, -10).map(([, y]) => y);
    expect(Math.max(...heights) - Math.min(...heights)).toBeLessThan(3);
  });

  it("accepts one point or equal points, and leaves out what is not finite", () => {
    for (const points of [[0.5], [2, 2, 2], [1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3]]) {
      expect(svg(points)).not.toMatch(/NaN|Infinity/);
    }
    expect(path(svg([1, Number.NaN, 2]))).toHaveLength(2);
    expect(curve({ title: "none", points: [{ step: 1, value: Number.NaN }] })).toBeUndefined();
  });

  it("shows a level", () => {
    expect(svg([1, 2], { level: { name: "bicubic", value: 1.5 } })).toMatch(/class="level".*bicubic 1\.5/s);
  });
});

const task = makeTask("super-resolution", { scale: 2 });
const settings = completeSettings({ task: task.name, data: "/photos/<b>", loss: "l1 + 0.1*ssim", steps: 200 });
const grey = (side: number) => Tensor.full([1, 3, side, side], 0.5);

const progress: TrainingProgress = {
  settings,
  task,
  status: "running",
  steps: 50,
  log: Array.from({ length: 50 }, (_, index) => ({
    step: index + 1,
    value: 1 / (index + 1),
    terms: { l1: 0.5, ssim: 0.1 },
  })),
  validation: [
    { step: 0, scores: { psnr: 20, ssim: 0.5 }, measured: {} },
    { step: 50, scores: { psnr: 29, ssim: 0.7 }, measured: {} },
  ],
  coverage: { photographs: 24, heldOut: 40, crops: 24, side: 256, whole: false },
  measures: [
    { spec: "psnr", better: "higher", decimals: 2 },
    { spec: "ssim", better: "higher", decimals: 4 },
  ],
  baseline: { name: "bicubic", scores: { psnr: 28, ssim: 0.8 } },
  samples: [{ name: "<script>.png", input: grey(8), baseline: grey(16), output: grey(16), target: grey(16) }],
  parameters: 12345,
  photographs: { training: 9, validation: 1 },
  skipped: [{ path: "broken.png", reason: "it is empty" }],
  notes: ["lpips: the weights alexnet are not on this machine"],
  imagesPerSecond: 123.4,
  secondsLeft: 3700,
};

async function written(of: TrainingProgress): Promise<string> {
  const file = join(folder, "report.html");
  await writeTrainingReport(file, of);
  return readFile(file, "utf8");
}

describe("writeTrainingReport", () => {
  it("shows the state of the training, and reloads while it runs", async () => {
    const page = await written(progress);
    expect(page).toContain("running · step 50 of 200 · 123 images/s · 1 h 1 min left");
    expect(page).toContain('http-equiv="refresh"');
    expect(page).toContain('style="width: 25.0%"');
    expect(await written({ ...progress, status: "finished" })).not.toContain('http-equiv="refresh"');
    const failed = await written({ ...progress, status: "failed", problem: "at step 51, l1 is NaN" });
    expect(failed).toContain("at step 51, l1 is NaN");
  });

  it("compares with the result without the network", async () => {
    const page = await written(progress);
    expect(page).toMatch(
      /psnr ↑<\/th><td>28\.00<\/td><td>20\.00<\/td><td>29\.00<\/td>\s*<td class="better">29\.00<\/td><td class="better">\+1\.00/,
    );
    expect(page).toMatch(/<td class="">0\.7000<\/td><td class="">-0\.1000/);
    expect(page).toContain("lpips: the weights alexnet are not on this machine.");
    expect(page).toContain(
      "means over 24 crops of at most 256x256 pixels, from the middle of 24 of 40 held-out photographs.",
    );
  });

  it("shows samples, loss curves, settings and unused files, with names escaped", async () => {
    const page = await written(progress);
    for (const title of ["input", "bicubic", "output", "target"])
      expect(page).toContain(`<figcaption>${title}</figcaption>`);
    for (const title of ["l1 + 0.1*ssim", "l1", "ssim", "psnr"])
      expect(page).toContain(`aria-label="${title} over steps"`);
    expect(page).toContain("12,345 parameters");
    expect(page).toContain("broken.png: it is empty");
    expect(page).toContain("/photos/&lt;b&gt;");
    expect(page).not.toContain("<script>");
  });

  it("shows images alone where they have no input", async () => {
    const page = await written({
      ...progress,
      task: makeTask("generate"),
      measures: [{ spec: "kid", better: "lower", decimals: 4 }],
      baseline: { name: "untrained", scores: { kid: 3 } },
      validation: [
        { step: 0, scores: { kid: 3 }, measured: {} },
        { step: 50, scores: { kid: 1.5 }, measured: {} },
      ],
      samples: [{ name: "image 1", output: grey(32) }],
    });
    expect(page).toContain('<div class="grid-of"><figure><img');
    expect(page).toMatch(/kid ↓.*-1\.500/s);
  });

  it("is also written before the first step", async () => {
    const page = await written({ ...progress, steps: 0, log: [], validation: [], samples: [] });
    expect(page).toContain("step 0 of 200");
  });
});
