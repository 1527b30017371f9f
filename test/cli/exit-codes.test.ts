import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, ReconlossError } from "../../packages/core/src/errors.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { exitCodeOf } from "../../packages/reconloss/src/exit-codes.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
const longName = `${"x".repeat(247)}.png`;

beforeAll(async () => {
  for (const name of ["a.png", "b.png", longName]) {
    await writeImage(join(outputs, name), Tensor.full([1, 3, 24, 24], 0.25));
    await writeImage(join(targets, name), Tensor.full([1, 3, 24, 24], 0.75));
  }
});

describe("exit codes", () => {
  it("distinguish wrong usage, bad input and system failures", () => {
    const of = (code: ErrorCode, system?: string) =>
      exitCodeOf(new ReconlossError(code, "", system ? { cause: Object.assign(new Error(), { code: system }) } : {}));
    for (const code of ["invalid-argument", "syntax"] as const) expect(of(code), code).toBe(2);
    for (const code of ["shape", "range", "non-finite", "image", "content", "checkpoint"] as const)
      expect(of(code), code).toBe(1);
    for (const code of ["missing-weights", "download", "missing-dependency"] as const) expect(of(code), code).toBe(3);
    for (const system of ["ENOSPC", "EACCES", "EROFS", "EIO", "EMFILE"]) expect(of("file", system), system).toBe(3);
    for (const system of ["ENOENT", "ENOTDIR", "EISDIR", undefined]) expect(of("file", system), system).toBe(2);
    // What another error is called is no word of the system's.
    for (const other of ["checkpoint", "ERR_INVALID_ARG_VALUE", "Z_DATA_ERROR"])
      expect(of("file", other), other).toBe(2);
  });

  it.each([
    [2, ["compare", "--no-such-option"]],
    [2, ["compare", outputs, targets, "-m", "nothing"]],
    [2, ["compare", join(folder, "nowhere"), targets]],
    [0, ["compare", outputs, targets, "-m", "l1"]],
    [1, ["compare", outputs, targets, "-m", "l1", "--fail", "l1>0.1"]],
  ])("%i: %j", async (code, args) => {
    expect((await run(args)).code).toBe(code);
  });

  it("are 3 where weights are missing", async () => {
    const before = { ...process.env };
    Object.assign(process.env, { RECONLOSS_OFFLINE: "1", RECONLOSS_HOME: join(folder, "none"), RECONLOSS_WEIGHTS: "" });
    try {
      const { code, stderr } = await run(["compare", outputs, targets, "-m", "lpips"]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining("weights alexnet are not") });
    } finally {
      process.env = before;
    }
  });
});

describe("exit code 1 for bad file content, 2 for a bad path", () => {
  const damaged: Record<string, Uint8Array> = {
    "an empty file": new Uint8Array(),
    "a text": new TextEncoder().encode("neither statistics nor a model"),
    "another archive": zipSync({ "a.npy": new Uint8Array(9) }),
    "a part of an archive": zipSync({ "mu.npy": new Uint8Array(900) }, { level: 0 }).subarray(0, 300),
  };
  const calls: Record<string, (path: string) => string[]> = {
    "statistics.npz": (path) => ["distribution", outputs, path, "--network", "tiny"],
    "images.npz": (path) => ["stats", path, "-o", join(folder, "s.npz"), "--network", "tiny"],
    "model.onnx": (path) => ["apply", path, join(outputs, "a.png"), "-o", join(folder, "x.png")],
    "network.onnx": (path) => ["distribution", outputs, targets, "--network", path],
    "weights.pth": (path) => ["weights", "import", path, "--as", "vgg16"],
    "image.png": (path) => ["compare", path, join(outputs, "a.png")],
  };
  it.each(Object.keys(calls))("%s", async (name) => {
    const path = join(folder, name);
    for (const [what, bytes] of Object.entries(damaged)) {
      await writeFile(path, bytes);
      const { code, stderr } = await run(calls[name](path));
      expect(code, `${what}: ${stderr}`).toBe(1);
    }
    const { code, stderr } = await run(calls[name](join(folder, "nowhere", name)));
    expect(code, stderr).toBe(2);
  });
});

describe("refuses an empty option value, as from an unset variable", () => {
  it.each([
    ["compare", outputs, targets, "--maps", ""],
    ["compare", outputs, targets, "--report", ""],
    ["weights", "pack", "lpips-alex", "-o", ""],
    ["train", "deblur", "--data", outputs, "-o", ""],
    ["apply", "model.onnx", outputs, "-o", ""],
    ["compare", outputs, targets, "--weights", ""],
  ])("%s %s %s %s %s", async (...args) => {
    const { code, stderr } = await run(args.filter((arg) => arg !== undefined));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: option '.*' argument '' is invalid\. It is empty\./);
  });
});

describe("repeated options", () => {
  it.each([
    [["compare", outputs, targets, "--csv", join(folder, "a.csv"), "--csv", join(folder, "b.csv")], "--csv <file>"],
    [["compare", outputs, targets, "--alpha", "composite", "--alpha", "composite"], "--alpha <mode>"],
    [["distribution", outputs, targets, "--seed", "1", "--seed=2"], "--seed <n>"],
    [["stats", outputs, "-o", join(folder, "a.npz"), "--output", join(folder, "b.npz")], "-o, --output"],
    [["train", "deblur", "--data", outputs, "-o", folder, "--steps", "1", "--steps", "2"], "--steps <n>"],
    [["cluster", "work", folder, "--redis", "redis://a", "--redis", "redis://b"], "--redis <url>"],
  ])("refuses %j, of which one would be ignored", async (args, option) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: option '.*' argument '.*' is invalid\. The option was given before\./);
    expect(stderr).toContain(`option '${option}`);
  });

  it.each([
    ["compare", ["-m", "l1,psnr"], ["-m", "l1", "--metrics", "psnr"]],
    ["compare", ["-m", "l1", "--fail", "l1>0.1,max(l1)>9"], ["-m", "l1", "--fail", "l1>0.1", "--fail", "max(l1)>9"]],
    ["distribution", ["-m", "frechet,mmd"], ["-m", "frechet", "-m", "mmd"]],
  ])("%s %j equals %j, since lists add up", async (command, once, twice) => {
    const common = command === "compare" ? ["--json"] : ["--network", "tiny", "--no-cache", "--json"];
    const of = (args: readonly string[]) => run([command, outputs, targets, ...common, ...args]);
    expect(await of(twice)).toEqual(await of(once));
  });
});

describe("a failed write does not stop other outputs", () => {
  it.skipIf(!existsSync("/dev/full"))(
    "writes the table and report despite a full disk for the CSV file, and exits with 3",
    async () => {
      const report = join(folder, "report.html");
      const { code, stdout, stderr } = await run([
        ...["compare", outputs, targets, "-m", "l1", "--csv", "/dev/full", "--report", report],
      ]);
      expect(code).toBe(3);
      expect(stderr).toMatch(/error: cannot write \/dev\/full: .*ENOSPC/);
      expect(stdout).toContain("0.4980");
      expect(await readFile(report, "utf8")).toContain("</html>");
      // A verdict stands whatever could not be written.
      expect(
        (await run(["compare", outputs, targets, "-m", "l1", "--csv", "/dev/full", "--fail", "l1>0.1"])).code,
      ).toBe(1);
    },
  );

  it("writes the other maps and the numbers where a map cannot be written, and reports the missing one", async () => {
    const maps = join(folder, "maps");
    await mkdir(join(maps, "a.png.l1.png"), { recursive: true });
    const csv = join(folder, "numbers.csv");
    const { code, stderr } = await run(["compare", outputs, targets, "-m", "l1", "--maps", maps, "--csv", csv]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/error: 1 error map is missing: cannot write .*a\.png\.l1\.png: it is a folder/);
    expect((await readFile(csv, "utf8")).split("\r\n").length).toBeGreaterThan(3);
    const names = await readdir(maps);
    expect(names).toContain("b.png.l1.png");
    // The longest name has a hash in place of its end, and is in the list of scales under it.
    const [shortened] = names.filter((name) => name.startsWith("xxx"));
    expect(Buffer.byteLength(shortened)).toBe(255);
    expect(shortened).toMatch(/~[0-9a-f]{8}\.l1\.png$/);
    const scales = JSON.parse(await readFile(join(maps, "scales.json"), "utf8"));
    expect(scales.map(({ file }: { file: string }) => file)).toEqual(["b.png.l1.png", shortened]);
  });
});

it("error messages never name internal functions", async () => {
  const names = execFileSync("grep", ["-rhoE", "export (async )?function [A-Za-z]+", "packages"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(" ").at(-1) ?? "")
    // A loss or a command is what was typed.
    .filter((name) => name && !["l1", "weighted", "train", "apply", "compare", "resize"].includes(name));
  await writeFile(join(folder, "text.png"), "no image");
  await writeFile(join(folder, "text.npz"), "no statistics");
  await writeFile(join(folder, "text.onnx"), "no model");
  const [empty, text, npz, onnx] = ["empty", "text.png", "text.npz", "text.onnx"].map((name) => join(folder, name));
  await mkdir(empty);
  const image = join(outputs, "a.png");
  const calls = [
    ["compare", "nowhere", targets],
    ["compare", empty, targets],
    ["compare", image, targets],
    ["compare", text, image],
    ["compare", image, image, "-m", "ssim(size=99)"],
    ["compare", image, image, "-m", "l1", "--csv", folder],
    ["compare", image, image, "-m", "l1", "--report", folder],
    ["distribution", empty, outputs],
    ["distribution", "nowhere", outputs, "--network", "tiny"],
    ["distribution", outputs, npz, "--network", "tiny"],
    ["distribution", outputs, targets, "--network", onnx],
    ["stats", empty, "-o", join(folder, "s.npz"), "--network", "tiny"],
    ["train", "deblur", "--data", empty, "-o", join(folder, "out")],
    ["train", "deblur", "--data", outputs, "--patch", "7", "-o", join(folder, "out")],
    ["train", "--resume", "-o", empty],
    ["apply", text, image, "-o", join(folder, "x.png")],
    ["apply", onnx, image, "-o", join(folder, "x.png")],
    ["weights", "import", text, "--as", "vgg16"],
    ["export", "psnr(pooling=dataset) + l1", "-o", folder],
  ];
  const leaks: string[] = [];
  for (const call of calls) {
    const { code, stdout, stderr } = await run(call);
    expect(code, call.join(" ")).not.toBe(0);
    expect(stderr + stdout).toMatch(/error:|failed:/);
    const named = names.filter((name) => new RegExp(`\\b${name}(:|\\()`).test(stderr + stdout));
    if (named.length > 0) leaks.push(`${named.join()}: ${stderr}`);
  }
  expect(leaks).toEqual([]);
});
