import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { lpips } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { seededLpips } from "../networks.ts";
import { randomSource } from "../random.ts";

const side = 48;

type Kind = "noise" | "blocks" | "nearly flat";

/** An image of noise; of 8x8 blocks of one colour each, as strong JPEG compression leaves them; or of one colour but for float32's last bit, as resizing leaves it. */
function image(kind: Kind, seed: number): Tensor {
  const random = randomSource(seed);
  const blocks = side / 8;
  const colours = Array.from({ length: 3 * blocks * blocks }, () => Math.round(255 * random()) / 255);
  const data = Array.from({ length: 3 * side * side }, (_, i) => {
    if (kind === "noise") return random();
    if (kind === "nearly flat") return 0.5 + 2 ** -24 * Math.floor(3 * random());
    const [channel, row, column] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    return colours[(channel * blocks + (row >> 3)) * blocks + (column >> 3)];
  });
  return Tensor.from(data, [1, 3, side, side]);
}

/** The difference between the gradients of float32 and float64 at each pixel, relative to the largest. */
async function differences(kind: Kind): Promise<number[]> {
  const loss = lpips({ net: "squeeze" }, seededLpips("squeeze"));
  const [output, target] = [image(kind, 1), image("noise", 2)];
  const { value, grad } = await loss.valueAndGrad(output, target);
  const images = { output: toFloat64(output), target: toFloat64(target) };
  const expected = evaluateDefinition(reference, loss.definition as Definition, images, { grad: true });
  expect(Math.abs(value / expected.value.data[0] - 1)).toBeLessThan(1e-5);
  const largest = Math.max(...expected.grad!.data.map(Math.abs));
  return Array.from(grad.data, (slope, i) => Math.abs(slope - expected.grad!.data[i]) / largest);
}

describe("gradients through max-pooling, in float32 and float64,", () => {
  test.each([
    ["noise, where no two values of a window are equal", "noise"],
    ["flat blocks, where equal values go to the first", "blocks"],
  ] as const)("of %s, are the same", async (_, kind) => {
    expect(Math.max(...(await differences(kind)))).toBeLessThan(1e-4);
  });

  test("of areas that are flat to float32's rounding, may choose another maximum", async () => {
    const all = await differences("nearly flat");
    const share = all.filter((difference) => difference > 1e-3).length / all.length;
    expect(share).toBeGreaterThan(0.1);
    // Another subgradient of the same value: of the same size, not of another.
    expect(Math.max(...all)).toBeLessThan(1);
    expect(all.reduce((sum, difference) => sum + difference, 0) / all.length).toBeLessThan(0.1);
  });
});
