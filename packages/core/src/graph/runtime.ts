import type { Device } from "../runtimes/index.ts";

export type { Device } from "../runtimes/index.ts";

let device: Device = "cpu";

/** Where new sessions run. */
export function currentDevice(): Device {
  return device;
}

/** Says where new sessions run; `selectDevice` is the one that asks whether it can. */
export function setCurrentDevice(wanted: Device): void {
  device = wanted;
}
