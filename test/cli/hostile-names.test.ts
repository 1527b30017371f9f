import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

// The rule: nothing that is printed holds a control character of a name, C0 (but line ends), DEL or C1, or one that turns letters around, whatever a
// file, an option or a command is called (ECMA-48; Unicode UAX #9).
const evil = "a\u001b[2J\u007f\u009b31m\u202eb";
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
const [good, broken, alone] = ["good", "broken", "alone"].map((name) => `${name}${evil}.png`);

beforeAll(async () => {
  await writeImage(join(outputs, "a.png"), Tensor.full([1, 3, 24, 24], 0.25));
  await writeImage(join(targets, "a.png"), Tensor.full([1, 3, 24, 24], 0.75));
  for (const side of [outputs, targets]) {
    await rename(join(side, "a.png"), join(side, good));
    await writeFile(join(side, broken), "no image");
  }
  await writeFile(join(outputs, alone), "no image");
  await mkdir(join(folder, evil));
  await writeFile(join(folder, evil, "plugin.mjs"), "export default 1");
});

test.each([
  ["compare", outputs, targets, "-m", "l1"],
  ["compare", outputs, targets, "-m", "l1", "--json"],
  ["compare", outputs, targets, "-m", "l1", "--csv", join(folder, `${evil}.csv`)],
  [
    "compare",
    outputs,
    targets,
    "-m",
    "l1",
    "--report",
    join(folder, `${evil}.html`),
    "--maps",
    join(folder, `${evil}maps`),
  ],
  ["compare", outputs, join(folder, `${evil}nowhere`)],
  ["compare", outputs, targets, "-m", evil],
  ["compare", outputs, targets, "-m", `l1(${evil}=1)`],
  ["compare", outputs, targets, "--fail", evil],
  ["compare", outputs, targets, "--background", evil],
  ["compare", outputs, targets, "--plugin", join(folder, evil, "plugin.mjs")],
  ["compare", outputs, targets, `--${evil}`],
  ["compare", outputs, targets, evil],
  [evil],
  ["stats", outputs, "-o", join(folder, `${evil}.npz`), "--network", "tiny"],
  ["stats", outputs, "-o", join(folder, `${evil}.npz`), "--network", "tiny", "--json"],
  ["distribution", join(folder, `${evil}nowhere`), targets, "--network", "tiny"],
  ["distribution", outputs, targets, "--network", join(folder, `${evil}.onnx`)],
  ["apply", join(folder, `${evil}.onnx`), outputs, "-o", join(folder, "x")],
  ["train", evil, "--data", outputs, "-o", join(folder, "out")],
  ["train", "deblur", "--data", join(folder, evil), "-o", join(folder, "out")],
  ["weights", "pull", evil],
  ["weights", "import", join(folder, `${evil}.pth`), "--as", "vgg16"],
  ["export", evil, "-o", join(folder, "x.onnx")],
  ["export", "l1", "-o", join(folder, `${evil}.onnx`)],
])("%s %s ...", async (...args) => {
  const { stdout, stderr } = await run(args.filter((arg) => arg !== undefined));
  const lines = (stdout + stderr).split(/\r?\n/);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.filter((line) => control.test(line))).toEqual([]);
});

test("JSON still holds the names unchanged", async () => {
  const { stdout } = await run(["compare", outputs, targets, "-m", "l1", "--json"]);
  expect(JSON.parse(stdout).pairs.map(({ output }: { output: string }) => output)).toEqual([join(outputs, good)]);
});

// A runner of GitHub's takes a line that begins with `::` for a command, and `##[` anywhere in a line (actions/runner, ActionCommand.cs): a picture must not hide what fails, or mask words of the log.
test("names cannot run workflow commands in a log, and JSON holds them unchanged", async () => {
  const names = ["::stop-commands::a.png", " ::add-mask::b.png", "c##[add-mask]d.png"];
  const [ours, theirs] = [join(folder, "commands"), join(folder, "commands-targets")];
  for (const name of names) {
    await writeImage(join(ours, name), Tensor.full([1, 3, 24, 24], 0.25));
    await writeImage(join(theirs, name), Tensor.full([1, 3, 24, 24], 0.75));
  }
  await writeFile(join(ours, "##[error]broken.png"), "no image");
  const gates = ["-m", "l1", "--fail", "any(l1>0.1)", "--annotate", "none"];
  for (const form of [[], ["--json"], ["--stream"]]) {
    const { stdout, stderr } = await run(["compare", ours, theirs, ...gates, ...form]);
    const lines = (stdout + stderr).split(/\r?\n/);
    expect(lines.filter((line) => line.trim().startsWith("::") || line.includes("##["))).toEqual([]);
    if (form[0] !== "--json") continue;
    const given = JSON.parse(stdout).pairs.map(({ name }: { name: string }) => name);
    expect(given.sort()).toEqual([...names].sort());
  }
  const { stdout } = await run(["compare", ours, theirs, ...gates]);
  expect(stdout).toMatch(/^\\x3a:stop-commands::a\.png/m);
});
