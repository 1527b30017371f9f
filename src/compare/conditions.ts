import { ReconlossError } from "../errors.ts";
import { type Loss, parseLoss } from "../losses/index.ts";

const operators: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
};

/** A limit that the mean of a loss must not pass: `psnr<30`. */
export interface Condition {
  /** Specification of the loss. */
  spec: string;
  operator: string;
  limit: number;
}

const conditionPattern = /^(?<spec>[^<>]+?)\s*(?<operator><=|>=|<|>)\s*(?<limit>\S+)$/;

function parseCondition(text: string, losses: readonly Loss[]): Condition {
  const { spec = "", operator = "", limit = "" } = conditionPattern.exec(text.trim())?.groups ?? {};
  const number = Number(limit);
  if (spec === "" || Number.isNaN(number)) {
    throw new ReconlossError(
      "syntax",
      `fail: conditions are written loss<number, with <, <=, > or >=, got "${text.trim()}"`,
    );
  }
  const wanted = parseLoss(spec).spec;
  if (!losses.some((loss) => loss.spec === wanted)) {
    const known = losses.map((loss) => loss.spec).join(", ");
    throw new ReconlossError("invalid-argument", `fail: ${wanted} is not among the metrics: ${known}`);
  }
  return { spec: wanted, operator, limit: number };
}

/**
 * Conditions from a list separated by commas: `psnr<30,ssim(preset=skimage)<0.9`.
 *
 * @param losses - those that are computed
 * @throws {ReconlossError} `syntax` for text that is not a condition, `invalid-argument` for a loss that is not computed
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { holding, parseConditions } from "reconloss/compare";
 * const conditions = parseConditions("psnr<30, ssim<0.9", parseLosses("psnr, ssim"));
 * holding(conditions, { psnr: 31.2, ssim: 0.88 }); // [{ spec: "ssim", operator: "<", limit: 0.9 }]
 * ```
 */
export function parseConditions(text: string, losses: readonly Loss[]): Condition[] {
  // Commas between parentheses separate options, not conditions.
  return text.split(/,(?![^()]*\))/).map((part) => parseCondition(part, losses));
}

/** The conditions that hold of the means; one whose mean is missing or not a number counts as holding, since nothing shows that all is well. */
export function holding(conditions: readonly Condition[], mean: Readonly<Record<string, number>>): Condition[] {
  return conditions.filter(({ spec, operator, limit }) => {
    const value = mean[spec];
    return value === undefined || Number.isNaN(value) || operators[operator](value, limit);
  });
}
