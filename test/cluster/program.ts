import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../packages/reconloss/src/cli/main.ts", import.meta.url));

/** A command of the program in a process of its own, with what it has printed so far. */
export interface Running {
  readonly process: ChildProcess;
  /** The lines of standard output that are complete. */
  lines(): string[];
  errors(): string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Those that a test which failed may have left behind. */
const all = new Set<ChildProcess>();

/** Ends every process that is still there. */
export function killAll(): void {
  for (const child of all) child.kill("SIGKILL");
}

/** @param preload - a module that is loaded first, in the processes that it starts too */
export function start(args: readonly string[], env: Record<string, string>, preload?: string): Running {
  const loaders = ["--import", "tsx", ...(preload === undefined ? [] : ["--import", preload])];
  const child = spawn(process.execPath, [...loaders, main, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  all.add(child);
  child.once("close", () => all.delete(child));
  let [output, errors] = ["", ""];
  child.stdout.on("data", (data) => {
    output += data;
  });
  child.stderr.on("data", (data) => {
    errors += data;
  });
  return {
    process: child,
    lines: () => output.split("\n").slice(0, -1),
    errors: () => errors,
    ended: new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal))),
  };
}
