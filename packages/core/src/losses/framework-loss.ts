import { described } from "../arguments.ts";
import type { Definition } from "../definitions/definition.ts";
import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape, sameShape } from "../tensor.ts";
import { isLoss, type Loss } from "./loss.ts";

/**
 * The definition of a loss that another framework is to evaluate; refuses losses that are no function of images alone.
 *
 * @param caller - what errors call the function that was called
 * @param general - the function that takes objectives of adversarial training instead
 */
export function definitionForFramework(caller: string, loss: Loss, general: string): Definition {
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  if (!isLoss(loss)) throw refuse(`loss must be a loss, got ${described(loss)}`);
  const { definition, label, learners = [], later = [] } = loss;
  if (learners.length > 0) {
    throw refuse(
      `${label} trains a discriminator beside the model; use ${general} with generatorLoss on your own discriminator's logits`,
    );
  }
  if (later.length > 0) {
    throw refuse(
      `${label} counts the steps of a trainer (${later[0].label}); make one function for each part of the training`,
    );
  }
  if (definition === undefined) throw refuse(`${label} has a term that is averaged before it is reported`);
  return definition;
}

/** Loads the weights of a definition. `check` refuses calls before they are there, and says what went wrong where they could not be had. */
export function loadWeights(caller: string, { label }: Loss, definition: Definition) {
  let state: "loading" | "ready" | { error: unknown } = definition.prepare ? "loading" : "ready";
  const ready: Promise<void> = (async () => definition.prepare?.())().then(
    () => {
      state = "ready";
    },
    (error) => {
      state = { error };
      throw error;
    },
  );
  // Whoever waits for it is told; whoever does not, by the first call.
  ready.catch(() => {});
  const check = () => {
    if (state === "ready") return;
    if (state !== "loading") throw state.error;
    const problem = "weights are not loaded yet; await ready before";
    throw new ReconlossError("invalid-argument", `${caller}: ${label}: ${problem}`);
  };
  return { ready, check };
}

/**
 * Refuses shapes that do not fit each other or that the loss refuses.
 *
 * @param said - a shape as errors show it: in the order of axes that the caller uses
 */
export function checkShapes(
  loss: Loss,
  { output, target, weight }: Readonly<Record<"output" | "target", Shape> & { weight?: Shape }>,
  format: (shape: Shape) => string = formatShape,
): void {
  const refuse = (problem: string) => new ReconlossError("shape", `${loss.name}: ${problem}`);
  if (!sameShape(output, target)) throw refuse(`output is ${format(output)} but target is ${format(target)}`);
  if (output.includes(0)) throw refuse(`output is ${format(output)}, but no axis may be empty`);
  const refusal = loss.refusal(output);
  if (refusal !== undefined) throw refuse(`output is ${format(output)}, ${refusal}`);
  if (weight === undefined || weight.every((size, axis) => size === output[axis] || (size === 1 && axis < 2))) return;
  const problem = `weight must have the shape of output, ${format(output)}, or 1 image or 1 channel of it`;
  throw refuse(`${problem}, got ${format(weight)}`);
}
