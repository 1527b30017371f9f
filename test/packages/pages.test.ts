import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { lpips, parseLoss } from "../../packages/core/src/index.ts";
import { fromPixels } from "../../packages/core/src/pixels/index.ts";
import { packWeights } from "../../packages/reconloss/src/weights/index.ts";
import { launch, withoutChromium } from "../browser.ts";
import { type Application, type Bundler, bundlers } from "./bundlers.ts";
import { everything } from "./everything.js";
import { pictures, type Summary, summary } from "./images.js";
import { gzippedSize, isolation, type Site } from "./serve.ts";

const { app } = inject("published");
const text = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
const size = 48;
const spec = "l1 + 0.1*ssim + 0.1*lpips(net=tiny)";

/** The script of a page: two canvases, a loss, its value and gradient; `pictures` and `summary` are the test's own. */
const page = `import { parseLoss } from "@reconloss/core";
import { pictures, summary } from "./images.js";
const [output, target] = pictures(${size}).map(({ data, width, height }) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
});
const start = performance.now();
const loss = parseLoss("${spec}");
globalThis.inPage = loss.valueAndGrad(output, target).then(summary);
globalThis.coldTime = globalThis.inPage.then(() => performance.now() - start);
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
globalThis.inWorker = new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => (data.failure ? reject(new Error(data.failure)) : resolve(data));
  worker.onerror = ({ message }) => reject(new Error(message));
});
`;

const worker = `import { parseLoss } from "@reconloss/core";
import { pictures, summary } from "./images.js";
const [output, target] = pictures(${size}).map(({ data, width, height }) => {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
});
parseLoss("${spec}")
  .valueAndGrad(output, target)
  .then(summary)
  .then(postMessage, (error) => postMessage({ failure: String(error) }));
`;

const application: Application = {
  html: "<!doctype html><title>reconloss</title>",
  sources: { "index.js": page, "worker.js": worker, "images.js": text("images.js") },
};

interface Globals {
  inPage: Promise<Summary>;
  inWorker: Promise<Summary>;
  result: Promise<Record<string, number>>;
}

/** The results of Node, on its native runtime, for the same pictures. */
async function inNode(loss: ReturnType<typeof parseLoss>): Promise<Summary> {
  const [output, target] = pictures(size).map(({ data, width, height }) =>
    fromPixels({ data, width, height, channels: 4 }),
  );
  return summary(await loss.valueAndGrad(output, target));
}

/** Expects a value and a gradient to be Node's, up to a share of it and of the gradient's largest number. */
function expectAlike(got: Summary, wanted: Summary, tolerance: number): void {
  expect(got.shape).toEqual(wanted.shape);
  expect(Math.abs(got.value / wanted.value - 1)).toBeLessThan(tolerance);
  const largest = Math.max(...wanted.grad.map(Math.abs));
  const difference = Math.max(...wanted.grad.map((g, i) => Math.abs(g - got.grad[i])));
  expect(difference / largest).toBeLessThan(tolerance);
}

async function visit<T>(context: BrowserContext, site: Site, ask: () => Promise<T>): Promise<T> {
  const tab = await context.newPage();
  const problems: string[] = [];
  tab.on("pageerror", (error) => problems.push(String(error)));
  try {
    await tab.goto(site.url);
    return await tab.evaluate(ask);
  } catch (error) {
    throw new Error([(error as Error).message, ...problems].join("\n"));
  } finally {
    await tab.close();
  }
}

describe.skipIf(withoutChromium)("the built packages in Chromium", () => {
  let context: BrowserContext;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ context, close } = await launch("--disable-gpu"));
  });
  afterAll(async () => close?.());

  describe.each(bundlers)("bundled by $name without configuration", (bundler) => {
    beforeAll(() => bundler.bundle(app, application));

    test.each([
      ["cross-origin isolated", isolation],
      ["not isolated", {}],
    ])("%s: value and gradient of two canvases, in the page and in a module worker, are Node's", async (_, headers) => {
      const wanted = await inNode(parseLoss(spec));
      const site = await bundler.serve(app, headers);
      try {
        const { isolated, ...got } = await visit(context, site, async () => {
          const { inPage, inWorker } = globalThis as unknown as Globals;
          return { isolated: crossOriginIsolated, page: await inPage, worker: await inWorker };
        });
        expect(isolated).toBe(headers === isolation);
        expectAlike(got.page, wanted, 1e-4);
        expectAlike(got.worker, wanted, 1e-4);
      } finally {
        await site.close();
      }
    });
  });

  const [vite] = bundlers;
  const program = (source: string, more: Record<string, string> = {}): Application => ({
    html: "<!doctype html><title>reconloss</title>",
    sources: { "index.js": source, "images.js": text("images.js"), ...more },
  });
  const ask = () => (globalThis as unknown as Globals).result;
  const open = async (bundler: Bundler, application: Application, headers: Record<string, string>) => {
    await bundler.bundle(app, application);
    return bundler.serve(app, headers);
  };

  test("losses with gradients, adversarial terms, compile, a training, and FID of features equal Node's numbers", async () => {
    const source = 'import { everything } from "./everything.js";\nglobalThis.result = everything();\n';
    const site = await open(vite, program(source, { "everything.js": text("everything.js") }), isolation);
    try {
      const [got, wanted] = [await visit(context, site, ask), await everything()];
      expect(Object.keys(got)).toEqual(Object.keys(wanted));
      for (const [name, value] of Object.entries(wanted)) {
        expect(Math.abs(got[name] - value), name).toBeLessThan(1e-4 * Math.max(Math.abs(value), 1e-2));
      }
    } finally {
      await site.close();
    }
  });

  const shared = process.env.RECONLOSS_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
  const folder = join(shared, "reference", "weights");

  test.skipIf(!existsSync(folder))(
    "lpips(net=alex) from weights that the site hosts gives Node's numbers",
    async () => {
      const hosted = join(app, "public", "weights");
      mkdirSync(hosted, { recursive: true });
      for (const name of ["alexnet", "lpips-alex"]) await packWeights(name, hosted, { folder });
      const source = `import { lpips } from "@reconloss/core";
import { weightsFrom } from "@reconloss/core/weights";
import { pictures, summary } from "./images.js";
weightsFrom("/weights/");
const [output, target] = pictures(${size}).map(({ data, width, height }) => new ImageData(data, width, height));
globalThis.result = lpips({ net: "alex" }).valueAndGrad(output, target).then(summary);
`;
      const site = await open(vite, program(source), {});
      try {
        const got = await visit(context, site, () => (globalThis as unknown as { result: Promise<Summary> }).result);
        const files = { trunk: join(hosted, "alexnet.safetensors"), heads: join(hosted, "lpips-alex.safetensors") };
        expectAlike(got, await inNode(lpips({ net: "alex" }, files)), 1e-4);
      } finally {
        await site.close();
        rmSync(join(app, "public"), { recursive: true });
      }
    },
  );

  test("WebGPU in software is within 1e-3 of Node; without a GPU the CPU is used, with the reason", async () => {
    const source = `import { parseLoss, probeDevice } from "@reconloss/core";
import { pictures, summary } from "./images.js";
const [output, target] = pictures(${size}).map(({ data, width, height }) => new ImageData(data, width, height));
globalThis.result = probeDevice("webgpu").then(async ({ device, reason }) => ({
  device,
  reason,
  ...summary(await parseLoss("${spec}").valueAndGrad(output, target, { device })),
}));
`;
    const site = await open(vite, program(source), isolation);
    const ask = () =>
      (globalThis as unknown as { result: Promise<Summary & { device: string; reason?: string }> }).result;
    const wanted = await inNode(parseLoss(spec));
    const software = await launch(
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--enable-features=Vulkan",
      "--use-vulkan=swiftshader",
      "--use-angle=swiftshader",
    );
    try {
      const without = await visit(context, site, ask);
      expect([without.device, without.reason]).toEqual(["cpu", expect.stringMatching(/^webgpu cannot be used: /)]);
      expectAlike(without, wanted, 1e-4);
      const got = await visit(software.context, site, ask);
      expect([got.device, got.reason]).toEqual(["webgpu", undefined]);
      expectAlike(got, wanted, 1e-3);
    } finally {
      await software.close();
      await site.close();
    }
  });

  // 70 kB: what a page that measures l1 and ssim may cost, after gzip. With the kernels of all losses it would be twice as much.
  test.each(bundlers.filter(({ name }) => name !== "vite dev"))(
    "l1 and ssim alone, bundled by $name, are under 70 kB",
    async (bundler) => {
      const source = `import { l1, ssim, Tensor } from "@reconloss/core";
const [output, target] = [Tensor.full([1, 3, 16, 16], 0.5), Tensor.full([1, 3, 16, 16], 0.25)];
globalThis.result = Promise.all([l1().value(output, target), ssim().value(output, target)]);
`;
      const site = await open(bundler, program(source), {});
      try {
        const [difference] = (await visit(context, site, ask)) as unknown as number[];
        expect(difference).toBe(0.25);
        const sent = [...site.sent].filter(([path]) => !path.endsWith(".html"));
        const total = gzippedSize(sent.map(([, bytes]) => bytes));
        console.log(
          `l1 and ssim by ${bundler.name}: ${(total / 1000).toFixed(1)} kB after gzip in ${sent.length} files`,
        );
        expect(total).toBeLessThan(70_000);
      } finally {
        await site.close();
      }
    },
  );
});
