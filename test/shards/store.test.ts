import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planComparison, runShard, shardStatus } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { HttpStore } from "./store.ts";

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
let store: HttpStore;

beforeAll(async () => {
  for (let i = 0; i < 9; i++) {
    await writeImage(join(targets, `${i}.png`), randomTensor([1, 3, 16, 16], i));
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 16, 16], 100 + i));
  }
});
beforeEach(async () => {
  store = await HttpStore.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await store.stop();
});

let plans = 0;

/** A plan whose parts are in the store. */
async function plan(shards = 3, parts: string | null = store.url): Promise<string> {
  const work = join(folder, `work-${plans++}`);
  await planComparison(work, outputs, targets, {
    metrics: "psnr, ssim, l1",
    shards,
    ...(parts === null ? {} : { parts }),
  });
  return work;
}

/** The work folder of another machine, which has the manifest alone. */
async function elsewhere(work: string): Promise<string> {
  const copy = `${work}-copy-${plans++}`;
  await mkdir(copy);
  await copyFile(join(work, "manifest.json"), join(copy, "manifest.json"));
  return copy;
}

const nameOf = async (work: string, shard: number) => {
  const { hash } = JSON.parse(await readFile(join(work, "manifest.json"), "utf8"));
  return `/parts/${hash.slice(0, 16)}-00000${shard}.jsonl`;
};

const numbersOf = async (work: string) => {
  const merged = await mergeShards(work);
  if (merged.kind !== "compare") throw new Error(merged.kind);
  const { losses: _, ...numbers } = merged.comparison;
  return numbers;
};

/** The message of an error, which must not contain secrets. */
async function problemOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const { code, message } = await work.then(
    () => ({ code: "none", message: "" }),
    (error) => error,
  );
  expect(message).not.toMatch(/secret|signature/);
  return { code, message };
}

describe("parts at a URL", () => {
  test("give the numbers of a local folder, from machines that share only the manifest, and leave no files behind", async () => {
    const local = await plan(3, null);
    for (const shard of [0, 1, 2]) await runShard(local, shard);
    vi.stubEnv("RECONLOSS_PARTS_USERNAME", "me");
    vi.stubEnv("RECONLOSS_PARTS_PASSWORD", "secret");
    vi.stubEnv("RECONLOSS_PARTS_QUERY", "?signature=abc");
    store.authorization = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    store.query = "?signature=abc";
    const work = await plan();
    expect(await readFile(join(work, "manifest.json"), "utf8")).not.toMatch(/secret|signature/);
    for (const shard of [2, 0]) {
      const result = await runShard(await elsewhere(work), shard);
      expect(result).toEqual({
        shard,
        path: `${store.url}${(await nameOf(work, shard)).slice(7)}`,
        computed: true,
        total: 3,
      });
    }
    expect(await shardStatus(work)).toMatchObject({ done: [0, 2], missing: [1], items: 9, itemsDone: 6, problems: [] });
    expect((await problemOf(mergeShards(work))).message).toMatch(/no part of shard 1$/);
    await runShard(work, 1);
    expect(await runShard(await elsewhere(work), 1)).toMatchObject({ computed: false });
    expect(await numbersOf(await elsewhere(work))).toStrictEqual(await numbersOf(local));
    expect(await readdir(work, { recursive: true })).not.toContainEqual(expect.stringMatching(/jsonl|tmp/));
    expect([...store.files.keys()].sort()).toEqual(await Promise.all([0, 1, 2].map((shard) => nameOf(work, shard))));
  });

  test("are sent again when the server dies midway, fails twice, or stores only half", async () => {
    const work = await plan(1);
    store.faults.PUT.push("dies", "500", "500", "keeps half");
    await runShard(work, 0);
    expect(store.requests.filter((each) => each.startsWith("PUT"))).toHaveLength(5);
    store.faults.GET.push("half", "500");
    expect((await shardStatus(work)).done).toEqual([0]);
    expect((await numbersOf(work)).pairs).toHaveLength(9);
  });

  test("that a merge is downloading are left alone by a status command", async () => {
    const work = await plan(1);
    await runShard(work, 0);
    await mkdir(join(work, "fetched"));
    await writeFile(join(work, "fetched", "000000.jsonl"), "under way");
    expect((await shardStatus(work)).done).toEqual([0]);
    expect(await readdir(join(work, "fetched"))).toEqual(["000000.jsonl"]);
  });

  test("that could not be sent are sent by the next process without recomputing", async () => {
    const work = await plan(1);
    store.faults.PUT.push("413");
    const { code, message } = await problemOf(runShard(work, 0));
    expect([code, message]).toEqual(["download", expect.stringMatching(/^http:.*-000000\.jsonl: HTTP 413$/)]);
    const seen: unknown[] = [];
    expect(await runShard(work, 0, { onProgress: (progress) => seen.push(progress) })).toMatchObject({
      computed: true,
    });
    expect(seen).toEqual([]);
    expect((await numbersOf(work)).pairs).toHaveLength(9);
    expect(await readdir(join(work, "outgoing"))).toEqual([]);
  });

  test("are refused by name when truncated, changed, or of another plan or shard, and are computed again", async () => {
    const [work, other] = [await plan(), await plan(2)];
    for (const shard of [0, 1, 2]) await runShard(work, shard);
    await runShard(other, 0);
    const name = await nameOf(work, 1);
    const whole = store.files.get(name) as Buffer;
    const flipped = Buffer.from(whole);
    flipped[whole.length - 200] ^= 1;
    const [{ problems: none }, before] = [await shardStatus(work), await numbersOf(work)];
    expect(none).toEqual([]);
    const cases: [Buffer, RegExp][] = [
      [whole.subarray(0, whole.length - 10), /000001\.jsonl is damaged: it was truncated/],
      [whole.subarray(0, 30), /000001\.jsonl is not a part of a plan/],
      [Buffer.alloc(0), /000001\.jsonl is not a part of a plan/],
      [flipped, /000001\.jsonl is damaged: its content does not match its checksum/],
      [store.files.get(await nameOf(other, 0)) as Buffer, /000001\.jsonl is a part of another plan/],
      [
        store.files.get(await nameOf(work, 2)) as Buffer,
        /000001\.jsonl is the part of shard 2, but has the name of shard 1/,
      ],
    ];
    for (const [content, problem] of cases) {
      store.files.set(name, content);
      expect(await problemOf(mergeShards(work))).toEqual({ code: "content", message: expect.stringMatching(problem) });
      if (content !== flipped) expect((await shardStatus(work)).problems).toEqual([expect.stringMatching(problem)]);
      expect((await shardStatus(work, { whole: true })).problems).toEqual([expect.stringMatching(problem)]);
      expect(await runShard(work, 1)).toMatchObject({ computed: true });
      expect(store.files.get(name)).toEqual(whole);
    }
    expect(await numbersOf(work)).toStrictEqual(before);
  });

  test.skipIf(!existsSync("/dev/full"))(
    "that do not fit on the disk at the merge are not reported as damaged",
    async () => {
      const work = await plan(1);
      await runShard(work, 0);
      await mkdir(join(work, "fetched"));
      // What is written there ends with ENOSPC.
      await symlink("/dev/full", join(work, "fetched", "000000.jsonl"));
      const { code, stderr } = await run(["shards", "merge", work]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringMatching(/^error: cannot write .*ENOSPC/) });
      expect((await numbersOf(work)).pairs).toHaveLength(9);
    },
  );

  test("are read whole from a server without range requests", async () => {
    store.hasRanges = false;
    const work = await plan(2);
    await runShard(work, 1);
    expect(await shardStatus(work)).toMatchObject({ done: [1], missing: [0], problems: [] });
    await runShard(work, 0);
    expect((await numbersOf(work)).pairs).toHaveLength(9);
  });
});

describe("refuses", () => {
  test("a URL with secrets or an invalid URL, without showing it", async () => {
    for (const address of [
      "https://me:secret@store/",
      "https://store/?signature=abc",
      "store/secret",
      "ftp://secret/",
    ]) {
      const problem = await problemOf(plan(1, address));
      expect(problem, address).toEqual({
        code: "invalid-argument",
        message: expect.stringMatching(/^the address of parts must/),
      });
    }
  });

  test("credentials that the server rejects, and malformed headers", async () => {
    const work = await plan(1);
    store.authorization = "Bearer right";
    vi.stubEnv("RECONLOSS_PARTS_HEADERS", "Authorization: Bearer secret\n");
    const { code, message } = await problemOf(runShard(work, 0));
    expect([code, message]).toEqual(["download", expect.stringMatching(/HTTP 401; see RECONLOSS_PARTS_/)]);
    expect(await run(["shards", "work", work, "--shard", "0"])).toMatchObject({ code: 3 });
    vi.stubEnv("RECONLOSS_PARTS_HEADERS", "Authorization: Bearer right");
    await runShard(work, 0);
    vi.stubEnv("RECONLOSS_PARTS_HEADERS", "secret");
    expect((await problemOf(shardStatus(work))).message).toMatch(/RECONLOSS_PARTS_HEADERS must be lines/);
  });

  test("a redirect, so that credentials go to no other server", async () => {
    const other = await HttpStore.start();
    const work = await plan(1);
    store.redirect = other.url;
    expect((await problemOf(runShard(work, 0))).message).toMatch(/HTTP 307; redirects are not followed/);
    expect(other.requests).toEqual([]);
    await other.stop();
  });

  test("an unreachable server, before anything is computed", async () => {
    const work = await plan(1);
    await store.stop();
    const seen: unknown[] = [];
    const { code, message } = await problemOf(runShard(work, 0, { onProgress: (progress) => seen.push(progress) }));
    expect([code, message]).toEqual(["download", expect.stringMatching(/^http:.*ECONNREFUSED/)]);
    expect(seen).toEqual([]);
    await store.listen();
    await runShard(work, 0);
  });
});

test("shards plan --parts uses the server from the command line", async () => {
  const work = join(folder, "cli");
  const args = [
    "shards",
    "plan",
    "compare",
    outputs,
    targets,
    "-m",
    "l1",
    "--shards",
    "2",
    "-o",
    work,
    "--parts",
    store.url,
  ];
  expect(await run(args)).toMatchObject({ code: 0 });
  for (const shard of ["0", "1"])
    expect(await run(["shards", "work", work, "--shard", shard])).toMatchObject({ code: 0 });
  expect((await run(["shards", "status", work])).stdout).toBe("2 of 2 shards, 9 of 9 items\n");
  expect(await run(["shards", "merge", work])).toMatchObject({ code: 0 });
});

afterAll(() => vi.unstubAllEnvs());
