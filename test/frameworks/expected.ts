import { expect } from "vitest";
import { liftImages } from "../../packages/core/src/definitions/evaluate.ts";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { minimisedScore } from "../../packages/core/src/losses/minimised.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import type { Framework } from "./frameworks.ts";

interface Expected {
  value: number;
  grad: ArrayLike<number>;
}

/** The values and gradients of losses in float64, which takes longest and is the same for all frameworks. */
const known = new Map<string, Promise<Expected>>();

/** The number that is minimised and its gradient by the output in float64. */
function expectedOf(name: string, loss: Loss, output: Tensor, target: Tensor): Promise<Expected> {
  const key = `${name} ${output.shape}`;
  const found = known.get(key) ?? evaluate(loss, output, target);
  known.set(key, found);
  return found;
}

async function evaluate(loss: Loss, output: Tensor, target: Tensor): Promise<Expected> {
  const definition = loss.definition!;
  await definition.prepare?.();
  const images = { output: toFloat64(output), target: toFloat64(target) };
  const { value, gradients } = differentiate(
    reference,
    ({ o, lift }, [x]) => minimisedScore(o, loss, definition, definition.score(o, liftImages(images, x, lift))),
    [images.output],
  );
  return { value: value.data[0], grad: gradients[0].data };
}

/** The largest difference, as part of the largest number expected. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/**
 * Holds a loss, as a function of a framework that takes its gradient, against the float64 reference.
 *
 * @param name - by which what was computed in float64 is found again
 */
export async function expectReference(
  framework: Pick<Framework, "differentiate">,
  name: string,
  loss: Loss,
  output: Tensor,
  target: Tensor,
): Promise<void> {
  const expected = await expectedOf(name, loss, output, target);
  const { value, grad } = await framework.differentiate(loss, { output, target });
  expect(relativeError([value], [expected.value])).toBeLessThan(1e-4);
  expect(grad.shape).toEqual(output.shape);
  expect(relativeError(grad.data, expected.grad)).toBeLessThan(1e-3);
}
