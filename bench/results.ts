import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bestBuild } from "../packages/core/src/kernels/index.ts";

/** The date, the commit and the machine of measured results. */
export function describeRun() {
  const root = fileURLToPath(new URL("..", import.meta.url));
  return {
    date: new Date().toISOString(),
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root }).toString().trim(),
    machine: { cpu: cpus()[0].model, threads: availableParallelism(), node: process.version, kernels: bestBuild() },
  };
}

/** The path of a file of results, by its name. */
export function resultFile(kind: string): string {
  const results = fileURLToPath(new URL("results/", import.meta.url));
  mkdirSync(results, { recursive: true });
  return join(results, `${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}-${kind}.json`);
}
