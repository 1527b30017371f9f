// Loaded into a worker and the process of its shards: every third shard ends that process with an exception.
const { emit } = process;
let orders = 0;
if (process.send) {
  process.emit = function (name, ...rest) {
    if (name === "message" && rest[0]?.kind === "run" && ++orders % 3 === 0) throw new Error("this worker throws");
    return emit.call(this, name, ...rest);
  };
}
