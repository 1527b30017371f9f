import { fileStates, type KillCounts } from "./kill.ts";
import type { ReadCounts } from "./reading.ts";

/** A line of a table: the first column wide, the others narrow. */
export function columns([first, ...others]: readonly string[]): string {
  return [others.length > 0 ? first.padEnd(20) : first, ...others.map((text) => text.padStart(10))].join(" ").trimEnd();
}

export const killTitles = ["killed", "kills", "survived", ...fileStates, "temporary", "resumed"];

export function killRow({ command, kills, survived, found, leftovers, resumed }: KillCounts): string[] {
  return [command, ...[kills, survived, ...fileStates.map((state) => found[state]), leftovers, resumed].map(String)];
}

export const readTitles = ["read", "files", "survived", "results", "slowest", "memory", "errors"];

export function readRow({ kind, files, results, errors, slowest, peak, offences }: ReadCounts): string[] {
  const codes = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
  const numbers = [files, files - offences.length, results].map(String);
  return [kind, ...numbers, `${slowest.toFixed(2)} s`, `${Math.round(peak / 2 ** 20)} MiB`, codes.join(", ")];
}
