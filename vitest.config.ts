import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// The files that take about two seconds or more; `npm run test:fast` leaves them out.
const slow = readFileSync(new URL("test/slow.txt", import.meta.url), "utf8")
  .trim()
  .split("\n");

/** The limit that ends a test that hangs. No test is to depend on how fast it is, and a loaded machine may be 20 times as slow as an idle one. */
const limit = 600_000;

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  resolve: {
    // As `paths` in tsconfig.json, and `imports` of the packages.
    alias: [
      { find: "#runtime", replacement: path("packages/core/src/runtimes/node.ts") },
      { find: /^@reconloss\/core$/, replacement: path("packages/core/src/index.ts") },
      { find: /^@reconloss\/core\/internal$/, replacement: path("packages/core/src/internal.ts") },
      { find: /^@reconloss\/core\/([\w-]+)$/, replacement: path("packages/core/src/$1/index.ts") },
      { find: /^reconloss$/, replacement: path("packages/reconloss/src/index.ts") },
      { find: /^reconloss\/([\w-]+)$/, replacement: path("packages/reconloss/src/$1/index.ts") },
    ],
  },
  test: {
    setupFiles: ["test/setup.ts"],
    globalSetup: ["test/untracked.ts"],
    // Programs that tests start with tsx find the packages' sources wherever they run.
    env: { TSX_TSCONFIG_PATH: path("tsconfig.json") },
    testTimeout: limit,
    hookTimeout: limit,
    expect: { poll: { timeout: limit } },
    // One more than two cores: tests of processes, queues and browsers wait as long as they compute.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: { name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/packages/**", ...slow] },
      },
      { extends: true, test: { name: "slow", include: slow } },
      {
        extends: true,
        test: {
          name: "packages",
          include: ["test/packages/*.test.ts"],
          globalSetup: ["test/untracked.ts", "test/packages/setup.ts"],
        },
      },
    ],
  },
});
