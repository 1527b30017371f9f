// Loaded into a worker and the process of its shards: that process hangs at its second order, so that it hears nothing, not even a signal to end. As soon as it
// does, the worker's time for it, 77 seconds, is over.
import { existsSync, rmSync, writeFileSync } from "node:fs";

const hangs = process.env.RECONLOSS_TEST_HANGS;
if (process.send) {
  const { emit } = process;
  let orders = 0;
  process.emit = function (name, ...rest) {
    if (name === "message" && rest[0]?.kind === "run" && ++orders === 2) {
      writeFileSync(hangs, "");
      for (;;);
    }
    return emit.call(this, name, ...rest);
  };
} else {
  const { setTimeout } = globalThis;
  let timeIsOver = () => {};
  globalThis.setTimeout = (work, delay, ...rest) => {
    if (delay === 77_000) timeIsOver = work;
    return setTimeout(work, delay, ...rest);
  };
  setInterval(() => {
    if (!existsSync(hangs)) return;
    rmSync(hangs);
    timeIsOver();
  }, 20).unref();
}
