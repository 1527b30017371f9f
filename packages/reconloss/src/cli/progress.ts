import cliProgress from "cli-progress";
import type { Sink } from "./terminal.ts";

/** Tells how far work is. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** How every bar looks. */
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
const patience = 700;

/**
 * A progress bar with the remaining time on a terminal, once the work has taken a while; elsewhere nothing.
 *
 * @param unit - what is counted, where the bar shall say how many a second: `images`
 */
export function progressBar(total: number, label: string, sink: Sink, wanted: boolean, unit?: string): Progress {
  if (!wanted || sink.isTTY !== true || total < 2) return { step: () => {}, stop: () => {} };
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
      if (!shown && Date.now() - begun > patience) {
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
