/**
 * Losses against those of piq, in turn on the same machine: `RECONLOSS_PYTHON=python [RECONLOSS_THREADS=1] npx tsx bench/piq.ts [gmsd,vif,...] [1080x1920] [seconds] [value,gradient]`, where the
 * interpreter has piq, and each job takes five rounds, or as many as so many seconds leave, at least two, after twenty of ours that are not counted. Both get the same pixels and as many threads; values and gradients are compared too. Weights of `dists` are seeded, the same on both sides.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dists, type Loss, parseLoss } from "../packages/core/src/losses/index.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { networkThreads } from "../packages/core/src/threads.ts";
import { seededDists } from "../test/networks.ts";
import { makePair } from "./images.ts";
import { median, turn } from "./in-turn.ts";
import { startPeer } from "./peer.ts";

const { trunk, weights } = seededDists();
/** The losses compared: our specification, and the name of piq's in piq_peer.py. */
const contests: Record<string, { loss: Loss; peer: string; differs?: string }> = {
  gmsd: { loss: parseLoss("gmsd"), peer: "gmsd" },
  haarpsi: { loss: parseLoss("haarpsi"), peer: "haarpsi" },
  mdsi: { loss: parseLoss("mdsi"), peer: "mdsi" },
  vif: { loss: parseLoss("vif"), peer: "vif_p" },
  fsim: { loss: parseLoss("fsim"), peer: "fsim" },
  fsimc: { loss: parseLoss("fsimc"), peer: "fsimc" },
  "dists(preset=piq)": { loss: dists({ preset: "piq" }, { trunk, weights }), peer: "DISTS" },
  dists: { loss: dists({}, { trunk, weights }), peer: "DISTS-whole" },
};

const [named, size = "1080x1920", seconds = "20", wanted = "value,gradient"] = process.argv.slice(2);
const names = named?.split(",") ?? Object.keys(contests).filter((name) => name !== "dists");
const [height, width] = size.split("x").map(Number);
const interpreter = process.env.RECONLOSS_PYTHON;
if (!interpreter) throw new Error("RECONLOSS_PYTHON must name an interpreter that has piq");

const folder = mkdtempSync(join(tmpdir(), "piq-"));
const file = (name: string, data: Float32Array) => {
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
};

/** Tensors in PyTorch's order of the parameters, then alpha and beta with sum 1, as piq publishes them. */
function peerWeights(): Float32Array {
  const place = (name: string) => Number(name.split(".")[1]) + (name.endsWith(".bias") ? 0.5 : 0);
  const layers = Object.keys(trunk).toSorted((a, b) => place(a) - place(b));
  const shares = [weights.alpha, weights.beta].map(({ data }) => data);
  const total = shares.flatMap((part) => [...part]).reduce((sum, share) => sum + share, 0);
  const all = [...layers.map((name) => trunk[name].data), ...shares.map((part) => part.map((share) => share / total))];
  const joined = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Milliseconds by the clock, and those that the processor spent in all threads, which other work on the machine changes little. */
interface Times {
  readonly clock: number;
  readonly processor: number;
}

async function timed(run: () => Promise<number>): Promise<[Times, number]> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const value = await run();
  const { user, system } = process.cpuUsage(before);
  return [{ clock: performance.now() - start, processor: (user + system) / 1000 }, value];
}

/** The largest error relative to the largest entry, of those that the peer's gradient has, and how many it has not. */
function compareGradients(ours: Float32Array, theirs: Float32Array): string {
  let [largest, error, missing] = [0, 0, 0];
  for (const [i, value] of theirs.entries()) {
    if (Number.isNaN(value)) missing++;
    else [largest, error] = [Math.max(largest, Math.abs(value)), Math.max(error, Math.abs(value - ours[i]))];
  }
  const part = `${((100 * missing) / theirs.length).toPrecision(2)} % NaN`;
  if (missing === theirs.length) return "all NaN";
  return `${(error / largest).toExponential(0)}${missing === 0 ? "" : `, ${part}`}`;
}

/** Runs of ours that are not counted. */
const warmUps = 20;

const peer = startPeer(interpreter, "piq_peer.py", file("weights", peerWeights()));
const threads = networkThreads();
const { output, target } = makePair(height, width);
const files = [file("output", output.data), file("target", target.data)];
const into = Tensor.full(output.shape, 0);
const hello = await peer.hello;
console.log(
  `piq ${hello.piq}, torch ${hello.torch}, ${threads} thread${threads === 1 ? "" : "s"}, ${width}x${height}\n`,
);
console.log(
  "| loss | job | ours, ms | piq, ms | times ours | ours, processor | piq, processor | times ours | values differ by | gradients differ by |",
);
console.log("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");

for (const name of names) {
  const { loss, peer: theirs } = contests[name];
  for (const gradient of [false, true]) {
    if (!wanted.includes(gradient ? "gradient" : "value")) continue;
    const run = async () =>
      gradient ? (await loss.valueAndGrad(output, target, { into })).value : loss.value(output, target);
    const ask = (repeats: number) =>
      peer.ask(theirs, gradient ? 1 : 0, ...files, 3, height, width, threads, repeats) as Promise<{
        times: Times[];
        value: number;
        gradient?: string;
        error?: string;
      }>;
    const times: { ours: Times[]; piq: Times[] } = { ours: [], piq: [] };
    let [time, value] = [{ clock: 0, processor: 0 }, Number.NaN];
    let answer: Awaited<ReturnType<typeof ask>> = { times: [], value };
    // The host compiles kernels anew while they run, so that the first dozen runs are half as fast; PyTorch is compiled already.
    const start = performance.now();
    for (let i = 0; i < warmUps && performance.now() - start < 3000; i++) await run();
    const began = performance.now();
    for (let round = 0; round < 5; round++) {
      if (round >= 2 && performance.now() - began > 1000 * Number(seconds)) break;
      await turn();
      await run();
      [time, value] = await timed(run);
      times.ours.push(time);
      await turn();
      // The first is not counted; what takes long needs it once.
      answer = await ask(round === 0 || times.piq[0].clock < 300 ? 2 : 1);
      if (answer.error) throw new Error(answer.error);
      times.piq.push(answer.times.at(-1) as Times);
    }
    const shown = (["clock", "processor"] as const).flatMap((which) => {
      const [ours, other] = [times.ours, times.piq].map((list) => median(list.map((one) => one[which])));
      return [ours.toFixed(1), other.toFixed(1), (other / ours).toFixed(1)];
    });
    const gradients = () => {
      const { buffer, byteOffset, length } = readFileSync(answer.gradient as string);
      return compareGradients(into.data, new Float32Array(buffer, byteOffset, length / 4));
    };
    const cells = [
      `\`${name}\``,
      gradient ? "value and gradient" : "value",
      ...shown,
      Math.abs(value / answer.value - 1).toExponential(0),
      gradient ? gradients() : "",
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
peer.end();
rmSync(folder, { recursive: true });
