import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../packages/reconloss/src/cli/main.ts", import.meta.url));

/** A program in a process of its own, with what it has printed so far. */
export interface Running {
  readonly process: ChildProcess;
  /** The lines of standard output that are complete. */
  lines(): string[];
  errors(): string;
  /** Its exit code, or the signal that ended it, once everything that it printed is here. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Those that a test which failed may have left behind. */
const all = new Map<ChildProcess, Running>();

/** Ends every process that is still there. */
export async function killAll(): Promise<void> {
  for (const child of all.keys()) child.kill("SIGKILL");
  await Promise.all([...all.values()].map(({ ended }) => ended));
}

/** Options of starting a program. */
export interface Start {
  env?: Record<string, string>;
  /** Modules of this folder that are loaded first, in the processes that it starts too. */
  preload?: readonly string[];
}

/** Starts a TypeScript program. */
export function startScript(script: string, args: readonly string[], { env = {}, preload = [] }: Start = {}): Running {
  const loaders = preload.flatMap((name) => ["--import", new URL(name, import.meta.url).href]);
  const child = spawn(process.execPath, ["--import", "tsx", ...loaders, script, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [output, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const running: Running = {
    process: child,
    lines: () => output.split("\n").slice(0, -1),
    errors: () => errors,
    ended: new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal))),
  };
  all.set(child, running);
  child.once("close", () => all.delete(child));
  return running;
}

/** Starts the command line. */
export const start = (args: readonly string[], options?: Start): Running => startScript(main, args, options);

/** Ends a program at a write of its own, so that it is in the middle of its work however fast it is. */
export function signalAt(file: string, write: number, signal: NodeJS.Signals = "SIGKILL"): Start {
  return { preload: ["./signal-at.mjs"], env: { RECONLOSS_TEST_SIGNAL: JSON.stringify({ file, write, signal }) } };
}
