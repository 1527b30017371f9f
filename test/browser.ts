import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, firefox, type Page } from "playwright-core";
import { rolldown } from "rolldown";

/** The path of Chromium. */
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

const wanted = process.env.RECONLOSS_BROWSER ?? "chromium";
if (wanted !== "chromium" && wanted !== "firefox")
  throw new Error(`RECONLOSS_BROWSER is ${wanted}; it may be chromium or firefox`);
const isFirefox = wanted === "firefox";

/** The path of the browser that RECONLOSS_BROWSER names. Of Firefox only Playwright's own build speaks its protocol, which `npx playwright install firefox` fetches. */
const browserPath = isFirefox ? (process.env.FIREFOX ?? firefox.executablePath()) : chromiumPath;

/** Whether there is no browser of the wanted kind. Tests that any browser can run are skipped then. */
export const withoutBrowser = !existsSync(browserPath);
if (withoutBrowser)
  console.log(`browser tests skipped: no ${wanted} at ${browserPath} (say where with ${wanted.toUpperCase()})`);

/** Whether Chromium is not there, or not wanted. Tests of its flags, of WebGPU on its software GPU and of its decoders are skipped then. */
export const withoutChromium = isFirefox || withoutBrowser;

const fromRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Bundles a program for a page, with the packages' conditions for browsers: files by name, that of the program being program.js. */
export async function bundleForPage(program: string): Promise<Map<string, string | Uint8Array>> {
  const page = "\0page";
  const bundle = await rolldown({
    input: { program: page },
    platform: "browser",
    // Its paths are Node's.
    tsconfig: false,
    resolve: {
      alias: {
        "@reconloss/core/graph": fromRoot("packages/core/src/graph/index.ts"),
        "@reconloss/core/nets": fromRoot("packages/core/src/nets/index.ts"),
        "@reconloss/core/train": fromRoot("packages/core/src/train/index.ts"),
        "@reconloss/core": fromRoot("packages/core/src/index.ts"),
        "#runtime": fromRoot("packages/core/src/runtimes/web.ts"),
      },
    },
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === page ? id : undefined),
        load: (id) => (id === page ? { code: program, moduleType: "ts" } : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm", chunkFileNames: "[name].js" });
  await bundle.close();
  return new Map(output.map((file) => [file.fileName, file.type === "asset" ? file.source : file.code]));
}

const types: Record<string, string> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** A site: what it answers with for a path, or undefined where there is nothing. Paths that begin with /isolated/ are cross-origin isolated. */
export async function serve(
  answer: (path: string) => string | Uint8Array | undefined,
  headers: Record<string, string> = {},
) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    asked.push(`${request.method} ${pathname}`);
    const isolated = pathname.startsWith("/isolated/");
    const content = answer(isolated ? pathname.slice("/isolated".length) : pathname);
    response.writeHead(content === undefined ? 404 : 200, {
      "content-type": types[extname(pathname)] ?? "text/html",
      ...(isolated && {
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      }),
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** The requests so far, as `GET /path`. */
    asked,
    close: () => server.close(),
  };
}

/** A file of onnxruntime-web, where there is one of this name. */
export function ortFile(name: string): Uint8Array | undefined {
  const path = fromRoot(`node_modules/onnxruntime-web/dist/${name}`);
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** The browser that RECONLOSS_BROWSER names, with a profile of its own; more flags are Chromium's alone. */
export async function launch(...flags: string[]): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), `${wanted}-`));
  const always =
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update";
  const context = await (isFirefox ? firefox : chromium).launchPersistentContext(profile, {
    executablePath: browserPath,
    headless: true,
    // The tests' own limit holds for it.
    timeout: 0,
    args: isFirefox ? [] : [...always.split(" "), "--disable-sync", ...flags],
  });
  // Shorter than the tests' own limit, and the error says what was waited for.
  context.setDefaultTimeout(180_000);
  return {
    context,
    close: async () => {
      await context.close();
      // A browser may write for a moment after it was closed.
      rmSync(profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
    },
  };
}

/** Chromium with WebGPU on the software GPU that it brings: an empty page, and the address of one that runs a program, with the files of onnxruntime-web. */
export async function openGpuBrowser(program: string): Promise<{ page: Page; url: string; close(): Promise<void> }> {
  const bundled = await bundleForPage(program);
  const site = await serve((path) => {
    if (path === "/") return "<!doctype html><title>page</title><script type=module src=program.js></script>";
    return bundled.get(path.slice(1)) ?? ortFile(path.slice(path.lastIndexOf("/") + 1));
  });
  const browser = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
  return {
    page: await browser.context.newPage(),
    url: site.url,
    close: async () => {
      await browser.close();
      site.close();
    },
  };
}
