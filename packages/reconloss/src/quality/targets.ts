import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { type Condition, conditionsOf, isOfSeveral, isTrueOf, keyOf, lossesIn } from "../compare/conditions.ts";

/** Conditions that must be true of each image by itself, and the losses that they take. */
export interface Targets {
  readonly losses: readonly Loss[];
  readonly conditions: readonly Condition[];
  /** Whether a better image meets them too: not where one is about a prior, which says of no image that it is better. */
  readonly isMonotone: boolean;
}

/**
 * The targets of a text, `ssimulacra2>=80, deltaE.p99<3`, or of a number: at least as good as that by the one loss.
 *
 * @param given - the losses that are named; default: those that the text names
 * @param more - losses of one's own
 */
export function parseTargets(
  target: string | number,
  given: readonly Loss[] | undefined,
  more: readonly LossFactory[] = [],
): Targets {
  if (typeof target === "number") {
    return { losses: given ?? [], conditions: [conditionOf(target, given ?? [])], isMonotone: true };
  }
  const losses = given ?? lossesIn(target, more);
  const conditions = conditionsOf("target", target, losses, { losses: more });
  const ofSeveral = conditions.find(isOfSeveral);
  if (ofSeveral !== undefined) {
    const { text, operator, limit } = ofSeveral;
    const plain = `${keyOf(ofSeveral)}${operator}${limit}`;
    throw new ReconlossError(
      "invalid-argument",
      `target: ${text} tests several images, but a target applies to each separately; write ${plain}`,
    );
  }
  const betterOf = ({ label }: Condition) => losses.find((loss) => loss.label === label)?.better;
  const upwards = ({ operator }: Condition) => operator.startsWith(">");
  for (const condition of conditions) {
    const better = betterOf(condition);
    if (better === "target" || upwards(condition) === (better === "higher")) continue;
    const { text, label } = condition;
    const [least, most] = better === "higher" ? ["at least", "higher"] : ["at most", "lower"];
    throw new ReconlossError(
      "invalid-argument",
      `target: ${text} would reject good files, since ${label} is better ${most}; give a limit that it must be ${least}`,
    );
  }
  return { losses, conditions, isMonotone: conditions.every((condition) => betterOf(condition) !== "target") };
}

/** A number as a condition on the only loss. */
function conditionOf(limit: number, losses: readonly Loss[]): Condition {
  const [loss, ...others] = losses;
  const better = loss?.better;
  if (loss === undefined || others.length > 0 || better === "target" || Number.isNaN(limit)) {
    throw new ReconlossError(
      "invalid-argument",
      `target: a number needs exactly one loss whose lower or higher values are better, got ${limit} for ${losses.map(({ label }) => label).join(", ") || "no loss"}; write a condition: "ssimulacra2>=80"`,
    );
  }
  const operator = better === "higher" ? ">=" : "<=";
  return { text: `${loss.label}${operator}${limit}`, label: loss.label, over: "mean", operator, limit };
}

/** Whether all conditions are true of an image's values. */
export function meetsAll(conditions: readonly Condition[], values: Readonly<Record<string, number>>): boolean {
  return conditions.every((condition) => isTrueOf(condition, values[keyOf(condition)]));
}
