import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as esbuild from "esbuild";
import { createServer as createViteServer, build as viteBuild } from "vite";
import webpack from "webpack";
import { type Site, serve } from "./serve.ts";

/** A web application: its page, and the programs in src/ by name; `index.js` is the page's. */
export interface Application {
  html: string;
  sources: Record<string, string>;
}

/** A bundler as somebody uses it who has configured nothing: what is said to it is where the files are. */
export interface Bundler {
  name: string;
  /** Bundles the application in a folder that has its node_modules. */
  bundle(folder: string, application: Application): Promise<void>;
  /** Serves what was bundled there last. */
  serve(folder: string, headers: Record<string, string>): Promise<Site>;
}

const script = '<script type="module" src="src/index.js"></script>';

/** Writes the page and the sources, none of an earlier application left. */
function write(folder: string, { html, sources }: Application): void {
  for (const name of ["src", "dist"]) rmSync(join(folder, name), { recursive: true, force: true });
  const files = { "index.html": `${html}${script}`, ...sources };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name === "index.html" ? name : `src/${name}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** A bundler that makes dist/, which is then served. */
function toFolder(name: string, bundle: (folder: string, application: Application) => Promise<unknown>): Bundler {
  return {
    name,
    async bundle(folder, application) {
      write(folder, application);
      await bundle(folder, application);
    },
    serve: (folder, headers) => serve(join(folder, "dist"), headers),
  };
}

const page = (folder: string, { html }: Application, tag: string) =>
  writeFileSync(join(folder, "dist/index.html"), `${html}${tag}`);

export const bundlers: Bundler[] = [
  toFolder("vite build", (root) => viteBuild({ root, configFile: false, logLevel: "error" })),
  {
    name: "vite dev",
    async bundle(root, application) {
      write(root, application);
      rmSync(join(root, "node_modules/.vite"), { recursive: true, force: true });
    },
    async serve(root, headers) {
      const server = await createViteServer({
        root,
        configFile: false,
        logLevel: "error",
        server: { headers, port: 0, host: "127.0.0.1", hmr: false },
      });
      await server.listen();
      const url = server.resolvedUrls?.local[0] as string;
      return { url, sent: new Map(), missing: [], close: () => server.close() };
    },
  },
  toFolder("esbuild", async (folder, application) => {
    await esbuild.build({
      absWorkingDir: folder,
      entryPoints: Object.keys(application.sources).map((name) => `src/${name}`),
      outdir: "dist",
      bundle: true,
      minify: true,
      format: "esm",
      splitting: true,
      logLevel: "error",
    });
    // esbuild moves no files that programs ask for: the step that the error message names.
    const from = join(folder, "node_modules/onnxruntime-web/dist");
    for (const file of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
      cpSync(join(from, file), join(folder, "dist/onnxruntime-web", file));
    }
    page(folder, application, '<script type="module" src="index.js"></script>');
  }),
  toFolder("webpack", async (context, application) => {
    await new Promise<void>((resolve, reject) =>
      webpack({ context, mode: "production", output: { path: join(context, "dist") } }, (error, stats) => {
        const failed = error ?? (stats?.hasErrors() ? new Error(stats.toString("errors-only")) : undefined);
        if (failed) reject(failed);
        else resolve();
      }),
    );
    page(context, application, '<script defer src="main.js"></script>');
  }),
];
