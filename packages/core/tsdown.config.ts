import { defineConfig } from "tsdown";

/** What package.json exports: `@reconloss/core/graph` is src/graph/index.ts, and so on. */
const subpaths = ["graph", "kernels", "metrics", "nets", "pixels", "train", "weights"];

export default defineConfig({
  entry: {
    index: "src/index.ts",
    internal: "src/internal.ts",
    ...Object.fromEntries(subpaths.map((name) => [`${name}/index`, `src/${name}/index.ts`])),
  },
  format: "esm",
  platform: "neutral",
  // onnx-buf has no exports, only main.
  inputOptions: { resolve: { mainFields: ["module", "main"] } },
  target: "es2022",
  dts: true,
  clean: true,
  fixedExtension: false,
});
