import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { snapshotName } from "./snapshot-files.ts";

/** The snapshots that a run writes: all, those that do not match, those that are missing, or none. */
export type Update = "all" | "changed" | "missing" | "none";

/** The paths of the files of one snapshot. */
export interface SnapshotPlaces {
  snapshot: string;
  actual: string;
  diff: string;
}

/** The test that runs, as its runner describes it. */
export interface RunningTest {
  update: Update;
  /** Whether a snapshot that was missing and is written lets the test pass, as the runner's own snapshots do. */
  passesNew: boolean;
  /** Whether the runner tells no name of the test. */
  needsName?: boolean;
  /**
   * Returns the paths of a snapshot's files.
   *
   * @param name - what the test calls it; default: the test's own name and a number
   */
  placesOf(name?: string): SnapshotPlaces;
  /** Shows pictures in the runner's report. */
  attach?(places: SnapshotPlaces): Promise<void>;
  /** Counts a snapshot that was written. */
  count?(written: "added" | "updated"): void;
}

/** The `this` that runners give matchers, as far as it is read here. */
export interface MatcherState {
  readonly isNot?: boolean;
  readonly testPath?: string;
  readonly currentTestName?: string;
  /** The name of the test that calls, of Jest's concurrent ones. */
  readonly currentConcurrentTestName?: () => string | undefined;
  readonly assertionCalls?: number;
  /** The test of Vitest's that calls, and how often it was tried or repeated before. */
  readonly task?: { readonly result?: { readonly retryCount?: number; readonly repeatCount?: number } };
  readonly snapshotState?: object;
}

/** The state of the snapshots of a file: Vitest says how it updates by one name, Jest by another. */
interface SnapshotState {
  readonly snapshotUpdateState?: "all" | "new" | "none";
  readonly _updateSnapshot?: "all" | "new" | "none";
  added?: unknown;
  updated?: unknown;
}

/** Files beside each other, in a folder of the test file's own. */
function placesBeside(testPath: string, name: string): SnapshotPlaces {
  const path = join(dirname(testPath), "__image_snapshots__", basename(testPath), snapshotName(name));
  return { snapshot: `${path}.png`, actual: `${path}.actual.png`, diff: `${path}.diff.png` };
}

const testNameOf = (state: MatcherState) => state.currentConcurrentTestName?.() ?? state.currentTestName;

/** The number of snapshots without a name that a test has had so far, and the attempt or the assertion that the last one was of. */
interface Count {
  count: number;
  attempt?: string;
  calls: number;
}

/** By Vitest's test, or the name of Jest's. */
const counts = new Map<unknown, Count>();

/** The number of the next snapshot without a name. A test that is tried again begins again: Vitest counts attempts, Jest the assertions of each anew. */
function nextOf(state: MatcherState): number {
  const { task, testPath, assertionCalls: calls = Number.POSITIVE_INFINITY } = state;
  const attempt = task && `${task.result?.retryCount ?? 0} ${task.result?.repeatCount ?? 0}`;
  const key = task ?? `${testPath}\0${testNameOf(state)}`;
  const before = counts.get(key);
  const goesOn = before !== undefined && (task ? before.attempt === attempt : calls > before.calls);
  const count = goesOn ? before.count + 1 : 1;
  counts.set(key, { count, attempt, calls });
  return count;
}

/** Vitest and Jest. */
function jestLike(state: MatcherState): RunningTest | undefined {
  const { testPath } = state;
  if (state.snapshotState === undefined || testPath === undefined) return undefined;
  const snapshots: SnapshotState = state.snapshotState;
  const updates = { all: "changed", new: "missing", none: "none" } as const;
  return {
    update: updates[snapshots.snapshotUpdateState ?? snapshots._updateSnapshot ?? "none"],
    passesNew: true,
    placesOf: (name = `${testNameOf(state)} ${nextOf(state)}`) => placesBeside(testPath, name),
    count: (written) => {
      // Numbers in Jest; Vitest counts the tests of its own snapshots.
      if (typeof snapshots[written] === "number") snapshots[written]++;
    },
  };
}

/** The result of Playwright's `test.info()`, as far as it is read here. */
interface TestInfo {
  readonly titlePath: readonly string[];
  readonly config: { readonly updateSnapshots: Update | "default" };
  snapshotPath(name: string): string;
  outputPath(name: string): string;
  attach(name: string, options: { path: string; contentType: string }): Promise<void>;
}

const numbered = new WeakMap<object, number>();

async function playwright(): Promise<RunningTest | undefined> {
  if (process.env.TEST_WORKER_INDEX === undefined) return undefined;
  const name: string = "@playwright/test";
  const loaded = await import(name).catch((cause: unknown) => {
    const problem = `toMatchImage: this seems to be Playwright, but ${name} cannot be loaded`;
    throw new ReconlossError("missing-dependency", problem, { cause });
  });
  const info: TestInfo = loaded.test.info();
  const { updateSnapshots } = info.config;
  return {
    update: updateSnapshots === "default" ? "missing" : updateSnapshots,
    passesNew: updateSnapshots !== "default",
    placesOf: (given) => {
      const count = (numbered.get(info) ?? 0) + 1;
      if (given === undefined) numbered.set(info, count);
      const safe = snapshotName(given ?? `${info.titlePath.slice(1).join(" ")} ${count}`);
      return {
        snapshot: info.snapshotPath(`${safe}.png`),
        actual: info.outputPath(`${safe}-actual.png`),
        diff: info.outputPath(`${safe}-diff.png`),
      };
    },
    attach: async ({ snapshot, actual, diff }) => {
      const base = basename(diff, "-diff.png");
      for (const [part, path] of Object.entries({ expected: snapshot, actual, diff })) {
        await info.attach(`${base}-${part}.png`, { path, contentType: "image/png" }).catch(() => {});
      }
    },
  };
}

/** The arguments that this process was started with. Bun's test runner gives its own to nobody. */
function commandLine(): string[] {
  try {
    return readFileSync("/proc/self/cmdline", "utf8").split("\0");
  } catch {}
  try {
    return execFileSync("ps", ["-o", "args=", "-p", String(process.pid)], { encoding: "utf8" }).split(/\s+/);
  } catch {
    return [];
  }
}

function bun(): RunningTest | undefined {
  const { Bun } = globalThis as { Bun?: { readonly main: string } };
  if (Bun === undefined) return undefined;
  const isUpdate = commandLine().some((word) => word === "--update-snapshots" || word === "-u");
  const isCi = !["", "0", "false", undefined].includes(process.env.CI);
  return {
    update: isUpdate ? "changed" : isCi ? "none" : "missing",
    passesNew: true,
    needsName: true,
    placesOf: (name) => {
      if (name !== undefined) return placesBeside(Bun.main, name);
      const problem = `Bun does not pass the test's name to matchers: name the snapshot, toMatchImage(conditions, { name: "home" })`;
      throw new ReconlossError("invalid-argument", `toMatchImage: ${problem}`);
    },
  };
}

/** The test that runs; undefined where no runner is known. */
export async function runningTest(state: MatcherState): Promise<RunningTest | undefined> {
  return jestLike(state) ?? (await playwright()) ?? bun();
}
