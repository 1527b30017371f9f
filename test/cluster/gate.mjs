// Loaded into a worker and the process of its shards: shards begin only once the number in the file RECONLOSS_TEST_GATE is above theirs, or once the process is asked to stop.
import { readFileSync } from "node:fs";

const { emit } = process;
if (process.send) {
  let isStopped = false;
  const isOpen = (shard) => isStopped || shard < Number(readFileSync(process.env.RECONLOSS_TEST_GATE, "utf8"));
  process.emit = function (name, ...rest) {
    const [order] = rest;
    if (name === "message" && order?.kind === "stop") isStopped = true;
    if (name !== "message" || order?.kind !== "run" || isOpen(order.shard)) return emit.call(this, name, ...rest);
    const looking = setInterval(() => {
      if (!isOpen(order.shard)) return;
      clearInterval(looking);
      emit.call(this, name, ...rest);
    }, 20);
    return true;
  };
}
