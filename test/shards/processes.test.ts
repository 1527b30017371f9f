import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { signalAt, start } from "../program.ts";
import { makeSets } from "./sets.ts";

const folder = await temporaryFolder();
let sets: Awaited<ReturnType<typeof makeSets>>;
let options: string[];

beforeAll(async () => {
  sets = await makeSets(folder, { outputs: 300, reals: 90 });
  options = ["--network", sets.network, "-m", "frechet,kid,pr", "--kid-subsets", "5", "--kid-subset-size", "40"];
});

async function plan(name: string, shards: number): Promise<string> {
  const work = join(folder, name);
  const { code, stderr } = await run([
    ...["shards", "plan", "distribution", sets.outputs, sets.reals, ...options],
    ...["--shards", String(shards), "-o", work],
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("error") });
  return work;
}

describe("the command line", () => {
  test("prints what the plain command prints, with shard numbers from array jobs", async () => {
    const plain = await run(["distribution", sets.outputs, sets.reals, ...options, "--no-cache", "--json"]);
    const work = await plan("cli", 3);
    expect((await run(["shards", "merge", work])).code).toBe(1);
    const variables = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"];
    for (const [shard, name] of variables.entries()) {
      const { code, stdout } = await run(["shards", "work", work], { env: { [name]: String(shard) } });
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`shard ${shard}: `) });
    }
    expect((await run(["shards", "status", work])).stdout).toBe("3 of 3 shards, 390 of 390 items\n");
    const merged = await run(["shards", "merge", work, "--json"]);
    const json = (text: string) => JSON.parse(text.replace(/"computed": \d+/g, '"computed": 0'));
    expect(json(merged.stdout)).toEqual(json(plain.stdout));
    // An image that could not be read is the exit code of both.
    expect([merged.code, plain.code]).toEqual([1, 1]);
  });

  test("exits with code 2 for errors that a retry cannot fix", async () => {
    const work = await plan("codes", 2);
    const code = async (...args: string[]) => (await run(["shards", ...args])).code;
    expect(await code("work", work), "no shard said").toBe(2);
    expect(await code("work", work, "--shard", "2"), "no such shard").toBe(2);
    expect(await code("work", folder, "--shard", "0"), "no plan").toBe(2);
    expect((await run(["shards", "work", work], { env: { SLURM_ARRAY_TASK_ID: "one" } })).code).toBe(2);
    const network = await readFile(sets.network);
    await rm(sets.network);
    expect(await code("work", work, "--shard", "0"), "the network's file is not there").toBe(2);
    await writeFile(sets.network, network);
    expect(await code("status", work)).toBe(0);
  });

  test.skipIf(!existsSync("/dev/full"))(
    "a full disk exits with the code for a retry, and the retry succeeds",
    async () => {
      const work = await plan("full", 2);
      await mkdir(join(work, "parts"));
      const part = join(work, "parts", "000000.part");
      // What is written there ends with ENOSPC.
      await symlink("/dev/full", part);
      const { code, stderr } = await run(["shards", "work", work, "--shard", "0"]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining("ENOSPC") });
      await rm(part);
      expect((await run(["shards", "work", work, "--shard", "0"])).code).toBe(0);
    },
  );
});

describe("processes", () => {
  let expected: Buffer;
  beforeAll(async () => {
    const work = await plan("undisturbed", 1);
    expect((await run(["shards", "work", work, "--shard", "0"])).code).toBe(0);
    expected = await readFile(join(work, "parts", "000000.part"));
  });
  const partOf = (work: string) => readFile(join(work, "parts", "000000.part"));

  test("resume after SIGKILL with the same bytes and leave no temporary files", async () => {
    const work = await plan("killed", 1);
    const args = ["shards", "work", work, "--shard", "0"];
    // The features of two images and half of a third, then those of 40 more.
    for (const write of [4, 42]) {
      expect(await start([...args, "--batch", "1"], signalAt(".features", write)).ended).toBe("SIGKILL");
    }
    await expect(partOf(work)).rejects.toThrow(/ENOENT/);
    expect(await start(args).ended).toBe(0);
    expect(await partOf(work)).toEqual(expected);
    expect((await readdir(work, { recursive: true })).sort()).toEqual([
      "features",
      "manifest.json",
      "parts",
      "parts/000000.part",
    ]);
  });

  test("exit with code 143 on SIGTERM, and the next one resumes", async () => {
    const work = await plan("ended", 1);
    const { preload, env } = signalAt(".features", 10, "SIGTERM");
    const options = { preload, env: { ...env, SLURM_ARRAY_TASK_ID: "0" } };
    const { ended, errors } = start(["shards", "work", work, "--batch", "1"], options);
    expect([await ended, errors()]).toEqual([143, expect.stringContaining("stopped by SIGTERM")]);
    expect((await run(["shards", "status", work])).stdout).toBe("0 of 1 shard, 0 of 390 items; missing: 0\n");
    expect((await run(["shards", "work", work, "--shard", "0"])).code).toBe(0);
    expect(await partOf(work)).toEqual(expected);
  });

  test("both succeed when two compute the same shard at once", async () => {
    const work = await plan("twice", 1);
    const args = ["shards", "work", work, "--shard", "0"];
    const both = await Promise.all([start(args).ended, start(args).ended]);
    expect(both).toEqual([0, 0]);
    expect(await partOf(work)).toEqual(expected);
  });
});

test("writes statistics of a set as reconloss stats does", async () => {
  const [plain, merged, work] = ["plain.npz", "merged.npz", "stats"].map((name) => join(folder, name));
  const network = ["--network", sets.network];
  const expected = await run(["stats", sets.outputs, ...network, "--no-cache", "--json", "-o", plain]);
  expect(
    (await run(["shards", "plan", "stats", sets.outputs, ...network, "--shard-size", "100", "-o", work])).code,
  ).toBe(0);
  // Whole blocks: 128, 128 and what is left of 300.
  for (const shard of ["2", "0", "1"]) expect((await run(["shards", "work", work, "--shard", shard])).code).toBe(0);
  expect((await run(["shards", "merge", work])).code, "nowhere to write them").toBe(2);
  expect((await run(["shards", "merge", work, "--csv", plain])).code, "no pairs").toBe(2);
  const { code, stdout } = await run(["shards", "merge", work, "--statistics", merged, "--json"]);
  const of = (text: string) => ({ ...JSON.parse(text), output: "", computed: 0 });
  expect([code, of(stdout)]).toEqual([expected.code, of(expected.stdout)]);
  expect((await readFile(merged)).equals(await readFile(plain))).toBe(true);
});
