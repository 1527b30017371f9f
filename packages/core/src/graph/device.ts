import { checkDevice, type Device } from "../runtimes/index.ts";
import { Tensor } from "../tensor.ts";
import { compile } from "./compile.ts";

/** The result of {@link probeDevice}. */
export interface ProbedDevice {
  /** The device that was asked for where it can be used, else `cpu`. */
  readonly device: Device;
  /** The reason why it is not the requested device; absent where it is. */
  readonly reason?: string;
}

/**
 * Tries a device out, and returns it where it works, else the CPU and the reason. Nothing is remembered: where networks run is an option of each call, `device`.
 * Values on a GPU are within 1e-3 of the CPU's. Pixel losses always run on the CPU's kernels.
 *
 * @throws {ReconlossError} `invalid-argument` for what is no device
 * @example
 * ```ts
 * import { lpips, probeDevice, Tensor } from "@reconloss/core";
 * const { device, reason } = await probeDevice("webgpu");
 * if (reason) console.log(`using the CPU: ${reason}`);
 * const [output, target] = [Tensor.full([1, 3, 64, 64], 0.25), Tensor.full([1, 3, 64, 64], 0.5)];
 * await lpips({ net: "tiny" }).value(output, target, { device });
 * ```
 */
export async function probeDevice(device: Device): Promise<ProbedDevice> {
  checkDevice("probeDevice", device);
  if (device === "cpu") return { device };
  try {
    const probe = await compile({ x: ["n", 1, "h", "w"] }, (o, { x }) => ({ y: o.add(o.relu(x), 1) }), { device });
    const { y } = await probe.run({ x: Tensor.full([1, 1, 2, 2], 1) });
    if (y.data[3] !== 2) throw new Error(`${device} cannot be used: it computes 1 + 1 = ${y.data[3]}`);
    return { device };
  } catch (cause) {
    return { device: "cpu", reason: (cause as Error).message };
  }
}
