import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const main = fileURLToPath(new URL("../../packages/reconloss/src/cli/main.ts", import.meta.url));
const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];

/** Runs the command line as its own process. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, ["--import", "tsx", main, ...args], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

beforeAll(async () => {
  await mkdir(outputs, { recursive: true });
  const photo = randomTensor([1, 3, 24, 24], 7);
  for (const name of ["good", "cut", "empty", "text", "small"]) await writeImage(join(targets, `${name}.png`), photo);
  await cp(join(targets, "good.png"), join(outputs, "good.png"));
  const file = await readFile(join(targets, "cut.png"));
  await writeFile(join(outputs, "cut.png"), file.subarray(0, file.length / 2));
  await writeFile(join(outputs, "empty.png"), "");
  await writeFile(join(outputs, "text.png"), "This is text, not an image.\n");
  await writeImage(join(outputs, "small.png"), Tensor.full([1, 3, 12, 24], 0.5));
  await writeImage(join(outputs, "dot.png"), Tensor.full([1, 3, 1, 1], 0.5));
  await writeImage(join(targets, "dot.png"), Tensor.full([1, 3, 1, 1], 0.5));
});

it("reports one clear error for each damaged file, measures the rest, and exits with 1", async () => {
  const { code, stdout, stderr } = await run("compare", outputs, targets, "--json", "-m", "psnr,ssim");
  expect(code).toBe(1);
  const { losses, pairs, mean, failed } = JSON.parse(stdout);
  expect(Object.keys(losses)).toEqual(["psnr", "ssim"]);
  expect(pairs.map(({ output, values }: { output: string; values: object }) => [output, values])).toEqual([
    [join(outputs, "dot.png"), { psnr: "Infinity" }],
    [join(outputs, "good.png"), { psnr: "Infinity", ssim: 1 }],
  ]);
  expect(mean).toEqual({ psnr: "Infinity", ssim: 1 });
  const errors = Object.fromEntries(
    failed.map(({ output, error }: { output: string; error: string }) => [output.slice(outputs.length + 1), error]),
  );
  expect(errors).toEqual({
    "cut.png": expect.stringContaining("cut.png"),
    "dot.png": "ssim: output is 1x3x1x1, but at least 11x11 pixels are needed",
    "empty.png": expect.stringContaining("0 bytes"),
    "small.png": expect.stringMatching(/1x3x12x24.*1x3x24x24/),
    "text.png": expect.stringContaining("not an image"),
  });
  expect(stderr.split("\n").filter((line) => line.startsWith("failed:"))).toHaveLength(5);
  expect(stderr).not.toMatch(/\n {4}at /);
});

it("exits with 0 on success", async () => {
  const good = [join(outputs, "good.png"), join(targets, "good.png")];
  const { code, stdout, stderr } = await run("compare", ...good, "-m", "psnr,l1", "--fail", "psnr<40");
  const note = "in the pair, what psnr compares is identical; the mean and the other statistics leave it out";
  expect({ code, stderr }).toEqual({ code: 0, stderr: `note: ${note}\n` });
  expect(stdout).toMatch(/good\.png +∞ +0\.00/);
});

it("exits with 1 when a condition holds", async () => {
  const good = [join(outputs, "good.png"), join(targets, "good.png")];
  const { code, stderr } = await run("compare", ...good, "-m", "l1", "--fail", "l1<=0");
  expect(code).toBe(1);
  expect(stderr).toBe("fail: l1<=0: it is 0, of 1 pair\n");
});

it("exits with 2 on wrong usage", async () => {
  const { code, stdout, stderr } = await run("compare", outputs);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("missing required argument 'targets'");
});
