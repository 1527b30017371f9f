import { type ChildProcess, spawn } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { Random } from "../../packages/core/src/random.ts";
import type { KilledCommand } from "./commands.ts";

/** The results of the kills of one command. */
export interface KillCounts {
  readonly command: string;
  kills: number;
  /** Kills after which every file was whole, absent or the older one, and the next run gave the same bits and left nothing behind. */
  survived: number;
  /** Files that were found after kills. */
  readonly found: Record<FileState, number>;
  /** Temporary files that kills left, all of which must be gone after the next run. */
  leftovers: number;
  /** Next runs that did not do everything again. */
  resumed: number;
  readonly problems: string[];
}

export const fileStates = ["whole", "older", "absent", "torn"] as const;
export type FileState = (typeof fileStates)[number];

const program = fileURLToPath(new URL("../../packages/reconloss/src/cli/main.ts", import.meta.url));
const temporary = /(^|\/)\.reconloss-[^/]*\.tmp$|\.lock(\.[^/]*)?$/;
const older = Buffer.from("the older file, which is not of this run\n");

/** The files below a folder, by their path in it. */
export async function filesIn(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(paths.sort().map(async (path) => [relative(folder, path), await readFile(path)] as const)),
  );
}

/** The state of a file after a kill, compared with the output of an undisturbed run and with the earlier file. */
export async function stateOf(
  path: string,
  content: Buffer | undefined,
  reference: Buffer | undefined,
  isWhole?: (path: string, reference?: Buffer) => Promise<boolean>,
): Promise<FileState> {
  if (content === undefined) return "absent";
  if (content.equals(older)) return "older";
  if (isWhole) return (await isWhole(path, reference)) ? "whole" : "torn";
  return reference?.equals(content) ? "whole" : "torn";
}

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(args: readonly string[], folder: string): Run {
  const env = { ...process.env, RECONLOSS_HOME: folder, RECONLOSS_OFFLINE: "1", NO_COLOR: "1" };
  const child = spawn(process.execPath, ["--import", "tsx", program, ...args], {
    ...{ env, stdio: ["ignore", "pipe", "pipe"] },
  });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
    });
  }
  return { child, ended: new Promise((resolve) => child.on("close", (code) => resolve({ code, ...printed }))) };
}

/** The moment when a process is killed: after a part of the time that an undisturbed run takes, or of its changes to its folder. */
interface Moment {
  readonly by: "time" | "changes";
  readonly part: number;
}

/** The time of an undisturbed run, in milliseconds, and the number of its changes to its folder. */
interface UndisturbedRun {
  time: number;
  changes: number;
}

function watchChanges(folder: string, onChange: () => void): FSWatcher {
  const watcher = watch(folder, { recursive: true }, onChange);
  // A file that is gone before it could be looked at.
  watcher.on("error", () => {});
  return watcher;
}

/** Runs until the moment, kills, and says whether there was anything left to kill. */
async function killAt(
  moment: Moment,
  course: UndisturbedRun,
  args: readonly string[],
  folder: string,
): Promise<boolean> {
  const { child, ended } = start(args, folder);
  const kill = () => void child.kill("SIGKILL");
  let changes = 0;
  const watcher = watchChanges(folder, () => {
    if (moment.by === "changes" && ++changes >= moment.part * course.changes) kill();
  });
  // Half of a run's time is Node's own beginning, in which nothing can be torn.
  const timer = moment.by === "time" ? setTimeout(kill, (0.3 + 0.7 * moment.part) * course.time) : undefined;
  const { code } = await ended;
  clearTimeout(timer);
  watcher.close();
  return code === null;
}

/** A command with its folder, and what it gives where nothing disturbs it. */
class Trial {
  readonly #command: KilledCommand;
  readonly #inputs: string;
  readonly #folder: string;
  readonly #course: UndisturbedRun = { time: 0, changes: 0 };
  #reference = new Map<string, Buffer>();
  #printed: unknown;

  constructor(command: KilledCommand, place: string) {
    this.#command = command;
    this.#inputs = join(place, "inputs");
    this.#folder = join(place, "run");
  }

  /** Runs once without a kill. */
  async begin(): Promise<void> {
    await this.#command.prepare?.(this.#inputs);
    await this.#empty();
    let changes = 0;
    const watcher = watchChanges(this.#folder, () => void changes++);
    const begun = performance.now();
    const { code, stdout, stderr } = await start(this.#args(), this.#folder).ended;
    Object.assign(this.#course, { time: performance.now() - begun, changes });
    watcher.close();
    if (code !== 0) throw new Error(`${this.#command.name}: an undisturbed run ends with ${code}: ${stderr}`);
    this.#reference = await filesIn(this.#folder);
    this.#printed = this.#printedIn(stdout);
  }

  /** Kills once and runs again; problems are added to the counts. */
  async kill(random: Random, isOverOlder: boolean, counts: KillCounts): Promise<void> {
    const by = random.pick(["time", "changes"] as const);
    for (let part = random.uniform(); ; part *= 0.8) {
      await this.#empty();
      if (isOverOlder && this.#command.replaces) await this.#putOlder();
      if (await killAt({ by, part }, this.#course, this.#args(), this.#folder)) break;
    }
    counts.kills++;
    const before = counts.problems.length;
    const problem = (text: string) => void counts.problems.push(`kill ${counts.kills}: ${text}`);
    await this.#look(counts, problem);
    await this.#again(counts, problem);
    if (counts.problems.length === before) counts.survived++;
  }

  #args = () => this.#command.args(this.#inputs, this.#folder);
  #printedIn = (text: string) => (this.#command.printed ? this.#command.printed(text) : text);

  async #empty(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
    await this.#command.begin?.(this.#inputs, this.#folder);
  }

  async #putOlder(): Promise<void> {
    for (const name of this.#reference.keys()) {
      if (this.#command.varies?.test(name)) continue;
      await mkdir(dirname(join(this.#folder, name)), { recursive: true });
      await writeFile(join(this.#folder, name), older);
    }
  }

  /** Looks at what the kill left. */
  async #look(counts: KillCounts, problem: (text: string) => void): Promise<void> {
    const files = await filesIn(this.#folder);
    for (const name of new Set([...this.#reference.keys(), ...files.keys()])) {
      if (temporary.test(name)) {
        counts.leftovers++;
        continue;
      }
      const check = this.#command.checks?.find((check) => check.name.test(name));
      const path = join(this.#folder, name);
      const state = await stateOf(path, files.get(name), this.#reference.get(name), check?.isWhole);
      counts.found[state]++;
      if (state === "torn") problem(`${name} is torn`);
    }
  }

  /** Runs again, and compares with the undisturbed run. */
  async #again(counts: KillCounts, problem: (text: string) => void): Promise<void> {
    const { next, varies, resumed } = this.#command;
    const args = next ? await next(this.#inputs, this.#folder) : this.#args();
    const { code, stdout, stderr } = await start(args, this.#folder).ended;
    if (code !== 0) return problem(`the next run ends with ${code}: ${stderr.trim().slice(-500)}`);
    if (resumed ? resumed(stdout) : args.includes("--resume")) counts.resumed++;
    if (!isDeepStrictEqual(this.#printedIn(stdout), this.#printed)) problem("the next run prints other numbers");
    const files = await filesIn(this.#folder);
    for (const name of files.keys()) {
      if (temporary.test(name)) problem(`${name} is left`);
      else if (!this.#reference.has(name) && !varies?.test(name)) problem(`${name} is left`);
    }
    for (const [name, content] of this.#reference) {
      if (varies?.test(name)) continue;
      if (!files.get(name)?.equals(content)) problem(`${name} has other bits`);
    }
  }
}

/** Kills a command at random moments, each time in a folder of its own beginning. */
export async function killCommand(
  command: KilledCommand,
  { kills, seed, folder, onKill }: { kills: number; seed: number; folder: string; onKill?: (c: KillCounts) => void },
): Promise<KillCounts> {
  const place = join(folder, command.name);
  await rm(place, { recursive: true, force: true });
  const counts: KillCounts = {
    ...{ command: command.name, kills: 0, survived: 0, leftovers: 0, resumed: 0, problems: [] },
    found: { whole: 0, older: 0, absent: 0, torn: 0 },
  };
  const trial = new Trial(command, place);
  await trial.begin();
  for (let index = 0; index < kills; index++) {
    await trial.kill(new Random(seed, command.name, index), index % 2 === 1, counts);
    onKill?.(counts);
  }
  return counts;
}
