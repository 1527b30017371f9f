import { describe, expect, test } from "vitest";
import { constant, initialize, kaimingNormal, kaimingUniform, normal } from "../packages/core/src/nets/index.ts";
import { Random } from "../packages/core/src/random.ts";

const mean = (data: ArrayLike<number>) => Array.from(data).reduce((sum, value) => sum + value, 0) / data.length;
const deviation = (data: ArrayLike<number>) =>
  Math.sqrt(mean(Array.from(data, (value) => value ** 2)) - mean(data) ** 2);

describe("Random", () => {
  test("the same seed gives the same numbers, another seed others", () => {
    const draw = (...seed: (string | number)[]) =>
      Array.from(
        { length: 5 },
        function (this: Random) {
          return this.uniform();
        },
        new Random(...seed),
      );
    expect(draw(3, "crops", 7)).toEqual(draw(3, "crops", 7));
    expect(draw(3, "crops", 7)).not.toEqual(draw(3, "crops", 8));
    expect(draw(3)).not.toEqual(draw(4));
  });

  test("distributions have the expected moments", () => {
    const random = new Random("moments");
    const uniform = Array.from({ length: 20_000 }, () => random.between(-1, 3));
    expect(mean(uniform)).toBeCloseTo(1, 1);
    expect(deviation(uniform)).toBeCloseTo(4 / Math.sqrt(12), 1);
    const bell = Array.from({ length: 20_000 }, () => random.normal());
    expect(mean(bell)).toBeCloseTo(0, 1);
    expect(deviation(bell)).toBeCloseTo(1, 1);
    const counts = new Uint32Array(3);
    for (let i = 0; i < 3000; i++) counts[random.below(3)]++;
    for (const count of counts) expect(count).toBeGreaterThan(900);
  });
});

describe("initializers", () => {
  // Bounds and deviations by the formulas of torch.nn.init: kaiming_uniform_(a = sqrt(5)) has the bound sqrt(6 / (6 fan in)), kaiming_normal_ the deviation sqrt(2 / fan in).
  const shape = [64, 3, 3, 3];
  const values = (initializer: ReturnType<typeof normal>) => initializer(new Random("w"), shape);
  test("kaimingUniform", () => {
    const data = values(kaimingUniform(27));
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(27));
    expect(deviation(data)).toBeCloseTo(1 / Math.sqrt(27) / Math.sqrt(3), 2);
  });
  test("kaimingNormal and normal", () => {
    expect(deviation(values(kaimingNormal(27)))).toBeCloseTo(Math.sqrt(2 / 27), 1);
    expect(deviation(values(normal(0.02)))).toBeCloseTo(0.02, 2);
    expect([...constant(3)(new Random(1), [2])]).toEqual([3, 3]);
  });
  test("a tensor's values do not depend on the other tensors", () => {
    const specs = { a: { shape: [4], initialize: normal(1) }, b: { shape: [4], initialize: normal(1) } };
    const randomFor = (name: string) => new Random(1, name);
    expect(initialize(specs, randomFor).b).toEqual(initialize({ b: specs.b }, randomFor).b);
  });
});
