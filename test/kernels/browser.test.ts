import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Kernels from "../../packages/core/src/kernels/index.ts";
import { haarpsi, vif } from "../../packages/core/src/losses/index.ts";
import { launch, withoutBrowser } from "../browser.ts";
import { randomTensor } from "../random.ts";
import { gradientError } from "./oracle.ts";

const kernels = fileURLToPath(new URL("../../packages/core/src/kernels/index.ts", import.meta.url));
const random = fileURLToPath(new URL("../random.ts", import.meta.url));

/** The files of the page's program, by name: the kernels, bundled as an application would bundle them. */
async function bundlePage(): Promise<Map<string, string>> {
  const page = "\0page";
  const bundle = await rolldown({
    input: page,
    platform: "browser",
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === page ? id : undefined),
        load: (id) =>
          id === page
            ? `import * as kernels from ${JSON.stringify(kernels)};
               import { randomTensor } from ${JSON.stringify(random)};
               globalThis.program = { ...kernels, randomTensor };`
            : undefined,
      },
    ],
  });
  const { output } = await bundle.generate({
    format: "esm",
    entryFileNames: "kernels.js",
    chunkFileNames: "[name].js",
  });
  await bundle.close();
  return new Map(output.map((file) => [file.fileName, file.type === "chunk" ? file.code : ""]));
}

type Program = typeof Kernels & { randomTensor: typeof randomTensor };

/** One number in so many of a gradient crosses from the page. */
const sampling = 61;

interface Result {
  perImage: number;
  grad: number[];
  /** The score of shared tensors, and how many numbers of the gradient are others. */
  inPlace: number;
  differing: number;
  isolated: boolean;
  shared: boolean;
  build: string;
}

describe.skipIf(withoutBrowser)("in a browser", () => {
  let server: Server;
  let context: BrowserContext;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const program = await bundlePage();
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const isolation = pathname.startsWith("/isolated/");
      response.writeHead(200, {
        "content-type": pathname.endsWith(".js") ? "text/javascript" : "text/html",
        ...(isolation && {
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-embedder-policy": "require-corp",
        }),
        ...(pathname.startsWith("/strict/") && {
          "content-security-policy": "worker-src 'none'; script-src 'self' 'unsafe-eval'",
        }),
      });
      response.end(
        pathname.endsWith(".js")
          ? program.get(basename(pathname))
          : "<!doctype html><title>kernels</title><script type=module src=kernels.js></script>",
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ context, close } = await launch("--disable-gpu"));
  });

  afterAll(async () => {
    await close?.();
    server?.close();
  });

  test.each([
    ["with cross-origin isolation", "isolated", true],
    ["without", "open", false],
    ["where workers are forbidden", "strict", false],
  ] as const)("%s, results equal those of Node", async (_, folder, isolated) => {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${folder}/`);
    await page.waitForFunction(() => "program" in globalThis);
    const shape = [1, 3, 600, 600] as const;
    const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
    const specs = {
      ssim: {
        kind: "ssim",
        window: { shape: "gaussian", size: 11, sigma: 1.5 },
        region: "valid",
        covariance: "population",
        k1: 0.01,
        k2: 0.03,
        dataRange: 1,
      },
      deltaE: { kind: "deltaE", formula: "2000", dataRange: 1 },
      l1: { kind: "l1" },
      tv: { kind: "tv", form: "anisotropic", reduction: "mean" },
      haarpsi: haarpsi().definition!.kernel!.spec as Kernels.HaarPsiSpec,
      vif: vif().definition!.kernel!.spec as Kernels.VifSpec,
    } satisfies Record<string, Kernels.KernelSpec>;
    const { runKernel } = await import("../../packages/core/src/kernels/index.ts");
    for (const spec of Object.values(specs)) {
      const inPage = (await page.evaluate(
        async ({ spec, shape, sampling }) => {
          const { program } = globalThis as unknown as { program: Program };
          program.setKernelThreads(3);
          const images = [1, 2].map((seed) => program.randomTensor(shape, seed));
          const { perImage, grad } = await program.runKernel(spec, images[0], images[1], { grad: true });
          const [output, target, into] = program.sharedTensors(shape, shape, shape);
          output.data.set(images[0].data);
          target.data.set(images[1].data);
          const placed = await program.runKernel(spec, output, target, { grad: into.data });
          return {
            inPlace: placed.perImage[0],
            differing: into.data.reduce((count, x, i) => count + (x === (grad as Float32Array)[i] ? 0 : 1), 0),
            perImage: perImage[0],
            grad: Array.from((grad as Float32Array).filter((_, i) => i % sampling === 0)),
            isolated: globalThis.crossOriginIsolated,
            shared: typeof SharedArrayBuffer !== "undefined",
            build: program.bestBuild(),
          };
        },
        { spec, shape, sampling },
      )) as Result;
      const here = await runKernel(spec, output, target, { grad: true });
      // The relaxed build rounds once less in every multiply-add.
      expect(inPage.perImage).toBeCloseTo(here.perImage[0], 6);
      const nodeGrad = here.grad!.filter((_, i) => i % sampling === 0);
      expect(gradientError(inPage.grad, Float64Array.from(nodeGrad))).toBeLessThan(1e-4);
      expect(inPage).toMatchObject({ isolated, shared: isolated, build: "relaxed", differing: 0 });
      expect(inPage.inPlace / inPage.perImage).toBeCloseTo(1, 12);
    }
    await page.close();
  });
});
