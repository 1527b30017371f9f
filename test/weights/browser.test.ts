import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type * as Weights from "../../packages/core/src/weights/index.ts";
import { safetensors } from "../../packages/core/src/weights/write-safetensors.ts";
import { launch, withoutChromium } from "../browser.ts";
import { FileServer, type Handler, serve } from "./file-server.ts";

const sources = fileURLToPath(new URL("../../packages/core/src/weights/", import.meta.url));

/** A program that has the entry of weights, and the search of a loss, bundled as an application would bundle them. */
async function bundleProgram(): Promise<string> {
  const entry = "\0program";
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) =>
          id === entry
            ? `import * as weights from ${JSON.stringify(`${sources}index.ts`)};
               import { openWeightFile } from ${JSON.stringify(`${sources}given.ts`)};
               globalThis.program = { ...weights, openWeightFile };`
            : undefined,
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

const content = safetensors({ bias: { shape: [2], data: Float32Array.of(0.25, -3) } }, {}, { dtype: "float16" });
const manifest = {
  format: "reconloss-weights",
  version: 1,
  files: {
    alexnet: {
      file: "alexnet.safetensors",
      bytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
      dtype: "float16",
      source: { file: "alexnet-owt-7be5be79.pth", sha256: "0".repeat(64), published: false },
      licence: "none",
    },
  },
};

type Program = typeof Weights & typeof import("../../packages/core/src/weights/given.ts");

/** The script of a page or worker: looks for alexnet as a loss does, from the address or file that it is given. */
async function search(where: { folder?: string; url?: string; file?: number[] }) {
  const { program } = globalThis as unknown as { program: Program };
  const { addWeightsPlace: _, weightsFrom, openWeightFile, readCheckpoint } = program;
  const steps: number[] = [];
  const remove = where.folder
    ? weightsFrom(where.folder, { onProgress: ({ received }) => steps.push(received) })
    : () => {};
  try {
    const file = where.file ? new File([Uint8Array.from(where.file)], "mine.safetensors") : where.url;
    const source = await openWeightFile("alexnet", file);
    const { data } = await (await readCheckpoint(source)).read("bias");
    return { name: source.name, data: Array.from(data as Float32Array), steps };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  } finally {
    remove();
  }
}

describe.skipIf(withoutChromium)("in Chromium", () => {
  let server: FileServer;
  let other: FileServer;
  let context: BrowserContext;
  let close: () => Promise<void>;
  let page: Page;
  let site: Record<string, Handler | Uint8Array>;
  const good = () => ({
    "/weights/weights.json": new TextEncoder().encode(JSON.stringify(manifest)),
    "/weights/alexnet.safetensors": content,
  });

  beforeAll(async () => {
    const program = await bundleProgram();
    const as = (type: string, text: string): Handler => {
      return (_, response) => response.writeHead(200, { "content-type": type }).end(text);
    };
    const html = as("text/html", "<!doctype html><title>weights</title><script type=module src=/program.js></script>");
    const script = as("text/javascript", program);
    const handler: Handler = (request, response) => {
      const path = request.url ?? "/";
      const answer = site[path] ?? (path === "/program.js" ? script : html);
      (typeof answer === "function" ? answer : serve(answer))(request, response);
    };
    server = await FileServer.start(handler);
    other = await FileServer.start(handler);
    ({ context, close } = await launch("--disable-gpu", "--host-resolver-rules=MAP insecure.test 127.0.0.1"));
  });
  afterAll(async () => {
    await close?.();
    await server?.stop();
    await other?.stop();
  });
  beforeEach(async () => {
    site = good();
    page = await context.newPage();
    await visit();
    await page.evaluate(() => globalThis.caches?.delete("reconloss-weights"));
    return () => page.close();
  });

  async function visit(address = server.url): Promise<void> {
    await page.goto(`${address}/app/index.html`);
    await page.waitForFunction(() => "program" in globalThis);
    server.requests.length = 0;
  }
  const asked = () => server.requests.map(({ path }) => path).filter((path) => path.startsWith("/weights/"));
  const found = { data: [0.25, -3], steps: [content.length] };

  test("downloads weights from the site and caches them: the next visit requests weights.json alone", async () => {
    expect(await page.evaluate(search, { folder: "/weights/" })).toMatchObject({
      ...found,
      name: `${server.url}/weights/alexnet.safetensors`,
    });
    expect(asked()).toEqual(["/weights/weights.json", "/weights/alexnet.safetensors"]);
    await visit();
    expect(await page.evaluate(search, { folder: "../weights" })).toMatchObject(found);
    expect(asked()).toEqual(["/weights/weights.json"]);
    await context.setOffline(true);
    expect(await page.evaluate(search, { folder: "/weights/" })).toMatchObject(found);
    await context.setOffline(false);
  });

  test("verifies cached weights again", async () => {
    await page.evaluate(search, { folder: "/weights/" });
    await page.evaluate(async (url) => {
      const cache = await caches.open("reconloss-weights");
      await cache.put(url, new Response(new Uint8Array(10)));
    }, `${server.url}/weights/alexnet.safetensors`);
    expect(await page.evaluate(search, { folder: "/weights/" })).toMatchObject(found);
    expect(asked().at(-1)).toBe("/weights/alexnet.safetensors");
  });

  test("loads weights in a worker, and in one made from a blob", async () => {
    const text = `import "${server.url}/program.js";
      postMessage(await (${search})({ folder: "/weights/" }));`;
    site["/worker.js"] = (_, response) => response.writeHead(200, { "content-type": "text/javascript" }).end(text);
    for (const made of ["by its address", "from a blob"]) {
      const result = await page.evaluate(
        ({ made, text }) => {
          const blob = new Blob([text], { type: "text/javascript" });
          const url = made === "from a blob" ? URL.createObjectURL(blob) : "/worker.js";
          const worker = new Worker(url, { type: "module" });
          return new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data);
            worker.onerror = ({ message }) => reject(new Error(message));
          });
        },
        { made, text },
      );
      expect(result, made).toMatchObject({ data: found.data });
    }
  });

  test("verifies weights without WebCrypto and the Cache API, at an insecure address", async () => {
    await visit(server.url.replace("127.0.0.1", "insecure.test"));
    expect(await page.evaluate(() => [isSecureContext, "subtle" in crypto, "caches" in globalThis])).toEqual([
      false,
      false,
      false,
    ]);
    expect(await page.evaluate(search, { folder: "/weights/" })).toMatchObject(found);
    site["/weights/alexnet.safetensors"] = content.map((byte, i) => (i === content.length - 1 ? byte ^ 1 : byte));
    expect(await page.evaluate(search, { folder: "/weights/" })).toMatchObject({
      code: "download",
      message: expect.stringContaining("SHA-256"),
    });
  });

  test("loads weights from a chosen file, and from a URL", async () => {
    expect(await page.evaluate(search, { file: Array.from(content) })).toMatchObject({
      data: found.data,
      name: "mine.safetensors",
    });
    for (const url of ["/weights/alexnet.safetensors", "../weights/alexnet.safetensors"]) {
      expect(await page.evaluate(search, { url })).toMatchObject({ data: found.data });
    }
  });

  test("explains a site that answers with its HTML page, another origin without CORS, and no place for weights", async () => {
    site = {};
    const refused = await page.evaluate(search, { folder: "/weights/" });
    expect(refused).toMatchObject({ code: "missing-weights" });
    expect(refused.message).toContain(
      `${server.url}/weights/weights.json: is a web page, as some servers answer for what they do not have; ` +
        `to host them: npx reconloss weights pack alexnet -o FOLDER, where FOLDER is what is served at ${server.url}/weights/; `,
    );
    site = good();
    expect(await page.evaluate(search, { folder: `${other.url}/weights/` })).toMatchObject({
      code: "download",
      message: expect.stringContaining(
        `the server does not answer, or does not let pages of ${server.url} read it (Access-Control-Allow-Origin)`,
      ),
    });
    expect(await page.evaluate(search, {})).toMatchObject({
      code: "missing-weights",
      message: expect.stringContaining(
        "nobody has said where they are: npx reconloss weights pack alexnet -o FOLDER writes them",
      ),
    });
  });
});
