import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import { distributionCommand } from "../../packages/reconloss/src/cli/distribution.ts";
import { statsCommand } from "../../packages/reconloss/src/cli/stats.ts";
import { readStatistics } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { safetensors } from "../../packages/reconloss/src/weights/index.ts";
import { tinyModel } from "../distribution/models.ts";
import { temporaryFolder } from "../folder.ts";
import { exifOf } from "../image/exif.ts";
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
      "frechet, is,kid,pr",
      "--is-splits",
      "2",
      ...common,
    );
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replaceAll(/ +/g, " ").trim());
    expect(lines[0]).toMatch(/^frechet\(features=tiny\.onnx\) ↓ \d\.\d+$/);
    expect(lines[1]).toMatch(/^is\(features=tiny\.onnx\) ↑ 1\.\d+ ± \S+, preset torch-fidelity, splits 2, seed 2020$/);
    expect(lines[2]).toMatch(
      /^kid\(features=tiny\.onnx\) ↓ -?\d\S+ no ±: every subset is the whole set, subsets 1, subsetSize 20, seed 2020$/,
    );
    expect(lines[3]).toMatch(/^precision\(features=tiny\.onnx\) ↑ 0\.\d+ k = 3$/);
    expect(lines[4]).toMatch(/^recall\(features=tiny\.onnx\) ↑ 0\S* k = 3$/);
    expect(lines.at(-1)).toMatch(
      /^outputs 20, reals 20 images; network tiny.onnx; weights [0-9a-f]{16}; resize clean; size 32x32; input x; crop none; layout nchw; channels rgb; output features$/,
    );
    expect(stderr).toMatch(/warning: 20 images are few for neighbourhoods/);
  });

  it("says under the numbers what was done to the pixels of each side", async () => {
    const turned = join(folder, "turned");
    await mkdir(turned, { recursive: true });
    for (let i = 0; i < 3; i++) {
      const data = Uint8Array.from({ length: 32 * 32 }, (_, at) => (at * (i + 3)) % 256);
      const jpeg = await sharp(data, { raw: { width: 32, height: 32, channels: 1 } })
        .jpeg()
        .toBuffer();
      await writeFile(join(turned, `${i}.jpg`), exifOf(jpeg, i === 0 ? 1 : 6));
    }
    const { stdout } = await run("distribution", turned, reals, "-m", "frechet", ...common);
    expect(stdout).toMatch(/outputs 3, reals 20 images; outputs decode 2 rotated by EXIF; network/);
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
    expect(report.results.frechet).toMatchObject({
      metric: "frechet(features=tiny.onnx)",
      images: { output: 2, real: 20 },
    });
    expect(stderr).toMatch(/^failed: c.png: .*its content is not an image/);
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

  it("refuses invalid numbers", async () => {
    await expect(run("distribution", outputs, reals, "--batch", "many")).rejects.toThrow(/whole number of at least 1/);
    await expect(run("distribution", outputs, reals, "--resize", "best")).rejects.toThrow(/Allowed choices are clean/);
    await expect(run("distribution", outputs, ...common)).rejects.toThrow(/frechet need a set of real images/);
  });

  it("names the option or file in its errors, never an internal function", async () => {
    const samples = join(folder, "samples.npz");
    await writeFile(samples, writeNpz({ arr_0: { data: new Uint8Array(3), shape: [3] } }));
    const statistics = join(folder, "statistics.npz");
    await run("stats", reals, "-o", statistics, ...common);
    const broken = join(folder, "broken.onnx");
    await writeFile(broken, "no model");
    const few = join(folder, "few");
    await writeImage(join(few, "a.png"), randomTensor([1, 3, 16, 16], 1));
    const cases: [string[], RegExp][] = [
      [[outputs, "none"], /none does not exist/],
      [["", reals], /the path "" does not exist/],
      [[outputs, samples], /samples\.npz: arr_0 must be 8-bit images/],
      [[outputs, statistics, "-m", "kid"], /kid need the real images, statistics are not enough: .*statistics\.npz/],
      [[outputs, statistics, "--resize", "legacy-pytorch"], /computed with resize clean.*--allow-mismatch/],
      [[outputs, reals, "--batch", "1000000000"], /batch must be from 1 to 1024 .* take 24\.6 TB at batch 1000000000/],
      [[outputs, reals, "--dims", "64"], /dims applies only to inception-fid and inception_v3/],
      [[outputs, reals, "-m", "fad"], /there is no metric fad/],
      [[outputs, reals, "-m", "is", "--is-splits", "50"], /20 images cannot be cut into 50 splits/],
      [[outputs, reals, "-m", "kid", "--seed", "5000000000"], /seed must be an integer from 0 to 2\^32 - 1/],
      [[few, reals, "-m", "pr"], /pr needs at least 4 images on each side, got 1 output and 20 reals/],
      [[few, reals], /of .*few, a covariance needs at least 2 images, got 1/],
      [[outputs, reals, "--network", broken], /broken\.onnx is not an ONNX model/],
      [[outputs, reals, "--network", "none.onnx"], /cannot read none\.onnx: there is no such file/],
    ];
    for (const [args, message] of cases) {
      const error = await run("distribution", ...(args.includes("--network") ? ["--no-cache"] : common), ...args).catch(
        (caught) => caught,
      );
      expect([error.name, error.message]).toEqual(["ReconlossError", expect.stringMatching(message)]);
      expect(error.message).not.toMatch(/^[a-zA-Z.]+: /);
    }
    await expect(run("distribution", outputs, reals, "--dims", "65", ...common)).rejects.toThrow(/choices are 64, 192/);
  });

  it("compares statistics files, and marks which numbers come from statistics", async () => {
    const [first, second] = [join(folder, "first.npz"), join(folder, "second.npz")];
    await run("stats", outputs, "-o", first, ...common);
    await run("stats", reals, "-o", second, ...common);
    const [ofFiles, ofFolders] = [
      await run("distribution", first, second),
      await run("distribution", outputs, reals, ...common),
    ];
    expect(ofFiles.stdout).toBe(ofFolders.stdout);
    const { code, stderr } = await run(
      "distribution",
      outputs,
      second,
      "--resize",
      "legacy-pytorch",
      "--allow-mismatch",
      ...common,
    );
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: the statistics were computed with resize clean/),
    ]);
  });

  it("computes the Inception Score without reals", async () => {
    const { stdout } = await run("distribution", outputs, "-m", "is", "--is-preset", "ignite", ...common);
    expect(stdout).toMatch(/^is\(features=tiny\.onnx\) ↑ +1\.\d+ +± 0\.00, preset ignite, splits 1/);
  });

  it("reports that reals are unused where no metric needs them", async () => {
    const { stderr } = await run("distribution", outputs, "none", "-m", "vendi", ...common);
    expect(stderr).toContain("warning: none is not used: no requested metric needs real images\n");
    const used = await run("distribution", outputs, reals, "-m", "vendi,mmd", ...common);
    expect(used.stderr).not.toContain("is not used");
  });
});

describe("reconloss stats", () => {
  it("writes a statistics file that gives the same numbers as the folder", async () => {
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

it("takes a checkpoint by --checkpoint and --key, and a folder of weights by --weights", async () => {
  const file = join(folder, "weights.safetensors");
  await writeFile(file, safetensors({ "ema.w": { shape: [1], data: Float32Array.of(1) } }));
  const flags = ["--checkpoint", file, "--no-cache"];
  await expect(run("distribution", outputs, reals, ...flags, "--key", "raw")).rejects.toThrow(
    `${file}: there is nothing under the key "raw"; its names begin with ema`,
  );
  await expect(run("stats", reals, "-o", join(folder, "s.npz"), ...flags)).rejects.toThrow("none of its 1 tensors has");
  await expect(run("distribution", outputs, reals, "--weights", file)).rejects.toThrow("It is not a folder");
});
