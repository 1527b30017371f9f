import { spawnSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { writeManifest } from "../../packages/reconloss/src/shards/manifest.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

// Gates of every kind of comparison: groups of images, several methods, frames of videos, merged shards. Images are flat, so that l1 is a difference of levels.
const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;

/** Images of these levels out of 255, by name. */
async function images(name: string, levels: Readonly<Record<string, number>>): Promise<void> {
  for (const [image, level] of Object.entries(levels)) {
    await writeImage(join(at(name), `${image}.png`), Tensor.full([1, 3, 16, 16], level / 255));
  }
}

/** The value of l1 between these levels, as messages have it: images have 8 bits, and losses 32. */
const l1 = (level: number) => Math.fround(level / 255);
const ofLevel = (level: number) => String(l1(level)).slice(0, 7);

/** The cases of a JUnit file: their suite, name and failure. */
function casesOf(xml: string): string[][] {
  const decoded = (text: string) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
  const found = xml.matchAll(
    /<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:\/>|>(?:\s*<properties>.*<\/properties>)?(?:\s*<failure message="([^"]*)"\/>)?\s*<\/testcase>)/g,
  );
  return [...found].map(([, ...parts]) => parts.flatMap((part) => (part === undefined ? [] : [decoded(part)])));
}

const withoutNotes = (stderr: string) => stderr.replace(/^note: .*\n/gm, "");
const annotations = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("::error"));

beforeAll(async () => {
  await images("targets", { "A/1": 100, "A/2": 100, "B/1": 100 });
  await images("ours", { "A/1": 110, "A/2": 120, "B/1": 130 });
  await images("theirs", { "A/1": 105, "A/2": 105, "B/1": 105 });
  await images("fewer", { "A/1": 110, "A/2": 120 });
  await images("frames", { "1": 110, "2": 120, "3": 140 });
  await images("still", { "1": 100, "2": 100, "3": 100 });
});

describe("conditions on each group", () => {
  const compare = (outputs: string, ...more: string[]) =>
    run(["compare", at(outputs), at("targets"), "-m", "l1", ...more]);

  it("report which group fails, its value and over how many pairs", async () => {
    const { code, stdout, stderr } = await compare("ours", "--fail", "group(l1>0.1), group(min(l1)>0.2)", "--json");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^fail: group\(l1>0\.1\), B: it is 0\.117\d+, of 1 pair\n$/),
    ]);
    const [first, second] = JSON.parse(stdout).conditions;
    // A: (10 + 20) / 2 levels; B: 30.
    expect(first).toMatchObject({ condition: "group(l1>0.1)", holds: true, of: 1, measured: 3, missing: 0 });
    expect(first.value).toBeCloseTo(l1(30), 6);
    expect(first.groups).toEqual([
      { group: "A", holds: false, value: expect.closeTo(l1(15), 6), of: 2, measured: 2, missing: 0 },
      { group: "B", holds: true, value: expect.closeTo(l1(30), 6), of: 1, measured: 1, missing: 0 },
    ]);
    expect(second.holds).toBe(false);
  });

  it("fail where a group has no measured pair, or a pair lacks its number", async () => {
    const gone = await compare("fewer", "--fail", "group(l1>9)");
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("fail: group(l1>9), B: no pair has a value")]);
    await images("broken", { "A/1": 110, "A/2": 110, "B/1": 110, "B/2": 1 });
    await writeFile(at("broken/A/2.png"), "no image");
    const { stdout, stderr } = await compare("broken", "--fail", "group(l1>9)", "--json");
    expect(stderr).toContain("fail: group(l1>9), A: 1 of 2 pairs lack a value");
    // An output without a target may be of any group.
    expect(stderr).toContain("fail: group(l1>9): 1 pair in no group");
    const { conditions, failed } = JSON.parse(stdout);
    expect(conditions[0].groups.map(({ group, holds }: { group: string; holds: boolean }) => [group, holds])).toEqual([
      ["A", true],
      ["B", false],
    ]);
    expect(failed.map(({ group }: { group?: string }) => group)).toEqual(["A", undefined]);
  });

  it("appear separately in JUnit, annotations and the summary", async () => {
    const gates = ["--junit", at("groups.xml"), "--summary", at("groups.md"), "--annotate", "github"];
    const { stderr } = await compare("ours", "--fail", "group(l1>0.1)", ...gates);
    expect(casesOf(await readFile(at("groups.xml"), "utf8")).slice(3)).toEqual([
      ["reconloss.conditions", "group(l1>0.1), A"],
      ["reconloss.conditions", "group(l1>0.1), B", expect.stringMatching(/^it is 0\.117\d+, of 1 pair$/)],
    ]);
    expect(annotations(stderr)).toEqual([
      expect.stringMatching(/^::error title=reconloss%3A group\(l1>0\.1\)%2C B::group\(l1>0\.1\), B: it is 0\.117/),
    ]);
    const page = await readFile(at("groups.md"), "utf8");
    expect(page).toMatch(
      /\| group\(l1\\>0\.1\), A \| 0\.0588\d+ \| passes \|\n\| group\(l1\\>0\.1\), B \| 0\.1176\d+ \| fails \|/,
    );
  });

  it("use the groups of a list, and treat all pairs as one group without them", async () => {
    const rows = ["A/1", "A/2", "B/1"].map(
      (name, i) => `ours/${name}.png,targets/${name}.png,${i === 1 ? "second" : "first"}`,
    );
    await writeFile(at("list.csv"), ["output,target,group", ...rows].join("\n"));
    const listed = await run(["compare", "--list", at("list.csv"), "-m", "l1", "--fail", "group(l1>0.0785)"]);
    // first: (10 + 30) / 2 levels, second: 20, of which 8 bits keep 0.07843.
    expect([listed.code, listed.stderr]).toEqual([0, ""]);
    const flat = await run(["compare", at("frames"), at("still"), "-m", "l1", "--fail", "group(max(l1)>0.15)"]);
    expect([flat.code, flat.stderr]).toEqual([
      1,
      expect.stringMatching(/^fail: group\(max\(l1\)>0\.15\): it is 0\.156\d+, of 3 pairs\n$/),
    ]);
  });

  it.each(["group(any(l1>1))", "group(total<3)", "group(l1)>1", "group(group(l1>1))", "group()"])(
    "refuse %s",
    async (text) => {
      const { code, stderr, stdout } = await compare("ours", "--fail", text);
      expect([code, stderr, stdout]).toEqual([2, expect.stringMatching(/^error: fail: /), ""]);
    },
  );
});

describe("gates of several methods", () => {
  const compare = (methods: readonly string[], ...more: string[]) =>
    run(["compare", ...methods.map((name) => `${name}=${at(name)}`), "--targets", at("targets"), "-m", "l1", ...more]);

  it("check a condition for every method, or for the one that it names", async () => {
    const all = await compare(["ours", "theirs"], "--fail", "group(l1>0.1), theirs:l1>0.01");
    expect(all.code).toBe(1);
    expect(all.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^fail: ours: group\(l1>0\.1\), B: it is 0\.117/),
      expect.stringMatching(/^fail: theirs: l1>0\.01: it is 0\.0196/),
    ]);
    const own = await compare(["ours", "theirs"], "--fail", "theirs: any(l1>0.1)", "--json");
    expect([own.code, own.stderr]).toEqual([0, ""]);
    expect(JSON.parse(own.stdout).conditions).toMatchObject([{ method: "theirs", holds: false }]);
    const wrong = await compare(["ours", "theirs"], "--fail", "others:l1>1");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("the methods are ours, theirs")]);
  });

  it("fail where a method is worse than its baseline, or missing on either side", async () => {
    const before = at("methods.json");
    expect((await compare(["ours", "theirs"], "--json", before)).code).toBe(0);
    const same = await compare(["ours", "theirs"], "--baseline", before);
    expect([same.code, same.stderr]).toEqual([0, ""]);
    await images("theirs", { "A/2": 108 });
    const gates = ["--baseline", before, "--junit", at("methods.xml"), "--summary", at("methods.md")];
    const worse = await compare(["ours", "theirs"], ...gates, "--json");
    await images("theirs", { "A/2": 105 });
    // 5 levels of each image before, 8 of one now.
    expect([worse.code, worse.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^baseline: theirs: all pairs, l1: 0\.0196\d+ before, 0\.0235\d+ now.*\nbaseline: theirs: A\/2\.png, l1: 0\.0196\d+ before, 0\.0313\d+ now.*\n$/,
      ),
    ]);
    const { baseline } = JSON.parse(worse.stdout);
    expect([baseline.ours.pass, baseline.theirs.pass, baseline.theirs.moved.length]).toEqual([true, false, 1]);
    const cases = casesOf(await readFile(at("methods.xml"), "utf8"));
    expect(cases.filter(([, , failure]) => failure).map(([suite, name]) => [suite, name])).toEqual([
      ["reconloss.theirs.pairs", "A/2.png"],
      ["reconloss.theirs.baseline", "l1"],
    ]);
    expect(cases.length).toBe(8);
    expect(await readFile(at("methods.md"), "utf8")).toMatch(
      /^### reconloss compare: failed\n\nours, theirs against targets: 6 pairs\n\n#### ours: 3 pairs\n/,
    );

    const fewer = await compare(["ours"], "--baseline", before, "--junit", at("gone.xml"), "--annotate", "github");
    expect([fewer.code, annotations(fewer.stderr)]).toEqual([
      1,
      [expect.stringContaining(`theirs: all: only ${before} has it`)],
    ]);
    expect(casesOf(await readFile(at("gone.xml"), "utf8")).at(-1)).toEqual([
      "reconloss.theirs.baseline",
      "all",
      `only ${before} has it`,
    ]);
    const more = await compare(["ours", "theirs", "fewer"], "--baseline", before);
    expect([more.code, more.stderr]).toEqual([1, expect.stringContaining(`baseline: fewer: all: ${before} lacks it`)]);
  });

  it("refuse a baseline of one comparison, and a baseline of methods for one", async () => {
    const [one, several] = [at("one.json"), at("several.json")];
    await run(["compare", at("ours"), at("targets"), "-m", "l1", "--json", one]);
    await compare(["ours", "theirs"], "--json", several);
    const results = [
      await compare(["ours"], "--baseline", one),
      await run(["compare", at("ours"), at("targets"), "-m", "l1", "--baseline", several]),
    ];
    expect(results.map(({ code }) => code)).toEqual([2, 2]);
    expect(results.map(({ stderr }) => stderr.replaceAll(folder, ""))).toEqual([
      "error: baseline: /one.json is of one comparison, and here are methods\n",
      "error: baseline: /several.json is of methods (ours, theirs), and here is one comparison\n",
    ]);
  });
});

/** The gates of frames, whose kind is said by these arguments: 10, 20 and 40 levels from their targets. */
function ofFrames(inputs: () => readonly string[], prefix: string) {
  const compare = (...more: string[]) => run(["compare", ...inputs(), "-m", "l1", ...more]);

  it.each([
    ["l1>0.0915", `it is ${ofLevel(70 / 3)}`],
    // Of 1.0392, 1.0784 and 1.1569: 3 / (sum of 1 / x) - 1 = 0.08934, below the mean.
    ["harmonic-mean(l1)>0.0893", "it is 0.08934"],
    ["harmonic-mean(l1)>0.0894", undefined],
    // numpy.percentile([10, 20, 40], 95) is 38.
    ["p95(l1)>0.149", `it is ${ofLevel(38)}`],
    ["any(l1>0.15)", `it is ${ofLevel(40)}`],
    ["group(min(l1)<0.03)", undefined],
  ])("%s", async (condition, reason) => {
    const { code, stderr } = await compare("--fail", condition);
    expect([code, withoutNotes(stderr)]).toEqual(
      reason === undefined
        ? [0, ""]
        : [1, expect.stringMatching(new RegExp(`^fail: .*: ${reason}\\d*, of 3 frames\\n$`))],
    );
  });

  it("explain how to write a percentile over frames", async () => {
    const { code, stderr } = await run(["compare", ...inputs(), "-m", "psnr", "--fail", "psnr.p5<30"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: fail: in "psnr\.p5<30", .* for a statistic over frames, write p5\(psnr\)<30\n$/),
    ]);
  });

  it("check frames against a baseline, in all formats", async () => {
    const before = at(`${prefix}.json`);
    expect((await compare("--json", before)).code).toBe(0);
    const same = await compare("--baseline", before, "--tolerance", "l1=0.001");
    expect([same.code, withoutNotes(same.stderr)]).toEqual([0, ""]);
    const read = JSON.parse(await readFile(before, "utf8"));
    read.frames[1].values.l1 = l1(18);
    await writeFile(before, JSON.stringify(read));
    const gates = ["--junit", at(`${prefix}.xml`), "--summary", at(`${prefix}.md`), "--annotate", "github"];
    const worse = await compare("--baseline", before, ...gates, "--json");
    const name = read.frames[1].name ?? "frame 1";
    expect([worse.code, annotations(worse.stderr).length]).toEqual([1, 2]);
    expect(worse.stderr).toMatch(new RegExp(`baseline: ${name}, l1: 0\\.0705\\d+ before, 0\\.0784\\d+ now`));
    expect(JSON.parse(worse.stdout).baseline).toMatchObject({ pass: false, moved: [{ pair: name }] });
    const cases = casesOf(await readFile(at(`${prefix}.xml`), "utf8"));
    expect(cases.map(([suite]) => suite)).toEqual([...Array(3).fill("reconloss.frames"), "reconloss.baseline"]);
    expect(cases.filter(([, , failure]) => failure).map(([, own]) => own)).toEqual([name, "l1"]);
    expect(await readFile(at(`${prefix}.md`), "utf8")).toMatch(
      /: 3 frames\n[\s\S]*\| worst frame \|[\s\S]*numbers? of frames moved/,
    );
    read.frames.push({ ...read.frames[2], frame: 3, name: read.frames[2].name && "4.png" });
    await writeFile(before, JSON.stringify(read));
    expect((await compare("--baseline", before)).stderr).toContain(`only ${before} has it`);
  });
}

describe("gates of folders of frames", () => {
  ofFrames(() => [at("frames"), at("still"), "--frames"], "folders");

  it("refuse a baseline of images, and a baseline of frames for images", async () => {
    const [frames, pairs] = [at("of-frames.json"), at("of-pairs.json")];
    const both = [at("frames"), at("still"), "-m", "l1"];
    await run(["compare", ...both, "--frames", "--json", frames]);
    await run(["compare", ...both, "--json", pairs]);
    const results = [
      await run(["compare", ...both, "--frames", "--baseline", pairs]),
      await run(["compare", ...both, "--baseline", frames]),
    ];
    expect(results.map(({ code, stderr }) => [code, stderr.replaceAll(folder, "")])).toEqual([
      [2, "error: baseline: /of-pairs.json is of pairs, and here are frames\n"],
      [2, "error: baseline: /of-frames.json is of frames, and here are pairs\n"],
    ]);
  });

  it("fail where a frame has no partner, whatever the condition", async () => {
    await images("long", { "1": 100, "2": 100, "3": 100, "4": 100 });
    const { code, stderr } = await run([
      ...["compare", at("long"), at("still"), "--frames", "-m", "l1", "--fail", "l1>9", "--junit", at("long.xml")],
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("fail: l1>9: 1 of 4 frames lack a value")]);
    expect(casesOf(await readFile(at("long.xml"), "utf8")).map(([, , failure]) => failure)).toEqual([
      ...[undefined, undefined, undefined],
      expect.stringContaining("4.png"),
      expect.stringContaining("1 of 4 frames"),
    ]);
  });

  it("pool errors over frames where the loss does", async () => {
    const pooled = ["compare", at("frames"), at("still"), "--frames", "-m", "psnr(pooling=dataset)"];
    // Mean squared errors of 10, 20 and 40 levels: 700 of 65025 in the mean, 19.680 dB; the mean of their PSNR is 22.11.
    const { stderr } = await run([...pooled, "--fail", "psnr<20"]);
    expect(stderr).toMatch(/^fail: psnr<20: it is 19\.6798\d+, of 3 frames\n$/);
  });
});

describe.skipIf(!hasFfmpeg)("gates of videos", () => {
  beforeAll(() => {
    for (const name of ["frames", "still"]) {
      const args = [
        "-hide_banner",
        "-y",
        "-framerate",
        "10",
        "-i",
        `${at(name)}/%d.png`,
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "bgr0",
      ];
      const { status, stderr } = spawnSync("ffmpeg", [...args, at(`${name}.mkv`)], { encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
    }
  });
  ofFrames(() => [at("frames.mkv"), at("still.mkv"), "--planes", "rgb"], "videos");

  it("check planes separately, and fail for a plane that was not measured", async () => {
    for (const name of ["frames", "still"]) {
      spawnSync("ffmpeg", [
        "-y",
        "-i",
        at(`${name}.mkv`),
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "ffv1",
        at(`${name}-yuv.mkv`),
      ]);
    }
    const videos = ["compare", at("frames-yuv.mkv"), at("still-yuv.mkv"), "-m", "l1, psnr(pooling=dataset)"];
    // Grey has no chroma that could differ; luma has 219 levels of 255, so that 70 / 3 of 255 are 20 of it. Its squares are 1 / 1.5 of all samples'.
    const conditions = "any(l1.u>0), l1.y>0.1, min(l1.y)<0.01, psnr.y>23, l1.y>0.07, psnr.y<22";
    const { code, stderr, stdout } = await run([...videos, "--fail", conditions, "--json"]);
    const { pooled, frames, conditions: verdicts } = JSON.parse(stdout);
    expect([code, verdicts.map(({ holds }: { holds: boolean }) => holds)]).toEqual([
      1,
      [false, false, false, false, true, true],
    ]);
    expect(verdicts.map(({ value }: { value: number }) => value)).toEqual([
      ...[
        0,
        expect.closeTo(20 / 255, 2),
        Math.min(...frames.map(({ values }: { values: Record<string, number> }) => values["l1.y"])),
      ],
      ...[pooled["psnr(pooling=dataset).y"], expect.closeTo(20 / 255, 2), pooled["psnr(pooling=dataset).y"]],
    ]);
    expect(stderr).toContain("fail: psnr.y<22: it is");
    const colours = await run([...videos, "--planes", "rgb", "--fail", "l1.y>1"]);
    expect([colours.code, colours.stderr]).toEqual([1, expect.stringContaining("fail: l1.y>1: no frame has a value")]);
    // Where luma is all that is compared, its number is that of the loss, under both names; there is no other plane.
    const ofLuma = "l1.y>0.1, l1.y>0.07, any(l1.y>0.07), psnr.y<22, psnr.y>23, l1.u>1";
    const luma = await run([...videos, "--planes", "y", "--fail", ofLuma, "--json"]);
    const held = JSON.parse(luma.stdout);
    expect(held.conditions.map(({ holds }: { holds: boolean }) => holds)).toEqual([
      ...[false, true, true, true, false, true],
    ]);
    expect(held.conditions[3].value).toBe(pooled["psnr(pooling=dataset).y"]);
    // Numbers of other parts of the frames have the same names.
    const before = at("luma.json");
    await run([...videos, "--planes", "y", "--json", before]);
    expect((await run([...videos, "--planes", "y", "--baseline", before])).code).toBe(0);
    const other = await run([...videos, "--planes", "rgb", "--baseline", before]);
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining("luma.json is of --planes y, and here are --planes rgb; they cannot be compared"),
    ]);
    expect(luma.stderr).toMatch(/fail: psnr\.y<22: it is .*\n[\s\S]*fail: l1\.u>1: no frame has a value/);
    const images = await run(["compare", at("frames"), at("still"), "-m", "l1", "--fail", "l1.y>1"]);
    expect([images.code, images.stderr]).toEqual([2, expect.stringContaining("l1.y is not among the metrics")]);
  });
});

describe("gates of merged shards", () => {
  it("equal those of the unsharded command", async () => {
    await rm(at("work"), { recursive: true, force: true });
    const inputs = [at("ours"), at("targets"), "-m", "l1,psnr"];
    await run(["shards", "plan", "compare", ...inputs, "--fail", "any(l1.max>1)", "--shards", "2", "-o", at("work")]);
    for (const shard of ["0", "1"]) expect((await run(["shards", "work", at("work"), "--shard", shard])).code).toBe(0);
    const before = at("shards.json");
    await run(["compare", at("theirs"), at("targets"), "-m", "l1,psnr", "--json", before]);
    const gates = (name: string) => [
      ...["--fail", "group(l1>0.1), any(psnr<20), any(l1.max>0.11)", "--baseline", before, "--tolerance", "psnr=1"],
      ...["--junit", at(`${name}.xml`), "--summary", at(`${name}.md`), "--annotate", "github", "--json"],
    ];
    const merged = await run(["shards", "merge", at("work"), ...gates("merged")]);
    const plain = await run(["compare", ...inputs, "--fail", "any(l1.max>1)", ...gates("plain")]);
    expect(merged.code).toBe(1);
    expect(merged).toEqual(plain);
    for (const kind of ["xml", "md"]) {
      expect(await readFile(at(`merged.${kind}`), "utf8")).toBe(await readFile(at(`plain.${kind}`), "utf8"));
    }
    const unknown = await run(["shards", "merge", at("work"), "--fail", "any(l1.p99>1)"]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("the plan measured no l1.p99")]);
  });

  it("are refused for other kinds of plan", async () => {
    await writeManifest(at("stats"), { kind: "stats", settings: {}, shards: [[]] });
    for (const [name, value] of Object.entries({
      fail: "l1>1",
      baseline: "x.json",
      junit: "x.xml",
      annotate: "github",
    })) {
      const { code, stderr } = await run(["shards", "merge", at("stats"), `--${name}`, value]);
      expect([code, stderr]).toEqual([2, `error: --${name} does not apply to a plan of stats\n`]);
    }
  });
});
