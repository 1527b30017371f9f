/**
 * LPIPS against PyTorch, in turn on the same machine: `tsx bench/lpips.ts [alex,vgg,squeeze] [256x256,1080x1920] [batches] [rounds] [value or gradient]`.
 * `RECONLOSS_PYTHON` names a Python interpreter that has torch; without it only our own times are measured. Weights are random on both sides.
 */
import { lpips } from "../packages/core/src/losses/lpips.ts";
import type { StateDict, TensorShapes } from "../packages/core/src/nets/index.ts";
import { type LpipsNet, lpipsHeads, lpipsNetwork } from "../packages/core/src/nets/table.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { compare, turn } from "./in-turn.ts";
import { startPeer } from "./peer.ts";

/** Weights of the size that keeps activations near 1. */
function randomWeights(shapes: TensorShapes): StateDict {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const scale = Math.sqrt(6 / (count / shape[0]));
      const value = () => (name.startsWith("lin") ? 0.1 * Math.random() : scale * (2 * Math.random() - 1));
      return [name, { shape, data: Float32Array.from({ length: count }, value) }];
    }),
  );
}

const [nets = "alex,squeeze,vgg", sizes = "256x256,1080x1920", batches = "1", roundsText = "7", jobs = ""] =
  process.argv.slice(2);
const python = process.env.RECONLOSS_PYTHON;
const peer = python === undefined ? undefined : startPeer(python, "lpips_peer.py");
if (peer) console.log(await peer.hello);

for (const net of nets.split(",") as LpipsNet[]) {
  const trunk = randomWeights(lpipsNetwork(net).network.tensors());
  const heads = randomWeights(lpipsHeads(net));
  const loss = lpips({ net }, { trunk, heads });
  for (const size of sizes.split(",")) {
    const [height, width] = size.split("x").map(Number);
    for (const batch of batches.split(",").map(Number)) {
      const random = () =>
        new Tensor(Float32Array.from({ length: batch * 3 * height * width }, Math.random), [batch, 3, height, width]);
      const [output, target] = [random(), random()];
      const prepared = await loss.prepareTarget(target);
      const all: Record<string, () => Promise<unknown>> = {
        value: () => loss.value(output, target),
        "value, prepared": () => loss.value(output, prepared),
        gradient: () => loss.valueAndGrad(output, target),
        "gradient, prepared": () => loss.valueAndGrad(output, prepared),
      };
      // Each job keeps the memory of its largest run, so that at 1080p VGG's have to be measured one by one.
      const ours = Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith(jobs)));
      const times: Record<string, number[]> = {};
      const add = (name: string, time: number) => (times[name] ??= []).push(time);
      for (let round = 0; round < Number(roundsText); round++) {
        for (const [name, run] of Object.entries(ours)) {
          await turn();
          await run();
          const start = performance.now();
          await run();
          add(name, performance.now() - start);
        }
        for (const part of ["value", "gradient"].filter((name) => name.startsWith(jobs.split(",")[0]))) {
          await turn();
          const [, time] = (await peer?.ask(net, height, width, batch, part, 2)) ?? [];
          if (time !== undefined) add(`torch ${part}`, time);
        }
      }
      for (const name of Object.keys(ours)) {
        const theirs = times[`torch ${name.split(",")[0]}`];
        console.log(`${net} ${size} batch ${batch} ${name}: ${compare(times[name], theirs)}`);
      }
    }
  }
}
peer?.end();
