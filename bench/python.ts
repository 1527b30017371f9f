import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A task that `peers.py` runs once. */
export interface PythonTask {
  task: string;
  gradient: boolean;
  threads: number;
  output: string;
  target: string;
  shape: readonly number[];
}

/** A Python process that times one task at a time. */
export class PythonPeers {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(interpreter: string) {
    this.#process = spawn(interpreter, [fileURLToPath(new URL("peers.py", import.meta.url))]);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    this.#process.stderr.resume();
  }

  /** Milliseconds that the task took, and the number it gave. */
  async run(task: PythonTask): Promise<{ milliseconds: number; value: number }> {
    this.#process.stdin.write(`${JSON.stringify(task)}\n`);
    const { value: line, done } = await this.#lines.next();
    if (done) throw new Error("the Python process ended");
    const answer = JSON.parse(line);
    if (answer.error) throw new Error(answer.error);
    return { milliseconds: 1000 * answer.seconds, value: answer.value };
  }

  stop(): void {
    this.#process.stdin.end();
  }
}
