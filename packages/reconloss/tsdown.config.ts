import { defineConfig } from "tsdown";

/** The entries that package.json exports: `reconloss/image` is src/image/index.ts, and so on. */
const subpaths = [
  "cluster",
  "compare",
  "distribution",
  "figure",
  "graph",
  "image",
  "judge",
  "kernels",
  "matchers",
  "metrics",
  "nets",
  "pixels",
  "quality",
  "report",
  "shards",
  "tasks",
  "train",
  "video",
  "vitest",
  "weights",
];

export default defineConfig({
  entry: {
    index: "src/index.ts",
    "cli/main": "src/cli/main.ts",
    "cluster/shard-process": "src/cluster/shard-process.ts",
    "distribution/parquet-worker": "src/distribution/inputs/parquet-worker.ts",
    ...Object.fromEntries(subpaths.map((name) => [`${name}/index`, `src/${name}/index.ts`])),
  },
  format: "esm",
  platform: "node",
  target: "node20.19",
  dts: true,
  clean: true,
  fixedExtension: false,
});
