import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lpips } from "../../packages/core/src/losses/lpips.ts";
import { bundleForPage, launch, ortFile, serve, withoutChromium } from "../browser.ts";
import { randomTensor } from "../random.ts";

/** The side of the images: larger where times are taken. */
const side = process.env.RECONLOSS_TIMES ? 256 : 64;

/** The program of pages and of workers: it measures, and says what it found on the console. */
const program = `
import { loadRuntime, lpips, probeDevice, Tensor } from "@reconloss/core";
import { randomTensor } from ${JSON.stringify(new URL("../random.ts", import.meta.url).pathname)};

const folder = new URLSearchParams(location.search).get("files") ?? undefined;
const device = new URLSearchParams(location.search).get("device") ?? "cpu";
const repeat = Number(new URLSearchParams(location.search).get("repeat") ?? 0);
const notes = [];

async function measure() {
  const runtime = await loadRuntime({ files: folder, onNote: (note) => notes.push(note) });
  const selected = await probeDevice(device);
  const images = [1, 2].map((seed) => randomTensor([1, 3, ${side}, ${side}], seed));
  const loss = lpips({ net: "tiny" });
  const { value, grad } = await loss.valueAndGrad(...images, { device: selected.device });
  const first = performance.now();
  const times = [];
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    await loss.valueAndGrad(...images, { device: selected.device });
    times.push(performance.now() - start);
  }
  return {
    value, grad: Array.from(grad.data), first, time: Math.min(...times), notes, selected,
    name: runtime.name, isolated: globalThis.crossOriginIsolated,
  };
}

const inWorker = typeof document === "undefined";
const outcome = () => measure().catch((error) => ({ code: error.code, message: String(error.message) }));
if (inWorker) self.postMessage(await outcome());
else globalThis.outcome = location.search.includes("worker")
  ? new Promise((resolve) => {
      const worker = new Worker("program.js" + location.search, { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
    })
  : outcome();
`;

const document = "<!doctype html><title>page</title><script type=module src=program.js></script>";

const images = [1, 2].map((seed) => randomTensor([1, 3, side, side], seed));
const loss = lpips({ net: "tiny" });

/** The shortest of some times on onnxruntime-node, in milliseconds. */
async function nativeTime(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const start = performance.now();
    await loss.valueAndGrad(images[0], images[1]);
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

interface Outcome {
  value: number;
  grad: number[];
  first: number;
  time: number;
  notes: string[];
  name: string;
  isolated: boolean;
  selected: { device: string; reason?: string };
  code?: string;
  message?: string;
}

describe.skipIf(withoutChromium)("onnxruntime-web in Chromium", () => {
  let bundled: Map<string, string | Uint8Array>;
  let browser: Awaited<ReturnType<typeof launch>>;
  let expected: { value: number; grad: Float32Array };
  beforeAll(async () => {
    bundled = await bundleForPage(program);
    browser = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
    const { value, grad } = await loss.valueAndGrad(images[0], images[1]);
    expected = { value, grad: grad.data };
  });
  afterAll(() => browser?.close());

  /** A site with the program, and files of onnxruntime-web in a folder, those that are there. */
  const site = ({
    folder,
    there,
    headers,
  }: {
    folder: string;
    there: (name: string) => boolean;
    headers?: Record<string, string>;
  }) =>
    serve((path) => {
      if (path === "/") return document;
      const chunk = bundled.get(path.slice(1));
      if (chunk !== undefined) return chunk;
      const name = path.slice(path.lastIndexOf("/") + 1);
      return path === `${folder}${name}` && there(name) ? ortFile(name) : undefined;
    }, headers);

  const expectEqual = ({ value, grad }: Outcome, tolerance: number) => {
    const largest = expected.grad.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const error = grad.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.grad[i])), 0);
    expect(Math.abs(value / expected.value - 1)).toBeLessThan(tolerance);
    expect(error / largest).toBeLessThan(tolerance);
  };

  /** The result of the program on a site with these files of onnxruntime-web. */
  async function outcomeOf(
    path: string,
    { folder = "/onnxruntime-web/", there = () => true, headers }: Partial<Parameters<typeof site>[0]> = {},
  ): Promise<Outcome & { asked: string[] }> {
    const { url, asked, close } = await site({ folder, there, headers });
    const page = await browser.context.newPage();
    try {
      await page.goto(`${url}${path}`);
      await page.waitForFunction(() => "outcome" in globalThis);
      const outcome = await page.evaluate(() => (globalThis as unknown as { outcome: Promise<Outcome> }).outcome);
      return { ...outcome, asked };
    } finally {
      await page.close();
      close();
    }
  }

  const hosts = [
    ["a page", "/", false],
    ["a worker", "/?worker", false],
    ["an isolated page", "/isolated/", true],
    ["an isolated worker", "/isolated/?worker", true],
  ] as const;

  test.each(hosts)("%s gives the value and gradient of Node", async (_, path, isolated) => {
    const outcome = await outcomeOf(path);
    expect(outcome).toMatchObject({ name: "onnxruntime-web", isolated, notes: [] });
    expectEqual(outcome, 1e-4);
    const started = outcome.asked.filter((asked) => asked.startsWith("GET") && asked.includes("threaded.mjs"));
    expect(started.length > 0).toBe(isolated);
  });

  // Times mean nothing beside other work: threads that wait for each other lose more by it than one. So they are tested where that is asked for alone.
  test.skipIf(!process.env.RECONLOSS_TIMES).each(hosts)(
    "%s takes less than 10 times the time of onnxruntime-node, and has a first result within 3 s of being opened",
    async (_, path) => {
      const outcome = await outcomeOf(`${path}${path.includes("?") ? "&" : "?"}repeat=30`);
      expect(outcome.time).toBeLessThan(10 * (await nativeTime()));
      expect(outcome.first).toBeLessThan(3000);
    },
  );

  test("values and gradients on WebGPU are within 1e-3 of Node's", async () => {
    const outcome = await outcomeOf("/?device=webgpu");
    expect(outcome.selected).toEqual({ device: "webgpu" });
    expectEqual(outcome, 1e-3);
  });

  test("falls back to one thread with a note where a policy forbids workers", async () => {
    const headers = { "content-security-policy": "worker-src 'none'; script-src 'self' 'unsafe-eval'" };
    const outcome = await outcomeOf("/isolated/", { headers });
    expect(outcome.notes).toEqual([expect.stringMatching(/one thread, because .* has no worker-src/)]);
    expectEqual(outcome, 1e-4);
  });

  test("falls back to one thread with a note where the threads' script is not served", async () => {
    const outcome = await outcomeOf("/isolated/", { there: (name) => name.endsWith(".wasm") });
    expect(outcome.notes).toEqual([
      expect.stringMatching(/ort-wasm-simd-threaded\.mjs is not served.*; cp node_modules/),
    ]);
    expectEqual(outcome, 1e-4);
  });

  test("says what to copy where when the WebAssembly file is not served", async () => {
    const outcome = await outcomeOf("/", { there: () => false });
    expect(outcome.code).toBe("missing-dependency");
    expect(outcome.message).toMatch(
      /ort-wasm-simd-threaded\.wasm of onnxruntime-web is not served, or does not load \(asked for .*\/onnxruntime-web\/ort-wasm.*\); cp node_modules\/onnxruntime-web\/dist\/ort-wasm-simd-threaded\.\{mjs,wasm\} FOLDER\/onnxruntime-web\//,
    );
  });

  test("fetches its files from the given folder and from nowhere else", async () => {
    const outcome = await outcomeOf("/isolated/?files=/isolated/static/ort", { folder: "/static/ort/" });
    expect(outcome).toMatchObject({ notes: [] });
    expectEqual(outcome, 1e-4);
    const heads = outcome.asked.filter((asked) => asked.startsWith("HEAD"));
    expect(heads.every((asked) => asked.startsWith("HEAD /isolated/static/ort/"))).toBe(true);
  });
});

describe.skipIf(withoutChromium)("WebGPU in Chromium without a GPU", () => {
  test("is unavailable, and the CPU is used instead", async () => {
    const bundled = await bundleForPage(program);
    const browser = await launch("--disable-gpu", "--disable-software-rasterizer");
    const { url, close } = await serve((path) =>
      path === "/" ? document : (bundled.get(path.slice(1)) ?? ortFile(path.slice(path.lastIndexOf("/") + 1))),
    );
    const page = await browser.context.newPage();
    await page.goto(`${url}/?device=webgpu`);
    await page.waitForFunction(() => "outcome" in globalThis);
    const { selected } = await page.evaluate(() => (globalThis as unknown as { outcome: Promise<Outcome> }).outcome);
    expect(selected).toMatchObject({ device: "cpu", reason: expect.stringMatching(/webgpu cannot be used: ./) });
    await browser.close();
    close();
  });
});
