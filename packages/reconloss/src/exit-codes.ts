import type { ErrorCode, ReconlossError } from "@reconloss/core";

/** The exit codes of the program. */
export const exitCodes = {
  ok: 0,
  /** The input is at fault: something could not be measured, or was found wanting. The same input fails again. */
  failed: 1,
  /** The call is at fault. */
  usage: 2,
  /** The machine lacks something: weights, a package, room on the disk, a permission. Another try may succeed. */
  machine: 3,
} as const;

const byCode: Readonly<Record<Exclude<ErrorCode, "file">, number>> = {
  "invalid-argument": exitCodes.usage,
  syntax: exitCodes.usage,
  shape: exitCodes.failed,
  range: exitCodes.failed,
  "non-finite": exitCodes.failed,
  image: exitCodes.failed,
  content: exitCodes.failed,
  checkpoint: exitCodes.failed,
  "missing-weights": exitCodes.machine,
  download: exitCodes.machine,
  "missing-dependency": exitCodes.machine,
};

/** The system's error codes of a path that was typed wrong; all others are about the machine. */
const wrongPaths: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EEXIST",
  "EISDIR",
  "ENAMETOOLONG",
  "ELOOP",
  "EINVAL",
]);

/** The exit code for an error that ends a command. */
export function exitCodeOf({ code, cause }: ReconlossError): number {
  if (code !== "file") return byCode[code];
  const { code: system } = (cause ?? {}) as NodeJS.ErrnoException;
  const isOfTheSystem = system !== undefined && /^E[A-Z0-9]+$/.test(system);
  return isOfTheSystem && !wrongPaths.has(system) ? exitCodes.machine : exitCodes.usage;
}
