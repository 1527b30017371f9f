import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { perceptual } from "../../packages/core/src/losses/index.ts";
import { squeezenet } from "../../packages/core/src/nets/squeezenet.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type DownloadProgress, fetchWeights } from "../../packages/core/src/weights/fetch.ts";
import { type HostedOptions, hostedWeights, weightsFrom } from "../../packages/core/src/weights/hosted.ts";
import type { PackedFile, WeightsManifest } from "../../packages/core/src/weights/manifest.ts";
import { weightsEntry } from "../../packages/core/src/weights/registry.ts";
import { plainSha256, sha256 } from "../../packages/core/src/weights/sha256.ts";
import { safetensors } from "../../packages/core/src/weights/write-safetensors.ts";
import { seededWeights } from "../seeded-weights.ts";
import { FileServer, type Handler, serve, serveStart } from "./file-server.ts";

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const shapes = squeezenet.tensors(["relu1"]);
const seeded = seededWeights(shapes);
const tensors = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [name, { shape, data: seeded[name] }]),
);
const content = safetensors(tensors);

const packed = (bytes: Uint8Array, file = "squeezenet1_1.safetensors"): PackedFile => ({
  file,
  bytes: bytes.length,
  sha256: hashOf(bytes),
  dtype: "float32",
  source: { file: "squeezenet1_1-b8a52dc0.pth", sha256: "0".repeat(64), published: false },
  licence: "none",
});
const manifestOf = (bytes: Uint8Array): WeightsManifest => ({
  format: "reconloss-weights",
  version: 1,
  files: { squeezenet1_1: packed(bytes) },
});
const text = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** The Cache API as far as it is used, with bytes that a test can change. */
class FakeCache {
  readonly files = new Map<string, Uint8Array>();
  readonly #full: boolean;
  constructor(full = false) {
    this.#full = full;
  }
  async match(url: string) {
    const bytes = this.files.get(url);
    return bytes && new Response(bytes as Uint8Array<ArrayBuffer>);
  }
  async put(url: string, response: Response) {
    if (this.#full) throw new DOMException("no room", "QuotaExceededError");
    this.files.set(url, new Uint8Array(await response.arrayBuffer()));
  }
  async delete(url: string) {
    return this.files.delete(url);
  }
}
const useCache = (cache: FakeCache) => {
  vi.stubGlobal("caches", { open: async () => cache });
  return cache;
};

let server: FileServer;
let site: Record<string, Handler | Uint8Array>;
beforeEach(async () => {
  site = { "/weights/weights.json": text(manifestOf(content)), "/weights/squeezenet1_1.safetensors": content };
  server = await FileServer.start((request, response) => {
    const answer = site[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end("not found");
    else if (typeof answer === "function") answer(request, response);
    else serve(answer)(request, response);
  });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await server.stop();
});

const base = () => `${server.url}/weights/`;
const entry = weightsEntry("squeezenet1_1");
/** The number of bytes of a file that the client has. */
let has = 0;
async function bytesFrom(options: HostedOptions = {}, at = base()): Promise<Uint8Array | undefined> {
  const onProgress = (progress: DownloadProgress) => {
    has = progress.received;
    options.onProgress?.(progress);
  };
  const source = await hostedWeights(at, { ...options, onProgress }).open(entry);
  return source?.read(0, source.size);
}
const paths = () => server.requests.map(({ path }) => path.replace("/weights/", ""));
const advice =
  "to host them: npx reconloss weights pack squeezenet1_1 -o FOLDER, where FOLDER is what is served at http://127.0.0.1";

describe("SHA-256", () => {
  test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_000])(
    "of %d bytes, with and without WebCrypto, equals that of node:crypto",
    async (length) => {
      const bytes = Uint8Array.from({ length: length + 3 }, (_, i) => (i * 131) & 255).subarray(3);
      expect(plainSha256(bytes)).toBe(hashOf(bytes));
      expect(await sha256(bytes)).toBe(hashOf(bytes));
      vi.stubGlobal("crypto", {});
      expect(await sha256(bytes)).toBe(hashOf(bytes));
    },
  );
});

describe("weights hosted on a site", () => {
  test("give a loss the same values as the tensors themselves, from a folder, a file or a registered place", async () => {
    const options = { net: "squeezenet1_1", taps: "relu1" } as const;
    const ramp = Float32Array.from({ length: 3 * 24 * 24 }, (_, i) => ((i * 37) % 101) / 101);
    const images = [new Tensor(ramp, [1, 3, 24, 24]), Tensor.full([1, 3, 24, 24], 0.5)] as const;
    const expected = await perceptual(options, { weights: tensors }).value(...images);
    const file = `${base()}squeezenet1_1.safetensors`;
    for (const weights of [hostedWeights(base()), file, new URL(file), await fetchWeights(file)]) {
      expect(await perceptual(options, { weights }).value(...images)).toBe(expected);
    }
    vi.stubEnv("RECONLOSS_OFFLINE", "1");
    const remove = weightsFrom(base());
    expect(await perceptual(options).value(...images)).toBe(expected);
    remove();
    const before = server.requests.length;
    await perceptual(options)
      .value(...images)
      .catch(() => {});
    expect(server.requests.length).toBe(before);
  });

  test("are found without the base's last slash, and at URLs relative to the page", async () => {
    expect(await bytesFrom({}, base().slice(0, -1))).toEqual(content);
    vi.stubGlobal("document", { baseURI: `${server.url}/somewhere/page.html` });
    expect(await bytesFrom({}, "/weights/")).toEqual(content);
    expect(await bytesFrom({}, "../weights")).toEqual(content);
    vi.stubGlobal("document", undefined);
    // A worker that was made from a blob.
    vi.stubGlobal("location", { href: `blob:${server.url}/0f-1`, origin: server.url });
    expect(await bytesFrom({}, "/weights/")).toEqual(content);
    vi.stubGlobal("location", undefined);
    await expect(bytesFrom({}, "/weights/")).rejects.toMatchObject({
      code: "invalid-argument",
      message: 'weights: "/weights/" is not a URL; without a page it must begin with https:// or the like',
    });
  });

  test("report progress up to the size in the manifest, and a cached file in one step", async () => {
    useCache(new FakeCache());
    const seen: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress) => seen.push(progress);
    await bytesFrom({ onProgress });
    expect(seen.at(-1)).toEqual({ name: "squeezenet1_1", received: content.length, total: content.length });
    expect(seen.map(({ received }) => received)).toEqual(seen.map(({ received }) => received).sort((a, b) => a - b));
    seen.length = 0;
    await bytesFrom({ onProgress });
    expect(seen).toEqual([{ name: "squeezenet1_1", received: content.length, total: content.length }]);
  });

  test("are downloaded once for two losses", async () => {
    const place = hostedWeights(base());
    await Promise.all([place.open(entry), place.open(entry)]);
    expect(paths()).toEqual(["weights.json", "squeezenet1_1.safetensors"]);
  });

  test("use a manifest passed in without fetching one, and verify the site's files against it", async () => {
    expect(await bytesFrom({ manifest: manifestOf(content) })).toEqual(content);
    expect(paths()).toEqual(["squeezenet1_1.safetensors"]);
    const other = content.slice();
    other[other.length - 1] ^= 1;
    site["/weights/squeezenet1_1.safetensors"] = other;
    site["/weights/weights.json"] = text(manifestOf(other));
    await expect(bytesFrom({ manifest: manifestOf(content) })).rejects.toThrow(/SHA-256 is .*, expected /);
  });
});

describe("the Cache API", () => {
  test("stores verified files: the next visit requests the manifest alone, and an offline visit nothing", async () => {
    const cache = useCache(new FakeCache());
    await bytesFrom();
    await bytesFrom();
    expect(paths()).toEqual(["weights.json", "squeezenet1_1.safetensors", "weights.json"]);
    expect([...cache.files.keys()]).toEqual([`${base()}weights.json`, `${base()}squeezenet1_1.safetensors`]);
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    expect(await bytesFrom()).toEqual(content);
  });

  test("a damaged entry or a repacked file is downloaded again", async () => {
    const cache = useCache(new FakeCache());
    await bytesFrom();
    const file = `${base()}squeezenet1_1.safetensors`;
    cache.files.get(file)![100] ^= 1;
    expect(await bytesFrom()).toEqual(content);
    expect(cache.files.get(file)).toEqual(content);
    const half = safetensors(tensors, {}, { dtype: "float16" });
    site["/weights/squeezenet1_1.safetensors"] = half;
    site["/weights/weights.json"] = text(manifestOf(half));
    expect(await bytesFrom()).toEqual(half);
    expect(cache.files.get(file)).toEqual(half);
  });

  test.each([
    ["that is full", () => useCache(new FakeCache(true))],
    ["that the page may not open", () => vi.stubGlobal("caches", { open: () => Promise.reject(new Error("private")) })],
    [
      "that fails",
      () =>
        vi.stubGlobal("caches", {
          open: async () => ({
            match: () => Promise.reject(new Error("broken")),
            put: () => Promise.reject(new Error("broken")),
          }),
        }),
    ],
  ])("%s is treated as absent", async (_, use) => {
    use();
    expect(await bytesFrom()).toEqual(content);
  });

  test("stores nothing with keep: false, and never unverified bytes", async () => {
    const cache = useCache(new FakeCache());
    await bytesFrom({ keep: false });
    expect(cache.files.size).toBe(0);
    site["/weights/squeezenet1_1.safetensors"] = content.map((byte) => byte ^ 1);
    await expect(bytesFrom()).rejects.toThrow("SHA-256");
    expect([...cache.files.keys()]).toEqual([`${base()}weights.json`]);
  });
});

describe("failures of hosted weights", () => {
  const page = text("<!doctype html>\n<title>My site</title>");
  const corrupt = content.map((byte, i) => (i === 200 ? byte ^ 1 : byte));
  type Case = [what: string, change: () => void, code: string, message: string];
  const file = "/weights/squeezenet1_1.safetensors";
  const index = "/weights/weights.json";
  const isWebPage = "is a web page, as some servers answer for what they do not have";
  test.each<Case>([
    ["no manifest", () => delete site[index], "missing-weights", `weights.json: HTTP 404; ${advice}`],
    ["no file", () => delete site[file], "missing-weights", `squeezenet1_1.safetensors: HTTP 404; ${advice}`],
    [
      "a page in place of the manifest",
      () => (site[index] = page),
      "missing-weights",
      `weights.json: ${isWebPage}; ${advice}`,
    ],
    [
      "a page in place of the file",
      () => (site[file] = page),
      "missing-weights",
      `safetensors: ${isWebPage}; ${advice}`,
    ],
    [
      "an error of the server",
      () => (site[file] = (_, response) => void response.writeHead(503).end()),
      "download",
      "HTTP 503",
    ],
    [
      "other bytes",
      () => (site[file] = corrupt),
      "download",
      `SHA-256 is ${hashOf(corrupt)}, expected ${hashOf(content)}`,
    ],
    [
      "too few bytes",
      () => (site[file] = content.subarray(0, 1000)),
      "download",
      `ended after 1000 of ${content.length} bytes`,
    ],
    [
      "too many bytes",
      () => (site[file] = Buffer.concat([content, content])),
      "download",
      `has more than ${content.length} bytes`,
    ],
    [
      "a connection that ends",
      () => (site[file] = serveStart(content, 1000, () => has)),
      "download",
      `stopped after 1000 of ${content.length} bytes`,
    ],
    ["an empty manifest", () => (site[index] = text("")), "checkpoint", "weights.json: is not JSON"],
    ["another JSON", () => (site[index] = text([])), "checkpoint", "weights.json: is not a manifest of packed weights"],
    [
      "a manifest of the future",
      () => (site[index] = text({ ...manifestOf(content), version: 2 })),
      "checkpoint",
      "is of version 2",
    ],
    [
      "a manifest that leads elsewhere",
      () => (site[index] = text({ ...manifestOf(content), files: { squeezenet1_1: packed(content, "../secret") } })),
      "checkpoint",
      "does not say file, bytes and sha256 of squeezenet1_1",
    ],
    [
      "an endless manifest",
      () => (site[index] = new Uint8Array(2 ** 20 + 1).fill(0x20)),
      "download",
      "has 1048577 bytes, and at most 1048576 are read",
    ],
    [
      "a manifest without these weights",
      () => (site[index] = text({ ...manifestOf(content), files: { alexnet: packed(content) } })),
      "missing-weights",
      `weights.json does not list them; it has alexnet; ${advice}`,
    ],
  ])("%s", async (_, change, code, message) => {
    change();
    const error = await bytesFrom().catch((caught) => caught);
    expect(error).toMatchObject({ name: "ReconlossError", code });
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^(weights squeezenet1_1: )?http:\/\/127\.0\.0\.1:\d+\/weights\//);
  });

  test("are retried by the next evaluation", async () => {
    const place = hostedWeights(base());
    delete site[index];
    await expect(place.open(entry)).rejects.toMatchObject({ code: "missing-weights" });
    site[index] = text(manifestOf(corrupt));
    await expect(place.open(entry)).rejects.toThrow("SHA-256");
    site[index] = text(manifestOf(content));
    expect((await place.open(entry))?.size).toBe(content.length);
  });

  test("an unreachable server, and one without CORS, are explained", async () => {
    await expect(bytesFrom({}, "http://127.0.0.1:9/")).rejects.toMatchObject({
      code: "download",
      message: expect.stringMatching(
        /^weights squeezenet1_1: http:\/\/127\.0\.0\.1:9\/weights\.json: cannot be fetched \(.*\)$/,
      ),
    });
    vi.stubGlobal("location", { href: "https://example.org/page", origin: "https://example.org" });
    await expect(bytesFrom({}, "http://127.0.0.1:9/")).rejects.toThrow(
      "the server does not answer, or does not let pages of https://example.org read it (Access-Control-Allow-Origin)",
    );
  });

  test("files over the size limit are not requested, and those of unknown size are cut off at the limit", async () => {
    await expect(bytesFrom({ most: 1000 })).rejects.toMatchObject({
      code: "download",
      message: expect.stringContaining(`has ${content.length} bytes, and at most 1000 are read`),
    });
    expect(paths()).toEqual(["weights.json"]);
    const url = `${base()}squeezenet1_1.safetensors`;
    await expect(fetchWeights(url, { most: 1000 })).rejects.toThrow(`${url}: has ${content.length} bytes, and at most`);
    site[file] = (_, response) => {
      // Without a length, and without end.
      const more = () => response.write(new Uint8Array(2 ** 16).fill(1), () => response.destroyed || more());
      more();
    };
    await expect(fetchWeights(url, { most: 10 ** 6 })).rejects.toThrow(`${url}: has more than 1000000 bytes`);
  });

  test("an abort signal stops a download before and during it", async () => {
    const stopped = { code: "download", message: expect.stringContaining("the download was stopped") };
    await expect(bytesFrom({ signal: AbortSignal.abort() })).rejects.toMatchObject(stopped);
    expect(paths()).toEqual([]);
    site[file] = serveStart(content, 1000, "fall silent");
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(bytesFrom({ signal: controller.signal, onProgress })).rejects.toMatchObject(stopped);
  });

  test("invalid arguments are refused before any request", async () => {
    const refused = (message: string) => expect.objectContaining({ code: "invalid-argument", message });
    const thrown = (call: () => unknown) => {
      try {
        return call();
      } catch (error) {
        return error;
      }
    };
    expect(thrown(() => weightsFrom("https://example.org/weights/?token=1"))).toEqual(
      refused("weights: https://example.org/weights/?token=1 is not the URL of a folder, which has neither ? nor #"),
    );
    expect(thrown(() => weightsFrom("https://example.org/", { most: "1" as never }))).toEqual(
      refused('weightsFrom: most must be a whole number of at least 0, got "1"'),
    );
    expect(thrown(() => hostedWeights("https://example.org/", { signal: {} as never }))).toEqual(
      refused("hostedWeights: signal has no aborted"),
    );
    expect(await fetchWeights(base(), { sha256: "abc" }).catch((error) => error)).toEqual(
      refused('fetchWeights: sha256 must be 64 hexadecimal digits, got "abc"'),
    );
    expect(server.requests).toEqual([]);
  });

  test("fetchWeights with a hash verifies and caches the file", async () => {
    const cache = useCache(new FakeCache());
    const url = `${base()}squeezenet1_1.safetensors`;
    expect(await fetchWeights(url, { sha256: hashOf(content).toUpperCase() })).toEqual(content);
    expect([...cache.files.keys()]).toEqual([url]);
    await expect(fetchWeights(url, { sha256: hashOf(corrupt) })).rejects.toThrow(`${url}: SHA-256 is `);
  });
});
