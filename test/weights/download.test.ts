import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import type { DownloadProgress } from "../../packages/core/src/weights/fetch.ts";
import type { WeightsEntry } from "../../packages/core/src/weights/registry.ts";
import { machine } from "../../packages/reconloss/src/files.ts";
import { type DownloadOptions, downloadWeights } from "../../packages/reconloss/src/weights/download.ts";
import { closedPort } from "../ports.ts";
import { FileServer, type Handler, serve, serveStart } from "./file-server.ts";
import { float32Safetensors } from "./golden-checkpoints.ts";

/** Whether a small disk of its own can be made here: as root, on Linux. */
const canMount =
  process.platform === "linux" && process.getuid?.() === 0 && spawnSync("mount", ["--version"]).status === 0;

const content = new Uint8Array(randomBytes(300_000));
const half = content.length / 2;

let folder: string;
let server: FileServer;
let destination: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "reconloss-weights-"));
  destination = join(folder, "cache", "net.pth");
  server = await FileServer.start(serve(content));
  has = 0;
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const entry = (changes: Partial<WeightsEntry> = {}): WeightsEntry => ({
  name: "net",
  file: "net.pth",
  url: `${server.url}/net.pth`,
  sha256: createHash("sha256").update(content).digest("hex"),
  bytes: content.length,
  licence: "none",
  citation: "none",
  ...changes,
});
/** The number of bytes of the file that the client has. */
let has = 0;
const pull = (options: DownloadOptions = {}, of = entry()) => {
  const onProgress = (progress: DownloadProgress) => {
    has = progress.received;
    options.onProgress?.(progress);
  };
  return downloadWeights(of, destination, { env: {}, retryDelay: 5, ...options, onProgress });
};
/** Sends the next `count` bytes, and hangs up once they have arrived. */
const serveUntil = (count: number, bytes = content, etag?: string) => serveStart(bytes, count, () => has, etag);
const failure = async (work: Promise<unknown>): Promise<ReconlossError> => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(ReconlossError);
  return error as ReconlossError;
};
/** Handlers that answer the first, second ... request; the last one answers all that follow. */
const inTurn = (...handlers: Handler[]): Handler => {
  let turn = 0;
  return (request, response) => handlers[Math.min(turn++, handlers.length - 1)](request, response);
};
const status =
  (code: number): Handler =>
  (_, response) =>
    response.writeHead(code).end("no");
const expectComplete = () => {
  expect(readFileSync(destination).equals(content)).toBe(true);
  // Neither a partial file, nor its note, nor a lock stays behind.
  expect(readdirSync(join(folder, "cache"))).toEqual(["net.pth"]);
};

describe("downloads that succeed", () => {
  test("downloads the whole file, with progress up to the last byte", async () => {
    const progress: DownloadProgress[] = [];
    await pull({ onProgress: (step) => progress.push(step) });
    expectComplete();
    expect(progress.at(-1)).toEqual({ name: "net", received: content.length, total: content.length });
    expect(server.requests).toHaveLength(1);
  });

  test("retries after two HTTP 500", async () => {
    server.handler = inTurn(status(500), status(503), serve(content));
    await pull();
    expectComplete();
    expect(server.requests).toHaveLength(3);
  });

  test("continues a truncated body where it ended", async () => {
    server.handler = inTurn(serveUntil(half), serve(content));
    await pull();
    expectComplete();
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`]);
  });

  test("continues a stalled body after the stall timeout", async () => {
    const silent = serveStart(content, half, "fall silent");
    server.handler = (request, response) => (request.headers.range ? serve(content) : silent)(request, response);
    await pull({ stallTimeout: 1000 });
    expectComplete();
    expect(server.requests.at(-1)?.range).toBe(`bytes=${half}-`);
  });

  test("does not time out a slow body that never stalls", async () => {
    server.handler = async (_, response) => {
      response.writeHead(200, { "content-length": content.length });
      const step = content.length / 10;
      for (let sent = 0; sent < content.length; sent += step) {
        await sleep(250);
        response.write(content.subarray(sent, sent + step));
        while (has < sent + step && !response.destroyed) await sleep(5);
      }
      response.end();
    };
    // The client counts silence by turns of this process, which server and client take in the same way however busy the machine is.
    const started = performance.now();
    await pull({ stallTimeout: 2000 });
    expect(performance.now() - started).toBeGreaterThan(2000);
    expectComplete();
    expect(server.requests).toHaveLength(1);
  });

  test("does not count short bodies that make progress as failed tries", async () => {
    server.handler = serveUntil(content.length / 5);
    await pull({ attempts: 2 });
    expectComplete();
    expect(server.requests).toHaveLength(5);
  });

  test("continues the partial file of an interrupted process", async () => {
    server.handler = serveUntil(half);
    const controller = new AbortController();
    const onProgress = ({ received }: DownloadProgress) => received >= half && controller.abort();
    expect((await failure(pull({ signal: controller.signal, onProgress }))).message).toContain("stopped");
    expect(existsSync(destination)).toBe(false);
    server.handler = serve(content);
    server.requests.length = 0;
    await pull();
    expectComplete();
    expect(server.requests.map(({ range }) => range)).toEqual([`bytes=${half}-`]);
  });

  test("downloads again a file that changed on the server", async () => {
    server.handler = inTurn(serveUntil(half, new Uint8Array(content.length), '"old"'), serve(content, '"new"'));
    await pull();
    expectComplete();
  });

  test("downloads the whole file again from a server without ranges and ETag", async () => {
    const plain: Handler = (_, response) => response.writeHead(200, { "content-length": content.length }).end(content);
    const cut: Handler = (_, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, half), () => response.destroy());
    };
    server.handler = inTurn(cut, plain);
    await pull();
    expectComplete();
    expect(server.requests.at(-1)?.range).toBeUndefined();
  });

  test("accepts any checkpoint when no hash is known", async () => {
    const file = float32Safetensors({ t: { shape: [1], data: [1] } });
    server.handler = serve(file);
    await pull({}, entry({ sha256: undefined, bytes: undefined }));
    expect(readFileSync(destination).equals(file)).toBe(true);
  });

  test("uses the mirror and the proxy that are set", async () => {
    const unreachable = entry({ url: "http://weights.invalid/net.pth" });
    await pull({ env: { RECONLOSS_MIRROR: `${server.url}/mirror/` } }, unreachable);
    expectComplete();
    rmSync(destination);
    await pull({ env: { HTTP_PROXY: server.url } }, unreachable);
    expectComplete();
    rmSync(destination);
    await pull({ env: { HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "127.0.0.1" } });
    expectComplete();
    expect(server.requests.map(({ path, proxied }) => [path, proxied])).toEqual([
      ["/mirror/net.pth", false],
      ["http://weights.invalid/net.pth", true],
      ["/net.pth", false],
    ]);
  });
});

describe("downloads that fail", () => {
  test("HTTP 404 fails at once, with the address", async () => {
    server.handler = status(404);
    const error = await failure(pull());
    expect([error.code, error.message]).toEqual(["download", `net: ${server.url}/net.pth: HTTP 404`]);
    expect(server.requests).toHaveLength(1);
    expect(existsSync(destination)).toBe(false);
  });

  test("endless HTTP 500 fails after the allowed tries", async () => {
    server.handler = status(500);
    const error = await failure(pull({ attempts: 3 }));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("HTTP 500 (tried 3 times)")]);
    expect(server.requests).toHaveLength(3);
  });

  test("wrong bytes of the right length are refused and deleted", async () => {
    server.handler = serve(new Uint8Array(content.length));
    const error = await failure(pull());
    expect([error.code, error.message]).toEqual([
      "download",
      expect.stringMatching(/SHA-256 is \w{64}, expected \w{64}/),
    ]);
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  test("an HTML page instead of the file is refused by its length, before the body is read", async () => {
    server.handler = (_, response) => response.writeHead(200, { "content-length": 9 }).end("<html></>");
    const error = await failure(pull());
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("has 9 bytes, expected 300000")]);
  });

  test("an HTML page is refused as no checkpoint when no hash is known", async () => {
    server.handler = serve(new TextEncoder().encode("<html>sign in first</html>"));
    const error = await failure(pull({}, entry({ sha256: undefined, bytes: undefined })));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("web page")]);
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  test("a server that sends too much is stopped", async () => {
    server.handler = (_, response) => {
      response.writeHead(200);
      response.end(new Uint8Array(2 * content.length));
    };
    const error = await failure(pull({ attempts: 1 }));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("continues after 300000 bytes")]);
  });

  test("a body that keeps stalling fails after the allowed tries", async () => {
    server.handler = serveStart(content, 0, "fall silent");
    const error = await failure(pull({ stallTimeout: 200, attempts: 2 }));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("tried 2 times")]);
  });

  test("a refused connection is reported", async () => {
    const error = await failure(pull({ attempts: 2 }, entry({ url: `http://127.0.0.1:${closedPort}/net.pth` })));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("ECONNREFUSED")]);
  });

  test.skipIf(!canMount)("a full disk is reported, without retries", async () => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
    try {
      destination = join(disk, "net.pth");
      const error = await failure(pull());
      expect([error.code, error.message]).toEqual(["file", expect.stringContaining("the disk is full")]);
      expect(server.requests).toHaveLength(1);
      expect(existsSync(destination)).toBe(false);
    } finally {
      execFileSync("umount", [disk]);
    }
  });

  test("a file of unknown size is limited to the most that it can have", async () => {
    for (const length of [true, false]) {
      server.handler = (_, response) => {
        response.writeHead(200, length ? { "content-length": content.length } : {});
        response.end(content);
      };
      const unknown = entry({ bytes: undefined, sha256: undefined, most: 1000 });
      const error = await failure(pull({ attempts: 1 }, unknown));
      expect([error.code, error.message]).toEqual(["download", expect.stringContaining("more than 1000 bytes")]);
      expect(existsSync(`${destination}.partial`)).toBe(false);
    }
  });

  test("an unknown host name is tried fewer times", async () => {
    const error = await failure(pull({}, entry({ url: "http://no-such-host.invalid/net.pth" })));
    expect([error.code, error.message]).toEqual(["download", expect.stringMatching(/ENOTFOUND|EAI_AGAIN/)]);
    // Where five are the default.
    expect(error.message).toContain("tried 2 times");
  });

  test("a symbolic link in the partial file's place is not followed", async () => {
    destination = join(folder, "net.pth");
    const outside = join(folder, "outside");
    for (const name of [".partial", ".partial.json"]) {
      writeFileSync(outside, "precious");
      symlinkSync(outside, `${destination}${name}`);
      await pull();
      expect(readFileSync(outside, "utf8")).toBe("precious");
      expect(readFileSync(destination).equals(content)).toBe(true);
      rmSync(destination);
    }
  });

  test("a cache folder that cannot be created is reported", async () => {
    writeFileSync(join(folder, "cache"), "a file where the folder should be");
    expect((await failure(pull())).code).toBe("file");
  });
});

describe("concurrent downloads", () => {
  test("calls in one process share one download", async () => {
    await Promise.all([pull(), pull(), pull()]);
    expectComplete();
    expect(server.requests).toHaveLength(1);
  });

  test("processes share one download", async () => {
    server.handler = (request, response) => setTimeout(() => serve(content)(request, response), 500);
    const module = new URL("../../packages/reconloss/src/weights/download.ts", import.meta.url).href;
    const code = `import { downloadWeights } from ${JSON.stringify(module)};
      await downloadWeights(${JSON.stringify(entry())}, ${JSON.stringify(destination)}, { env: {} });`;
    const runs = [1, 2, 3].map(
      () =>
        new Promise<number | null>((resolve) => {
          const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code], {
            stdio: "inherit",
          });
          child.on("exit", resolve);
        }),
    );
    expect(await Promise.all(runs)).toEqual([0, 0, 0]);
    expectComplete();
    expect(server.requests).toHaveLength(1);
  });

  test("a lock left by a killed process is taken over", async () => {
    destination = join(folder, "net.pth");
    writeFileSync(`${destination}.lock`, "killed");
    const old = new Date(Date.now() - 60_000);
    utimesSync(`${destination}.lock`, old, old);
    await pull();
    expect(readdirSync(folder)).toEqual(["net.pth"]);
  });

  test("a lock of a dead process on this machine is taken over at once, and so is a future-dated lock that is never renewed", async () => {
    destination = join(folder, "net.pth");
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const dead = JSON.stringify({ owner: "x", machine, pid });
    for (const [text, staleLock] of [
      [dead, 60_000],
      [JSON.stringify({ owner: "x", machine: "another", pid }), 300],
    ] as const) {
      writeFileSync(`${destination}.lock`, text);
      const future = new Date(Date.now() + 86_400_000);
      utimesSync(`${destination}.lock`, future, future);
      await pull({ staleLock });
      expect(readdirSync(folder)).toEqual(["net.pth"]);
      rmSync(destination);
    }
  });

  test("a waiting process reports once which process it waits for", async () => {
    destination = join(folder, "net.pth");
    writeFileSync(`${destination}.lock`, JSON.stringify({ owner: "x", machine, pid: process.ppid }));
    const printed2: unknown[] = [];
    const stop = new AbortController();
    const onWait: DownloadOptions["onWait"] = (name, holder) => {
      printed2.push([name, holder?.pid]);
      // It looks again meanwhile.
      setTimeout(() => stop.abort(), 350);
    };
    await failure(pull({ onWait, signal: stop.signal }));
    expect(printed2).toEqual([["net", process.ppid]]);
  });

  test("waiting for another process's lock can be aborted", async () => {
    destination = join(folder, "net.pth");
    writeFileSync(`${destination}.lock`, "alive");
    const error = await failure(pull({ signal: AbortSignal.timeout(150) }));
    expect([error.code, error.message]).toEqual(["download", expect.stringContaining("stopped")]);
    expect(server.requests).toHaveLength(0);
  });
});
