// Loaded into a worker and the process of its shards: that process hangs at its second order, so that it hears nothing, not even a signal to end.
const { emit } = process;
let orders = 0;
if (process.send) {
  process.emit = function (name, ...rest) {
    if (name === "message" && rest[0]?.kind === "run" && ++orders === 2) for (;;);
    return emit.call(this, name, ...rest);
  };
}
