import pc from "picocolors";

export { jsonText, printable } from "@reconloss/core/internal";

/** The part of a stream that is written to. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** The interval of lines on the progress where it is no terminal, in milliseconds; default: never. */
  readonly summaryEvery?: number;
}

/** The streams that a command prints to: results on stdout, everything else on stderr. */
export interface Terminal {
  stdout: Sink;
  stderr: Sink;
  env: Readonly<Record<string, string | undefined>>;
}

export type Colours = ReturnType<typeof pc.createColors>;

/** The most letters of a line, where a stream says so, or `COLUMNS` where it does not; else undefined: any number. */
export function widthOf({ columns }: Sink, { COLUMNS }: Terminal["env"]): number | undefined {
  const width = columns ?? Number(COLUMNS);
  return Number.isInteger(width) && width > 0 ? width : undefined;
}

/** Colours for a stream: on a terminal, unless NO_COLOR says otherwise (https://no-color.org); FORCE_COLOR has them anywhere. */
export function coloursFor(sink: Sink, env: Terminal["env"]): Colours {
  if (env.NO_COLOR) return pc.createColors(false);
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0";
  return pc.createColors(forced || sink.isTTY === true);
}
