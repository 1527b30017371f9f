import { checkArguments } from "../arguments.ts";
import { Tensor } from "../tensor.ts";
import { compile } from "./compile.ts";
import { currentDevice, type Device, setCurrentDevice } from "./runtime.ts";

/** The device that was chosen, and why it is not the one that was wanted. */
export interface SelectedDevice {
  device: Device;
  /** Absent where it is the one that was wanted. */
  reason?: string;
}

/**
 * Chooses where networks run from now on: `cpu` (the default), or `webgpu`, natively on a GPU. Where there is no GPU that works, they stay on
 * the CPU and the reason is given. Values on a GPU are within 1e-3 of the CPU's. Pixel losses always run on the CPU's kernels.
 *
 * @example
 * ```ts
 * import { selectDevice } from "@reconloss/core";
 * const { device, reason } = await selectDevice("webgpu");
 * if (reason) console.assert(device === "cpu");
 * await selectDevice("cpu");
 * ```
 */
export async function selectDevice(wanted: Device): Promise<SelectedDevice> {
  checkArguments("selectDevice", { wanted: [wanted, "text"] });
  const before = currentDevice();
  setCurrentDevice(wanted);
  if (wanted === "cpu") return { device: wanted };
  try {
    const probe = await compile({ x: ["n", 1, "h", "w"] }, (o, { x }) => ({ y: o.add(o.relu(x), 1) }));
    const { y } = await probe.run({ x: Tensor.full([1, 1, 2, 2], 1) });
    if (y.data[3] !== 2) throw new Error(`it computes 1 + 1 = ${y.data[3]}`);
    return { device: wanted };
  } catch (cause) {
    setCurrentDevice(before);
    const reason = (cause as Error).message.split("\n")[0].replace(/^.*false\. /, "");
    return { device: before, reason: `${wanted} cannot be used: ${reason}` };
  }
}
