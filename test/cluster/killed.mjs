// Loaded into a worker and the process of its shards: at its third shard the worker is killed.
const { emit } = process;
let orders = 0;
if (process.send) {
  process.emit = function (name, ...rest) {
    if (name !== "message" || rest[0]?.kind !== "run" || ++orders < 3) return emit.call(this, name, ...rest);
    process.kill(process.ppid, "SIGKILL");
    return true;
  };
}
