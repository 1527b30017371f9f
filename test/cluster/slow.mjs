// Loaded into a worker and the process of its shards: each shard begins late.
const { emit } = process;
if (process.send) {
  process.emit = function (name, ...rest) {
    if (name !== "message" || rest[0]?.kind !== "run") return emit.call(this, name, ...rest);
    setTimeout(() => emit.call(this, name, ...rest), 1_000);
    return true;
  };
}
