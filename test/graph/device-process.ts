import { compile } from "../../packages/core/src/graph/compile.ts";
import { probeDevice } from "../../packages/core/src/graph/device.ts";
import { weighted } from "../../packages/core/src/losses/combine.ts";
import { l1 } from "../../packages/core/src/losses/l1.ts";
import { lpips } from "../../packages/core/src/losses/lpips.ts";
import { constant, type Model } from "../../packages/core/src/nets/index.ts";
import type { Device } from "../../packages/core/src/runtimes/index.ts";
import { gan } from "../../packages/core/src/train/adversarial.ts";
import { createTrainer } from "../../packages/core/src/train/index.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** LPIPS with seeded weights. */
const perceptual = () => lpips({}, seededLpips("alex"));

const gain: Model = {
  name: "gain",
  parameters: { gain: { shape: [3], initialize: constant(1) } },
  buffers: {},
  forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
};

const [output, target] = [randomTensor([1, 3, 72, 64], 1), randomTensor([1, 3, 72, 64], 2)];

/** The programs that run on a device, each as numbers. */
export const measurements: Readonly<Record<string, (device: Device) => Promise<readonly number[]>>> = {
  "value and gradient": async (device) => {
    const { value, grad } = await perceptual().valueAndGrad(output, target, { device });
    return [value, ...grad.data];
  },
  "a prepared target": async (device) => {
    const loss = lpips({ net: "tiny" });
    return [await loss.value(output, await loss.prepareTarget(target, { device }), { device })];
  },
  "a sum": async (device) => {
    const loss = weighted([
      [1, l1()],
      [0.5, lpips({ net: "tiny" })],
    ]);
    return [await loss.value(output, target, { device })];
  },
  tiles: async (device) => {
    const loss = lpips({ net: "tiny" });
    loss.definition!.tiles!.pixelsAtOnce = 300 * 32;
    const [output, target] = [randomTensor([1, 3, 800, 32], 1), randomTensor([1, 3, 800, 32], 2)];
    const { value, tiles = 1 } = await loss.evaluate(output, target, {}, { device });
    return [value, tiles];
  },
  "a program": async (device) => {
    const dims = ["n", 3, "h", "w"] as const;
    const program = await compile({ x: dims }, (o, { x }) => ({ mean: o.mean(o.square(x), "chw") }), { device });
    return [...(await program.run({ x: output })).mean.data];
  },
  "a training with a discriminator": async (device) => {
    const loss = weighted([
      [1, l1()],
      [0.01, gan({ features: 4, depth: 1, norm: "none" })],
    ]);
    const trainer = createTrainer({ model: gain, loss, device });
    const steps = [await trainer.step(output, target), await trainer.step(output, target)];
    return [...steps.flatMap(({ value, learned: [own] }) => [value, own.real, own.fake]), ...trainer.tensors.gain.data];
  },
};

/** Prints the results of both devices, in a process of its own: the driver has to be named before anything looks for one. Devices alternate, so that one leaves nothing for the other. */
export async function measureOnWebGpu(): Promise<void> {
  const probed = await probeDevice("webgpu");
  const numbers: Record<string, Record<Device, readonly number[]>> = {};
  for (const [name, measure] of Object.entries(measurements)) {
    numbers[name] = { webgpu: await measure("webgpu"), cpu: await measure("cpu") };
  }
  const line = `${JSON.stringify({ ...probed, numbers })}\n`;
  // Awaited: ending the process at once would cut a long line short.
  await new Promise((resolve) => process.stdout.write(line, resolve));
}

/** The results of calls on a missing device, and of one on the CPU after them. */
export async function measureWithoutGpu(): Promise<void> {
  const probed = await probeDevice("webgpu");
  const refused: Record<string, { code?: string; message: string }> = {};
  for (const [name, measure] of Object.entries(measurements)) {
    await measure("webgpu").catch(({ code, message }) => {
      refused[name] = { code, message };
    });
  }
  const [value] = await measurements["a prepared target"]("cpu");
  const pixels = await l1().value(output, target, { device: "webgpu" });
  const line = `${JSON.stringify({ ...probed, refused, value, pixels })}\n`;
  await new Promise((resolve) => process.stdout.write(line, resolve));
}
