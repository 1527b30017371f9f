import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkPixelRange, parseLoss } from "@reconloss/core/internal";
import { anyPair, comparisonPattern, ofMap, ofPairs, operators, splitList } from "../compare/conditions.ts";
import type { Statistic } from "../compare/statistics.ts";

/** A condition that must be true of a pair: `ssim>0.99`, `deltaE.p99<2`. */
export interface Requirement {
  /** As it was written. */
  text: string;
  loss: Loss;
  /** A statistic of the loss's map, which is then what is compared. */
  statistic?: Statistic;
  operator: string;
  limit: number;
}

function refuse(text: string, reason: string): never {
  throw new ReconlossError("syntax", `toMatchImage: condition "${text}" ${reason}`);
}

/** The loss that a text names, with the statistic of its map that follows. A loss's own name wins. */
function readQuantity(
  text: string,
  quantity: string,
  more: readonly LossFactory[],
): Pick<Requirement, "loss" | "statistic"> {
  const { inner, statistic } = ofMap.exec(quantity)?.groups ?? {};
  try {
    return { loss: parseLoss(quantity, more) };
  } catch (error) {
    if (!(error instanceof ReconlossError) || inner === undefined) throw error;
  }
  const loss = parseLoss(inner.trim(), more);
  if (!loss.hasMap) refuse(text, `asks for a statistic of a map, and ${loss.label} has none`);
  if (loss.definition?.mapsErrors) {
    refuse(text, `asks for a statistic of the map of ${loss.label}, which is of squared errors; take mse`);
  }
  const name = statistic.toLowerCase();
  if (/^p\d/.test(name) && Number(name.slice(1)) > 100) refuse(text, `has ${statistic}; percentiles are p0 to p100`);
  return { loss, statistic: name as Statistic };
}

function parseRequirement(text: string, more: readonly LossFactory[]): Requirement {
  const { quantity = "", operator = "", limit = "" } = comparisonPattern.exec(text)?.groups ?? {};
  const number = Number(limit);
  if (quantity === "" || Number.isNaN(number)) {
    refuse(text, "is not written loss>number or loss.p99<number, with <, <=, > or >=");
  }
  const { inner = quantity, over = "any" } = ofPairs.exec(quantity)?.groups ?? anyPair.exec(quantity)?.groups ?? {};
  if (inner !== quantity)
    refuse(text, `is about many pairs; of one image write ${inner}${operator}${limit} or ${inner}.${over}`);
  const { loss, statistic } = readQuantity(text, quantity, more);
  return { text, loss, ...(statistic && { statistic }), operator, limit: number };
}

/**
 * Parses conditions that must all be true of a pair. They are written as those of `--fail`, which must not be true: `ssim>0.99, deltaE.p99<2`.
 *
 * @throws {ReconlossError} `syntax` for text that is no condition, `invalid-argument` for a loss that there is not, or that is for images in another range than [0, 1]
 */
export function parseRequirements(
  conditions: string | readonly string[],
  more: readonly LossFactory[] = [],
): Requirement[] {
  const parts = (typeof conditions === "string" ? [conditions] : conditions).flatMap(splitList);
  if (parts.length === 0) throw new ReconlossError("invalid-argument", "toMatchImage: conditions are none");
  const requirements = parts.map((part) => parseRequirement(part, more));
  checkPixelRange(
    requirements.map(({ loss }) => loss),
    "files",
  );
  return requirements;
}

/** Whether a number meets a requirement; what is not a number meets none. */
export function isMet({ operator, limit }: Requirement, value: number): boolean {
  return !Number.isNaN(value) && operators[operator](value, limit);
}
