import { runProgram } from "../../packages/reconloss/src/cli/program.ts";

/** What the program printed, and how it ended. */
export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** How the terminal is. */
export interface Screen {
  /** Default false: output goes to another program. */
  tty?: boolean;
  /** Environment variables; default none. */
  env?: Record<string, string>;
  /** Letters in a line, null where that is not known; default 100. */
  columns?: number | null;
  /** How often standard error is told how far work is, in milliseconds; default: never. */
  summaryEvery?: number;
}

/** Runs the program in this process. */
export async function run(
  args: readonly string[],
  { tty = false, env = {}, columns = 100, summaryEvery }: Screen = {},
): Promise<Run> {
  const written = { stdout: "", stderr: "" };
  const sink = (name: keyof typeof written) => ({
    isTTY: tty,
    ...(columns === null ? {} : { columns }),
    ...(summaryEvery === undefined ? {} : { summaryEvery }),
    write: (text: string) => void (written[name] += text),
  });
  const code = await runProgram([...args], { stdout: sink("stdout"), stderr: sink("stderr"), env });
  return { code, ...written };
}
