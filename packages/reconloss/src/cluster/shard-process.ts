/** The process in which a worker's shards are computed, so that the thread that renews a job's lock is never busy: takes `Order`s, gives `Answer`s. */
import { ReconlossError } from "@reconloss/core";
import "../weights/disk.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { runShard, type ShardOptions } from "../shards/index.ts";

/** A request of the worker. */
export type Order =
  | ({ readonly kind: "run"; readonly folder: string; readonly shard: number } & Pick<ShardOptions, "batch" | "cache">)
  | { readonly kind: "stop" };

/** The answer to it. */
export type Answer =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "done"; readonly computed: boolean; readonly total: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly message: string; readonly machine: boolean };

/** Progress is told once in so many milliseconds at most. */
const apart = 500;

const answer = (message: Answer) => void process.send?.(message);
const stop = new AbortController();

async function run({ folder, shard, batch, cache }: Order & { kind: "run" }): Promise<void> {
  let lastReport = 0;
  try {
    const { computed, total } = await runShard(folder, shard, {
      ...(batch === undefined ? {} : { batch }),
      ...(cache === undefined ? {} : { cache }),
      signal: stop.signal,
      onProgress: ({ done, total }) => {
        const now = Date.now();
        if (now - lastReport < apart && done < total) return;
        lastReport = now;
        answer({ kind: "progress", done, total });
      },
    });
    answer({ kind: "done", computed, total });
  } catch (error) {
    if (stop.signal.aborted) return answer({ kind: "stopped" });
    const machine = !(error instanceof ReconlossError) || exitCodeOf(error) === exitCodes.machine;
    answer({ kind: "failed", message: (error as Error).message, machine });
  }
}

process.on("message", (order: Order) => {
  if (order.kind === "stop") stop.abort();
  else void run(order);
});
// The worker decides when its process ends, also where a terminal sends its signals to both.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit());
