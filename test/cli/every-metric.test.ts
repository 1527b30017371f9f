import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { metricFactories } from "../../packages/core/src/metrics/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const [outputs, reals, flat] = ["outputs", "reals", "flat"].map((name) => join(folder, name));
const classes = ["cats", "dogs"];

beforeAll(async () => {
  for (let i = 0; i < 8; i++) {
    const name = join(classes[i % 2], `${i}.png`);
    await writeImage(join(outputs, name), randomTensor([1, 3, 24, 24], i));
    await writeImage(join(reals, name), randomTensor([1, 3, 24, 24], 100 + i, 0, 0.8));
    await writeImage(join(flat, `${i}.png`), randomTensor([1, 3, 24, 24], i));
  }
});

/** Those that are not of Inception alone, with options that suit eight images. */
const names = metricFactories
  .map(({ info }) => info)
  .filter(({ network, features }) => !network && features === "main");
const few: Record<string, string> = {
  pr: "pr(neighbours=2)",
  prdc: "prdc(neighbours=2)",
  "frechet-infinity": "frechet-infinity(least=4,points=2)",
};
const list = names.map(({ name }) => few[name] ?? name);
const common = ["--network", "tiny", "--no-cache", "--no-progress"];

describe("every metric of any network is in the table, JSON and report of the command", () => {
  it("has the value of its definition", async () => {
    const page = join(folder, "report.html");
    const args = ["distribution", outputs, reals, ...common, "-m", list.join(","), "--report", page];
    const table = (await run(args, { columns: 300 })).stdout;
    const { results } = JSON.parse((await run([...args.slice(0, -2), "--json"])).stdout);
    const html = await readFile(page, "utf8");
    expect(Object.keys(results)).toEqual(list);
    for (const [i, { numbers, better }] of names.entries()) {
      const result = results[list[i]];
      expect(result.protocol).toMatchObject({ network: "tiny-v2" });
      for (const { name, value } of result.numbers) {
        expect(Number.isFinite(value), name).toBe(true);
        const shown = `${name} ${better === "lower" ? "↓" : "↑"}`;
        expect(table).toContain(shown);
        expect(html).toContain(`<th>${shown}</th>`);
      }
      expect(result.numbers.length).toBe(numbers?.length ?? 1);
    }
  });

  it("takes its options as flags", async () => {
    const args = ["distribution", outputs, reals, ...common, "--json", "-m"];
    const of = async (...more: string[]) => JSON.parse((await run([...args, ...more])).stdout).results;
    const byFlags = await of("vendi,mmd,prdc", "--vendi-order", "inf", "--mmd-sigma", "0.5", "--prdc-neighbours", "3");
    const written = await of("vendi(order=inf),mmd(sigma=0.5),prdc(neighbours=3)");
    expect(Object.values(byFlags).map(numberOf)).toEqual(Object.values(written).map(numberOf));
    expect(written["vendi(order=inf)"].protocol.order).toBe("inf");
  });

  it("reports which image lacks a class, where a metric needs classes", async () => {
    const { code, stderr } = await run(["distribution", flat, reals, ...common, "-m", "class-frechet"]);
    expect(code).toBe(2);
    expect(stderr).toContain("class-frechet needs the class of each image, but 0.png of");
  });
});

const numberOf = (result: unknown) => (result as { value: number }).value;
