import type { Definition, Evaluation } from "../definitions/definition.ts";
import { poolScores } from "../definitions/evaluate.ts";
import type { Ops } from "../graph/ops.ts";
import type { Loss } from "./loss.ts";

/** Above every finite float32 that a loss gives, below infinity. */
const infinite = 1e38;

/** The definition whose reported value is {@link Definition.limit} where it would be infinite. */
function limited(definition: Definition): Definition {
  const { limit, toReported } = definition;
  if (limit === undefined) return definition;
  return {
    ...definition,
    toReported: (o, score) => {
      const reported = toReported?.(o, score) ?? score;
      return o.where(o.greater(reported, infinite), limit, reported);
    },
  };
}

function turned<T>(o: Ops<T>, { better, offset }: Loss, value: T): T {
  return better === "higher" ? o.sub(offset, value) : value;
}

/** The minimised score of each image, [n, 1, 1, 1]: the value, or its distance below the offset where higher is better; finite for identical images. */
export function minimisedPerImage<T>(o: Ops<T>, loss: Loss, definition: Definition, scores: T): T {
  return turned(o, loss, limited(definition).toReported?.(o, scores) ?? scores);
}

/** The same of the batch, [1, 1, 1, 1]. */
export function minimisedScore<T>(o: Ops<T>, loss: Loss, definition: Definition, scores: T): T {
  return turned(o, loss, poolScores(o, limited(definition), scores));
}

/** The same of what a loss has computed: of the batch, of each image, and of the batch where infinity stays infinity. */
export function minimisedEvaluation(
  { better, offset, definition }: Loss,
  { value, perImage, shares }: Pick<Evaluation, "value" | "perImage" | "shares">,
): { value: number; perImage: Float64Array; unlimited: number } {
  const limit = definition?.limit;
  const finite = (x: number) => (limit !== undefined && x > infinite ? limit : x);
  const turn = (x: number) => (better === "higher" ? offset - x : x);
  const each = perImage.map(finite);
  const isMean = finite(value) !== value && !definition?.poolScores;
  const counted = (x: number, share = 1) => (share === 0 ? 0 : share * x);
  const mean = () => each.reduce((sum, x, image) => sum + counted(x, shares?.[image]), 0) / each.length;
  const whole = isMean ? mean() : finite(value);
  return { value: turn(whole), perImage: each.map(turn), unlimited: turn(value) };
}
