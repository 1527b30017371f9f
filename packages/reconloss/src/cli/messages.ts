import { once } from "node:events";
import { ReconlossError } from "@reconloss/core";
import type { Failure } from "../compare/index.ts";
import type { NoteGroup } from "../compare/summary.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { writePiecesAtomically } from "../files.ts";
import { coloursFor, printable, type Terminal } from "./terminal.ts";

/** Lines about failures that are told one by one. */
const linesShown = 20;

/** Letters that are written at once. */
const lettersAtOnce = 2 ** 16;

/** Pieces of text that are there or come one after the other. */
export type Pieces = AsyncIterable<string> | Iterable<string>;

/** Pieces of text as longer ones. */
export async function* joined(pieces: Pieces): AsyncGenerator<string> {
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < lettersAtOnce) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** Writes to a stream, and waits where it has enough for now. */
export async function writeOut(stream: Terminal["stdout"], text: string): Promise<void> {
  if (stream.write(text) === false) await once(stream as unknown as NodeJS.WritableStream, "drain");
}

/** Writes a file in pieces. */
export function writePieces(path: string, pieces: Pieces): Promise<void> {
  return writePiecesAtomically(path, async (file) => {
    for await (const some of joined(pieces)) await file.appendFile(some);
  });
}

/** The functions that write a file: one where a path is named, else none. */
export function toFile(path: string | undefined, write: (path: string) => Promise<unknown>) {
  return path === undefined ? [] : [() => write(path)];
}

/** Writes files each by itself: one that cannot be written must not cost the others. Gives what could not be. */
export async function writeEach(writes: readonly (() => Promise<unknown>)[]): Promise<ReconlossError[]> {
  const lost: ReconlossError[] = [];
  for (const write of writes) {
    await write().catch((error) => {
      if (!(error instanceof ReconlossError)) throw error;
      lost.push(error);
    });
  }
  return lost;
}

/** A line about what came of it. */
export function printMessage({ stderr, env }: Terminal, colour: "red" | "yellow", label: string, text: string): void {
  stderr.write(`${coloursFor(stderr, env)[colour](label)} ${printable(text)}\n`);
}

/**
 * Tells the first of many lines about failures, and how many more there are.
 *
 * @param all - what lists the others, behind their number
 * @param of - what each line begins with
 */
export function printMessages(terminal: Terminal, label: string, lines: readonly string[], all = "", of = ""): void {
  for (const line of lines.slice(0, linesShown)) printMessage(terminal, "red", label, `${of}${line}`);
  const left = lines.length - linesShown;
  if (left > 0) printMessage(terminal, "red", label, `${of}${left} more${all}`);
}

/** Tells of files that could not be written, and returns the exit code of a command that went well but for them. */
export function printLostFiles(lost: readonly ReconlossError[], terminal: Terminal): number {
  for (const { message } of lost) printMessage(terminal, "red", "error:", message);
  return Math.max(exitCodes.ok, ...lost.map(exitCodeOf));
}

/** Prints notes, what is true of many pairs once; with the method, where there are several. */
export function printNotes(groups: readonly NoteGroup[], pairs: number, terminal: Terminal, method?: string): void {
  for (const { note, count } of groups) {
    const { kind, name, loss, text } = note;
    const of = pairs === 1 ? "the pair" : `${count} of ${pairs} pairs`;
    const message = kind === "left-out" ? `${loss} is left out of ${of}: ${text} (${name})` : `in ${of}, ${text}`;
    printMessage(terminal, "yellow", "note:", method === undefined ? message : `${method}: ${message}`);
  }
}

/** The first of the failures. */
export function printFailures(failed: readonly Failure[], terminal: Terminal, method?: string): void {
  const lines = failed.map(({ output, target, error }) => `${output ?? target}: ${error}`);
  printMessages(terminal, "failed:", lines, "; --json and --csv list all", method === undefined ? "" : `${method}: `);
}
