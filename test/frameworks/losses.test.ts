import { beforeAll, describe, expect, test } from "vitest";
import { liftImages } from "../../packages/core/src/definitions/evaluate.ts";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { minimisedScore } from "../../packages/core/src/losses/minimised.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { cases } from "../losses/conformance-cases.ts";
import { randomTensor } from "../random.ts";
import { type Framework, frameworks } from "./frameworks.ts";

/** Losses through the embedded network, the one whose weights are always there. */
const networks = [
  { spec: "lpips(net=tiny)", least: 20 },
  { spec: "l1 + 0.1*ssim(size=5) + 0.1*lpips(net=tiny)", least: 20 },
];

interface Expected {
  value: number;
  grad: ArrayLike<number>;
}

/** What each loss comes to in float64, which takes longest and is the same for all frameworks. */
const known = new Map<string, Promise<Expected>>();

/** What is minimised and its gradient by the output in float64. */
function expectedOf(loss: Loss, output: Tensor, target: Tensor): Promise<Expected> {
  const key = `${loss.spec} ${output.shape}`;
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

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/** Every loss and preset as a function of every framework, its gradient taken by the framework, against the float64 reference. */
describe.each(frameworks)("$name", ({ load }) => {
  let framework: Framework;
  beforeAll(async () => {
    framework = await load();
  });

  test.each([...cases, ...networks])("$spec", async ({ spec, least = 1, ...options }) => {
    const { channels = 3, rounds = false } = options as { channels?: number; rounds?: boolean };
    // The luma of grey is a level.
    const shape: Shape = [2, rounds && framework.reciprocals ? 1 : channels, least + 1, least + 2];
    const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
    const loss = parseLoss(spec);
    const expected = await expectedOf(loss, output, target);
    const { value, grad } = await framework.differentiate(loss, { output, target });
    expect(relativeError([value], [expected.value])).toBeLessThan(1e-4);
    expect(grad.shape).toEqual(shape);
    expect(relativeError(grad.data, expected.grad)).toBeLessThan(1e-3);
  });
});
