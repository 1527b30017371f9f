import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);
const names = ["a.png", "b & <c>, 50%.png"];

/** A folder of grey images of these levels out of 255. */
async function images(name: string, levels: readonly number[]): Promise<void> {
  for (const [index, level] of levels.entries()) {
    await writeImage(join(at(name), names[index]), Tensor.full([1, 3, 16, 16], level / 255));
  }
}

const compare = (outputs: string, more: readonly string[] = [], env: Record<string, string> = {}) =>
  run(["compare", at(outputs), at("targets"), "-m", "l1,psnr", ...more], { env });

beforeAll(async () => {
  await images("targets", [100, 100]);
  await images("before", [110, 120]);
  await images("better", [109, 120]);
  await images("worse", [110, 130]);
  await images("fewer", [110]);
  await writeFile(at("before.json"), (await compare("before", ["--json"])).stdout);
});

describe("--baseline", () => {
  it("passes equal or better values, and reports by how much", async () => {
    const same = await compare("before", ["--baseline", at("before.json")]);
    expect([same.code, same.stderr]).toEqual([0, ""]);
    const better = await compare("better", ["--baseline", at("before.json")]);
    expect([better.code, better.stderr]).toEqual([0, expect.stringMatching(/^note: 2 values of pairs are better/)]);
  });

  it("refuses --json onto the baseline itself, since the next run would then pass", async () => {
    const before = await readFile(at("before.json"), "utf8");
    for (const path of [at("before.json"), join(folder, ".", "targets", "..", "before.json")]) {
      const { code, stderr } = await compare("worse", ["--baseline", at("before.json"), "--json", path]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: --json .* would replace the baseline/)]);
    }
    expect(await readFile(at("before.json"), "utf8")).toBe(before);
  });

  it("fails worse values, over all pairs and in each, and reports by how much", async () => {
    const { code, stdout, stderr } = await compare("worse", ["--baseline", at("before.json"), "--json"]);
    expect(code).toBe(1);
    const lines = stderr.trim().split("\n");
    // 20 of 255 levels against 30: l1 0.0784 and 0.1176; 10 stay 10.
    expect(lines[0]).toMatch(
      /^baseline: all pairs, l1: 0\.0588\d+ before, 0\.0784\d+ now, worse by 0\.0196\d+ \(0\.00005 is allowed\)$/,
    );
    expect(lines).toContainEqual(
      expect.stringContaining("baseline: b & <c>, 50%.png, l1: 0.07843137 before, 0.1176471 now"),
    );
    expect(lines.length).toBe(4);
    const { baseline } = JSON.parse(stdout);
    expect(baseline).toMatchObject({ file: at("before.json"), pass: false, missing: [] });
    expect(baseline.moved.map(({ pair, loss }: Record<string, string>) => [pair, loss]).sort()).toEqual([
      [names[1], "l1"],
      [names[1], "psnr"],
    ]);
  });

  it("accepts tolerances, and fails for losses or pairs missing on either side", async () => {
    const tolerance = ["--tolerance", "l1=0.02, any(l1)=0.05", "--tolerance", "psnr=9"];
    expect((await compare("worse", ["--baseline", at("before.json"), ...tolerance])).code).toBe(0);
    const fewer = await run(["compare", at("fewer"), at("fewer"), "-m", "l1,psnr", "--baseline", at("before.json")]);
    expect([fewer.code, fewer.stderr]).toEqual([1, expect.stringContaining(`baseline: ${names[1]}: only`)]);
    const more = await run(["compare", at("before"), at("targets"), "-m", "l1", "--baseline", at("before.json")]);
    expect([more.code, more.stderr]).toEqual([1, expect.stringContaining("baseline: psnr: only")]);
  });

  it.each([
    [["--baseline", "none.json"], 2, /none\.json/],
    [["--baseline", join(folder, "targets", "a.png")], 1, /not a result of reconloss compare --json/],
    [["--tolerance", "l1=1"], 2, /--tolerance needs --baseline/],
    [["--baseline", join(folder, "before.json"), "--tolerance", "l1"], 2, /loss=number/],
    [["--baseline", join(folder, "before.json"), "--tolerance", "ssim=1"], 2, /ssim is not among/],
    [["--baseline", ""], 2, /empty/],
  ])("refuses %j", async (more, code, message) => {
    const result = await compare("before", more);
    expect([result.code, result.stderr, result.stdout]).toEqual([code, expect.stringMatching(message), ""]);
  });
});

describe("--junit", () => {
  it("has a case for each pair, condition and loss of the baseline, with failures", async () => {
    const path = at("results/junit.xml");
    const gates = ["--baseline", at("before.json"), "--fail", "any(l1>0.1), psnr<1", "--junit", path];
    expect((await compare("worse", gates)).code).toBe(1);
    const xml = await readFile(path, "utf8");
    const decoded = (text: string) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
    const head = [...xml.matchAll(/<testsuites? name="([^"]*)" tests="(\d+)" failures="(\d+)"/g)];
    expect(head.map(([, ...rest]) => rest.join(" "))).toEqual([
      "reconloss compare 6 4",
      "pairs 2 1",
      "conditions 2 1",
      "baseline 2 2",
    ]);
    const cases = [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"/g)].map(([, , name]) => decoded(name));
    expect(cases).toEqual([...names, "any(l1>0.1)", "psnr<1", "l1", "psnr"]);
    const failures = [...xml.matchAll(/<failure message="([^"]*)"/g)].map(([, message]) => decoded(message));
    expect(failures[0]).toMatch(/^condition: any\(l1>0\.1\): it is 0\.117647\d*; baseline: 0\.0784/);
    expect(failures[1]).toMatch(/^it is 0\.117647/);
    // Nothing of a name is markup, and the elements close.
    expect(xml.match(/<testcase[^>]*[^/]>/g)?.length).toBe(xml.match(/<\/testcase>/g)?.length);
    expect(xml).not.toMatch(/&(?!#\d+;)/);
    expect(xml).toContain('<property name="l1" value="0.');
  });

  it("lists pairs that were not compared", async () => {
    await images("partial", [1]);
    await writeFile(at("partial/b & <c>, 50%.png"), "no image \u0001");
    await compare("partial", ["--junit", at("partial.xml")]);
    const xml = await readFile(at("partial.xml"), "utf8");
    expect(xml).toMatch(/<testsuite name="pairs" tests="2" failures="1">/);
    expect(xml).toMatch(/<failure message="cannot read/);
  });
});

describe("annotations", () => {
  const failing = ["--fail", "any(l1>0.1), psnr>1"];

  it("mark failures on stderr where GITHUB_ACTIONS is true", async () => {
    const { stdout, stderr } = await compare("worse", [...failing, "--json"], { GITHUB_ACTIONS: "true" });
    expect(() => JSON.parse(stdout)).not.toThrow();
    const lines = stderr.split("\n").filter((line) => line.startsWith("::"));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^::error title=reconloss%3A any\(l1>0\.1\)::any\(l1>0\.1\): it is 0\.117647/);
    // Commas, colons and percent signs of names are not the command's own.
    expect(lines[2]).toContain("b & <c>%2C 50%25.png,title=reconloss%3A b & <c>%2C 50%25.png::b & <c>, 50%25.png: any");
  });

  it("are left out elsewhere and with --annotate none, and can be asked for", async () => {
    expect((await compare("worse", failing)).stderr).not.toContain("::error");
    const env = { GITHUB_ACTIONS: "true" };
    expect((await compare("worse", [...failing, "--annotate", "none"], env)).stderr).not.toContain("::error");
    expect((await compare("worse", [...failing, "--annotate", "github"])).stderr).toContain("::error");
    expect((await compare("worse", [...failing, "--annotate", "gitlab"])).code).toBe(2);
  });

  it("are ten at most, the last of which counts the rest", async () => {
    const conditions = Array.from({ length: 14 }, (_, i) => `l1>0.000${i}`).join(",");
    const { stderr } = await compare("worse", ["--fail", conditions, "--annotate", "github"]);
    const lines = stderr.split("\n").filter((line) => line.startsWith("::"));
    expect(lines).toHaveLength(10);
    expect(lines[9]).toBe("::error title=reconloss::5 more; see the log and the report");
  });
});

describe("--summary", () => {
  it("writes Markdown in which names cannot act as markup", async () => {
    const gates = ["--baseline", at("before.json"), "--fail", "any(l1>0.1), psnr<1", "--summary", at("summary.md")];
    await compare("worse", gates);
    const text = await readFile(at("summary.md"), "utf8");
    const lines = text.split("\n");
    expect(lines[0]).toBe("### reconloss compare: failed");
    expect(lines[2]).toBe("worse against targets: 2 pairs");
    expect(text).toContain("| loss | mean | before | min | median | max | worst pair |");
    expect(lines.find((line) => line.startsWith("| l1 ↓ |"))).toMatch(
      /0\.0784 \| 0\.0588 \| .* \| b \\& \\<c\\>, 50%.png \(0\.1176\) \|$/,
    );
    expect(text).toMatch(/\| any\(l1\\>0\.1\) \| 0\.117\d+ \| fails \|\n\| psnr\\<1 \| [\d.]+ \| passes \|/);
    // Every row of a table has as many cells as its head.
    for (const block of text.split("\n\n").filter((part) => part.startsWith("|"))) {
      const counts = block
        .trim()
        .split("\n")
        .map((line) => line.split("|").length);
      expect(new Set(counts).size).toBe(1);
    }
    await compare("before", ["--summary", at("summary.md")]);
    expect(await readFile(at("summary.md"), "utf8")).toMatch(/^### reconloss compare: passed\n/);
  });
});
