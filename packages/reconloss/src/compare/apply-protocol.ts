import type { Loss, LossFactory } from "@reconloss/core";
import { checkArguments, matching, parseLosses } from "@reconloss/core/internal";
import type { PixelOptions } from "../image/index.ts";
import { findProtocol, type Protocol } from "./protocols.ts";
import type { Comparison, ProtocolRecord } from "./types.ts";

const pixelKeys = ["decode", "alpha", "background"] as const;

/** The options beside a protocol. */
export interface ProtocolOverrides extends PixelOptions {
  /** Losses: one of the name of a metric of the protocol takes its place, others come beside it. */
  metrics?: string;
  /** Metrics that models of the user's own compute (`openModelMetric`): those that the protocol names, and others beside it. */
  models?: readonly Loss[];
  /** Losses of the user's own that `metrics` names. */
  losses?: readonly LossFactory[];
}

/** A protocol as it is used: what is computed, of what pixels, and what is not as the protocol has it. */
export interface AppliedProtocol {
  readonly protocol: Protocol;
  /** For {@link comparePairs} and {@link summarise}: the protocol's metrics, then what comes beside it. */
  readonly losses: readonly Loss[];
  /** For {@link comparePairs}. */
  readonly pixels: PixelOptions;
  /** Whether those are not as the protocol has them. */
  readonly otherPixels: boolean;
  /** The replacements of parts of the protocol: `psnr(crop=2) in place of psnr(channels=y-bt601,crop=4)`. */
  readonly changed: readonly string[];
  /** Labels of what is measured beside it. */
  readonly beside: readonly string[];
}

/**
 * A protocol with what is said beside it. What is said holds: a loss of the same name, or another option of pixels, takes the place of the protocol's, and is listed
 * as a change, wherever numbers are written.
 *
 * @param name - as {@link findProtocol} takes it
 * @throws {ReconlossError} `invalid-argument` for an unknown protocol; `syntax` for losses that do not parse
 * @example
 * ```ts
 * import { applyProtocol } from "reconloss/compare";
 * const { losses, changed, beside } = applyProtocol("sr-x4", { metrics: "psnr(crop=2), lpips" });
 * losses.map(({ label }) => label); // ["psnr(crop=2)", "ssim(channels=y-bt601,crop=4)", "lpips"]
 * changed; // ["psnr(crop=2) in place of psnr(channels=y-bt601,crop=4)"]
 * beside; // ["lpips"]
 * ```
 */
export function applyProtocol(name: string, overrides: ProtocolOverrides = {}): AppliedProtocol {
  checkArguments("applyProtocol", { name: [name, "text"], overrides: [overrides, "object"] });
  checkArguments("applyProtocol", {
    metrics: [overrides.metrics, "text?"],
    models: [overrides.models, "objects?"],
    losses: [overrides.losses, "list?"],
  });
  const protocol = findProtocol(name);
  const { models = [], losses: more = [] } = overrides;
  const given = overrides.metrics === undefined ? [] : parseLosses(overrides.metrics, more);
  const own = parseLosses(protocol.metrics);
  const changed: string[] = [];
  const taken = own.flatMap((metric) => {
    const same = given.filter((loss) => loss.name === metric.name);
    const equal = same.find((loss) => isSame(loss, metric));
    // Under the name that it was given, where it was.
    if (same.length === 0 || equal !== undefined) return [equal?.isNamed ? equal : metric];
    changed.push(`${same.map(specAndName).join(", ")} in place of ${metric.label}`);
    return same;
  });
  const others = given.filter((loss) => !taken.includes(loss) && !own.some((metric) => isSame(metric, loss)));
  const columns = protocol.models.map((model) => model.name);
  for (const { name: column, better } of protocol.models) {
    const model = models.find((loss) => matching(loss.name, columns) === column);
    if (model !== undefined && model.better !== better) {
      changed.push(`${model.label} with better=${model.better} in place of better=${better}`);
    }
  }
  // A background alone says that images are laid over it.
  const pixels: PixelOptions = {
    decode: overrides.decode ?? protocol.pixels.decode,
    alpha: overrides.alpha ?? (overrides.background === undefined ? protocol.pixels.alpha : "composite"),
    background: overrides.background ?? protocol.pixels.background,
  };
  const otherPixels = pixelKeys.filter((key) => pixels[key] !== protocol.pixels[key]);
  for (const key of otherPixels) {
    const before = protocol.pixels[key];
    changed.push(`${key}=${pixels[key]}${before === undefined ? "" : ` in place of ${before}`}`);
  }
  return {
    protocol,
    losses: [...taken, ...others, ...models],
    pixels,
    otherPixels: otherPixels.length > 0,
    changed,
    beside: [...others, ...models.filter((loss) => matching(loss.name, columns) === undefined)].map(
      ({ label }) => label,
    ),
  };
}

/** The specification of a loss, with the name that it was given: `psnr(crop=2) as PSNR`. */
export function specAndName({ spec, label, isNamed }: Loss): string {
  return isNamed ? `${spec} as ${label}` : label;
}

/** Whether two losses are of one name and all their options the same, however they were written. */
function isSame(a: Loss, b: Loss): boolean {
  const names = Object.keys({ ...a.options, ...b.options });
  return a.name === b.name && names.every((name) => a.options[name] === b.options[name]);
}

/** Returns the options of a model of one's own, with what a protocol knows of it where they leave it out. */
export function modelOptionsUnder<T extends object>(protocol: string | undefined, name: string, overrides: T): T {
  if (protocol === undefined) return overrides;
  const { models } = findProtocol(protocol);
  const column = matching(
    name,
    models.map((model) => model.name),
  );
  const known = models.find((model) => model.name === column);
  return known === undefined ? overrides : { better: known.better, ...overrides };
}

/** The label under which a comparison has what a protocol calls by this name; undefined where that was changed or not given. */
function labelOf({ protocol, losses }: AppliedProtocol, name: string): string | undefined {
  const metric = parseLosses(protocol.metrics).find((loss) => loss.name === name);
  if (metric !== undefined) return losses.find((loss) => isSame(loss, metric))?.label;
  const columns = protocol.models.map((model) => model.name);
  return losses.find((loss) => loss.definition === undefined && matching(loss.name, columns) === name)?.label;
}

/** Returns the reason why this part of a total cannot be computed, or undefined. */
function lacking(applied: AppliedProtocol, comparison: Comparison, name: string): string | undefined {
  const label = labelOf(applied, name);
  if (label === undefined) {
    return applied.protocol.models.some((model) => model.name === name) ? name : `${name} as in the protocol`;
  }
  const all =
    comparison.pairs.length +
    (comparison.pairsNotHeld ?? 0) +
    comparison.failed.filter(({ loss }) => loss === undefined).length;
  const finite = comparison.statistics[label]?.n ?? 0;
  return finite === all ? undefined : `${name} of ${all - finite} of ${all} pairs`;
}

/** The record of the protocol in a comparison, with its total where nothing is missing. */
export function recordOf(applied: AppliedProtocol, comparison: Comparison): ProtocolRecord {
  const { protocol, changed, beside } = applied;
  const { name, title, summary, source, total } = protocol;
  const record = { name, title, summary, source, changed, beside };
  if (total === undefined) return record;
  const missing = total.needs.flatMap((need) => lacking(applied, comparison, need) ?? []);
  const { name: of, better, formula } = total;
  if (applied.otherPixels) missing.push("pixels as in the protocol");
  if (missing.length > 0) return { ...record, total: { name: of, better, formula, missing } };
  const means = Object.fromEntries(
    total.needs.map((need) => [need, comparison.mean[labelOf(applied, need) as string]]),
  );
  return { ...record, total: { name: of, better, formula, missing: [], value: total.of(means) } };
}

/** A protocol in a few words, with what was changed: `sr-x4`, `sr-x4, changed: psnr(crop=2) in place of psnr(channels=y-bt601,crop=4)`. */
export function protocolInWords({ name, changed }: Pick<ProtocolRecord, "name" | "changed">): string {
  return changed.length === 0 ? name : `${name}, changed: ${changed.join("; ")}`;
}

/** The total in words: its number, or what it lacks. */
export function totalInWords({ value, formula, missing }: NonNullable<ProtocolRecord["total"]>): string {
  const number = value === undefined ? `not given: it lacks ${missing.join(", ")}` : value.toFixed(4);
  return `${number}; ${formula}, of the means`;
}
