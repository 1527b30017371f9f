import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "tsdown";

const source = fileURLToPath(new URL("src", import.meta.url));

/** The entries that package.json exports: `@reconloss/core/graph` is src/graph/index.ts, and so on. */
const subpaths = ["graph", "jax", "kernels", "metrics", "nets", "pixels", "tensorflow", "train", "webgpu", "weights"];

/** Modules that are nothing but a long text. */
const data = /\/(kernels\/generated\/code\/[\w-]+|kernels\/generated\/worker-source|nets\/tiny(-first)?-weights)\.ts$/;

/** Modules that only readers of ONNX files need. */
const onnxReader = /node_modules\/(@bufbuild|onnx-buf)\/|\/graph\/onnx-(metadata|nodes|plain|wire)\.ts$/;

/** Leaves modules of data where the build for bundlers has them, so that the package has each once. */
const sharedData = {
  name: "shared-data",
  resolveId(id: string, importer: string | undefined) {
    const path = importer && id.startsWith(".") ? join(dirname(importer), id) : "";
    // Chunks lie in dist/node, beside each other.
    return data.test(path) ? { id: `../${relative(source, path).replace(/ts$/, "js")}`, external: true } : null;
  },
};

/** Where ONNX sessions come from. */
const runtime = (host: "node" | "web") => ({
  name: "runtime",
  resolveId: (id: string) => (id === "#runtime" ? join(source, `runtimes/${host}.ts`) : null),
});

const shared: UserConfig = {
  format: "esm",
  platform: "neutral",
  deps: { neverBundle: [/^onnxruntime-/], onlyBundle: false },
  target: "es2022",
  fixedExtension: false,
  // onnx-buf has no exports, only main.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
};

export default defineConfig([
  {
    ...shared,
    entry: {
      index: "src/index.ts",
      internal: "src/internal.ts",
      ...Object.fromEntries(subpaths.map((name) => [`${name}/index`, `src/${name}/index.ts`])),
    },
    plugins: [runtime("web")],
    // npm packs no folder that is called node_modules: modules of libraries that are part of the package lie in libraries/.
    outputOptions: ({ entryFileNames, ...options }) => ({
      ...options,
      comments: { jsdoc: false, annotation: true, legal: true },
      entryFileNames: (chunk) =>
        (typeof entryFileNames === "function" ? entryFileNames(chunk) : (entryFileNames ?? "")).replace(
          "[name]",
          chunk.name.replace(/^.*node_modules\//, "libraries/"),
        ),
    }),
    dts: true,
    clean: true,
    // One module for each source, so that bundlers leave out what a program does not use.
    unbundle: true,
  },
  {
    ...shared,
    // A few large modules: Node, Bun and Deno take a second of processor time for a thousand small ones.
    entry: {
      index: "src/index.ts",
      internal: "src/internal.ts",
      ...Object.fromEntries(subpaths.map((name) => [name, `src/${name}/index.ts`])),
    },
    outDir: "dist/node",
    plugins: [runtime("node"), sharedData],
    outputOptions: (options) => ({
      ...options,
      comments: { jsdoc: false, annotation: true, legal: true },
      // One chunk of what several entries share.
      advancedChunks: { groups: [{ name: "shared", minShareCount: 2, test: (id) => !onnxReader.test(id) }] },
    }),
    dts: false,
    clean: false,
  },
]);
