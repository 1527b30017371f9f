import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterStatus, submitShards } from "../../packages/reconloss/src/cluster/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { planComparison } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { killAll, start } from "../program.ts";
import { randomTensor } from "../random.ts";
import { RedisServer } from "./redis.ts";

const folder = await temporaryFolder();
const [cert, key, work] = ["server.crt", "server.key", "work"].map((name) => join(folder, name));
let redis: RedisServer;

beforeAll(async () => {
  const subject = ["-subj", "/CN=a queue", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", key, "-out", cert, "-days", "2", "-nodes"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...files, ...subject], { stdio: "ignore" });
  const data = join(folder, "redis");
  await mkdir(data);
  redis = await RedisServer.start(data, { tls: { cert, key } });
  const images = join(folder, "images");
  for (let i = 0; i < 4; i++) await writeImage(join(images, `${i}.png`), randomTensor([1, 1, 8, 8], i));
  await planComparison(work, images, images, { metrics: "l1", shards: 2 });
});

afterAll(async () => {
  await killAll();
  await redis?.stop();
});

test("submits, computes and merges shards over TLS with a certificate authority read from a file", async () => {
  const options = { redis: redis.url, redisCa: cert };
  expect(await submitShards(work, options)).toMatchObject({ added: 2 });
  // The program too: by its option, by the environment, and by what Node trusts.
  const worker = start(["cluster", "work", work, "--redis", redis.url, "--redis-ca", cert]);
  expect(await worker.ended, worker.errors()).toBe(0);
  expect(await clusterStatus(work, options)).toMatchObject({ done: [0, 1], missing: [] });
  for (const name of ["RECONLOSS_REDIS_CA", "NODE_EXTRA_CA_CERTS"]) {
    const status = start(["cluster", "status", work, "--redis", redis.url], { env: { [name]: cert } });
    expect(await status.ended, status.errors()).toBe(0);
    expect(status.lines()[0]).toMatch(/^2 of 2 parts/);
  }
  const merged = await run(["cluster", "merge", work, "--json"]);
  expect(merged).toEqual(await run(["shards", "merge", work, "--json"]));
  expect([merged.code, JSON.parse(merged.stdout).mean]).toEqual([0, { l1: 0 }]);
});

test("refuses an untrusted certificate, an invalid certificate file, and a server without TLS", async () => {
  const problem = (options: object) => submitShards(work, { redis: redis.url, ...options }).catch((error) => error);
  const untrusted = await problem({});
  expect([untrusted.code, untrusted.message]).toEqual(["download", expect.stringMatching(/self-signed certificate/)]);
  expect((await problem({ redisCa: key })).message).toMatch(/server\.key has no certificate in it/);
  expect((await problem({ redisCa: join(folder, "none") })).code).toBe("file");
  expect((await problem({ redis: "redis://127.0.0.1:1", redisCa: cert })).message).toMatch(
    /applies only to rediss:\/\/ addresses/,
  );
});
