import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clusterStatus, submitShards, workShards } from "../../packages/reconloss/src/cluster/index.ts";
import { openQueue } from "../../packages/reconloss/src/cluster/queue.ts";
import { evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { mergeShards, planDistribution } from "../../packages/reconloss/src/shards/index.ts";
import { temporaryFolder } from "../folder.ts";
import { killAll, type Running, type Start, start } from "../program.ts";
import { makeSets } from "../shards/sets.ts";
import { RedisServer } from "./redis.ts";

const shards = 40;
const folder = await temporaryFolder();
/** The number of shards that workers may begin that wait for it. */
const gate = join(folder, "gate");
const openGate = (shards: number) => writeFile(gate, String(shards));
let redis: RedisServer;
let sets: Awaited<ReturnType<typeof makeSets>>;

beforeAll(async () => {
  redis = await RedisServer.start(folder, { password: "open sesame" });
  process.env.RECONLOSS_REDIS_PASSWORD = "open sesame";
  // 40 blocks of 64 images, and a last one that is not full.
  sets = await makeSets(join(folder, "sets"), { outputs: 39 * 64 + 10, reals: 100 });
});

afterAll(async () => {
  await killAll();
  delete process.env.RECONLOSS_REDIS_PASSWORD;
  await redis?.stop();
});

/** Waits for something, and fails where a process ends before it. */
async function until(what: string, isSo: () => Promise<boolean> | boolean, ...running: Running[]): Promise<void> {
  while (!(await isSo())) {
    for (const { process, errors } of running) {
      if (process.exitCode !== null) throw new Error(`a process ended before ${what}: ${errors()}`);
    }
    await sleep(50);
  }
}

const partsIn = async (work: string) =>
  (await readdir(join(work, "parts")).catch(() => [] as string[])).filter((name) => !name.startsWith(".")).length;

interface Event {
  shard: number;
  outcome: string;
}

const eventsOf = ({ lines }: Running): Event[] =>
  lines()
    .map((line) => JSON.parse(line))
    .filter(({ outcome }) => outcome !== undefined);

describe("a queue on a real Redis server", () => {
  test("gives the bits of one process and recomputes only lost shards after kills, errors and a Redis restart", async () => {
    const work = join(folder, "work");
    const metrics = ["frechet", "kid"];
    const options = { network: sets.network, metrics, resizer: "clean" } as const;
    await planDistribution(work, sets.outputs, sets.reals, { ...options, shards });
    const queue = ["--redis", redis.url, "--json"];
    // Nobody does more than the first 20 before the server has been away.
    await openGate(20);
    const worker = (name: string, ...files: string[]) =>
      start(["cluster", "work", work, ...queue, "--name", name, "--lock-seconds", "10"], {
        preload: ["./cluster/gate.mjs", ...files],
        env: { RECONLOSS_TEST_GATE: gate },
      });
    const supervise = () => start(["cluster", "submit", work, ...queue, "--wait"]);

    const first = supervise();
    await until("the shards were submitted", () => first.lines().length > 0, first);
    const killed = worker("killed", "./cluster/killed.mjs");
    expect(await killed.ended, killed.errors()).toBe("SIGKILL");
    expect(eventsOf(killed)).toHaveLength(2);
    first.process.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    const second = supervise();
    const others = [worker("throwing", "./cluster/throwing.mjs"), worker("second"), worker("third")];
    const running = [second, ...others];
    await until("there were 10 parts", async () => (await partsIn(work)) >= 10, ...running);
    const status = await clusterStatus(work, { redis: redis.url });
    expect(status.shards).toBe(shards);
    expect(status.done.length + status.missing.length).toBe(shards);
    expect(status.failed).toEqual([]);
    // A process that first calls at a server which is away ends with an error, as it should: all of them are at work by now.
    await until("the supervisor had looked", () => second.lines().length > 0, ...running);
    const workers = async () => (await clusterStatus(work, { redis: redis.url })).workers;
    await until("there were three workers", async () => (await workers()) === 3, ...running);
    await redis.restart(500);
    await openGate(shards);
    const ends = await Promise.all(running.map(({ ended }) => ended));
    expect(ends, running.map(({ errors }) => errors()).join("\n")).toEqual([0, 0, 0, 0]);

    // Each shard once, that too which the killed worker had taken.
    const computed = [killed, ...others].flatMap(eventsOf).filter(({ outcome }) => outcome === "computed");
    expect(computed.map(({ shard }) => shard).sort((a, b) => a - b)).toEqual(
      Array.from({ length: shards }, (_, i) => i),
    );

    const merged = await mergeShards(work);
    const whole = await evaluateDistribution(sets.outputs, sets.reals, { ...options, cache: false });
    expect(merged.kind).toBe("distribution");
    expect((merged as { report: typeof whole }).report.results).toEqual(whole.results);
  });

  test("does not retry a shard whose input is at fault, and reports it in workers and status", async () => {
    const few = await makeSets(join(folder, "few"), { outputs: 130, reals: 70 });
    const work = join(folder, "work-few");
    await planDistribution(work, few.outputs, few.reals, { network: few.network, metrics: ["frechet"], shards: 3 });
    // The input is no longer what was planned.
    await rm(join(few.outputs, "10.png"));
    expect(await submitShards(work, { redis: redis.url })).toMatchObject({ shards: 3, done: 0, added: 3, queued: 0 });
    // Once more: nothing is added.
    expect(await submitShards(work, { redis: redis.url })).toMatchObject({ added: 0, queued: 3 });
    const running = start(["cluster", "work", work, "--redis", redis.url, "--json"]);
    expect(await running.ended).toBe(1);
    expect(running.errors()).toContain("given up");
    const failures = eventsOf(running).filter(({ outcome }) => outcome === "failed");
    expect(new Set(failures.map(({ shard }) => shard)).size).toBe(failures.length);
    const status = await clusterStatus(work, { redis: redis.url });
    expect(status.failed.length).toBeGreaterThan(0);
    const shown = start(["cluster", "status", work, "--redis", redis.url]);
    expect(await shown.ended).toBe(1);
    expect(shown.lines().join("\n")).toContain("given up: shard");
  });

  test("kills a process that hangs after its time limit, and retries its shard", async () => {
    const few = await makeSets(join(folder, "hanging"), { outputs: 100, reals: 70 });
    const work = join(folder, "work-hanging");
    await planDistribution(work, few.outputs, few.reals, { network: few.network, metrics: ["frechet"], shards: 2 });
    await submitShards(work, { redis: redis.url });
    const args = ["--redis", redis.url, "--json", "--hung-seconds", "77"];
    const hangs: Start = { preload: ["./cluster/hanging.mjs"], env: { RECONLOSS_TEST_HANGS: join(folder, "hangs") } };
    const running = start(["cluster", "work", work, ...args], hangs);
    expect(await running.ended, running.errors()).toBe(0);
    const events = eventsOf(running);
    const failures = events.filter(({ outcome }) => outcome === "failed");
    expect(failures).toEqual([
      expect.objectContaining({
        reason: expect.stringMatching(/no image or pair was done in 77 s, so the process .* was killed/),
      }),
    ]);
    // Every shard in the end, the one that hung too.
    const computed = events.filter(({ outcome }) => outcome === "computed").map(({ shard }) => shard);
    expect(computed.sort()).toEqual([0, 1]);
    expect(computed).toContain(failures[0].shard);
  });

  test("hands the shard back at once on SIGTERM, and the next worker finishes the job", async () => {
    const few = await makeSets(join(folder, "ended"), { outputs: 130, reals: 70 });
    const work = join(folder, "work-ended");
    await planDistribution(work, few.outputs, few.reals, { network: few.network, metrics: ["frechet"], shards: 3 });
    await submitShards(work, { redis: redis.url });
    await openGate(0);
    const waits: Start = { preload: ["./cluster/gate.mjs"], env: { RECONLOSS_TEST_GATE: gate } };
    const ended = start(["cluster", "work", work, "--redis", redis.url, "--json"], waits);
    const active = async () => (await clusterStatus(work, { redis: redis.url })).jobs.active;
    await until("there was an active job", async () => (await active()) === 1, ended);
    ended.process.kill("SIGTERM");
    await ended.ended;
    expect(eventsOf(ended)).toEqual([expect.objectContaining({ outcome: "handed-back" })]);
    const { jobs } = await clusterStatus(work, { redis: redis.url });
    expect(jobs.active).toBe(0);
    const rest = start(["cluster", "work", work, "--redis", redis.url, "--json"]);
    expect(await rest.ended).toBe(0);
    expect((await clusterStatus(work, { redis: redis.url })).missing).toEqual([]);
  });
});

describe("refuses", () => {
  const plan = async () => {
    const work = join(folder, "work-refused");
    await planDistribution(work, sets.outputs, sets.reals, { network: sets.network, metrics: ["frechet"], shards: 3 });
    return work;
  };

  test("a wrong password, quoting the server's error without the password", async () => {
    const work = await plan();
    process.env.RECONLOSS_REDIS_PASSWORD = "wrong secret";
    try {
      const error = await submitShards(work, { redis: redis.url }).catch((caught) => caught);
      expect(error.code).toBe("download");
      expect(error.message).toContain(redis.url);
      expect(error.message).not.toContain("wrong secret");
    } finally {
      process.env.RECONLOSS_REDIS_PASSWORD = "open sesame";
    }
  });

  test("an invalid address, without printing it", async () => {
    for (const address of ["localhost:6379", "http://user:secret@host", "redis://", ""]) {
      const error = await workShards(await plan(), { redis: address }).catch((caught) => caught);
      expect(error.code, address).toBe("invalid-argument");
      expect(error.message).not.toContain("secret");
    }
  });

  test("a folder without a plan, before it contacts the server", async () => {
    const error = await clusterStatus(join(folder, "nothing"), { redis: "redis://127.0.0.1:1" }).catch(
      (caught) => caught,
    );
    expect(error.code).toBe("file");
  });

  test("options of the wrong type", async () => {
    for (const attempts of [0, 1.5, Number.NaN]) {
      await expect(submitShards(await plan(), { redis: redis.url, attempts })).rejects.toThrow("attempts must be");
    }
    await expect(submitShards(await plan(), { redis: 5 as never })).rejects.toThrow("redis");
    for (const seconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const [work, at] = [await plan(), { redis: redis.url }];
      await expect(workShards(work, { ...at, hungSeconds: seconds })).rejects.toThrow("hungSeconds must be");
      await expect(workShards(work, { ...at, lockSeconds: seconds })).rejects.toThrow("lockSeconds must be");
    }
  });
});

test("submitting again takes the same number of Redis commands for any number of shards", async () => {
  const client = new Redis(redis.url, { password: "open sesame" });
  const processed = async () => Number(/total_commands_processed:(\d+)/.exec(await client.info("stats"))?.[1]);
  const commands: number[] = [];
  for (const count of [3, 40]) {
    const work = join(folder, `work-commands-${count}`);
    const options = { network: sets.network, metrics: ["frechet"], shards: count };
    await planDistribution(work, sets.outputs, sets.reals, options);
    await submitShards(work, { redis: redis.url });
    const before = await processed();
    expect(await submitShards(work, { redis: redis.url })).toMatchObject({ shards: count, added: 0, queued: count });
    commands.push((await processed()) - before);
  }
  client.disconnect();
  expect(commands[1]).toBe(commands[0]);
  expect(commands[0]).toBeGreaterThan(0);
});

test("jobs contain the plan's hash and the shard's number, and nothing about the images", async () => {
  const work = join(folder, "work-jobs");
  const manifest = await planDistribution(work, sets.outputs, sets.reals, {
    network: sets.network,
    shards: 3,
    metrics: ["frechet"],
  });
  await submitShards(work, { redis: redis.url });
  const { queue, close } = await openQueue(work, { redis: redis.url });
  const jobs = await queue.getJobs();
  await close();
  expect(jobs.map(({ data }) => data).sort((a, b) => a.shard - b.shard)).toEqual(
    [0, 1, 2].map((shard) => ({ work: manifest.hash, shard })),
  );
});
