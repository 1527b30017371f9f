import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";

// GitHub is not here: the file is held against what it expects of a composite action, and the steps of a shell are run as it runs them.
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = await temporaryFolder();

interface Step {
  id?: string;
  if?: string;
  uses?: string;
  shell?: string;
  run?: string;
  env?: Record<string, string>;
  with?: Record<string, string>;
}
interface Action {
  name: string;
  description: string;
  inputs: Record<string, { description: string; required?: boolean; default?: string }>;
  outputs: Record<string, { description: string; value: string }>;
  runs: { using: string; steps: Step[] };
}
const text = await readFile(join(root, "action.yml"), "utf8");
const action: Action = parse(text);
const [compare, upload, ...others] = action.runs.steps;

describe("action.yml", () => {
  it("is a composite action whose steps have all required fields", () => {
    expect(action.runs.using).toBe("composite");
    expect(others).toEqual([]);
    expect(compare).toMatchObject({ id: "compare", shell: "bash" });
    expect(upload.uses).toMatch(/^actions\/upload-artifact@v\d+$/);
    // What upload-artifact takes, of version 4; after a failure too, and not where the first step never came to name a folder.
    expect(Object.keys(upload.with ?? {}).sort()).toEqual([
      "if-no-files-found",
      "include-hidden-files",
      "name",
      "path",
    ]);
    expect(upload.if).toMatch(/always\(\).*inputs\.artifact != ''.*steps\.compare\.outputs\.folder != ''/);
    for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)])
      expect(name).toMatch(/^[a-z][a-z-]*$/);
    for (const { description } of [...Object.values(action.inputs), ...Object.values(action.outputs)]) {
      expect(description).toMatch(/\w/);
    }
  });

  it("uses every declared input and no other, and none inside a script", () => {
    const used = [...text.matchAll(/inputs\.([\w-]+)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(Object.keys(action.inputs).sort());
    for (const { run = "" } of action.runs.steps) expect(run).not.toContain("${{");
    const given = [...text.matchAll(/steps\.compare\.outputs\.([\w-]+)/g)].map(([, name]) => name);
    const written = [...(compare.run ?? "").matchAll(/printf '([\w-]+)=%s/g)].map(([, name]) => name);
    expect([...new Set(given)].sort()).toEqual(written.sort());
  });
});

/** Runs the first step with these inputs, as a runner does. */
async function run(inputs: Readonly<Record<string, string>>) {
  const given = (name: string) => inputs[name] ?? action.inputs[name].default ?? "";
  const env = Object.fromEntries(
    Object.entries(compare.env ?? {}).map(([name, value]) => [
      name,
      value.replace(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, input) => given(input)),
    ]),
  );
  const script = join(folder, "step.sh");
  const files = { GITHUB_STEP_SUMMARY: join(folder, "step-summary.md"), GITHUB_OUTPUT: join(folder, "step-output") };
  await writeFile(script, compare.run ?? "");
  for (const path of Object.values(files)) await writeFile(path, "before\n");
  // As GitHub calls `shell: bash`.
  const args = ["--noprofile", "--norc", "-eo", "pipefail", script];
  const options = {
    cwd: join(folder, given("working-directory")),
    env: { ...process.env, ...env, ...files, GITHUB_ACTIONS: "true", NO_COLOR: "1" },
  };
  const { code, log } = await new Promise<{ code: number; log: string }>((resolve) => {
    execFile("bash", args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), log: stdout + stderr });
    });
  });
  const [summary, outputs] = await Promise.all(Object.values(files).map((path) => readFile(path, "utf8")));
  return { code, log, summary, outputs: Object.fromEntries(outputs.split("\n").map((line) => line.split("="))) };
}

describe("the step that compares", () => {
  const command = `${process.execPath} --import ${import.meta.resolve("tsx")} ${join(root, "packages/reconloss/src/cli/main.ts")}`;
  const inputs = { command, outputs: "my outputs", targets: "targets", metrics: "l1,psnr" };

  beforeAll(async () => {
    for (const [name, level] of Object.entries({ "my outputs": 0.5, targets: 0.4, worse: 0.6 })) {
      await mkdir(join(folder, name));
      await writeImage(join(folder, name, "a.png"), Tensor.full([1, 3, 16, 16], level));
    }
  });

  it("writes the report, the results and the summary, and passes", async () => {
    const { code, log, summary, outputs } = await run(inputs);
    expect(code, log).toBe(0);
    expect(summary).toMatch(/^before\n### reconloss compare: passed\n[\s\S]*\| l1 ↓ \| 0\.1/);
    expect(outputs).toMatchObject({
      "exit-code": "0",
      results: "reconloss/results.json",
      report: "reconloss/report.html",
    });
    expect(JSON.parse(await readFile(join(folder, outputs.results), "utf8")).mean.l1).toBeCloseTo(0.1, 2);
    expect(await readFile(join(folder, outputs.report), "utf8")).toContain("<html");
    expect(await readFile(join(folder, "reconloss/junit.xml"), "utf8")).toContain("<testsuites");
  });

  it("never overwrites its baseline, and removes the results of an earlier run", async () => {
    await run({ ...inputs, folder: "kept" });
    const before = await readFile(join(folder, "kept/results.json"), "utf8");
    const again = await run({ ...inputs, outputs: "worse", folder: "kept", baseline: "./kept/results.json" });
    expect([again.code, again.log]).toEqual([2, expect.stringContaining("would replace the baseline")]);
    expect(await readFile(join(folder, "kept/results.json"), "utf8")).toBe(before);
    expect((await run({ ...inputs, folder: "kept", metrics: "nothing" })).code).toBe(2);
    await expect(readFile(join(folder, "kept/results.json"))).rejects.toThrow("ENOENT");
  });

  it("refuses a folder name with line breaks, which would inject outputs", async () => {
    const { code, outputs } = await run({ ...inputs, folder: "x\nexit-code=0" });
    expect([code, outputs["exit-code"]]).toEqual([2, undefined]);
  });

  it("fails on conditions and regressions from a baseline, with annotations", async () => {
    await run({ ...inputs, folder: "earlier" });
    const { code, log, summary, outputs } = await run({
      ...{ ...inputs, outputs: "worse", baseline: "earlier/results.json", tolerance: "psnr=99, l1=0.01" },
      ...{ fail: "any(l1>0.15), psnr<1", args: "--csv\ntable with spaces.csv\n" },
    });
    expect(code, log).toBe(1);
    expect(outputs["exit-code"]).toBe("1");
    expect(summary).toContain("### reconloss compare: failed");
    expect(log.match(/^::error /gm)?.length).toBe(4);
    expect(await readFile(join(folder, "table with spaces.csv"), "utf8")).toContain("l1");
  });

  it("names files in the workspace, wherever it runs and writes, and uploads the folder that has them", async () => {
    await mkdir(join(folder, "work dir"));
    for (const [written, place] of [
      ["my report", "work dir/my report"],
      [join(folder, "elsewhere"), join(folder, "elsewhere")],
    ]) {
      const paths = {
        outputs: "../my outputs",
        targets: "../targets",
        "working-directory": "work dir/",
        folder: written,
      };
      const { code, log, outputs } = await run({ ...inputs, ...paths });
      expect(code, log).toBe(0);
      const uploaded = upload.with?.path.replace(
        /\$\{\{ steps\.compare\.outputs\.([\w-]+) \}\}/,
        (_, name) => outputs[name],
      );
      expect(uploaded).toBe(place);
      const files = ["results.json", "report.html", "junit.xml"].map((name) => `${place}/${name}`);
      expect([outputs.results, outputs.report, outputs.junit]).toEqual(files);
      for (const file of files) expect((await readFile(resolve(folder, file))).length).toBeGreaterThan(0);
    }
  });

  it("compares several methods, one a line", async () => {
    const methods = {
      outputs: "ours=my outputs\nworse=worse\n",
      fail: "ours:l1>0.15, worse:l1>0.15",
      folder: "methods",
    };
    const { code, log, summary } = await run({ ...inputs, ...methods });
    expect(code, log).toBe(1);
    expect(log).toMatch(/^fail: worse: l1>0\.15: it is 0\.19999/m);
    expect(summary).toMatch(/#### ours: 1 pair\n[\s\S]*#### worse: 1 pair\n/);
    expect(JSON.parse(await readFile(join(folder, "methods/results.json"), "utf8")).methods).toHaveProperty("worse");
  });

  it("fails where nothing was compared, and runs no command from its inputs", async () => {
    const { code, summary } = await run({ ...inputs, targets: '$(touch ran); "; touch ran' });
    expect([code, summary]).toEqual([2, expect.stringContaining("nothing was compared (exit code 2)")]);
    await expect(readFile(join(folder, "ran"))).rejects.toThrow();
    expect((await run({ ...inputs, baseline: "none.json" })).code).toBe(2);
  });
});
