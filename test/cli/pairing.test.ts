import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { scene } from "../tasks/photographs.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const at = (...names: string[]) => join(folder, ...names);
const [ours, theirs, hr] = ["ours", "theirs", "hr"].map((name) => at(name));
const names = ["baby", "bird", "head"];
const pattern = ["--pair", "{name}_x2.png={name}.png"];

/** Outputs that are a level darker than their targets, under names with a suffix; one of theirs is a pixel wider, one is missing. */
beforeAll(async () => {
  for (const [i, name] of names.entries()) {
    const target = scene(40, 48, i);
    await writeImage(at("hr", `${name}.png`), target);
    const darker = new Tensor(
      target.data.map((value) => Math.max(0, value - 4 / 255)),
      target.shape,
    );
    await writeImage(at("ours", `${name}_x2.png`), darker);
    if (i < 2) await writeImage(at("theirs", `${name}_x2.png`), i === 0 ? scene(40, 49, i) : darker);
  }
});

const compare = (...args: string[]) => run(["compare", ...args, "-m", "l1", "--no-cache"]);
const json = async (...args: string[]) => {
  const result = await compare(...args, "--json");
  return { ...result, ...JSON.parse(result.stdout) };
};

describe("names that differ by a suffix", () => {
  it("pair by the pattern that is proposed", async () => {
    const { code, stderr } = await compare(ours, hr);
    expect(code).toBe(1);
    expect(stderr).toContain('note: 3 of 3 would pair by removing _x2: --pair "{name}_x2.png={name}.png"');
    const { code: paired, pairs, stderr: recorded } = await json(ours, hr, ...pattern);
    expect(paired).toBe(0);
    expect(pairs.map(({ target }: { target: string }) => target)).toEqual(names.map((name) => at("hr", `${name}.png`)));
    expect(recorded).not.toContain("would pair");
  });

  it("pair by one proposed pattern for each method, in tables and figures", async () => {
    const methods = [`ours=${ours}`, `theirs=${theirs}`, "--targets", hr];
    const { stderr } = await compare(...methods);
    expect(stderr).toMatch(/note: theirs: 2 of 2 would pair by removing _x2/);
    const judged = await json(...methods, ...pattern, "--fit", "crop");
    expect(judged.columns[0]).toMatchObject({ metric: "l1", images: 2, of: 3 });
    expect(JSON.stringify(judged.notes)).toContain("differ in size by 1x0 pixels");
    expect(judged.code).toBe(1);
    const figure = at("figure.svg");
    const drawn = await run([
      "figure",
      ...methods,
      ...pattern,
      "--fit",
      "crop",
      "--no-cache",
      "-m",
      "l1",
      "--image",
      "baby",
      "-o",
      figure,
    ]);
    expect(drawn.stderr).not.toMatch(/error/);
    expect(await readFile(figure, "utf8")).toContain("</svg>");
    const report = at("report.html");
    await compare(...methods, ...pattern, "--fit", "crop", "--report", report);
    expect(await readFile(report, "utf8")).toContain("</html>");
  });

  it("an invalid pattern is wrong usage", async () => {
    for (const [pair, message] of [
      ["{name}_x2.png", /OUTPUT=TARGET is needed/],
      ["{name}_x8.png={name}.png", /none of 3 outputs fits/],
      ["{a}.png={b}.png", /one placeholder in common/],
    ] as const) {
      const { code, stderr } = await compare(ours, hr, "--pair", pair);
      expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
  });
});

describe("other ways to pair images", () => {
  it("counts excluded files", async () => {
    const { pairs, ignoredFiles, stderr, code } = await json(
      ours,
      hr,
      ...pattern,
      "--exclude",
      "bird*",
      "--exclude",
      "head*",
    );
    expect([code, pairs.length]).toEqual([0, 1]);
    expect(ignoredFiles).toEqual({ output: { excluded: 2 }, target: { excluded: 2 } });
    expect(stderr).toContain(`note: ${ours}: ignored: 2 excluded`);
  });

  it("pairs by globs, and many outputs with one target", async () => {
    const { pairs, code } = await json(join(ours, "b*.png"), at("hr", "baby.png"));
    expect([code, pairs.length]).toEqual([0, 2]);
  });

  it("pairs by a list, whose groups become columns", async () => {
    const rows = names.map((name, i) => `ours/${name}_x2.png,hr/${name}.png,${i < 2 ? "Set5" : "Set14"}`);
    await writeFile(at("pairs.csv"), `output,target,group\n${rows.join("\n")}\n`);
    const { code, pairs } = await json("--list", at("pairs.csv"), "--markdown", at("table.md"));
    expect(code).toBe(0);
    expect(pairs.map(({ group }: { group: string }) => group)).toEqual(["Set5", "Set5", "Set14"]);
    expect(await readFile(at("table.md"), "utf8")).toMatch(/Set5.*Set14/);
    for (const [args, message] of [
      [["--list", at("none.csv")], /there is no such file/],
      [["--list", at("pairs.txt")], /It must end in \.csv or \.jsonl/],
      [["--list", at("pairs.csv"), ours, hr], /omit them/],
      [["--list", at("pairs.csv"), ...pattern], /omit --pair/],
    ] as const) {
      const { stderr } = await compare(...args);
      expect(stderr).toMatch(message);
    }
  });
});

describe("sizes and regions", () => {
  it("fails on sizes that differ, or crops or resizes, and reports which", async () => {
    const [output, target] = [at("theirs", "baby_x2.png"), at("hr", "baby.png")];
    expect((await compare(output, target)).stderr).toMatch(/both must have the same height and width/);
    for (const fit of ["crop", "resize"]) {
      const { code, stderr, notes } = await json(output, target, "--fit", fit, "--report", at("fit.html"));
      expect([code, notes[0].kind]).toEqual([0, "fitted"]);
      expect(stderr).toMatch(
        fit === "crop" ? /were cropped at the right and bottom/ : /was resized to the size of its target/,
      );
    }
    const { code } = await compare(output, target, "--fit", "stretch");
    expect(code).toBe(2);
  });

  it("weights by masks and rectangles as the library does", async () => {
    const mask = new Tensor(
      Float32Array.from({ length: 40 * 48 }, (_, i) => Number(i % 48 < 24)),
      [1, 1, 40, 48],
    );
    for (const name of names) await writeImage(at("masks", `${name}.png`), mask);
    await writeFile(at("ignore.json"), JSON.stringify({ "baby.png": [[24, 0, 24, 40]] }));
    const weighted = await parseLoss("l1").value(
      await readImage(at("ours", "baby_x2.png")),
      await readImage(at("hr", "baby.png")),
      { weight: mask },
    );
    for (const args of [
      ["--masks", at("masks")],
      ["--masks", at("masks", "baby.png")],
      ["--ignore", "24,0,24,40"],
      ["--ignore", at("ignore.json")],
    ]) {
      const { pairs, stderr } = await json(ours, hr, ...pattern, ...args);
      expect(pairs[0].values.l1).toBeCloseTo(weighted, 9);
      expect(stderr).toMatch(/pixels are weighted by/);
    }
    await rm(at("masks", "bird.png"));
    const { code, failed, pairs } = await json(ours, hr, ...pattern, "--masks", at("masks"));
    expect([code, pairs.length, failed.length]).toEqual([1, 2, 1]);
    expect(failed[0].error).toMatch(/has no mask of this name/);
    for (const wrong of ["1,2,3", "0,0,0,4", "mask.png", "a,b,c,d"]) {
      expect((await compare(ours, hr, "--ignore", wrong)).code).toBe(2);
    }
  });
});

it("--no-inspect turns off notes about whole outputs", async () => {
  await mkdir(at("dark"));
  for (const [i, name] of names.entries()) {
    const { data, shape } = scene(96, 96, i);
    await writeImage(at("light", `${name}.png`), new Tensor(data, shape));
    await writeImage(
      at("dark", `${name}.png`),
      new Tensor(
        data.map((value) => 0.6 * value),
        shape,
      ),
    );
  }
  const [on, off] = [await json(at("dark"), at("light")), await json(at("dark"), at("light"), "--no-inspect")];
  expect(on.stderr).toMatch(/the output is 0\.60 times its target, which costs about [\d.]+ dB of PSNR/);
  expect(off.stderr).not.toMatch(/times its target/);
  expect(off.mean).toEqual(on.mean);
});

it("a plan of shards pairs as compare does", async () => {
  const work = at("work");
  const args = [...pattern, "--masks", at("masks", "baby.png"), "--exclude", "head*", "-m", "l1"];
  const plan = await run(["shards", "plan", "compare", ours, hr, ...args, "--shards", "2", "-o", work]);
  expect(plan.stdout).toMatch(/2 shards, 2 items/);
  for (const shard of ["0", "1"]) await run(["shards", "work", work, "--shard", shard]);
  const merged = JSON.parse((await run(["shards", "merge", work, "--json"])).stdout);
  const { mean, ignoredFiles } = await json(ours, hr, ...args.slice(0, -2));
  expect([merged.mean, merged.ignoredFiles]).toEqual([mean, ignoredFiles]);
});
