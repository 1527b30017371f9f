import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { beforeAll, describe, expect, it } from "vitest";
import { distributionCommand } from "../../src/cli/distribution.ts";
import { statsCommand } from "../../src/cli/stats.ts";
import { readStatistics } from "../../src/distribution/index.ts";
import { writeImage } from "../../src/image/index.ts";
import { tinyModel } from "../distribution/models.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const printed = { stdout: "", stderr: "" };
  let code = 0;
  const sink = (name: keyof typeof printed) => ({ write: (text: string) => (printed[name] += text) });
  const terminal = { stdout: sink("stdout"), stderr: sink("stderr"), env: {} };
  const finish = (result: number) => {
    code = result;
  };
  const program = new Command("reconloss")
    .addCommand(distributionCommand(terminal, finish))
    .addCommand(statsCommand(terminal, finish));
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeErr: (text) => (printed.stderr += text) });
  await program.parseAsync(args, { from: "user" });
  return { code, ...printed };
}

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(network, tinyModel());
  for (let i = 0; i < 20; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 16, 16], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 16, 16], 100 + i, 0, 0.8));
  }
});

const common = ["--network", network, "--no-cache"];

describe("reconloss distribution", () => {
  it("prints a table with the protocol", async () => {
    const { code, stdout, stderr } = await run(
      "distribution",
      outputs,
      reals,
      "-m",
      "fid, is,kid,pr",
      "--is-splits",
      "2",
      ...common,
    );
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replaceAll(/ +/g, " ").trim());
    expect(lines[0]).toMatch(/^fid ↓ \d\.\d+$/);
    expect(lines[1]).toMatch(/^is ↑ 1\.\d+ ± \S+, preset torch-fidelity, splits 2, seed 2020$/);
    expect(lines[2]).toMatch(
      /^kid ↓ -?\d\S+ no ±: every subset is the whole set, subsets 1, subsetSize 20, seed 2020$/,
    );
    expect(lines[3]).toMatch(/^precision ↑ 0\.\d+ k = 3$/);
    expect(lines[4]).toMatch(/^recall ↑ 0\S* k = 3$/);
    expect(lines.at(-1)).toMatch(
      /^outputs 20, reals 20 images; network tiny.onnx; weights [0-9a-f]{16}; resize clean; size 32x32; input x$/,
    );
    expect(stderr).toMatch(/warning: 20 images are few for neighbourhoods/);
  });

  it("prints JSON, lists what cannot be read, and exits with 1", async () => {
    const broken = join(folder, "broken");
    await writeImage(join(broken, "a.png"), randomTensor([1, 3, 16, 16], 1));
    await writeImage(join(broken, "b.png"), randomTensor([1, 3, 16, 16], 2));
    await writeFile(join(broken, "c.png"), "no image");
    const { code, stdout, stderr } = await run("distribution", broken, reals, "--json", ...common);
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.outputs).toMatchObject({ images: 2, computed: 2, unreadable: [{ name: "c.png" }] });
    expect(report.results.fid).toMatchObject({ metric: "fid", images: { output: 2, real: 20 } });
    expect(stderr).toMatch(/^failed: c.png: .*its content is no image/);
  });

  it("writes a page with the nearest and farthest images and the spectra", async () => {
    const path = join(folder, "report.html");
    const marked = join(folder, "<b>marked");
    await writeImage(join(marked, "copy.png"), randomTensor([1, 3, 16, 16], 100, 0, 0.8));
    for (const i of [1, 2, 3]) await writeImage(join(marked, `${i}.png`), randomTensor([1, 3, 16, 16], i));
    const { code, stdout } = await run(
      "distribution",
      marked,
      reals,
      "-m",
      "is",
      "--is-splits",
      "2",
      "--json",
      "--report",
      path,
      ...common,
    );
    expect(code).toBe(0);
    const { details } = JSON.parse(stdout);
    // Image 0 of the reals has the pixels of copy.png.
    expect(details.nearest[0]).toEqual({ output: "copy.png", real: "0.png", distance: 0 });
    expect(details.farthest.at(-1).output).toBe("copy.png");
    expect(details.spectra.output).toHaveLength(12);
    // Four images span three axes.
    expect(details.spectra.output[2]).toBeGreaterThan(1e-9);
    expect(details.spectra.output[3]).toBeLessThan(1e-15);
    const page = await readFile(path, "utf8");
    expect(page).toContain("&lt;b&gt;marked: 4 images");
    expect(page).not.toContain("<b>");
    expect(page.match(/src="data:image\/webp;base64,[^"]{20,}"/g)).toHaveLength(16);
    expect(page.match(/<path class="(output|real)"/g)).toHaveLength(2);
  });

  it("refuses numbers that are none", async () => {
    await expect(run("distribution", outputs, reals, "--batch", "many")).rejects.toThrow(/whole number of at least 1/);
    await expect(run("distribution", outputs, reals, "--resize", "best")).rejects.toThrow(/Allowed choices are clean/);
    await expect(run("distribution", outputs, ...common)).rejects.toThrow(/fid need reals to compare with/);
  });

  it("needs no reals for the Inception Score", async () => {
    const { stdout } = await run("distribution", outputs, "-m", "is", "--is-preset", "ignite", ...common);
    expect(stdout).toMatch(/^is ↑ +1\.\d+ +± 0\.00, preset ignite, splits 1/);
  });
});

describe("reconloss stats", () => {
  it("writes a file that stands for the folder", async () => {
    const path = join(folder, "reals.npz");
    const { code, stdout } = await run("stats", reals, "-o", path, ...common);
    expect([code, stdout]).toEqual([0, `${path}: 20 images, 12 features\n`]);
    expect((await readStatistics(path)).fid.count).toBe(20);
    const [ofFolder, ofFile] = [
      await run("distribution", outputs, reals, ...common),
      await run("distribution", outputs, path, ...common),
    ];
    expect(ofFile.stdout).toBe(ofFolder.stdout);
    const json = await run("stats", reals, "-o", path, "--json", ...common);
    expect(JSON.parse(json.stdout)).toMatchObject({ output: path, images: 20, features: 12, unreadable: [] });
    expect((await readFile(path)).length).toBeGreaterThan(500);
  });
});
