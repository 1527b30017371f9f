import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "../../packages/core/src/random.ts";
import type { Kind } from "./kinds.ts";
import { mutated } from "./mutate.ts";
import type { Answer, Request } from "./reader.ts";

/** Limits on the time and memory that a file may take. */
export const bounds = { seconds: 20, bytes: 2 ** 30 };

/** A file that gave neither a result nor an error of ours, or cost too much. */
export interface Offence {
  readonly index: number;
  /** The path of a copy of its bytes. */
  readonly path: string;
  readonly problem: string;
}

/** The results of reading the mutated files of one kind. */
export interface ReadCounts {
  readonly kind: string;
  files: number;
  results: number;
  /** Errors of ours, by code. */
  readonly errors: Record<string, number>;
  slowest: number;
  peak: number;
  readonly offences: Offence[];
}

const script = fileURLToPath(new URL("./reader.ts", import.meta.url));

/** The memory that a process has now, where the system says so. */
async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "");
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
}

/** Outcomes after which the process is no more. */
const ends = ["hang", "crash", "memory"];

/** Reads files in another process, which is replaced where one of them ends it or has to. */
export class Reader {
  readonly #script: string;
  readonly #bounds: typeof bounds;
  #child?: ChildProcess;
  #said = "";

  constructor(path = script, most = bounds) {
    this.#script = path;
    this.#bounds = most;
  }

  /** Reads a file; `outcome` is `hang` or `memory` where the process had to be ended, `crash` where it ended. */
  async read(request: Request): Promise<Answer> {
    const child = (this.#child ??= await this.#start());
    const answer = await new Promise<Answer>((resolve) => {
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        clearInterval(watch);
        child.removeAllListeners();
        resolve(answer);
      };
      const stop = (outcome: string, peak = 0) => {
        child.kill("SIGKILL");
        settle({ outcome, message: this.#said.slice(-2000), peak });
      };
      const timer = setTimeout(() => stop("hang"), 1000 * this.#bounds.seconds);
      const watch = setInterval(async () => {
        const bytes = await residentBytes(child.pid ?? 0);
        if (bytes > this.#bounds.bytes) stop("memory", bytes);
      }, 50);
      child.on("message", (answer: Answer) => settle(answer));
      child.on("exit", (code, signal) =>
        settle({ outcome: "crash", message: `${signal ?? code} ${this.#said.slice(-2000)}`, peak: 0 }),
      );
      child.send(request);
    });
    // A process does not give back the most memory that it has had: the next file must not be blamed for it.
    if (ends.includes(answer.outcome) || answer.peak > this.#bounds.bytes) this.close();
    return answer;
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  /** A process that is ready: the time that it takes to start is not that of a file. */
  async #start(): Promise<ChildProcess> {
    this.#said = "";
    const child = fork(this.#script, { execArgv: ["--import", "tsx"], stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.#said = (this.#said + text.toString("utf8")).slice(-4000);
      });
    }
    await once(child, "message");
    return child;
  }
}

/** Describes the problem with an answer, or returns undefined. */
export function offenceIn({ outcome, message, peak }: Answer): string | undefined {
  if (peak > bounds.bytes) return `memory: ${Math.round(peak / 2 ** 20)} MiB`;
  if (["other", ...ends].includes(outcome)) return `${outcome}: ${message ?? ""}`;
  return undefined;
}

/**
 * Reads mutated files of a kind.
 *
 * @param folder - where they are written; those that gave trouble are kept in `failures`
 * @param onFile - called after each
 */
export async function readMutated(
  kind: Kind,
  { files, seed, folder, onFile }: { files: number; seed: number; folder: string; onFile?: (c: ReadCounts) => void },
): Promise<ReadCounts> {
  const place = join(folder, kind.name);
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  const counts: ReadCounts = { kind: kind.name, files: 0, results: 0, errors: {}, slowest: 0, peak: 0, offences: [] };
  const samples = await kind.samples(join(folder, "samples", kind.name));
  const path = join(place, kind.file);
  const reader = new Reader();
  try {
    // Once whole: what is loaded at first does not count, and a reader that fails always would be no test.
    for (const sample of samples.files) {
      const answer = await readOne(sample);
      if (answer.outcome !== "result")
        throw new Error(`${kind.name}: a whole file gives ${answer.outcome}: ${answer.message}`);
    }
    for (let index = 0; index < files; index++) {
      const random = new Random(seed, kind.name, index);
      const bytes = mutated(random.pick(samples.files), samples.files, random);
      if (random.below(2) === 0) kind.repair?.(bytes);
      const start = performance.now();
      const answer = await readOne(bytes);
      counts.slowest = Math.max(counts.slowest, (performance.now() - start) / 1000);
      counts.peak = Math.max(counts.peak, answer.peak);
      counts.files++;
      const problem = offenceIn(answer);
      if (problem !== undefined) {
        const kept = join(folder, "failures", `${kind.name}-${seed}-${index}`, kind.file);
        await mkdir(dirname(kept), { recursive: true });
        await writeFile(kept, bytes);
        counts.offences.push({ index, path: kept, problem });
      } else if (answer.outcome === "result") counts.results++;
      else counts.errors[answer.outcome] = (counts.errors[answer.outcome] ?? 0) + 1;
      onFile?.(counts);
    }
  } finally {
    reader.close();
  }
  return counts;

  async function readOne(bytes: Uint8Array): Promise<Answer> {
    for (const [name, content] of Object.entries(samples.beside ?? {})) await writeFile(join(place, name), content);
    await writeFile(path, bytes);
    return reader.read({ kind: kind.name, path });
  }
}
