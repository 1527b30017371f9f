import type { DownloadProgress } from "@reconloss/core/weights";
import cliProgress from "cli-progress";
import type { LockHolder } from "../lock.ts";
import { barStyle } from "./progress.ts";
import type { Sink } from "./terminal.ts";

const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;

/** Shows how far downloads are. */
export interface DownloadBar {
  /** To be given as `onProgress`. */
  onProgress(progress: DownloadProgress): void;
  /** To be given as `onWait`. */
  onWait(name: string, holder: LockHolder | undefined): void;
  /** Takes the bar away. */
  stop(): void;
}

/** A bar in megabytes with the remaining time on a terminal, one download after the other; elsewhere nothing. */
export function downloadBar(sink: Sink): DownloadBar {
  const onWait = (name: string, holder: LockHolder | undefined) => {
    const whom = holder === undefined ? "another process" : `process ${holder.pid}`;
    sink.write(`waiting for ${whom}, which is downloading ${name}\n`);
  };
  if (sink.isTTY !== true) return { onProgress: () => {}, onWait, stop: () => {} };
  let bar: cliProgress.SingleBar | undefined;
  let shown = "";
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const start = (name: string, total: number) => {
    bar = new cliProgress.SingleBar({
      format: `${name} {bar} {value}/{total} MB, {eta_formatted} left`,
      ...barStyle(sink),
    });
    bar.start(megabytes(total), 0);
    shown = name;
  };
  return {
    onProgress({ name, received, total }) {
      if (name !== shown) stop();
      if (bar === undefined) start(name, total ?? received);
      bar?.update(megabytes(received));
    },
    onWait,
    stop,
  };
}
