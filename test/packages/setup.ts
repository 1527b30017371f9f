import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

/** Values provided to the tests of this folder: the packages as they are published, and folders where they are installed. */
export interface Published {
  /** The tarballs that `npm publish` would send. */
  core: string;
  reconloss: string;
  /** A project of its own that has core and onnxruntime-web, for bundlers and other runtimes. */
  app: string;
  /** An empty folder for whatever else a test installs; removed afterwards. */
  scratch: string;
}

declare module "vitest" {
  interface ProvidedContext {
    published: Published;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The time of the newest file of a folder, 0 without one. */
function newest(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .filter((file) => file.isFile())
    .reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), 0);
}

/** Whether a package's build is older than what it is made of. */
function isStale(name: string): boolean {
  const path = join(root, "packages", name);
  const built = join(path, "dist/index.js");
  const sources = ["package.json", "tsdown.config.ts"].map((file) => statSync(join(path, file)).mtimeMs);
  return !existsSync(built) || statSync(built).mtimeMs < Math.max(newest(join(path, "src")), ...sources);
}

export function npm(args: readonly string[], cwd: string, env: Record<string, string> = {}): string {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  return execFileSync("npm", [...args, ...quiet], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Makes a project in an empty folder and installs packages in it, from npm's cache as far as it has them. */
export function installed(folder: string, packages: readonly string[], options: readonly string[] = []): string {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(["install", "--prefer-offline", "--ignore-scripts", ...options, ...packages], folder);
  return folder;
}

/** The version of a package that this repository's tests have. */
export const versionOf = (name: string): string =>
  createRequire(import.meta.url)(join(root, "node_modules", name, "package.json")).version;

/** Builds what is older than its sources, packs both packages and installs core where bundlers find it. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "reconloss-packages-"));
  if (["core", "reconloss"].some(isStale)) npm(["run", "build"], root);
  const packed: { filename: string }[] = JSON.parse(
    npm(
      [
        "pack",
        "--json",
        "--ignore-scripts",
        "-w",
        "packages/core",
        "-w",
        "packages/reconloss",
        "--pack-destination",
        folder,
      ],
      root,
    ),
  );
  const [core, reconloss] = packed.map(({ filename }) => join(folder, filename));
  const app = installed(mkdtempSync(join(folder, "app-")), [core, `onnxruntime-web@${versionOf("onnxruntime-web")}`]);
  project.provide("published", { core, reconloss, app, scratch: mkdtempSync(join(folder, "scratch-")) });
  return () => rmSync(folder, { recursive: true, force: true });
}
