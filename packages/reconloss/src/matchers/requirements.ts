import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkPixelRange } from "@reconloss/core/internal";
import { type Condition, conditionsOf, isOfSeveral, isTrueOf, lossesIn } from "../compare/conditions.ts";
import type { Statistic } from "../compare/statistics.ts";

/** A condition that must be true of a pair: `ssim>0.99`, `deltaE.p99<2`. */
export interface Requirement {
  condition: Condition;
  loss: Loss;
  /** A statistic of the loss's map, which is then what is compared. */
  statistic?: Statistic;
}

/**
 * Parses conditions that must all be true of a pair. They are written as those of `--fail`, which must not be true: `ssim>0.99, deltaE.p99<2`.
 *
 * @throws {ReconlossError} `syntax` for text that is no condition of one pair, `invalid-argument` for a loss that has no map, or is for images in another range than [0, 1]
 */
export function parseRequirements(
  conditions: string | readonly string[],
  more: readonly LossFactory[] = [],
): Requirement[] {
  const text = typeof conditions === "string" ? conditions : conditions.join(",");
  const losses = lossesIn(text, more);
  checkPixelRange(losses, "files");
  return conditionsOf("toMatchImage", text, losses, { losses: more }).map((condition) => {
    const { label, map } = condition;
    if (isOfSeveral(condition)) {
      const advice =
        "tests many pairs, but there is only one: remove the function around the loss, or use its map, deltaE.p99";
      throw new ReconlossError("syntax", `toMatchImage: "${condition.text}" ${advice}`);
    }
    const loss = losses.find((each) => each.label === label) as Loss;
    return { condition, loss, ...(map && { statistic: map }) };
  });
}

/** Whether a number meets a requirement; what is not a number meets none. */
export function isMet({ condition }: Requirement, value: number): boolean {
  return isTrueOf(condition, value);
}
