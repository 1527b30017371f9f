import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { parseLosses } from "@reconloss/core/internal";
import { pixelOptionsOf } from "../image/read.ts";
import { type AppliedProtocol, applyProtocol } from "./apply-protocol.ts";
import { type LoadOptions, loadOptionsOf } from "./load.ts";
import { scaleOf, withScale } from "./scale.ts";
import { statisticPattern } from "./statistics.ts";

/** The losses that are computed by default. */
export const defaultMetrics = "psnr,ssim,ms-ssim,lpips(net=tiny),deltaE,l1";
/** Those of them that a pair may go without, being too small, unless a condition asks for it. */
const defaultOptional = ["ms-ssim", "lpips(net=tiny)"];

/** The options that choose losses and pixels. */
export interface MeasureRequest {
  /** Losses, as `parseLosses` takes them; default: {@link defaultMetrics}, or what the protocol has. */
  readonly metrics?: string;
  readonly protocol?: string;
  /** The value of `scale` in `crop=scale`; default: the protocol's. */
  readonly scale?: number;
  /** Metrics that models of the user's own compute. */
  readonly models?: readonly Loss[];
  /** Losses of the user's own that `metrics` names. */
  readonly plugins?: readonly LossFactory[];
  readonly pixels: LoadOptions;
}

/** The losses that are computed of pairs, and of what pixels. */
export interface Measures {
  /** The text of the losses, with the scale in its place; undefined where the protocol's alone are computed. */
  readonly metrics?: string;
  /** The scale that is known: the one that was said, or the protocol's. */
  readonly scale?: number;
  readonly losses: readonly Loss[];
  readonly pixels: LoadOptions;
  readonly applied?: AppliedProtocol;
  /** Labels of those that a pair may go without. */
  readonly optional: ReadonlySet<string>;
}

/** The names of other columns of files than metrics, and of a protocol's total in conditions. */
const taken = ["output", "target", "width", "height", "error", "protocol", "dataset", "method", "total"];

const ofStatistic = new RegExp(`^(?<of>.+)\\.(?:${statisticPattern})$`);

/** Refuses names that files and conditions could not tell apart. */
function checkLabels(losses: readonly Loss[]): void {
  const labels = losses.map(({ label }) => label.replace(/\s+/g, "").toLowerCase());
  for (const [index, { label }] of losses.entries()) {
    const ofMap = ofStatistic.exec(labels[index])?.groups?.of;
    const problem = taken.includes(labels[index])
      ? "this is the name of a column in output files"
      : labels.indexOf(labels[index]) !== index
        ? "it is listed twice"
        : ofMap !== undefined && labels.includes(ofMap)
          ? `that is a statistic of the map of ${ofMap}`
          : undefined;
    if (problem === undefined) continue;
    throw new ReconlossError("invalid-argument", `a metric cannot be named ${label}: ${problem}`);
  }
}

/** The losses, pixels and protocol that are asked for. */
export function measuresFor(asked: MeasureRequest): Measures {
  const { protocol, models = [], plugins = [], pixels } = asked;
  const scale = scaleOf(asked.scale, protocol);
  const metrics = asked.metrics === undefined ? undefined : withScale(asked.metrics, scale);
  const applied =
    protocol === undefined
      ? undefined
      : applyProtocol(protocol, { ...pixelOptionsOf(pixels), metrics, models, losses: plugins });
  const losses = applied?.losses ?? [...parseLosses(metrics ?? defaultMetrics, plugins), ...models];
  checkLabels(losses);
  const isDefault = metrics === undefined && applied === undefined;
  const read = { ...loadOptionsOf(pixels), ...applied?.pixels };
  return {
    metrics: isDefault ? defaultMetrics : metrics,
    scale,
    losses,
    pixels: read,
    applied,
    optional: new Set(isDefault ? defaultOptional : []),
  };
}
