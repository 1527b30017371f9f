import cliProgress from "cli-progress";
import type { StepRecord, TrainingProgress } from "../tasks/index.ts";
import { barStyle } from "./progress.ts";
import type { Sink } from "./terminal.ts";

/** Tells how a training goes. */
export interface TrainingLine {
  step(record: StepRecord, progress: () => TrainingProgress): void;
  /** A line of its own, above the one that moves. */
  print(text: string): void;
  stop(): void;
}

/** On a terminal, the line is drawn anew so often at most, in milliseconds. */
const redrawInterval = 200;

/** `1:02:03`. */
function clock(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

function numbers({ value, terms }: StepRecord): string {
  const short = (x: number) => x.toPrecision(3);
  const parts = Object.entries(terms).map(([name, term]) => `${name.replace(/\([^()]*=[^()]*\)/, "")} ${short(term)}`);
  return [`loss ${short(value)}`, ...(parts.length > 1 ? parts : [])].join(", ");
}

/** A line with the step, the loss and its terms, images a second and the remaining time on a terminal; elsewhere only what is said. */
export function trainingLine(total: number, sink: Sink, wanted: boolean): TrainingLine {
  if (!wanted) return { step: () => {}, print: () => {}, stop: () => {} };
  if (sink.isTTY !== true) return { step: () => {}, print: (text) => void sink.write(`${text}\n`), stop: () => {} };
  const bar = new cliProgress.SingleBar({ format: "{bar} {value}/{total} {text}", ...barStyle(sink), barsize: 20 });
  let shown: { step: number; text: string } | undefined;
  let drawn = 0;
  const draw = () => {
    if (shown === undefined) return;
    if (bar.isActive) bar.update(shown.step, { text: shown.text });
    else bar.start(total, shown.step, { text: shown.text });
  };
  return {
    step(record, progress) {
      if (Date.now() - drawn < redrawInterval) return;
      drawn = Date.now();
      const { imagesPerSecond, secondsLeft } = progress();
      const speed =
        imagesPerSecond === undefined
          ? ""
          : `, ${imagesPerSecond.toPrecision(3)} images/s, ${clock(secondsLeft ?? 0)} left`;
      shown = { step: record.step, text: `${numbers(record)}${speed}` };
      draw();
    },
    print(text) {
      bar.stop();
      sink.write(`${text}\n`);
      draw();
    },
    stop: () => bar.stop(),
  };
}
