import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { ReconlossError } from "@reconloss/core";
import { reasonOf } from "../files.ts";

/** The most letters that are kept of what a program complains about. */
const mostComplaint = 4000;

/** A program of ffmpeg that runs. */
export interface Running {
  readonly process: ChildProcess;
  /** Returns its error messages so far. */
  complaint(): string;
  /** Resolves to the exit code when it has ended and closed its pipes; rejects where it cannot be run. */
  readonly ended: Promise<number>;
}

/** Starts `ffmpeg` or `ffprobe` of PATH; what it prints as errors is kept. */
export function start(program: "ffmpeg" | "ffprobe", args: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(program, args, { windowsHide: true, stdio: ["ignore", "pipe", "pipe"], ...options });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text = (text + piece).slice(0, mostComplaint);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => reject(cannotRun(program, cause)));
    child.once("close", (code, signal) => resolve(code ?? (signal ? -1 : 0)));
  });
  // Whoever waits is told; nobody has to.
  ended.catch(() => {});
  return { process: child, complaint: () => text.trim(), ended };
}

function cannotRun(program: string, cause: NodeJS.ErrnoException): ReconlossError {
  const problem = cause.code === "ENOENT" ? "is not there" : `cannot be run: ${reasonOf(cause)}`;
  return new ReconlossError(
    "missing-dependency",
    `videos are decoded by ffmpeg, but ${program} of PATH ${problem}; install ffmpeg (apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg)`,
    { cause },
  );
}

/** The output of a program, when it has ended. */
export async function outputOf(program: "ffmpeg" | "ffprobe", args: readonly string[]) {
  const { process, complaint, ended } = start(program, args);
  const pieces: string[] = [];
  process.stdout?.setEncoding("utf8").on("data", (piece: string) => pieces.push(piece));
  const code = await ended;
  return { code, text: pieces.join(""), complaint: complaint() };
}

/** A file as an argument: never an option, an address or a pattern of names. */
export function asInput(path: string): string {
  return `file:${path}`;
}

let passthrough: Promise<readonly string[]> | undefined;

/** The option that has every decoded frame written once, whatever its time: how it is called since 5.1, or before. */
export function everyFrameOnce(): Promise<readonly string[]> {
  passthrough ??= outputOf("ffmpeg", ["-version"]).then(({ text }) => {
    const [, major, minor] = /^ffmpeg version n?(\d+)\.(\d+)/.exec(text) ?? [];
    const isOld = major !== undefined && Number(major) * 100 + Number(minor) < 501;
    return isOld ? ["-vsync", "passthrough"] : ["-fps_mode", "passthrough"];
  });
  passthrough.catch(() => {
    passthrough = undefined;
  });
  return passthrough;
}
