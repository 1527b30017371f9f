import { defineConfig } from "tsdown";

/** The entries that package.json exports: `@reconloss/core/graph` is src/graph/index.ts, and so on. */
const subpaths = ["graph", "jax", "kernels", "metrics", "nets", "pixels", "tensorflow", "train", "webgpu", "weights"];

export default defineConfig({
  entry: {
    index: "src/index.ts",
    internal: "src/internal.ts",
    // Which of these two is "#runtime", the conditions of package.json decide.
    "runtimes/node": "src/runtimes/node.ts",
    "runtimes/web": "src/runtimes/web.ts",
    ...Object.fromEntries(subpaths.map((name) => [`${name}/index`, `src/${name}/index.ts`])),
  },
  external: ["#runtime", /^onnxruntime-/],
  format: "esm",
  platform: "neutral",
  // onnx-buf has no exports, only main.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
  // npm packs no folder that is called node_modules: modules of libraries that are part of the package lie in libraries/.
  outputOptions: ({ entryFileNames, ...options }) => ({
    ...options,
    entryFileNames: (chunk) =>
      (typeof entryFileNames === "function" ? entryFileNames(chunk) : (entryFileNames ?? "")).replace(
        "[name]",
        chunk.name.replace(/^.*node_modules\//, "libraries/"),
      ),
  }),
  target: "es2022",
  dts: true,
  clean: true,
  // One module for each source, so that bundlers leave out what a program does not use.
  unbundle: true,
  fixedExtension: false,
});
