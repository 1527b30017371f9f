import type { Loss, LossFactory } from "@reconloss/core";
import { parseLosses } from "@reconloss/core/internal";
import type { PixelOptions } from "../image/index.ts";
import { type AppliedProtocol, applyProtocol } from "./apply-protocol.ts";

/** What is computed when nothing is said. */
export const defaultMetrics = "psnr,ssim,ms-ssim,lpips(net=tiny),deltaE,l1";
/** Which of them a pair may go without, being too small, unless a condition asks for it. */
const defaultOptional = ["ms-ssim", "lpips(net=tiny)"];

/** What is asked for. */
export interface AskedMeasures {
  /** Losses, as `parseLosses` takes them; default: {@link defaultMetrics}, or what the protocol has. */
  readonly metrics?: string;
  readonly protocol?: string;
  /** Metrics that models of the user's own compute. */
  readonly models?: readonly Loss[];
  /** Losses of the user's own that `metrics` names. */
  readonly plugins?: readonly LossFactory[];
  readonly pixels: PixelOptions;
}

/** What is computed of pairs, and of what pixels. */
export interface Measures {
  readonly losses: readonly Loss[];
  readonly pixels: PixelOptions;
  readonly applied?: AppliedProtocol;
  /** Labels of those that a pair may go without. */
  readonly optional: ReadonlySet<string>;
}

/** The losses, pixels and protocol that are asked for. */
export function measuresFor({ metrics, protocol, models = [], plugins = [], pixels }: AskedMeasures): Measures {
  if (protocol !== undefined) {
    const applied = applyProtocol(protocol, { ...pixels, metrics, models, losses: plugins });
    return { losses: applied.losses, pixels: applied.pixels, applied, optional: new Set() };
  }
  const losses = [...parseLosses(metrics ?? defaultMetrics, plugins), ...models];
  return { losses, pixels, optional: new Set(metrics === undefined ? defaultOptional : []) };
}
