import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type DistributionReport, evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planDistribution, runShard } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals, flat] = ["outputs", "reals", "flat"].map((name) => join(folder, name));
const network = join(folder, "tiny.onnx");
const base = { network, onnx: { output: "features" }, cache: false, metrics: ["class-frechet"] } as const;
const classes = ["cat", "dog, small"];

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(network, tinyModel());
  for (const [c, name] of classes.entries()) {
    for (let i = 0; i < 4; i++) {
      const output = randomTensor([1, 3, 16, 16], 10 * c + i, 0, 0.4 + 0.5 * c);
      await writeImage(join(outputs, name, `${i}.png`), output);
      await writeImage(join(flat, `${c}-${i}.png`), output);
      await writeImage(join(reals, name, `${i}.png`), randomTensor([1, 3, 16, 16], 100 + 10 * c + i, 0, 0.5 + 0.5 * c));
    }
  }
});

/** `flat` lists the outputs in another order of classes: names and labels by file. */
async function csv(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join("\n"));
  return path;
}
const rows = [0, 1].flatMap((c) => [0, 1, 2, 3].map((i) => `${c}-${i}.png,"${classes[c]}"`));

describe("class-conditional distances", () => {
  test("are the mean of the distances of the classes' subfolders", async () => {
    const { results } = await evaluateDistribution(outputs, reals, base);
    const each: number[] = [];
    for (const name of classes) {
      const alone = await evaluateDistribution(join(outputs, name), join(reals, name), {
        ...base,
        metrics: ["frechet"],
      });
      each.push(alone.results.frechet.value);
    }
    const result = results["class-frechet"] as unknown as {
      value: number;
      classes: { label: string; value: number }[];
    };
    expect(result.classes.map(({ label }) => label)).toEqual(classes);
    for (const [i, { value }] of result.classes.entries()) expect(value / each[i]).toBeCloseTo(1, 8);
    expect(result.value / ((each[0] + each[1]) / 2)).toBeCloseTo(1, 8);
  });

  test("take classes from a CSV file, with a header or without", async () => {
    const { results } = await evaluateDistribution(outputs, reals, base);
    const expected = results["class-frechet"].value;
    for (const file of [
      await csv("plain.csv", rows),
      await csv("header.csv", [
        "id,Label,path",
        ...rows.toReversed().map((row, i) => `${i},${row.slice(8)},${row.slice(0, 7)}`),
      ]),
    ]) {
      const ofFile = await evaluateDistribution(flat, reals, { ...base, labels: { output: file } });
      expect(ofFile.results["class-frechet"].value / expected).toBeCloseTo(1, 10);
    }
    const args = ["distribution", flat, reals, "--network", network, "--no-cache", "-m", "class-frechet"];
    const { stdout, code } = await run([...args, "--output-labels", join(folder, "plain.csv")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^class-frechet\(features=tiny\.onnx\) ↓ +\d\S+ +2 classes$/m);
  });

  test("list rows of the CSV file that match no image", async () => {
    const more = Array.from({ length: 7 }, (_, i) => `gone-${i}.png,cat`);
    const file = await csv("more.csv", [...rows, ...more]);
    const { warnings } = await evaluateDistribution(flat, reals, { ...base, labels: { output: file } });
    expect(warnings).toContain(
      `${file}: ignored: 7 rows name no image of ${flat}: gone-0.png, gone-1.png, gone-2.png, gone-3.png, gone-4.png and 2 more`,
    );
    const { warnings: none } = await evaluateDistribution(flat, reals, {
      ...base,
      labels: { output: await csv("plain.csv", rows) },
    });
    expect(none.join()).not.toContain("ignored");
  });

  test("equal those of one process when sharded, and refuse a file of classes changed since the plan", async () => {
    const [file, work] = [await csv("planned.csv", rows), join(folder, "work")];
    const labels = { output: file };
    const { metrics, onnx } = base;
    await planDistribution(work, flat, reals, { network, onnx, metrics, labels, shards: 2 });
    for (const shard of [0, 1]) await runShard(work, shard);
    const whole = await evaluateDistribution(flat, reals, { ...base, labels });
    const merged = (await mergeShards(work)) as unknown as { report: DistributionReport };
    expect(merged.report.results).toEqual(whole.results);
    await csv("planned.csv", [...rows.slice(1), "0-0.png,other"]);
    await expect(mergeShards(work)).rejects.toMatchObject({
      code: "content",
      message: `the file of classes ${file} differs from the plan; plan again in another folder`,
    });
    // Another content is another plan.
    await expect(planDistribution(work, flat, reals, { network, onnx, metrics, labels, shards: 2 })).rejects.toThrow(
      /holds another plan/,
    );
  });

  test.each([
    ["without classes", [], /0-0\.png of .*flat has none: a folder for each class, a list with labels, or a CSV file/],
    ["with an image that the file lacks", rows.slice(0, 7), /1-3\.png of .*flat has none: in .*\.csv/],
    ["with a row of one cell", [...rows, "x.png"], /row 9 has no name and class/],
    ["with a second class of an image", [...rows, "0-0.png,dog"], /row 9 assigns a second class to 0-0\.png/],
    [
      "with a class of one image",
      ["0-0.png,bird", ...rows.slice(1)],
      /each class needs 2 images on both sides: bird has 1/,
    ],
    ["with an empty file", [""], /has no classes; rows are name,class/],
  ])("are refused %s", async (what, lines, message) => {
    const labels = lines.length === 0 ? undefined : { output: await csv(`${what.replaceAll(" ", "-")}.csv`, lines) };
    const error = await evaluateDistribution(flat, reals, { ...base, labels }).catch((caught) => caught);
    expect([error.name, error.message]).toEqual(["ReconlossError", expect.stringMatching(message)]);
  });

  test("refuses a file of classes when no metric uses classes", async () => {
    const file = await csv("unused.csv", rows);
    const asked = evaluateDistribution(flat, reals, { ...base, metrics: ["frechet"], labels: { output: file } });
    await expect(asked).rejects.toThrow(
      /unused\.csv has classes, which only apply to class-fid, class-frechet; none of these/,
    );
  });
});
