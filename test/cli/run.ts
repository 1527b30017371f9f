import { runProgram } from "../../packages/reconloss/src/cli/program.ts";

/** The output of the program, and its exit code. */
export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** The properties of the terminal. */
export interface Screen {
  /** Default false: output goes to another program. */
  tty?: boolean;
  /** Environment variables; default none. */
  env?: Record<string, string>;
  /** Letters in a line, null where that is not known; default 100. */
  columns?: number | null;
  /** The interval of progress lines on standard error, in milliseconds; default: none. */
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
