import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { inceptionFid } from "../../packages/core/src/nets/index.ts";
import { writeNpy } from "../../packages/core/src/weights/npy.ts";
import { evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { temporaryFolder } from "../folder.ts";
import { hasReference, referenceFolder } from "../golden.ts";

const folder = await temporaryFolder();

/** MT19937 (Matsumoto, Nishimura 1998), from which `torch.manual_seed(seed)` and `torch.randint` take 32 bits for each number. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let next = 624;
  return () => {
    if (next === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      next = 0;
    }
    let y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

const [count, side] = [100, 299];

/** `torch.randint(low, high, (100, 3, 299, 299), dtype=torch.uint8)` as a file of samples. */
async function samples(name: string, random: () => number, low: number, high: number): Promise<string> {
  const data = new Uint8Array(count * side * side * 3);
  for (let image = 0; image < count; image++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let at = 0; at < side * side; at++) {
        data[(image * side * side + at) * 3 + channel] = (random() % (high - low)) + low;
      }
    }
  }
  const path = join(folder, `${name}.npz`);
  await writeFile(path, zipSync({ "arr_0.npy": writeNpy(data, [count, side, side, 3]) }, { level: 0 }));
  return path;
}

test.skipIf(!hasReference)(
  "published Inception weights give the FID of 64 features printed in torchmetrics' documentation",
  async () => {
    const random = mersenneTwister(42);
    // In the documentation the metric is made before the images: PyTorch draws every weight of its network once, before the published ones are loaded.
    for (const [name, shape] of Object.entries(inceptionFid.tensors())) {
      if (name.includes(".bn.")) continue;
      for (let left = shape.reduce((a, b) => a * b, 1); left > 0; left--) random();
    }
    const reals = await samples("reals", random, 0, 200);
    const outputs = await samples("outputs", random, 100, 255);
    const { results, protocol } = await evaluateDistribution(outputs, reals, {
      dims: 64,
      weights: fileURLToPath(new URL("weights/inception-2015-12-05-to-mixed_6e.safetensors", referenceFolder)),
      resizer: "legacy-tensorflow",
      cache: false,
    });
    expect(results.fid?.metric).toBe("fid(dims=64)");
    expect(protocol.size).toBe("299x299");
    // 12.6388 in the docstring of torchmetrics' FrechetInceptionDistance(feature=64), four decimals.
    expect(Math.abs((results.fid?.value as number) - 12.6388)).toBeLessThan(5e-4);
  },
);
