import cliProgress from "cli-progress";
import type { Sink } from "./terminal.ts";

/** Tells how far work is. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** The style of every bar. */
export function barStyle(sink: Sink) {
  return {
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    clearOnComplete: true,
    hideCursor: true,
    stream: sink as unknown as NodeJS.WritableStream,
  };
}

/** Work that ends sooner needs no bar, in milliseconds. */
const showAfter = 700;

/** The progress of work as a line every few seconds, for logs. */
function summaries(
  total: number,
  label: string,
  sink: Sink,
  every: number,
  unit: string,
  known: () => string,
): Progress {
  const begun = Date.now();
  let last = begun;
  let done = 0;
  return {
    step() {
      done++;
      const now = Date.now();
      if (now - last < every) return;
      last = now;
      const rate = done / Math.max(1, now - begun);
      const left = Math.round((total - done) / rate / 1000);
      const time =
        left < 60 ? `${left} s` : left < 3600 ? `${Math.round(left / 60)} min` : `${(left / 3600).toFixed(1)} h`;
      sink.write(
        `${label}: ${done} of ${total} ${unit}, ${(1000 * rate).toPrecision(3)} a second, ${time} left${known()}\n`,
      );
    },
    stop() {},
  };
}

/**
 * A progress bar with the remaining time on a terminal, once the work has taken a while; elsewhere a line every few seconds, where the sink says how often.
 *
 * @param unit - what is counted, where the bar shall say how many a second: `images`
 * @param known - what else a line is to say
 */
export function progressBar(
  total: number,
  label: string,
  sink: Sink,
  wanted: boolean,
  unit?: string,
  known: () => string = () => "",
): Progress {
  const none = { step: () => {}, stop: () => {} };
  if (!wanted || total < 2) return none;
  if (sink.isTTY !== true) {
    return sink.summaryEvery === undefined
      ? none
      : summaries(total, label, sink, sink.summaryEvery, unit ?? "items", known);
  }
  const bar = new cliProgress.SingleBar({
    format: `${label} {bar} {value}/{total}, ${unit ? `{rate} ${unit}/s, ` : ""}{eta_formatted} left`,
    ...barStyle(sink),
    etaBuffer: 20,
  });
  const begun = Date.now();
  let done = 0;
  let shown = false;
  const rate = () => ({ rate: ((1000 * done) / (Date.now() - begun)).toPrecision(3) });
  return {
    step() {
      done++;
      if (!shown && Date.now() - begun > showAfter) {
        bar.start(total, done, rate());
        shown = true;
      }
      if (shown) bar.update(done, rate());
    },
    stop() {
      if (shown) bar.stop();
    },
  };
}
