import { threadsVariable } from "@reconloss/core/internal";
import { Option } from "commander";
import { wholeNumber } from "./numbers.ts";

/** `--threads`, of commands of which several run side by side on a machine. */
export function threadsOption(): Option {
  return new Option(
    "--threads <n>",
    `number of threads, if several processes share a machine; default: ${threadsVariable}, or one per core`,
  ).argParser(wholeNumber(1));
}

/** Lets this process compute in as many threads as the option says, before anything is computed. */
export function useThreads({ threads }: { threads?: number }): void {
  if (threads !== undefined) process.env[threadsVariable] = String(threads);
}
