import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { signalAt, start } from "../program.ts";
import { photographFolder, scene, traces } from "../tasks/photographs.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const data = join(folder, "photographs");
const tiny = ["--data", data, "--batch", "2", "--patch", "16"];

beforeAll(() => photographFolder(data, 10).then(() => undefined));

/** Returns the number of steps in a log. */
async function stepsIn(out: string): Promise<number> {
  const text = await readFile(join(out, "log.jsonl"), "utf8").catch(() => "");
  return text.split("\n").length - 1;
}

describe("train", () => {
  it("trains, evaluates, reports and exports; apply runs the model", async () => {
    const out = join(folder, "x2");
    const args = ["train", "super-resolution", ...tiny, "--steps", "30", "--every", "10", "-o", out];
    const { code, stdout, stderr } = await run([...args, "--loss", "l1 + 0.1*ssim"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/held out +bicubic +trained/);
    expect(stdout).toMatch(/psnr ↑ +[\d.]+ +[\d.]+ +(better|worse)/);
    expect(stderr).toMatch(/step 10: psnr [\d.]+ \(bicubic [\d.]+\)/);
    expect((await readdir(out)).sort()).toEqual([
      ...["checkpoint.safetensors", "log.jsonl", "model.onnx", "report.html", "validation.jsonl"],
    ]);
    const report = await readFile(join(out, "report.html"), "utf8");
    expect(report).toContain("finished · step 30 of 30");
    for (const title of ["l1 + 0.1*ssim", "ssim over steps", "output of 9.png"]) expect(report).toContain(title);

    const [input, output] = [join(folder, "small.png"), join(folder, "large.png")];
    await writeImage(input, scene(23, 31, 5));
    const applied = await run(["apply", join(out, "model.onnx"), input, "-o", output, "--tile", "16"]);
    expect(applied).toMatchObject({ code: 0, stderr: "", stdout: `${output}  62x46\n` });
    expect((await readImage(output)).shape).toEqual([1, 3, 46, 62]);
  });

  it("prints one JSON object with all settings and results", async () => {
    const out = join(folder, "json");
    const args = [
      "train",
      "deblur",
      ...tiny,
      "--steps",
      "2",
      "--learning-rate",
      "1e-4",
      "--seed",
      "3",
      "-o",
      out,
      "--json",
    ];
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    const recorded = JSON.parse(stdout);
    expect(recorded).toMatchObject({ status: "finished", steps: 2, photographs: { training: 9, validation: 1 } });
    expect(recorded.settings).toMatchObject({ task: "deblur", seed: 3, learningRate: 1e-4, batch: 2, patch: 16, data });
    expect(recorded.validation.scores.psnr).toBeGreaterThan(10);
    expect(recorded.baseline.scores.psnr).toBeGreaterThan(10);
  });

  it("shows a live progress line on a terminal", async () => {
    const out = join(folder, "line");
    const { code, stderr } = await run(["train", "enhance", ...tiny, "--steps", "12", "-o", out], { tty: true });
    expect(code).toBe(0);
    expect(stderr).toMatch(/\d+\/12 loss [\d.]+/);
    const quiet = await run(
      ["train", "enhance", ...tiny, "--steps", "1", "-o", join(folder, "quiet"), "--no-progress"],
      { tty: true },
    );
    // What there is to know of the numbers is said in any case: here that published weights are missing.
    expect(quiet.stderr.split("\n").filter((line) => !line.includes("note:"))).toEqual([""]);
  });

  it("reports how many images were evaluated, and evaluates all of them on request", async () => {
    const out = join(folder, "all");
    const args = ["train", "deblur", ...tiny, "--steps", "1", "-o", out, "--validation", data];
    const few = JSON.parse((await run([...args, "--json"])).stdout);
    expect(few.coverage).toMatchObject({ heldOut: 10, whole: false });
    expect(few.validation.measured.psnr).toBe(few.coverage.crops);
    const all = await run([
      ...args.slice(0, -4),
      "-o",
      join(folder, "every"),
      "--validation",
      data,
      "--validation-all",
    ]);
    expect(all.stdout).toContain("the whole of 10 held-out photographs");
  });

  it("notes that the small network favours models trained with it, and evaluates with another metric too", async () => {
    const out = join(folder, "flattered");
    const loss = "l1 + 0.1*lpips(net=tiny)";
    const { stdout } = await run([
      "train",
      "deblur",
      ...["--data", data, "--batch", "2", "--patch", "24"],
      "--steps",
      "1",
      "--loss",
      loss,
      "-o",
      out,
      "--json",
    ]);
    const { notes, validation } = JSON.parse(stdout);
    expect(Object.keys(validation.scores)).toEqual(expect.arrayContaining(["lpips(net=tiny)", "deltaE"]));
    expect(notes.join()).toContain("favours a network that was trained with it");
  });

  it("resumes from the last checkpoint with the same bits after being killed", async () => {
    const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
    // Killed before the discriminator begins, while its weight rises, and after.
    const loss = "l1 + 0.5*gan(adaptive=true,conditional=true,features=4,depth=1,norm=none)@20..40";
    const settings = ["super-resolution", ...tiny, "--steps", "60", "--every", "10", "--loss", loss];
    expect((await run(["train", ...settings, "-o", whole])).code).toBe(0);
    // At its 13th step, at the 21st after the 10th, and at the 18th after the 30th.
    for (const [index, step] of [13, 21, 18].entries()) {
      const args = index === 0 ? ["train", ...settings, "-o", killed] : ["train", "--resume", "-o", killed];
      expect(await start(args, signalAt("/log.jsonl", step)).ended).toBe("SIGKILL");
      expect(await stepsIn(killed)).toBe([12, 30, 47][index]);
    }
    expect((await run(["train", "--resume", "-o", killed])).code).toBe(0);
    expect(await traces(killed)).toEqual(await traces(whole));
  });

  it.each(["SIGINT", "SIGTERM"] as const)("saves on %s, explains how to resume, and resumes", async (signal) => {
    const out = join(folder, signal);
    const args = ["train", "deblur", ...tiny, "--steps", "5000", "--every", "5000", "-o", out];
    const { ended, errors } = start(args, signalAt("/log.jsonl", 3, signal));
    expect(await ended).toBe(130);
    const [, stopped] = /stopped by SIG\w+ after step (\d+) of 5000, saved in/.exec(errors()) ?? [];
    expect(errors()).toContain(`reconloss train --resume -o ${out}`);
    expect(await stepsIn(out)).toBe(Number(stopped));
    expect(await readFile(join(out, "report.html"), "utf8")).toContain(`interrupted · step ${stopped} of 5000`);
    const goesOn = await run(["train", "--resume", "-o", out, "--steps", String(Number(stopped) + 2)]);
    expect(goesOn.code).toBe(0);
    expect(await stepsIn(out)).toBe(Number(stopped) + 2);
  });

  it.each<[string[], string]>([
    [["train", "-o", "x"], "a task and --data are required"],
    [["train", "deblur", "-o", "x"], "a task and --data are required"],
    [["train", "nothing", "--data", data, "-o", "x"], "super-resolution, deblur, enhance, generate"],
    [["train", "deblur", "--data", data], "required option '-o"],
    [["train", "deblur", "--data", join(folder, "nowhere"), "-o", join(folder, "none")], "cannot read folder"],
    [["train", "deblur", ...tiny, "--scale", "2", "-o", "x"], "deblur: this task has no scale"],
    [["train", "deblur", ...tiny, "--loss", "l1 +", "-o", "x"], "expected name"],
    [["train", "deblur", ...tiny, "--steps", "0", "-o", "x"], "at least 1"],
    [["train", "deblur", ...tiny, "--learning-rate", "fast", "-o", "x"], "above 0"],
    [["train", "--resume", "-o", join(folder, "none")], "to resume from"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it("exits with 1, and would again, where no photograph is large enough", async () => {
    const args = ["train", "deblur", "--data", data, "--patch", "64", "-o", join(folder, "none")];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("80x80 are needed");
  });

  it("resumes only with its original settings", async () => {
    const out = join(folder, "begun");
    expect((await run(["train", "deblur", ...tiny, "--steps", "1", "-o", out])).code).toBe(0);
    const again = await run(["train", "deblur", ...tiny, "--steps", "1", "-o", out]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("already contains a training") });
    const other = await run(["train", "--resume", "--loss", "mse", "-o", out]);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("was started with loss l1, not mse") });
    expect((await run(["train", "deblur", ...tiny, "--resume", "--steps", "2", "-o", out])).code).toBe(0);
    expect(await stepsIn(out)).toBe(2);
  });

  it("reports photographs that it does not use", async () => {
    const mixed = await photographFolder(join(folder, "mixed"), 10);
    await writeFile(join(mixed, "2.png"), "no image");
    const { code, stderr } = await run([
      ...["train", "deblur", "--data", mixed, "--batch", "2", "--patch", "16", "--steps", "1"],
      ...["-o", join(folder, "mixed-out")],
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/not used: .*2\.png: .*not an image/);
  });
});

describe("apply", () => {
  const model = join(folder, "sharp", "model.onnx");
  const [inputs, outputs] = [join(folder, "inputs"), join(folder, "outputs")];

  beforeAll(async () => {
    expect((await run(["train", "deblur", ...tiny, "--steps", "1", "-o", join(folder, "sharp")])).code).toBe(0);
    await writeImage(join(inputs, "a.jpg"), scene(20, 24, 1));
    await writeImage(join(inputs, "sub", "deep.png"), scene(17, 13, 2), { bitDepth: 16 });
    await writeImage(join(inputs, "grey.png"), new Tensor(scene(9, 11, 3).data.slice(0, 99), [1, 1, 9, 11]));
  });

  it("processes a folder, keeping names and bits", async () => {
    expect(await run(["apply", model, inputs, "-o", outputs])).toEqual({
      code: 0,
      stdout: `${outputs}  3 images\n`,
      stderr: "note: images: 1 16-bit colour\n",
    });
    const [a, deep, grey] = await Promise.all(
      ["a.jpg", "sub/deep.png", "grey.png"].map((name) => readPixels(join(outputs, name))),
    );
    expect([a.width, a.height, a.channels]).toEqual([24, 20, 3]);
    expect(deep.data).toBeInstanceOf(Uint16Array);
    expect([grey.channels, grey.data.BYTES_PER_ELEMENT]).toEqual([1, 1]);
  });

  it("continues after an image that fails, and reports which", async () => {
    await writeFile(join(inputs, "cut.png"), "no image");
    const { code, stdout, stderr } = await run(["apply", model, inputs, "-o", outputs]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${outputs}  3 images\n` });
    expect(stderr).toMatch(/^failed: .*cut\.png: .*not an image/m);
  });

  it("writes 8 or 16 bits as requested", async () => {
    for (const bits of ["8", "16"]) {
      const output = join(folder, `bits${bits}.png`);
      expect((await run(["apply", model, join(inputs, "a.jpg"), "-o", output, "--bits", bits])).code).toBe(0);
      expect((await readPixels(output)).data.BYTES_PER_ELEMENT).toBe(Number(bits) / 8);
    }
  });

  it("falls back to the CPU, with a note, where no GPU can be used", async () => {
    const [onCpu, output] = [join(folder, "cpu.png"), join(folder, "no-gpu.png")];
    expect((await run(["apply", model, join(inputs, "a.jpg"), "-o", onCpu])).code).toBe(0);
    const args = ["apply", model, join(inputs, "a.jpg"), "-o", output, "--device", "webgpu"];
    // A process of its own, since the driver has to be named before anything looks for one.
    const { ended, errors } = start(args, { env: { VK_DRIVER_FILES: "/nowhere.json" } });
    expect(await ended).toBe(0);
    expect(errors()).toMatch(/note: webgpu cannot be used: .*; using the CPU/);
    expect(await readFile(output)).toEqual(await readFile(onCpu));
  });

  it("generates images, the same for the same seed", async () => {
    const out = join(folder, "generator");
    const small = ["--batch", "2", "--loss", "gan(features=8,depth=1)", "--steps", "1"];
    expect((await run(["train", "generate", "--data", data, ...small, "-o", out])).code).toBe(0);
    const [many, one] = [join(folder, "many"), join(folder, "third.png")];
    expect((await run(["apply", join(out, "model.onnx"), "-o", many, "--count", "3"])).code).toBe(0);
    expect((await readdir(many)).sort()).toEqual(["1.png", "2.png", "3.png"]);
    expect((await run(["apply", join(out, "model.onnx"), "-o", one])).code).toBe(0);
    expect(await readFile(one)).toEqual(await readFile(join(many, "1.png")));
    const wrong = await run(["apply", join(out, "model.onnx"), join(inputs, "a.jpg"), "-o", one]);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("takes no input") });
  });

  it.each<[string[], string]>([
    [["apply", model, "-o", "x.png"], "needs an image or a folder"],
    [["apply", model, join(inputs, "a.jpg")], "required option '-o"],
    [["apply", model, join(folder, "nowhere.png"), "-o", "x.png"], "does not exist"],
    [["apply", model, join(inputs, "a.jpg"), "-o", join(folder, "x.xyz")], "must end in one of"],
    [["apply", model, join(inputs, "a.jpg"), "-o", join(folder, "x.jpg"), "--bits", "16"], "bitDepth 8"],
    [["apply", model, inputs, "-o", inputs], "would overwrite the input"],
    [["apply", model, join(inputs, "a.jpg"), "-o", model], "would overwrite the input"],
    [["apply", model, join(inputs, "a.jpg"), "-o", join(inputs, "..", "inputs", "a.jpg")], "would overwrite the input"],
    [["apply", join(folder, "nowhere.onnx"), join(inputs, "a.jpg"), "-o", "x.png"], "cannot be read"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});
