import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Loss, lpips } from "../../packages/core/src/losses/index.ts";
import { edsr } from "../../packages/core/src/nets/edsr.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";
import { writeFileAtomically } from "../../packages/reconloss/src/files.ts";
import { exampleBatch, makeTask, PhotographStore, splitPhotographs } from "../../packages/reconloss/src/tasks/index.ts";
import { trainingLoss } from "../../packages/reconloss/src/tasks/settings.ts";
import { adam, createTrainer, type Trainer } from "../../packages/reconloss/src/train/index.ts";
import type { Enlarger } from "./published.ts";

/** A training of a small network for super-resolution. */
export interface OwnNetwork {
  readonly scale: 2 | 3 | 4;
  readonly loss: string;
  readonly seed: number;
  readonly steps: number;
  /** Side of the target's patches. */
  readonly patch: number;
  /** Numbers of steps, rising, of the same training that may be kept already: it goes on from the last of them. */
  readonly after?: readonly number[];
  readonly channels?: number;
  readonly blocks?: number;
}

const batch = 4;

/** Names what `lpips(net=tiny)` means in a loss: the weights that a network is trained against. */
export interface Against {
  readonly name: string;
  readonly weights: StateDict;
}

/** `lpips(net=tiny)` of other weights than the package's, by a name of its own. */
export function tinyOf(weights: StateDict): typeof lpips {
  const parts = ([true, false] as const).map((heads) =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith("lin") === heads)),
  );
  const [heads, trunk] = parts;
  return Object.assign(
    (options: Parameters<typeof lpips>[0] = {}) =>
      lpips(options, options.net === "tiny" ? { trunk, heads } : undefined),
    { info: { ...lpips.info, name: "candidate" } },
  ) as typeof lpips;
}

/**
 * Trains a network on photographs, or takes it from the folder where it was kept.
 *
 * @param against - what `lpips(net=tiny)` is in the loss; default the package's
 */
export async function ownNetwork(
  network: OwnNetwork,
  { photographs, cache, against }: { photographs: string; cache: string; against?: Against },
  reportProgress: (text: string) => void = () => {},
): Promise<Enlarger> {
  const { scale, loss: spec, seed, steps, patch, after = [], channels = 32, blocks = 4 } = network;
  const size = channels === 32 && blocks === 4 ? "" : ` ${channels}x${blocks}`;
  const nameAfter = (count: number) =>
    `x${scale} ${spec}${size} patch ${patch} steps ${count} seed ${seed}${against ? ` against ${against.name}` : ""}`;
  const pathAfter = (count: number) =>
    join(
      cache,
      `${nameAfter(count)
        .replaceAll("*", "")
        .replaceAll(/[^\w.+-]+/g, "_")}.safetensors`,
    );
  const path = pathAfter(steps);
  const task = makeTask("super-resolution", { scale });
  const text = against ? spec.replace("lpips(net=tiny)", "candidate(net=tiny)") : spec;
  const loss: Loss = trainingLoss(text, { seed, batch, patch }, against ? [tinyOf(against.weights) as never] : []);
  const trainer: Trainer = createTrainer({
    model: edsr({ scale, channels, blocks }),
    loss,
    optimizer: adam(1e-3),
    seed,
  });
  if (existsSync(path)) {
    await trainer.restore(await readFile(path));
  } else {
    const { training } = await splitPhotographs(photographs);
    const store = new PhotographStore(training, { leastSide: task.leastSide(patch), limitPixels: 4e7, seed });
    const began = performance.now();
    const kept = after.findLast((count) => count < steps && existsSync(pathAfter(count)));
    if (kept) await trainer.restore(await readFile(pathAfter(kept)));
    for (let step = kept ?? 0; step < steps; step++) {
      const { input, target } = await exampleBatch(task, store, step, { seed, patch, batch });
      await trainer.step(input, target);
    }
    await writeFileAtomically(path, trainer.checkpoint());
    reportProgress(`trained ${nameAfter(steps)}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  return (images) => trainer.apply(images);
}
