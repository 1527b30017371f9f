import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A project with files, and everything that this repository has installed. */
export function project(name: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(inject("published").scratch, `${name}-`));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@reconloss"), { recursive: true });
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (/^(\.|reconloss$|@reconloss$)/.test(entry)) continue;
    symlinkSync(join(root, "node_modules", entry), join(modules, entry), "junction");
  }
  for (const [from, to] of Object.entries({ reconloss: "reconloss", core: "@reconloss/core" })) {
    for (const part of ["package.json", "dist"]) {
      cpSync(join(root, "packages", from, part), join(modules, to, part), { recursive: true });
    }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Runs a program of Node's in a project, until it ends; `program` is its path, or that within node_modules. */
export function run(folder: string, program: string, args: readonly string[], env: Record<string, string> = {}) {
  return start(folder, process.execPath, [resolve(folder, "node_modules", program), ...args], env);
}

/** Runs a program in a project, until it ends. */
export function start(folder: string, program: string, args: readonly string[], env: Record<string, string> = {}) {
  const outside = [
    "VITEST",
    "VITEST_MODE",
    "VITEST_POOL_ID",
    "VITEST_WORKER_ID",
    "TEST",
    "NODE_ENV",
    "CI",
    "GITHUB_ACTIONS",
  ];
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outside.includes(name)));
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...own, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, output }));
  });
}
