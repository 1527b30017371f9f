/**
 * Distribution metrics against pytorch-fid's ways, in turn on the same machine: `tsx bench/distribution.ts [features,resize,distance,memory] [images] [rounds]`.
 * `RECONLOSS_PYTHON` names a Python interpreter that has torch, torchvision and scipy; without it only our own times are measured. Weights are random
 * on both sides, images too.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildModel } from "../packages/core/src/graph/model.ts";
import { frechetDistance, Moments, type Statistics } from "../packages/core/src/metrics/index.ts";
import { inceptionFid, type StateDict } from "../packages/core/src/nets/index.ts";
import { runResize } from "../packages/core/src/pixels/run-resize.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import {
  computeStatistics,
  evaluateDistribution,
  inceptionExtractor,
} from "../packages/reconloss/src/distribution/index.ts";
import { fromPixels, resize, resizers, writeImage } from "../packages/reconloss/src/image/index.ts";
import { median, timesInTurn } from "./in-turn.ts";
import { startPeer } from "./peer.ts";

const [tasks = "features,distance", imagesText = "200", roundsText = "3"] = process.argv.slice(2);
const [images, rounds] = [Number(imagesText), Number(roundsText)];
const python = process.env.RECONLOSS_PYTHON;
const folder = await mkdtemp(join(tmpdir(), "reconloss-bench-"));

/** Smooth random images, as PNG. */
async function writeImages(count: number, side: number): Promise<string> {
  const path = join(folder, `images-${count}`);
  for (let i = 0; i < count; i++) {
    const coarse = new Tensor(Float32Array.from({ length: 3 * 24 * 24 }, Math.random), [1, 3, 24, 24]);
    await writeImage(join(path, `${i}.png`), resize(coarse, [side, side], "clean"));
  }
  return path;
}

/** Decoded pixels to a network's planes: on vectors, and the plain loops after the conversion to float32 that they need. */
async function resizing(): Promise<void> {
  for (const [width, height] of [
    [512, 400],
    [1920, 1080],
  ]) {
    const data = Uint8Array.from({ length: 3 * width * height }, () => Math.random() * 256);
    const pixels = { data, width, height, channels: 3 } as const;
    const planes = fromPixels(pixels);
    for (const resizer of resizers) {
      const ways = {
        vectors: () => runResize(pixels, [299, 299], resizer),
        "plain loops": () => resize(planes, [299, 299], resizer),
        "plain loops from pixels": () => resize(fromPixels(pixels), [299, 299], resizer),
      };
      const times = await timesInTurn(ways, 5 * rounds, 3);
      const texts = Object.entries(times).map(([name, all]) => `${name} ${median(all).toFixed(2)} ms`);
      const ratio = median(times["plain loops"]) / median(times.vectors);
      console.log(`${width}x${height} to 299x299, ${resizer}: ${texts.join(", ")}; ratio ${ratio.toFixed(1)}`);
    }
  }
}

function randomWeights(): StateDict {
  return Object.fromEntries(
    Object.entries(inceptionFid.tensors(["2048"])).map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const scale = Math.sqrt(6 / (count / shape[0]));
      const value = () => (shape.length === 1 ? 1 : scale * (2 * Math.random() - 1));
      return [name, { shape, data: Float32Array.from({ length: count }, value) }];
    }),
  );
}

async function features(peer: ReturnType<typeof startPeer> | undefined): Promise<void> {
  const path = await writeImages(images, 256);
  const extractor = await inceptionExtractor({ weights: randomWeights() });
  const times: Record<string, number[]> = {};
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const resizer of ["legacy-pytorch", "clean"] as const) {
      const start = performance.now();
      await computeStatistics(path, { extractor, resizer, cache: false });
      if (round > 0) (times[resizer] ??= []).push((performance.now() - start) / 1000);
    }
    const seconds = await peer?.ask("features", path);
    if (round > 0 && seconds) (times["pytorch-fid's loop"] ??= []).push(seconds);
  }
  for (const [name, seconds] of Object.entries(times)) {
    const rate = (time: number) => (images / time).toFixed(2);
    console.log(`${name}: median ${rate(median(seconds))} images/s, best ${rate(Math.min(...seconds))}`);
  }
}

/** Statistics of 2048 features that depend on each other, as those of a network do. */
function randomStatistics(): Statistics {
  const moments = new Moments();
  const [n, d, latent] = [5000, 2048, 64];
  const mix = Float32Array.from({ length: latent * d }, () => Math.random() - 0.5);
  for (let start = 0; start < n; start += 100) {
    const data = new Float32Array(100 * d);
    for (let i = 0; i < 100; i++) {
      const z = Array.from({ length: latent }, Math.random);
      for (let j = 0; j < d; j++) {
        let sum = Math.random();
        for (let k = 0; k < latent; k++) sum += z[k] * mix[k * d + j];
        data[i * d + j] = Math.max(sum, 0);
      }
    }
    moments.update(new Tensor(data, [100, d, 1, 1]));
  }
  return moments.statistics();
}

async function distance(peer: ReturnType<typeof startPeer> | undefined): Promise<void> {
  const [a, b] = [randomStatistics(), randomStatistics()];
  const file = join(folder, "statistics.f8");
  const parts = [a, b].flatMap(({ mean, covariance }) => [mean, covariance.data]);
  await writeFile(
    file,
    Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength))),
  );
  const [ours, theirs]: number[][] = [[], []];
  let [value, theirValue] = [Number.NaN, Number.NaN];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    ({ value } = await frechetDistance(a, b));
    ours.push((performance.now() - start) / 1000);
    if (!peer) continue;
    const [seconds, result] = await peer.ask("distance", file, a.mean.length);
    theirs.push(seconds);
    theirValue = result;
  }
  console.log(
    `Frechet distance of 2048 features: median ${median(ours).toFixed(2)} s, best ${Math.min(...ours).toFixed(2)} s`,
  );
  if (!peer) return;
  console.log(`scipy sqrtm: median ${median(theirs).toFixed(2)} s, best ${Math.min(...theirs).toFixed(2)} s`);
  console.log(`ratio ${(median(theirs) / median(ours)).toFixed(1)}; values ${value} and ${theirValue}`);
}

/** Peak memory of a whole run over small images, with a small network of 2048 features. */
async function memory(): Promise<void> {
  const network = join(folder, "small.onnx");
  const weight = Float32Array.from({ length: 2048 * 3 * 64 }, () => Math.random() - 0.5);
  const model = buildModel({ image: ["n", 3, 32, 32] }, (o, { image }) => ({
    features: o.relu(o.mean(o.conv2d(image, o.constant(weight, [2048, 3, 8, 8]), { stride: 8 }), "hw")),
  }));
  await writeFile(network, model.bytes);
  const path = await writeImages(images, 32);
  const start = performance.now();
  await evaluateDistribution(path, path, { network, metrics: ["frechet", "is", "kid"], cache: join(folder, "cache") });
  const seconds = (performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(`${images} images: peak memory ${peak.toFixed(0)} MiB, ${seconds.toFixed(0)} s`);
}

const wanted = tasks.split(",");
const peer = python === undefined || wanted.includes("memory") ? undefined : startPeer(python, "distribution_peer.py");
if (peer) console.log(await peer.hello);
try {
  if (wanted.includes("features")) await features(peer);
  if (wanted.includes("resize")) await resizing();
  if (wanted.includes("distance")) await distance(peer);
  if (wanted.includes("memory")) await memory();
} finally {
  peer?.end();
  await rm(folder, { recursive: true, force: true });
}
