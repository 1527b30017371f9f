import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { weightsOf } from "../../packages/core/src/internal.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { safetensors } from "../../packages/core/src/weights/index.ts";
import { clusterStatus, submitShards } from "../../packages/reconloss/src/cluster/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { run } from "../cli/run.ts";
import { RedisServer } from "../cluster/redis.ts";
import { temporaryFolder } from "../folder.ts";
import { killAll, start } from "../program.ts";
import { randomTensor } from "../random.ts";
import { codeIn, readText, tableRows } from "./tables.ts";

/** What commands print as JSON, against the schemas of docs/json.md. */

const schemas = new URL("../../packages/reconloss/schema/", import.meta.url);
const names = readdirSync(schemas);
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
const base = JSON.parse(readFileSync(new URL("common.schema.json", schemas), "utf8")).$id.replace(/[^/]*$/, "");
for (const name of names) ajv.addSchema(JSON.parse(readFileSync(new URL(name, schemas), "utf8")));

function expectValid(schema: string, value: unknown): void {
  const validate = ajv.getSchema(`${base}${schema.replace(/(#|$)/, ".schema.json$1")}`);
  expect(validate, schema).toBeDefined();
  expect(validate?.(value), JSON.stringify(validate?.errors?.slice(0, 5), null, 1)).toBe(true);
}

const folder = await temporaryFolder();
const at = (...parts: string[]) => join(folder, ...parts);
const [outputs, others, targets] = [at("outputs"), at("others"), at("targets")];

beforeAll(async () => {
  for (const [index, name] of ["a.png", "b.png"].entries()) {
    const target = randomTensor([1, 3, 48, 48], index);
    await writeImage(join(targets, name), target);
    await writeImage(
      join(outputs, name),
      Tensor.from(
        target.data.map((x) => 0.5 * x + 0.2),
        target.shape,
      ),
    );
    // One pair is identical, so that a number is infinite.
    await writeImage(join(others, name), index === 0 ? target : Tensor.full(target.shape, 0.5));
  }
  for (let i = 0; i < 2; i++) await writeImage(at("photos", `${i}.png`), randomTensor([1, 3, 160, 160], i));
});

/** Runs a command, and gives what it printed; the exit code may be that of what was found wanting. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args, { env: { RECONLOSS_HOME: at("home"), RECONLOSS_OFFLINE: "1" } });
  expect([0, 1], stderr).toContain(code);
  return stdout;
}

const json = async (...args: string[]): Promise<unknown> => JSON.parse(await printed(...args, "--json"));
const lines = (text: string): unknown[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("compare", () => {
  test("one method with every optional field", async () => {
    const args = ["compare", others, targets, "-m", "psnr, tv, deltaE", "--fail", "psnr<0, any(deltaE.max>1)"];
    expectValid("compare", await json(...args, "--no-inspect"));
    expectValid("compare", await json("compare", outputs, targets, "--protocol", "sr-x2", "-m", "l1"));
    // One output has no partner, and a loss cannot be computed of images of this size.
    await writeImage(at("some", "a.png"), Tensor.full([1, 3, 48, 48], 0.5));
    await writeImage(at("some", "c.png"), Tensor.full([1, 3, 48, 48], 0.5));
    const earlier = at("earlier.json");
    await printed("compare", outputs, targets, "-m", "psnr, l1", "--json", earlier);
    expectValid("compare", await json("compare", at("some"), targets, "-m", "psnr, ms-ssim", "--baseline", earlier));
  });

  test("several methods, with data sets", async () => {
    for (const set of ["one", "two"]) {
      for (const [method, level] of [
        ["x", 0.3],
        ["y", 0.4],
        ["t", 0.5],
      ] as const) {
        for (const name of ["a.png", "b.png"])
          await writeImage(at(method, set, name), Tensor.full([1, 1, 16, 16], level));
      }
    }
    const args = [`x=${at("x")}`, `y=${at("y")}`, "--targets", at("t"), "-m", "psnr, tv"];
    expectValid("judgement", await json("compare", ...args, "--fail", "x:psnr<1, group(psnr<1)"));
    const stream = await printed("compare", ...args, "--stream");
    for (const line of lines(stream)) expectValid("lines", line);
  });

  test("video frames", async () => {
    expectValid("frames", await json("compare", outputs, targets, "--frames", "-m", "psnr, l1", "--fail", "psnr<1"));
  });

  test("JSON Lines output", async () => {
    const file = at("lines.jsonl");
    await printed("compare", at("some"), targets, "-m", "psnr, ms-ssim", "--jsonl", file);
    const all = lines(readFileSync(file, "utf8"));
    expect(all.length).toBe(3);
    for (const line of all) expectValid("lines", line);
  });
});

test("figure", async () => {
  const methods = [`a=${outputs}`, `b=${others}`, "--targets", targets, "-m", "l1"];
  expectValid("figure", await json("figure", ...methods, "-o", at("figure.svg")));
  expectValid("figure", await json("figure", ...methods, "--regions", "1"));
});

test("distribution and stats", async () => {
  const tiny = ["--network", "tiny"];
  expectValid("distribution", await json("distribution", outputs, targets, ...tiny, "-m", "frechet, kid, vendi"));
  expectValid("stats", await json("stats", targets, "-o", at("targets.npz"), ...tiny));
  expectValid("distribution", await json("distribution", outputs, at("targets.npz"), ...tiny));
});

test("quality", async () => {
  const webp = ["--format", "webp", "--target", "psnr>=20"];
  expectValid("quality", await json("quality", join(targets, "a.png"), ...webp));
  expectValid("quality", await json("quality", targets, ...webp, "-o", at("web")));
});

test("degrade", async () => {
  const made = await json("degrade", at("photos"), "--scale", "2", "--baseline", "bicubic", "-o", at("lr"));
  expectValid("degrade", made);
  expect(JSON.parse(readFileSync(at("lr", "degradation.json"), "utf8"))).toEqual(made);
});

test("train", async () => {
  const sizes = ["--steps", "1", "--batch", "1", "--patch", "16", "--no-progress"];
  expectValid("train", await json("train", "super-resolution", "--data", at("photos"), ...sizes, "-o", at("x2")));
});

test("losses, protocols and weights", async () => {
  expectValid("losses", await json("losses"));
  expectValid("protocols", await json("protocols"));
  expectValid("weights#/$defs/list", await json("weights", "list"));
  expectValid("weights#/$defs/verify", await json("weights", "verify", "alexnet"));
  expectValid("weights#/$defs/path", await json("weights", "path"));
});

test("weights that are on this machine", async () => {
  // Alpha and beta of DISTS, which are small, with numbers of one's own.
  const file = at("own.safetensors");
  const tensors = Object.entries(weightsOf("dists")!.tensors).map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.1);
    return [name, { shape, data }] as const;
  });
  writeFileSync(file, safetensors(Object.fromEntries(tensors)));
  expectValid("weights#/$defs/import", await json("weights", "import", file, "--as", "dists"));
  expectValid("weights#/$defs/pull", await json("weights", "pull", "dists"));
  expectValid("weights#/$defs/pack", await json("weights", "pack", "dists", "-o", at("public")));
  expectValid("weights#/$defs/path", await json("weights", "path", "dists"));
  expectValid("weights#/$defs/verify", await json("weights", "verify"));
  expectValid("weights#/$defs/list", await json("weights", "list"));
});

test("shards and cluster", async () => {
  const work = at("work");
  await printed("shards", "plan", "compare", outputs, targets, "-m", "l1", "--shards", "1", "-o", work);
  expectValid("shards#/$defs/status", await json("shards", "status", work));
  const redis = await RedisServer.start(folder);
  try {
    expectValid("cluster#/$defs/submit", await submitShards(work, { redis: redis.url }));
    expectValid("cluster#/$defs/status", await clusterStatus(work, { redis: redis.url }));
    const worker = start(["cluster", "work", work, "--redis", redis.url, "--json"]);
    expect(await worker.ended, worker.errors()).toBe(0);
    for (const line of worker.lines()) expectValid("cluster#/$defs/work", JSON.parse(line));
    expectValid("cluster#/$defs/status", await json("cluster", "status", work, "--redis", redis.url));
  } finally {
    await killAll();
    await redis.stop();
  }
  expectValid("shards#/$defs/work", await json("shards", "work", work, "--shard", "0"));
  expectValid("compare", await json("shards", "merge", work));
});

/** The commands below one, by their help. */
async function commandsOf(path: readonly string[]): Promise<string[][]> {
  const { stdout } = await run([...path, "--help"]);
  const [, list = ""] = stdout.match(/^Commands:\n((?: {2}.*\n)*)/m) ?? [];
  const own = [...list.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name).filter((name) => name !== "help");
  const below = await Promise.all(own.map((name) => commandsOf([...path, name])));
  return own.length === 0 ? [[...path]] : below.flat();
}

test("the page names a schema for every command that has --json", async () => {
  const page = readText("docs/json.md");
  const named = new Set(tableRows(page).flatMap((row) => codeIn(row.command)));
  const commands = await commandsOf([]);
  expect(commands.length).toBeGreaterThan(15);
  for (const path of commands) {
    const { stdout } = await run([...path, "--help"]);
    expect(named.has(path.join(" ")), path.join(" ")).toBe(/^ +--json/m.test(stdout));
  }
  for (const name of names.filter((name) => name !== "common.schema.json")) expect(page).toContain(`[${name}]`);
  expect(existsSync(new URL("common.schema.json", schemas))).toBe(true);
});
