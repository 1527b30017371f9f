import { selectDevice } from "../../packages/core/src/graph/device.ts";
import { lpips } from "../../packages/core/src/losses/lpips.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** LPIPS with seeded weights on a device: the value and the gradient. */
export async function measure() {
  const loss = lpips({}, seededLpips("alex"));
  return loss.valueAndGrad(randomTensor([1, 3, 72, 64], 1), randomTensor([1, 3, 72, 64], 2));
}

/** What a process of its own prints: the driver has to be named before anything looks for one. */
export async function measureOnWebGpu(): Promise<void> {
  const selected = await selectDevice("webgpu");
  const { value, grad } = await measure();
  const line = `${JSON.stringify({ ...selected, value, grad: Array.from(grad.data) })}\n`;
  // Awaited: ending the process at once would cut a long line short.
  await new Promise((resolve) => process.stdout.write(line, resolve));
}
