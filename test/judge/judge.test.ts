import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseLosses, Tensor } from "../../packages/core/src/index.ts";
import type { Outcome } from "../../packages/reconloss/src/compare/index.ts";
import { summarise } from "../../packages/reconloss/src/compare/index.ts";
import { groupsOf } from "../../packages/reconloss/src/image/groups.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { judge, judgementOf, judgementToCsv, toLatex, toMarkdown } from "../../packages/reconloss/src/judge/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();
const path = (...parts: string[]) => join(folder, ...parts);

/** A picture whose error against `picture(0)` is `error` everywhere. */
const picture = (error: number, size = 16) =>
  new Tensor(
    Float32Array.from({ length: 3 * size * size }, (_, i) => ((i * 37) % 128) / 255 + error / 255),
    [1, 3, size, size],
  );

const names = ["Set5/a.png", "Set5/b.png", "Set14/a.png", "Set14/c.png", "Set14/d.png"];

/** Writes a method's outputs, of these errors in levels of 8 bits. */
async function writeMethod(name: string, errors: readonly (number | undefined)[]): Promise<void> {
  for (const [i, error] of errors.entries())
    if (error !== undefined) await writeImage(path(name, names[i]), picture(error));
}

beforeAll(async () => {
  await writeMethod("targets", [0, 0, 0, 0, 0]);
  await writeMethod("ours", [1, 2, 3, 4, 5]);
  await writeMethod("theirs", [2, 4, 5, 8, 3]);
  await writeMethod("lacking", [9, 9, undefined, 9, 9]);
});

/** A column as JSON has it. */
interface ColumnInJson {
  group?: string;
  images: number;
  methods: Record<string, { mean: number }>;
}

const ours = () => `ours=${path("ours")}`;
const theirs = () => `theirs=${path("theirs")}`;
const targets = () => ["--targets", path("targets"), "--no-cache"];

test("has columns for each data set and for all, by the known errors", async () => {
  const { code, stdout } = await run(["compare", ours(), theirs(), ...targets(), "-m", "l1", "--json"]);
  expect(code).toBe(0);
  const { columns, groups } = JSON.parse(stdout);
  expect(groups).toEqual(["Set5", "Set14"]);
  const levels = (value: number) => Number((value * 255).toFixed(4));
  const means = (columns as ColumnInJson[]).map(({ group, images, methods }) => [
    group ?? "all",
    images,
    levels(methods.ours.mean),
    levels(methods.theirs.mean),
  ]);
  expect(means).toEqual([
    ["Set5", 2, 1.5, 3],
    ["Set14", 3, 4, 5.3333],
    ["all", 5, 3, 4.4],
  ]);
  expect(columns.map(({ best }: { best: string }) => best)).toEqual(["ours", "ours", "ours"]);
});

test("judge() returns what the command prints as JSON", async () => {
  const judgement = await judge({
    methods: { ours: path("ours"), theirs: path("theirs") },
    targets: path("targets"),
    metrics: "l1, psnr as PSNR",
    cache: false,
  });
  const { stdout } = await run(["compare", ours(), theirs(), ...targets(), "-m", "l1, psnr as PSNR", "--json"]);
  const { columns } = JSON.parse(stdout);
  expect(
    columns.map(({ metric, methods }: { metric: string; methods: object }) => [metric, Object.values(methods)]),
  ).toEqual(judgement.columns.map(({ label, cells }) => [label, JSON.parse(JSON.stringify(cells))]));
});

describe("an image that is not measured for every method", () => {
  test("is left out of every mean and listed where one method lacks it, with exit code 1", async () => {
    const args = ["compare", ours(), `lacking=${path("lacking")}`, ...targets(), "-m", "l1"];
    const { code, stdout, stderr } = await run([...args, "--json"]);
    expect(code).toBe(1);
    const { columns, failed } = JSON.parse(stdout);
    const all = columns.at(-1);
    expect([all.images, all.of]).toEqual([4, 5]);
    // Without the third: (1 + 2 + 4 + 5) / 4.
    expect(all.methods.ours.mean * 255).toBeCloseTo(3, 4);
    expect(failed).toMatchObject([{ method: "lacking", output: null, target: path("targets", names[2]) }]);
    expect(stderr).toContain(`failed: lacking: ${path("targets", names[2])}`);
    const table = await run(args);
    expect(table.stdout).toContain("4 of 5 images (Set5 2, Set14 2 of 3)");
  });

  test("is left out where one output is a pixel too wide", async () => {
    await writeMethod("wide", [1, 1, 1, 1]);
    await writeImage(path("wide", names[4]), picture(1, 17));
    const { code, stdout, stderr } = await run([
      "compare",
      ours(),
      `wide=${path("wide")}`,
      ...targets(),
      "-m",
      "l1",
      "--json",
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).columns.at(-1).images).toBe(4);
    expect(stderr).toContain("output is 1x3x17x17 but target is 1x3x16x16");
  });

  test("is left out, without failure, where one output is identical and its psnr infinite", async () => {
    await writeMethod("same", [0, 1, 1, 1, 1]);
    const { code, stdout } = await run([
      "compare",
      ours(),
      `same=${path("same")}`,
      ...targets(),
      "-m",
      "psnr",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).columns.at(-1)).toMatchObject({ images: 4, of: 5 });
  });
});

test("the mean of psnr(pooling=dataset) comes from the pooled errors, and its interval contains it", async () => {
  const args = ["compare", ours(), theirs(), ...targets(), "-m", "psnr(pooling=dataset) as PSNR", "--json"];
  const [column] = JSON.parse((await run(args)).stdout).columns.slice(-1);
  // Errors of 1 to 5 levels: mean square 11 / 255^2.
  expect(column.methods.ours.mean).toBeCloseTo(-10 * Math.log10(11 / 255 ** 2), 4);
  const [low, high] = column.methods.ours.interval;
  expect(low).toBeLessThan(column.methods.ours.mean);
  expect(high).toBeGreaterThan(column.methods.ours.mean);
});

test("the best of a prior is nearest to the targets' own values, which stand under the table", async () => {
  const { stdout } = await run(["compare", ours(), theirs(), ...targets(), "-m", "tv", "--json"]);
  const { better, targetMean, methods } = JSON.parse(stdout).columns.at(-1);
  expect(better).toBe("target");
  // Adding a constant changes no difference between neighbours.
  expect(methods.ours.mean).toBeCloseTo(targetMean, 4);
  expect(methods.ours.distance).toBeLessThan(1e-4);
  expect((await run(["compare", ours(), theirs(), ...targets(), "-m", "tv"])).stdout).toMatch(/^targets/m);
});

/** Comparisons whose numbers are given. */
function judged(metrics: string, values: Readonly<Record<string, readonly (readonly number[])[]>>, at = names) {
  const losses = parseLosses(metrics);
  const methods = Object.entries(values).map(([name, rows]) => {
    const outcomes = rows.map(
      (numbers, i): Outcome => ({
        result: {
          name: at[i],
          output: `${name}/${at[i]}`,
          target: `t/${at[i]}`,
          width: 8,
          height: 8,
          values: Object.fromEntries(losses.map(({ label }, column) => [label, numbers[column]])),
        },
        failures: [],
        notes: [],
        maps: {},
      }),
    );
    return { name, outputs: name, comparison: summarise(losses, outcomes) };
  });
  return judgementOf({ methods, targets: "t", losses }, { resamples: 200 });
}

const flat = (count: number) => Array.from({ length: count }, (_, i) => `${i}.png`);

test("numbers that print alike share a rank", () => {
  const { columns } = judged("psnr", { a: [[30.001]], b: [[30.002]], c: [[29]], d: [[28]] }, ["x.png"]);
  expect(columns[0].cells.map(({ place }) => place)).toEqual(["best", "best", "second", undefined]);
  expect(columns[0].best).toBe(1);
});

test("significance is Wilcoxon's test against the best, corrected for the number of methods", () => {
  const count = 12;
  const rows = (of: (i: number) => number) => Array.from({ length: count }, (_, i) => [of(i)]);
  const { columns } = judged(
    "psnr",
    { best: rows((i) => 30 + i), worse: rows((i) => 29 + i * 0.99), like: rows((i) => 30 + i + (i % 2 ? 0.2 : -0.21)) },
    flat(count),
  );
  const [best, worse, like] = columns[0].cells;
  expect(best.againstBest).toBeUndefined();
  // All 12 of one sign: 2 of 2^12, twice.
  expect(worse.againstBest).toMatchObject({ p: 2 / 2 ** 12, adjusted: 4 / 2 ** 12, isSignificant: true });
  expect(like.againstBest?.isSignificant).toBe(false);
  expect(worse.againstBest?.mean).toBeCloseTo(-1.055, 10);
});

test("a note says that five images cannot show significance", () => {
  const { columns } = judged("psnr", { a: [[1], [2], [3], [4], [5]], b: [[2], [3], [4], [5], [6]] }, flat(5));
  expect(columns[0].cells[0].againstBest?.p).toBe(2 / 32);
  expect(toMarkdown(judged("psnr", { a: [[1], [2], [3], [4], [5]], b: [[2], [3], [4], [5], [6]] }, flat(5)))).toContain(
    "Of 5 images that p is never below 0.063",
  );
});

test("an output whose target no other method has is an image of its own", () => {
  const judgement = judged("psnr", { a: [[1], [2]], b: [[3]] }, flat(2));
  expect(judgement.images.map(({ name, pairs }) => [name, pairs.map((pair) => pair !== undefined)])).toEqual([
    ["0.png", [true, true]],
    ["1.png", [true, false]],
  ]);
});

test("data sets are named by the folders in which names differ", () => {
  expect(groupsOf(["Set5/HR/a.png", "Set14/HR/b.png"])).toEqual(["Set5", "Set14"]);
  expect(groupsOf(["all/Set5/a.png", "all/Set14/a.png"])).toEqual(["Set5", "Set14"]);
  expect(groupsOf(["a.png", "Set5/b.png"])).toEqual([".", "Set5"]);
  expect(groupsOf(["HR/a.png", "HR/b.png"])).toEqual([undefined, undefined]);
  expect(groupsOf([])).toEqual([]);
});

describe("tables", () => {
  const judgement = () =>
    judged(
      "psnr as PSNR_Y|1, ssim",
      {
        "a&b_c": [
          [30, 0.9],
          [31, 0.8],
        ],
        "d|*e*": [
          [28, 0.95],
          [27, 0.99],
        ],
      },
      flat(2),
    );

  test("LaTeX uses booktabs and escapes: best bold, second underlined", () => {
    expect(toLatex(judgement(), { intervals: false })).toBe(String.raw`% needs \usepackage{booktabs}
\begin{table}
\centering
\caption{Means over 2 images. $^\dagger$ the difference from the best may be due to chance: Wilcoxon signed-rank test over images, two-sided, corrected after Holm, p not below 0.05. Of 2 images that p is never below 0.50.}
\begin{tabular}{lrr}
\toprule
Method & PSNR\_Y\textbar{}1 $\uparrow$ & ssim $\uparrow$ \\
\midrule
a\&b\_c & \textbf{30.50} & \underline{0.8500}$^\dagger$ \\
d\textbar{}*e* & \underline{27.50}$^\dagger$ & \textbf{0.9700} \\
\bottomrule
\end{tabular}
\end{table}
`);
  });

  test("Markdown escapes a bar in a name", () => {
    const [head, rule, first, second] = toMarkdown(judgement(), { intervals: false }).split("\n");
    expect([head, rule, first, second]).toEqual([
      "|  | PSNR\\_Y\\|1 ↑ | ssim ↑ |",
      "| :-- | --: | --: |",
      "| a\\&b\\_c | **30.50** | <ins>0.8500</ins>† |",
      "| d\\|\\*e\\* | <ins>27.50</ins>† | **0.9700** |",
    ]);
  });

  test("CSV has a row for each method, with the ends of intervals and the p-value", () => {
    const [head, first] = judgementToCsv(judgement()).split("\r\n");
    expect(head).toBe(
      "dataset,method,PSNR_Y|1,PSNR_Y|1 low,PSNR_Y|1 high,PSNR_Y|1 p,PSNR_Y|1 images,ssim,ssim low,ssim high,ssim p,ssim images",
    );
    expect(first).toBe(",a&b_c,30.5,30,31,,2,0.8500000000000001,0.8,0.9,0.5,2");
  });

  test("a terminal has the best bold, the second underlined, and a legend", async () => {
    const args = ["compare", ours(), theirs(), ...targets(), "-m", "psnr(crop=scale) as PSNR-Y, l1", "--scale", "2"];
    const { stdout } = await run(args, { tty: true, columns: 200 });
    const [bold, underline] = ["\u001b[1m", "\u001b[4m"];
    expect(stdout).toContain(`${bold}0.0118`);
    expect(stdout).toContain(`${underline}0.0173`);
    expect(stdout).toContain("PSNR-Y: psnr(crop=2)");
  });

  test("several table files can be written at once", async () => {
    const files = ["t.json", "t.csv", "t.md", "t.tex", "t.jsonl"].map((name) => path("written", name));
    const [json, csv, markdown, latex, jsonl] = files;
    const { code, stdout } = await run([
      ...["compare", ours(), theirs(), ...targets(), "-m", "l1"],
      ...["--json", json, "--csv", csv, "--markdown", markdown, "--latex", latex, "--jsonl", jsonl],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("theirs");
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    expect(JSON.parse(texts[0]).columns).toHaveLength(3);
    expect(texts[1].split("\r\n")).toHaveLength(8);
    expect(texts[2]).toMatch(/^\| {2}\| Set5<br>l1 ↓/);
    expect(texts[3]).toContain("\\cmidrule(lr){2-2} \\cmidrule(lr){3-3} \\cmidrule(lr){4-4}");
    expect(
      texts[4]
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).method),
    ).toEqual([...names.map(() => "ours"), ...names.map(() => "theirs")]);
  });
});

describe("methods whose outputs have suffixes", () => {
  const flatNames = ["a_x.png", "b.png", "c.png"];
  beforeAll(async () => {
    for (const [method, suffix] of Object.entries({ HR: "", plain: "", slim: "_slim", medium: "_medium" })) {
      for (const [i, name] of flatNames.entries()) {
        await writeImage(
          path("suffixed", method, name.replace(".png", `${suffix}.png`)),
          picture(method === "HR" ? 0 : i + 1),
        );
      }
    }
  });
  const args = (...names: string[]) => [
    ...["compare", ...names.map((name) => `${name}=${path("suffixed", name)}`)],
    ...["--targets", path("suffixed", "HR"), "-m", "l1", "--no-cache", "--json"],
  ];

  test("get proposed patterns, which leave outputs named as their targets alone", async () => {
    const methods = args("plain", "slim", "medium");
    const refused = await run(methods);
    expect(refused.code).toBe(1);
    const both = ["--pair", "{name}_slim.png={name}.png", "--pair", "{name}_medium.png={name}.png"];
    expect(refused.stderr).toContain(`all of them by --pair "${both[1]}" --pair "${both[3]}"`);
    // a_x.png of the method whose outputs are called as their targets fits the second, too.
    for (const pattern of [both, ["--pair", "{name}_{method}.png={name}.png"]]) {
      const { code, stdout } = await run([...methods, ...pattern]);
      const [column] = JSON.parse(stdout).columns;
      expect([column.images, column.of]).toEqual([3, 3]);
      for (const { mean } of Object.values<{ mean: number }>(column.methods)) expect(mean * 255).toBeCloseTo(2, 4);
      expect(code).toBe(0);
    }
  });

  test("a pattern that fits no method is refused", async () => {
    const { code, stderr } = await run([...args("slim", "medium"), "--pair", "{name}_x4.png={name}.png"]);
    expect(stderr).toContain('none of 3 outputs fits "{name}_x4.png"');
    expect(code).toBe(2);
  });
});

test("conditions apply to each method", async () => {
  const { code, stderr } = await run(["compare", ours(), theirs(), ...targets(), "-m", "l1 as L", "--fail", "L>0.015"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^fail: theirs: L>0\.015: it is 0\.017/m);
  expect(stderr).not.toContain("ours");
});

test("--stream prints a line for each pair as it finishes, in place of the table", async () => {
  const { stdout } = await run(["compare", ours(), `lacking=${path("lacking")}`, ...targets(), "-m", "l1", "--stream"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(10);
  expect(lines[0]).toMatchObject({
    method: "ours",
    output: path("ours", names[0]),
    values: { l1: expect.closeTo(1 / 255, 6) },
  });
  expect(lines[9]).toMatchObject({ method: "lacking", output: null, error: expect.stringContaining("no output left") });
});

test("--maps makes a folder for each method", async () => {
  await run(["compare", ours(), theirs(), ...targets(), "-m", "l1", "--maps", path("maps")]);
  for (const method of ["ours", "theirs"])
    expect((await readFile(path("maps", method, "Set5", "a.png.l1.png"))).length).toBeGreaterThan(50);
});

test.each([
  [["a=x", "a=y", "--targets", "t"], "two methods are named a"],
  [["a=", "--targets", "t"], "a=: the path of its outputs is missing"],
  [["=x", "--targets", "t"], "method 1 has no name"],
  [["a=x", "b=y"], "does not exist"],
  [["x"], "missing required argument 'targets': compare takes outputs and their targets"],
  [["x", "y", "z"], "with --targets; got x, y, z"],
  [["x", "y", "--json", "--stream"], "--json and --stream both write to standard output"],
  [["x", "y", "--json", "--json", "a.json"], "The option was given before"],
  [["x", "y", "-m", "psnr(crop=scale)"], "the scale is not known"],
  [["x", "y", "--scale", "2", "--protocol", "sr-x4"], "scale 2 is not that of protocol sr-x4: 4"],
  [["x", "y", "-m", "psnr as output"], "a metric cannot be named output: this is the name of a column in output files"],
  [["x", "y", "-m", "l1, psnr as L1.p99"], "cannot be named L1.p99: that is a statistic of the map of l1"],
  [["x", "y", "-m", "psnr as A, ssim as a"], "A and a are two losses, whose names must differ"],
  [["x", "y", "-m", "psnr as a<b"], 'it cannot be named "a<b"'],
])("refuses wrong usage: %j", async (args, message) => {
  const { code, stderr } = await run(["compare", ...args, ...(args.includes("--targets") ? ["--no-cache"] : [])]);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

describe("--json", () => {
  const pair = async () => {
    await mkdir(path("one"), { recursive: true });
    await writeImage(path("one", "o.png"), picture(1));
    await writeImage(path("one", "t.png"), picture(0));
    return [path("one", "o.png"), path("one", "t.png")];
  };

  test("alone prints the object, wherever it stands, and takes no next argument as its file", async () => {
    const [output, target] = await pair();
    for (const args of [
      ["--json", output, target],
      [output, "--json", target],
      [output, target, "--json"],
      ["--json", "-", output, target],
    ]) {
      const { code, stdout } = await run(["compare", ...args, "-m", "l1", "--no-cache"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout).pairs).toHaveLength(1);
    }
  });

  test("with a file writes it beside the table", async () => {
    const [output, target] = await pair();
    for (const [name, ...args] of [
      ["a.json", output, target, "--json", path("a.json")],
      ["b.json", "--json", path("b.json"), output, target],
      ["c.txt", output, `--json=${path("c.txt")}`, target],
    ]) {
      const { code, stdout } = await run(["compare", ...args, "-m", "l1", "--no-cache"]);
      expect(code).toBe(0);
      expect(stdout).toContain("o.png");
      expect(JSON.parse(await readFile(path(name), "utf8")).pairs).toHaveLength(1);
      await rm(path(name));
    }
  });
});

test("merged shards write JSON beside their table, with the names and scale of the plan", async () => {
  const [work, json] = [path("work"), path("merged.json")];
  const measures = ["-m", "psnr(crop=scale) as PSNR", "--scale", "2", "--fail", "psnr(crop=scale)<20"];
  const planned = [
    "shards",
    "plan",
    "compare",
    path("ours"),
    path("targets"),
    "--shards",
    "1",
    "-o",
    work,
    ...measures,
  ];
  expect(await run(planned)).toMatchObject({ code: 0, stderr: "" });
  await run(["shards", "work", work, "--shard", "0", "--no-progress"]);
  const { code, stdout } = await run(["shards", "merge", work, "--json", json]);
  expect(code).toBe(0);
  expect(stdout).toContain("PSNR: psnr(crop=2)");
  const merged = JSON.parse(await readFile(json, "utf8"));
  const plain = await run(["compare", path("ours"), path("targets"), "--no-cache", "--json", ...measures]);
  expect(merged).toEqual(JSON.parse(plain.stdout));
});

test("given names appear in every output of one method too", async () => {
  const metrics = ["-m", "l1 as Error (L1)", "--fail", "mean(Error (L1))>1, any(Error (L1).max>2)"];
  const args = ["compare", path("ours"), path("targets"), "--no-cache", ...metrics];
  const files = [
    "--csv",
    path("one.csv"),
    "--markdown",
    path("one.md"),
    "--report",
    path("one.html"),
    "--json",
    path("one.json"),
  ];
  const { code, stdout } = await run([...args, ...files]);
  expect(code).toBe(0);
  expect(stdout).toContain("Error (L1): l1");
  const { losses, mean, conditions } = JSON.parse(await readFile(path("one.json"), "utf8"));
  expect(losses["Error (L1)"].spec).toBe("l1");
  expect(mean["Error (L1)"] * 255).toBeCloseTo(3, 4);
  expect(conditions.map(({ holds }: { holds: boolean }) => holds)).toEqual([false, false]);
  expect((await readFile(path("one.csv"), "utf8")).split("\r\n")[0]).toBe(
    "output,target,width,height,Error (L1),Error (L1).max,error",
  );
  expect(await readFile(path("one.md"), "utf8")).toContain("<br>Error (L1) ↓ |");
  expect(await readFile(path("one.html"), "utf8")).toContain("Error (L1)");
});

test("a protocol sets its scale, and its metrics can be renamed", async () => {
  const metrics = "psnr(channels=y-bt601,crop=scale) as PSNR-Y";
  const { stdout } = await run([
    "compare",
    ours(),
    theirs(),
    ...targets(),
    "--protocol",
    "sr-x4",
    "-m",
    metrics,
    "--json",
  ]);
  const { losses, protocol } = JSON.parse(stdout);
  expect(losses["PSNR-Y"].spec).toBe("psnr(channels=y-bt601,crop=4)");
  expect(protocol).toMatchObject({ name: "sr-x4", changed: [] });
});

test("an empty folder is refused by name", async () => {
  await mkdir(path("empty"), { recursive: true });
  await writeFile(path("empty", "notes.txt"), "nothing");
  const { code, stderr } = await run(["compare", `e=${path("empty")}`, ...targets(), "-m", "l1"]);
  expect(stderr).toContain(`output folder ${path("empty")} contains no image; ignored: 1 .txt`);
  expect(code).toBe(2);
});
