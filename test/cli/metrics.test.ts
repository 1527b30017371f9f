import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import {
  defineMetric,
  kernelDistance,
  kid,
  MemoryRows,
  metricFactories,
  metricNames,
  parseMetric,
  parseMetrics,
  type Statistics,
} from "../../packages/core/src/metrics/index.ts";
import { evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { tinyModel } from "../distribution/models.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];
const plugin = join(folder, "spread.mjs");

beforeAll(async () => {
  await writeFile(network, tinyModel());
  for (let i = 0; i < 6; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 16, 16], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 16, 16], 100 + i, 0, 0.8));
  }
  const metrics = fileURLToPath(new URL("../../packages/core/src/metrics/index.ts", import.meta.url));
  await writeFile(
    plugin,
    `import { defineMetric } from ${JSON.stringify(metrics)};
    const read = (value) => (Number(value) > 0 ? Number(value) : undefined);
    export const spread = defineMetric({
      name: "spread-ratio",
      summary: "how much of the reals' variance the outputs have",
      better: "higher",
      source: "a test",
      features: "main",
      needs: { output: "moments", real: "moments" },
      options: { power: { default: 1, help: "of the ratio", accepts: "number > 0", read } },
      compute: async ({ output, real }, { power }, { name, protocol }) => {
        const trace = ({ covariance: { rows, data } }) => {
          let sum = 0;
          for (let i = 0; i < rows; i++) sum += data[i * rows + i];
          return sum;
        };
        return {
          metric: name,
          value: (trace(output) / trace(real)) ** power,
          images: { output: output.count, real: real.count },
          protocol: { ...protocol, power },
          hint: "a hint of the test's own",
          warnings: ["a warning of the test's own"],
        };
      },
    });`,
  );
});

const common = ["--network", network, "--no-cache", "--no-progress"];

/** The ratio of the variances, by the statistics that the command writes. */
async function expectedRatio(): Promise<number> {
  const { computeStatistics } = await import("../../packages/reconloss/src/distribution/index.ts");
  const trace = ({ covariance: { rows, data } }: Statistics) =>
    Array.from({ length: rows }, (_, i) => data[i * rows + i]).reduce((sum, value) => sum + value);
  const [ofOutputs, ofReals] = await Promise.all(
    [outputs, reals].map((path) => computeStatistics(path, { network, cache: false })),
  );
  return trace(ofOutputs.statistics.fid) / trace(ofReals.statistics.fid);
}

describe("a user-defined metric is available everywhere without another edit", () => {
  it("in JSON, by its name with options or by a flag", async () => {
    const ratio = await expectedRatio();
    const args = ["distribution", outputs, reals, ...common, "--plugin", plugin, "--json", "-m"];
    const { stdout } = await run([...args, "Spread_Ratio,frechet,spread-ratio(power=2)"]);
    const { results, warnings } = JSON.parse(stdout);
    expect(Object.keys(results)).toEqual(["spread-ratio", "frechet", "spread-ratio(power=2)"]);
    expect(results["spread-ratio"].value).toBeCloseTo(ratio, 10);
    expect(results["spread-ratio(power=2)"]).toMatchObject({
      metric: "spread-ratio(power=2,features=tiny.onnx)",
      numbers: [
        {
          name: "spread-ratio(power=2,features=tiny.onnx)",
          value: results["spread-ratio(power=2)"].value,
          better: "higher",
        },
      ],
      images: { output: 6, real: 6 },
      protocol: { network: "tiny.onnx", power: 2 },
    });
    expect(results["spread-ratio(power=2)"].value).toBeCloseTo(ratio ** 2, 10);
    expect(warnings).toContain("a warning of the test's own");
    const byFlag = await run([...args, "spread-ratio", "--spread-ratio-power", "2"]);
    expect(JSON.parse(byFlag.stdout).results["spread-ratio"].value).toBeCloseTo(ratio ** 2, 10);
  });

  it("in the table, in the report and in --help", async () => {
    const page = join(folder, "report.html");
    const args = [
      "distribution",
      outputs,
      reals,
      ...common,
      "--plugin",
      plugin,
      "-m",
      "spread-ratio",
      "--report",
      page,
    ];
    expect((await run(args)).stdout).toMatch(/^spread-ratio\(features=tiny\.onnx\) ↑ +\d\.\d+ +power 1$/m);
    const html = await readFile(page, "utf8");
    expect(html).toContain("<th>spread-ratio(features=tiny.onnx) ↑</th>");
    expect(html).toContain("a hint of the test&#39;s own");
    const help = (await run(["distribution", "--plugin", plugin, "--help"])).stdout;
    expect(help).toMatch(/^ {2}spread-ratio +↑ {2}how much of the reals' variance the outputs have$/m);
    expect(help.replaceAll(/\s+/g, " ")).toContain(
      "--spread-ratio-power <n> spread-ratio: of the ratio; number > 0 (default: 1)",
    );
    expect((await run(["distribution", "--help"])).stdout).not.toContain("spread-ratio");
  });

  it("in code, unchanged", async () => {
    const counted = defineMetric({
      name: "counted",
      summary: "images",
      better: "higher",
      source: "a test",
      features: "main",
      needs: { output: "rows" },
      options: {},
      compute: async ({ output }, _, { name, protocol }) => ({
        metric: name,
        value: output.count,
        images: { output: output.count },
        protocol,
        hint: "",
        warnings: [],
      }),
    });
    const options = { network, cache: false, metrics: [counted, counted().withOptions({})] } as const;
    const { results, reals: none } = await evaluateDistribution(outputs, undefined, options);
    expect(Object.keys(results)).toEqual(["counted"]);
    expect([results.counted.value, none]).toEqual([6, undefined]);
  });

  it.each([
    [undefined, /counted: what compute gives must be an object, got undefined/],
    [{ images: undefined }, /counted: images of what compute gives must be an object, got undefined/],
    [{ protocol: "none" }, /counted: protocol of what compute gives must be an object, got "none"/],
    [{ warnings: undefined }, /counted: warnings of compute's result must be an array of texts/],
    [{ value: Number.NaN }, /counted: value of what compute gives must be a number, got NaN/],
    [{ second: "2" }, /counted: second of what compute gives must be a number, got "2"/],
  ])("refuses an incomplete result, %j, with a clear message", async (part, message) => {
    const whole = { metric: "", value: 1, second: 2, images: { output: 1 }, protocol: {}, hint: "", warnings: [] };
    const counted = defineMetric({
      name: "counted",
      summary: "images",
      better: "higher",
      source: "a test",
      features: "main",
      needs: { output: "rows" },
      numbers: ["value", "second"],
      options: {},
      compute: async () => (part === undefined ? undefined : { ...whole, ...part }) as never,
    });
    const output = new MemoryRows();
    output.append(randomTensor([2, 5, 1, 1], 1));
    await expect(counted().compute({ output })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(message),
    });
    part = { value: Number.POSITIVE_INFINITY };
    expect((await counted().compute({ output })).value).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [
      "exports neither losses nor metrics",
      "export const kid = 5;",
      "kid",
      /exports no loss; .* metrics of sets by defineMetric/,
    ],
    ["takes a name that there is", 'name: "KID"', "kid", /a custom metric cannot be named "KID": "kid" exists already/],
    ["has no name", 'name: ""', "kid", /defineMetric: name must be a text, got ""/],
    ["has no direction", 'better: "target"', "kid", /defineMetric: better must be "lower" or "higher", got "target"/],
    ["asks for other features", 'features: "all"', "kid", /features must be one of main, spatial, logits, got "all"/],
    [
      "needs something else",
      'needs: { output: "images" }',
      "kid",
      /needs must be "rows", "labelled" or "moments" of each side/,
    ],
  ])("refuses a metric that %s with a clear message", async (what, text, metric, message) => {
    const file = join(folder, `${what.replaceAll(" ", "-")}.mjs`);
    const whole = await readFile(plugin, "utf8");
    const [field] = text.split(":");
    const changed = text.includes(":") ? whole.replace(new RegExp(`^ *${field}: .*,$`, "m"), `${text},`) : text;
    await writeFile(file, changed);
    const { code, stderr } = await run(["distribution", outputs, reals, ...common, "--plugin", file, "-m", metric]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });
});

describe("metrics on the command line", () => {
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(["distribution", outputs, reals, ...common, "--json", ...args]);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);
    return JSON.parse(stdout).results;
  };

  it("accepts an option in parentheses or as a flag, with the same result", async () => {
    const inParentheses = await json("-m", "kid(kernel=rbf,sigma=5,subsets=4,subset-size=3),pr(neighbours=2)");
    const flags = ["--kid-kernel", "rbf", "--kid-sigma", "5", "--kid-subsets", "4", "--neighbours", "2"];
    const byFlags = await json("-m", "kid(subsetSize=3),pr", ...flags, "--kid-subset-size", "3");
    const [kidLabel, prLabel] = ["kid(kernel=rbf,sigma=5,subsets=4,subset-size=3)", "pr(neighbours=2)"];
    expect(byFlags["kid(subsetSize=3)"].value).toBe(inParentheses[kidLabel].value);
    expect(byFlags["kid(subsetSize=3)"].protocol).toEqual(inParentheses[kidLabel].protocol);
    expect(inParentheses[kidLabel].protocol).toMatchObject({ kernel: "rbf, sigma 5", subsets: 4, subsetSize: 3 });
    expect(inParentheses[prLabel].numbers.map(({ name }: { name: string }) => name)).toEqual([
      "precision(neighbours=2,features=tiny.onnx)",
      "recall(neighbours=2,features=tiny.onnx)",
    ]);
    expect(byFlags.pr.protocol.neighbours).toBe(2);
  });

  it("applies one flag to every metric that has the option", async () => {
    const results = await json("-m", "is,kid(subsetSize=3)", "--is-splits", "2", "--seed", "7");
    expect([results.is.protocol.seed, results["kid(subsetSize=3)"].protocol.seed]).toEqual([7, 7]);
    const byFlag = new Map<string, unknown>();
    for (const { info } of metricFactories) {
      for (const [option, flag] of Object.entries(info.flags ?? {})) {
        const fallback = info.options[option].default;
        expect([flag, byFlag.get(flag as string) ?? fallback]).toEqual([flag, fallback]);
        byFlag.set(flag as string, fallback);
      }
    }
  });

  it.each([
    [["-m", "fad"], /there is no metric fad; there are: fid, .*did you mean "fid"\?/],
    [["-m", "kid("], /metric "kid\(": parentheses do not match/],
    [["-m", "kid(degree)"], /metric "kid\(degree\)": options are written name=value, got "degree"/],
    [["-m", "kid(degree=3,Degree=4)"], /option Degree is given twice/],
    [["-m", "kid(grade=3)"], /kid: unknown option "grade"; it has: subsets, .*degree/],
    [["-m", "kid(kernel=rbv)"], /kid: option kernel must be polynomial \| rbf, got "rbv"; did you mean "rbf"\?/],
    [["-m", "fid(dims=64)"], /fid: unknown option "dims"; it has none/],
    [["-m", "fid", "--kid-subsets", "3"], /--kid-subsets applies only to kid, which --metrics does not request/],
    [
      ["-m", "kid(kernel=rbf)", "--kid-kernel", "polynomial"],
      /--kid-kernel says polynomial, and --metrics kid\(kernel=rbf\)/,
    ],
    [["-m", "is,kid(seed=1)", "--seed", "2"], /--seed says 2, and --metrics kid\(seed=1\)/],
    [["--seed", "3"], /--seed applies only to is, kid, which --metrics does not request/],
    [["-m", "kid", "--kid-degree", "0"], /'--kid-degree <n>' argument '0' is invalid\. It must be whole number >= 1/],
  ])("%j is an error", async (args, message) => {
    const { code, stderr } = await run(["distribution", outputs, reals, ...common, ...args]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  it("--help names every metric of the library and every option", async () => {
    const help = (await run(["distribution", "--help"])).stdout;
    for (const { info } of metricFactories) {
      expect(help).toContain(info.summary);
      for (const option of Object.keys(info.options)) {
        const flag = info.flags?.[option] ?? `${info.name}-${option.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
        expect(help).toContain(`--${flag} `);
      }
    }
    expect(metricFactories.map(({ info }) => info.name)).toEqual(metricNames);
  });
});

describe("the kernels of kid", () => {
  const rows = (seed: number, count: number) => {
    const all = new MemoryRows();
    all.append(randomTensor([count, 5, 1, 1], seed));
    return all;
  };
  const [x, y] = [rows(1, 7), rows(2, 9)];

  /** The unbiased squared discrepancy by its definition, in loops. */
  async function definition(k: (a: number[], b: number[]) => number): Promise<number> {
    const vectors = async (set: MemoryRows) =>
      Promise.all(Array.from({ length: set.count }, async (_, i) => [...(await set.read([i]))]));
    const [a, b] = [await vectors(x), (await vectors(y)).slice(0, 7)];
    const sum = (u: number[][], v: number[][], same: boolean) =>
      u.flatMap((p, i) => v.map((q, j) => (same && i === j ? 0 : k(p, q)))).reduce((total, value) => total + value, 0);
    return sum(a, a, true) / 42 + sum(b, b, true) / 42 - (2 * sum(a, b, false)) / 49;
  }
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const square = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

  it.each([
    ["kid", "polynomial, degree 3", (a: number[], b: number[]) => (dot(a, b) / 5 + 1) ** 3],
    ["kid(kernel=poly)", "polynomial, degree 3", (a: number[], b: number[]) => (dot(a, b) / 5 + 1) ** 3],
    ["kid(degree=2)", "polynomial, degree 2", (a: number[], b: number[]) => (dot(a, b) / 5 + 1) ** 2],
    [
      "kid(gamma=0.5,coef0=2)",
      "polynomial, degree 3, gamma 0.5, coef0 2",
      (a: number[], b: number[]) => (dot(a, b) / 2 + 2) ** 3,
    ],
    ["kid(kernel=rbf)", "rbf, sigma 10", (a: number[], b: number[]) => Math.exp(-square(a, b) / 200)],
    ["kid(kernel=rbf,sigma=0.5)", "rbf, sigma 0.5", (a: number[], b: number[]) => Math.exp(-square(a, b) / 0.5)],
  ])("%s is %s, by the definition", async (spec, text, kernel) => {
    const metric = parseMetric(spec).withOptions({ subsets: 1, subsetSize: 7 });
    // The second side has more images than a subset: the same ones are taken by hand.
    const some = new MemoryRows();
    some.append(randomTensor([9, 5, 1, 1], 2));
    const { value, protocol } = await metric.compute({ output: x, real: firstOf(some, 7) });
    expect(protocol.kernel).toBe(text);
    expect(value).toBeCloseTo(await definition(kernel), 12);
  });

  it("refuses options of the other kernel, unless they equal the default", async () => {
    const value = async (spec: string) => (await parseMetric(spec).compute({ output: x, real: y })).value;
    expect(await value("kid(kernel=rbf,degree=3)")).toBe(await value("kid(kernel=rbf)"));
    await expect(value("kid(kernel=rbf,degree=2)")).rejects.toThrow(
      "degree applies only to the polynomial kernel, not to rbf",
    );
    await expect(value("kid(sigma=2)")).rejects.toThrow("sigma applies only to the rbf kernel, not to polynomial");
    const direct = await kernelDistance(x, y, { degree: 2 });
    expect(direct.value).toBe((await kid({ degree: 2 }).compute({ output: x, real: y })).value);
  });
});

/** The first rows of a set. */
function firstOf(rows: MemoryRows, count: number) {
  return { count, dimension: rows.dimension, read: (indices: ArrayLike<number>) => rows.read(indices) };
}

it("a metric's specification lists the options that differ from the defaults", () => {
  const metrics = parseMetrics("kid(degree=3, Kernel=RBF), is(preset=adm,splits=10)");
  expect(metrics.map(({ spec }) => spec)).toEqual(["kid(kernel=rbf)", "is(preset=adm,splits=10)"]);
  expect(metrics.map(({ label }) => label)).toEqual(["kid(degree=3,Kernel=RBF)", "is(preset=adm,splits=10)"]);
});

describe("a plan of shards", () => {
  // The plain command is the definition of what a merge must be.
  it("keeps user-defined metrics and networks, and refuses them once they have changed", async () => {
    const [work, mine, model] = ["work", "mine.mjs", "mine.onnx"].map((name) => join(folder, name));
    await writeFile(mine, await readFile(plugin));
    await writeFile(model, tinyModel());
    const how = [
      "--network",
      model,
      "--input",
      "mean=0.5,std=0.5",
      "-m",
      "frechet,spread-ratio(power=2)",
      "--plugin",
      mine,
    ];
    const planned = await run(["shards", "plan", "distribution", outputs, reals, ...how, "-o", work, "--shards", "2"]);
    expect([planned.code, planned.stderr]).toEqual([0, expect.not.stringContaining("failed")]);
    for (const shard of ["0", "1"]) {
      expect((await run(["shards", "work", work, "--shard", shard, "--no-progress"])).code).toBe(0);
    }
    const plain = await run(["distribution", outputs, reals, ...how, "--no-cache", "--no-progress", "--json"]);
    const merged = await run(["shards", "merge", work, "--json"]);
    const { results } = JSON.parse(merged.stdout);
    expect(results).toEqual(JSON.parse(plain.stdout).results);
    expect(Object.keys(results)).toEqual(["frechet", "spread-ratio(power=2)"]);
    expect(results.frechet.protocol.input).toContain("0.5");
    const page = await run(["shards", "merge", work, "--report", join(folder, "merged.html")]);
    expect(page.stderr).toContain(
      "note: the report has values only: images and spectra need a plan made with --details",
    );
    expect(merged.stderr).not.toContain("--details");
    expect((await run(["shards", "plan", "distribution", "--help", "--plugin", mine])).stdout).toContain(
      "spread-ratio",
    );

    await appendFile(mine, "// Another.");
    const other = await run(["shards", "merge", work]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/plugin .*mine\.mjs differs from the plan/)]);
    await writeFile(mine, await readFile(plugin));
    await rm(join(work, "parts"), { recursive: true });
    await writeFile(model, tinyModel({ vectors: true }));
    const { code, stderr } = await run(["shards", "work", work, "--shard", "0"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("mine.onnx")]);
  });
});
