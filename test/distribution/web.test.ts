import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import type { SetOptions } from "../../packages/reconloss/src/distribution/image-set.ts";
import { evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { openSet } from "../../packages/reconloss/src/distribution/inputs/open.ts";
import { Web } from "../../packages/reconloss/src/distribution/inputs/web.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { closedPort } from "../ports.ts";
import { randomTensor } from "../random.ts";
import { FileServer, type Handler } from "../weights/file-server.ts";
import { tarOf, zipOf } from "./archives.ts";
import { failureOf, hashesOf, labelsOf, namesOf, withSet } from "./open-sets.ts";

const folder = await temporaryFolder();
const names = Array.from({ length: 4 }, (_, i) => `${i}.png`);
const bytes: Uint8Array[] = [];
for (const [i, name] of names.entries()) {
  await writeImage(join(folder, name), randomTensor([1, 3, 16, 16], i));
  bytes.push(await readFile(join(folder, name)));
}
const samples = names.map((name, i) => ({ name, data: bytes[i] }));
/** More than two blocks of the reader, so that several requests are made. */
const long = [...samples, { name: "notes.txt", data: new Uint8Array(3 * 2 ** 20) }, { name: "4.png", data: bytes[0] }];

/** The files of the server, by path. */
const files = new Map<string, Uint8Array>();

/** The answer of a good server of whole files and of ranges. */
const good: Handler = (request, response) => {
  const file = files.get((request.url ?? "").replace(/\?.*$/, ""));
  if (file === undefined) return void response.writeHead(404).end("<html>Not found");
  answer(request, response, file);
};

function answer(request: IncomingMessage, response: ServerResponse, file: Uint8Array, headers = {}): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const all = { etag: '"one"', ...headers };
  if (range === null) return void response.writeHead(200, { "content-length": file.length, ...all }).end(file);
  const [from, to] = [Number(range[1]), Math.min(Number(range[2]), file.length - 1)];
  if (from >= file.length) return void response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
  const part = file.subarray(from, to + 1);
  const printed2 = { "content-range": `bytes ${from}-${to}/${file.length}`, "content-length": part.length };
  response.writeHead(206, { ...printed2, ...all }).end(part);
}

const server = await FileServer.start(good);
afterAll(() => server.stop());
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  server.handler = good;
  server.requests.length = 0;
});

const serve = (name: string, data: Uint8Array | string) => {
  files.set(`/${name}`, typeof data === "string" ? Buffer.from(data) : data);
  return `${server.url}/${name}`;
};

/** Short waits between tries; a proxy of the machine that runs the tests does not count. */
const quick: SetOptions = { env: {}, retryDelay: 1 };
const all = () => hashesOf(folder);

describe("sets at URLs", () => {
  test("are read by range requests: tar, zip, npz, lists and patterns", async () => {
    const tar = serve("data/a.tar", tarOf(long));
    expect(await namesOf(tar, quick)).toEqual([...names, "4.png"].map((name) => `a.tar#${name}`));
    const hashes = await all();
    expect(await hashesOf(tar, quick)).toEqual([...hashes, hashes[0]]);
    expect(server.requests.every(({ range }) => range !== undefined)).toBe(true);
    expect(await hashesOf(serve("a.zip", zipOf(samples)), quick)).toEqual(hashes);
    const arr_0 = { data: new Uint8Array(2 * 4 * 4 * 3), shape: [2, 4, 4, 3] };
    expect(await hashesOf(serve("a.npz", writeNpz({ arr_0 })), quick)).toHaveLength(2);
    serve("data/b.tar", tarOf(samples.slice(2)));
    expect(await namesOf(`${server.url}/data/{a,b}.tar`, quick)).toHaveLength(7);
  });

  test("can be lists, whose entries are URLs or relative to the list's", async () => {
    for (const [i, name] of names.entries()) serve(`lists/images/${name}`, bytes[i]);
    serve("odd/#1 a.png", bytes[3]);
    files.set("/lists/odd/%231%20a.png", bytes[3]);
    const lines = [
      "images/0.png",
      `/lists/images/1.png`,
      `${server.url}/lists/images/2.png?signature=secret`,
      "odd/#1 a.png",
    ];
    const list = serve("lists/all.txt", lines.join("\n"));
    expect(await hashesOf(list, quick)).toEqual(await all());
    expect((await namesOf(list, quick))[2]).toBe(`${server.url}/lists/images/2.png`);
    const json = serve("lists/all.jsonl", JSON.stringify({ path: "images/0.png", label: "cat" }));
    expect(await labelsOf(json, quick)).toEqual(["cat"]);
    for (const line of ["file:///etc/passwd", "ftp://host/a.png"]) {
      const error = await failureOf(serve("lists/bad.txt", line), quick);
      expect([error.code, error.message]).toEqual(["content", expect.stringMatching(/line 1: .*only http and https/)]);
    }
  });

  test("compare like folders, and can be statistics on one side", async () => {
    const tar = serve("set.tar", tarOf(samples));
    const base = { network: "tiny", cache: false, ...quick } as const;
    const { results, outputs } = await evaluateDistribution(tar, folder, base);
    expect(outputs.images).toBe(4);
    expect(results.frechet?.value).toBe((await evaluateDistribution(folder, folder, base)).results.frechet?.value);
    const square = { data: Float64Array.of(1, 0, 0, 1), shape: [2, 2] };
    const vector = { data: Float64Array.of(0, 0), shape: [2] };
    const source = await openSet(serve("statistics.npz", writeNpz({ mu: vector, sigma: square })), quick);
    expect((await source.statistics?.())?.fid.mean).toEqual(vector.data);
    await source.close();
  });

  test("request each part only once, and several parts at a time", async () => {
    const web = new Web(quick);
    const source = await web.open(
      serve(
        "blocks.bin",
        Uint8Array.from({ length: 3 * 2 ** 20 + 5 }, (_, i) => i % 251),
      ),
    );
    const expected = (offset: number, length: number) => Uint8Array.from({ length }, (_, i) => (offset + i) % 251);
    for (const [offset, length] of [
      [0, 10],
      [2 ** 20 - 3, 7],
      [2 ** 21 - 1, 2 ** 20 + 6],
      [5, 0],
      [100, 3 * 2 ** 20 - 100],
    ]) {
      expect(Buffer.compare(await source.read(offset, length), expected(offset, length))).toBe(0);
    }
    expect(server.requests).toHaveLength(4);
    await web.close();
  });

  test("send the secrets in a URL, but keep them out of names and messages", async () => {
    serve("secret.tar", tarOf([...samples, { name: "broken.png", data: "x" }]));
    let authorization: string | undefined;
    server.handler = (request, response) => {
      authorization = request.headers.authorization;
      good(request, response);
    };
    const address = `${server.url.replace("//", "//user:p%40ss@")}/secret.tar?X-Amz-Signature=secret`;
    await withSet(
      address,
      async (set) => {
        expect(set.name(0)).toBe("secret.tar#0.png");
        const error = await (await set.load(4)).decode().catch((caught) => caught);
        expect(error.message).toMatch(`cannot read ${server.url}/secret.tar#broken.png: `);
      },
      quick,
    );
    expect(authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    files.delete("/secret.tar");
    expect((await failureOf(address, quick)).message).toBe(`${server.url}/secret.tar: HTTP 404`);
  });
});

describe("servers", () => {
  const tar = tarOf(long);
  const address = serve("shard.tar", tar);
  /** Answers the first requests in one way, and the others well. */
  const first = (count: number, then: Handler) => {
    let requests = 0;
    server.handler = (request, response) => (requests++ < count ? then(request, response) : good(request, response));
  };

  test("without range requests are read whole up to the limit, leaving no temporary file behind", async () => {
    const temporary = join(folder, "temporary");
    await mkdir(temporary);
    vi.stubEnv("TMPDIR", temporary);
    server.handler = (_, response) => void response.writeHead(200, { "content-length": tar.length }).end(tar);
    expect(await hashesOf(address, quick)).toHaveLength(5);
    expect(server.requests).toHaveLength(1);
    const refusal =
      /its server does not support range requests.*download limit of 1000; raise limitDownload \(--limit-download\)/;
    expect((await failureOf(address, { ...quick, limitDownload: 1000 })).message).toMatch(refusal);
    // Without a length, the limit is met while it is downloaded.
    server.handler = (_, response) => void response.writeHead(200).end(tar);
    const error = await failureOf(address, { ...quick, limitDownload: 1000 });
    expect([error.code, error.message]).toEqual(["download", expect.stringMatching(refusal)]);
    expect(await readdir(temporary)).toEqual([]);
  });

  test("that fail for a while are retried, after the wait that they ask for", async () => {
    first(2, (_, response) => void response.writeHead(503).end());
    expect(await hashesOf(address, quick)).toHaveLength(5);
    first(1, (_, response) => void response.writeHead(429, { "retry-after": "0.2" }).end());
    const start = performance.now();
    expect(await namesOf(address, quick)).toHaveLength(5);
    expect(performance.now() - start).toBeGreaterThan(190);
  });

  test("that keep failing are reported with the number of tries; refusals are reported at once", async () => {
    server.handler = (_, response) => void response.writeHead(500).end();
    const error = await failureOf(address, quick);
    expect([error.code, error.message]).toEqual(["download", `${address}: HTTP 500 (tried 5 times)`]);
    expect(server.requests).toHaveLength(5);
    server.requests.length = 0;
    server.handler = (_, response) => void response.writeHead(403).end();
    expect((await failureOf(address, quick)).message).toBe(`${address}: HTTP 403`);
    expect(server.requests).toHaveLength(1);
    const gone = await failureOf(`http://127.0.0.1:${closedPort}/a.tar`, quick);
    expect([gone.code, gone.message]).toEqual([
      "download",
      expect.stringMatching(/127\.0\.0\.1:\d+\/a\.tar: .*\(tried 2 times\)/),
    ]);
  });

  test("that stall, hang up, or send more or less than announced are retried", async () => {
    for (const then of [
      (_, response) => void response.writeHead(206, { "content-range": `bytes 0-1048575/${tar.length}` }).write("x"),
      (_, response) => {
        response.writeHead(206, { "content-range": `bytes 0-1048575/${tar.length}`, "content-length": 1048576 });
        response.write("x", () => response.destroy());
      },
      (_, response) => void response.writeHead(206, { "content-range": `bytes 0-1048575/${tar.length}` }).end("x"),
      (_, response) => void response.writeHead(206, { "content-range": `bytes 0-1048575/${tar.length}` }).end(tar),
      () => {},
    ] as Handler[]) {
      first(1, then);
      // On a loaded machine the good server, too, may be lost at times.
      expect(await namesOf(address, { ...quick, stallTimeout: 300, attempts: 100 })).toHaveLength(5);
    }
  });

  test("that send only a trickle are given up after a while", async () => {
    server.handler = (_, response) => {
      response.writeHead(206, { "content-range": `bytes 0-1048575/${tar.length}` });
      const timer = setInterval(() => response.write("x"), 50);
      response.on("close", () => clearInterval(timer));
    };
    const error = await failureOf(address, { ...quick, stallTimeout: 100, attempts: 2 });
    expect([error.code, error.message]).toEqual([
      "download",
      // The other where the machine is so loaded that not even the beginning of the answer came in time.
      expect.stringMatching(/it stopped after \d+ of 1048576 bytes|aborted due to timeout/),
    ]);
  });

  test("that give wrong ranges are refused", async () => {
    for (const [range, message] of [
      ["bytes 5-1048580/4000000", /asked for bytes from 0 on, but returned bytes 5-1048580/],
      ["bytes 0-1048575/*", /returned bytes 0-1048575\/\*/],
      ["nonsense", /returned nonsense/],
      [undefined, /returned nothing/],
    ] as const) {
      server.handler = (_, response) => void response.writeHead(206, range ? { "content-range": range } : {}).end(tar);
      const error = await failureOf(address, quick);
      expect([error.code, error.message]).toEqual(["download", expect.stringMatching(message)]);
    }
  });

  test("that redirect in circles or to a forbidden place are refused at once", async () => {
    server.handler = (request, response) => void response.writeHead(302, { location: request.url }).end();
    expect((await failureOf(address, quick)).message).toMatch(/redirect count exceeded$/);
    expect(server.requests.length).toBeLessThan(30);
    server.handler = (_, response) => void response.writeHead(302, { location: "file:///etc/passwd" }).end();
    expect((await failureOf(address, quick)).code).toBe("download");
    server.handler = (request, response) => {
      if (request.url === "/shard.tar") return void response.writeHead(302, { location: "/moved.tar" }).end();
      answer(request, response, tar);
    };
    expect(await hashesOf(address, quick)).toHaveLength(5);
  });

  test("whose file changes meanwhile, or that stop serving ranges, are refused", async () => {
    let requests = 0;
    server.handler = (request, response) => answer(request, response, tar, { etag: `"${requests++}"` });
    expect((await failureOf(address, quick)).message).toMatch(/shard\.tar: was changed while it was read/);
    requests = 0;
    server.handler = (request, response) =>
      requests++ === 0 ? good(request, response) : void response.writeHead(200).end(tar);
    expect((await failureOf(address, quick)).message).toMatch(/no longer supports range requests/);
  });

  test("that have only some images of a list: missing ones are reported, a failing server is an error", async () => {
    serve("some/0.png", bytes[0]);
    serve("some/large.png", bytes[0]);
    const list = serve("some/list.txt", "0.png\ngone.png\nlarge.png\nfailing.png");
    server.handler = (request, response) => {
      if (request.url === "/some/large.png") response.writeHead(200, { "content-length": 2 ** 40 }).flushHeaders();
      else if (request.url === "/some/failing.png") response.writeHead(502).end();
      else good(request, response);
    };
    await withSet(
      list,
      async (set) => {
        await set.load(0);
        await expect(set.load(1)).rejects.toMatchObject({
          code: "image",
          message: expect.stringMatching(/gone\.png: HTTP 404/),
        });
        await expect(set.load(2)).rejects.toMatchObject({
          code: "image",
          message: expect.stringMatching(/it has 1099511627776 bytes, and at most/),
        });
        await expect(set.load(3)).rejects.toMatchObject({
          code: "download",
          message: expect.stringMatching(/HTTP 502 \(tried 5 times\)/),
        });
      },
      quick,
    );
  });

  test("empty files and unsupported URLs are refused", async () => {
    expect((await failureOf(serve("empty.tar", ""), quick)).message).toMatch(/empty\.tar contains no images/);
    expect((await failureOf("s3://bucket/a.tar", quick)).message).toMatch(
      /is not a path; only http and https addresses are supported/,
    );
    expect((await failureOf("http://[::bad/a.tar", quick)).message).toMatch(/it is not a URL/);
  });
});

test("secrets in a URL appear in nothing that is written or printed", async () => {
  const png = serve("one/0.png", bytes[0]);
  const names = samples.map(({ name }) => `${png.replace("0.png", name)}?signature=s3cret`);
  for (const [i, { name }] of samples.entries()) serve(`one/${name}`, bytes[i]);
  serve("signed.tar", tarOf([...samples, { name: "torn.png", data: "x" }]));
  const signed = `${server.url.replace("//", "//user:s3cret@")}/signed.tar?signature=s3cret`;
  const list = join(folder, "signed.txt");
  await writeFile(list, [...names, `${server.url}/gone.png?signature=s3cret`].join("\n"));
  const archives = join(folder, "archives.txt");
  await writeFile(archives, [signed, `${signed}&part=2`].join("\n"));
  const [work, cache, page, statistics] = ["work", "cache", "page.html", "signed.npz"].map((name) =>
    join(folder, name),
  );
  const written: string[] = [];
  const printed2 = async (...args: string[]) => {
    const { stdout, stderr } = await run(args);
    written.push(stdout, stderr);
    return `${stdout}${stderr}`;
  };
  const base = ["--network", "tiny", "-m", "frechet", "--cache", cache];
  const plan = ["shards", "plan", "distribution"];
  for (const json of [[], ["--json"]]) {
    for (const [outputs, reals] of [
      [signed, list],
      [`${signed}::${signed}&part=2`, archives],
    ]) {
      expect(await printed2("distribution", outputs, reals, ...base, "--report", page, ...json)).toContain("torn.png");
      const html = await readFile(page, "utf8");
      expect(html).toContain("data:image/webp");
      written.push(html);
    }
  }
  await printed2("stats", signed, "-o", statistics, "--network", "tiny", "--cache", cache);
  await printed2("distribution", `${server.url}/lost.tar?signature=s3cret`, list, ...base);
  await printed2("distribution", `${server.url}/lost.npz?signature=s3cret`, list, ...base, "--patches", "512");
  await printed2("distribution", signed, list, ...base, "--patches", "512");
  await printed2("distribution", signed, list, "--network", "tiny", "-m", "class-frechet");
  // A plan keeps addresses for other processes, and so none with secrets; lists are files of their owner.
  expect(await printed2(...plan, signed, list, "--network", "tiny", "-o", work, "--shards", "2")).toContain(
    "signed.tar was given with a name, a password or a query, which a plan would store in plain text; write the address into a list",
  );
  expect(await printed2(...plan, list, archives, "--network", "tiny", "-o", work, "--shards", "2")).toContain(
    "2 shards",
  );
  for (const shard of ["0", "1"]) await printed2("shards", "work", work, "--shard", shard);
  expect(await printed2("shards", "merge", work)).toContain("frechet");
  for (const place of [work, cache, statistics]) {
    const paths =
      place === statistics ? [place] : (await readdir(place, { recursive: true })).map((name) => join(place, name));
    for (const path of paths) written.push((await readFile(path).catch(() => Buffer.alloc(0))).toString("latin1"));
  }
  expect(written.filter((text) => /s3cret/.test(text)).map((text) => text.slice(0, 2000))).toEqual([]);
  expect(written.join("")).toContain("signed.tar");
  // Addresses that differ in what is not shown have names that do.
  await withSet(archives, async (set) => {
    expect([set.name(0), set.name(5)]).toEqual([
      `${server.url}/signed.tar#0.png`,
      `${server.url}/signed.tar (2)#0.png`,
    ]);
  });
});
