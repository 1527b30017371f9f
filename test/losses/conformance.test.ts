import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Definition, OwnEvaluation, Requested } from "../../packages/core/src/definitions/definition.ts";
import { type DefinedValues, evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { kernels } from "../../packages/core/src/engines/kernels.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { ready } from "../../packages/core/src/kernels/index.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { toImage } from "../../packages/core/src/pixels/input.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { enginesFor, evaluateBy, requestOf } from "../engine.ts";
import { mapTensor } from "../golden.ts";
import { randomPixels, randomTensor } from "../random.ts";
import { cases } from "./conformance-cases.ts";

/**
 * One tester for every loss: what holds for all of them, whatever they compute. Expected values are the float64 reference backend's, and
 * finite differences of it.
 */

const value = (loss: Loss, output: Float64Array, target: Tensor): number =>
  evaluateDefinition(
    reference,
    loss.definition as Definition,
    { output: { data: output, shape: target.shape }, target: toFloat64(target) },
    {},
  ).value.data[0];

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

test("every loss of the grammar is tested here", () => {
  const tested = cases.flatMap(({ spec }) => [...spec.matchAll(/[A-Za-z][\w-]*(?=\(|\s|$)/g)].map(([name]) => name));
  const learned = ["lpips", "dists", "perceptual", "niqe", "brisque"];
  for (const { info } of lossFactories) if (!learned.includes(info.name)) expect(tested).toContain(info.name);
});

describe.each(cases)(
  "$spec",
  ({ spec, least = 1, channels = 3, colours = false, rounds = false, detached = false, step = 1e-6 }) => {
    const loss = parseLoss(spec);
    const [h, w] = [least + 3, least + 6];
    const shape: Shape = [2, channels, h, w];
    const output = randomTensor(shape, 1);
    const target = randomTensor(shape, 2);
    const definition = loss.definition as Definition;

    const requested = { grad: true, map: loss.hasMap };
    const images = { output, target };
    let expected: DefinedValues<Float64Image>;
    beforeAll(() => {
      const inFloat64 = { output: toFloat64(output), target: toFloat64(target) };
      expected = evaluateDefinition(reference, definition, inFloat64, requested);
    });

    const expectEqual = (got: OwnEvaluation, { map }: Requested) => {
      expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-5);
      expect(relativeError(got.perImage, expected.perImage.data)).toBeLessThan(1e-5);
      expect(got.grad?.shape).toEqual(shape);
      expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-4);
      if (!map) return;
      expect(got.map?.shape).toEqual(expected.map?.shape);
      expect(relativeError(got.map!.data, expected.map!.data)).toBeLessThan(1e-4);
    };

    describe.each(enginesFor(definition, images, requested))("engine $name", (engine) => {
      test("value, gradient and map equal the float64 reference", async () => {
        expectEqual(await evaluateBy(engine, definition, images, requested), requested);
      });
    });

    test.each([requested, { grad: true }])("evaluate with %j equals the float64 reference", async (requested) => {
      expectEqual(await loss.evaluate(output, target, requested), requested);
    });

    test.skipIf(rounds || detached)("the gradient equals finite differences", () => {
      const { grad } = expected;
      const picked = [0, 7, output.data.length >> 1, output.data.length - 2];
      const differences = picked.map((position) => {
        const at = (by: number) => {
          const data = Float64Array.from(output.data);
          data[position] += by;
          return value(loss, data, target);
        };
        return (at(step) - at(-step)) / (2 * step);
      });
      const got = picked.map((position) => grad!.data[position]);
      expect(relativeError(got, differences)).toBeLessThan(1e-5);
    });

    test("value, perImage, valueAndGrad and map agree with evaluate", async () => {
      const all = await loss.evaluate(output, target, { grad: true, map: loss.hasMap });
      expect(await loss.value(output, target)).toBeCloseTo(all.value, 6);
      expect(Array.from(await loss.perImage(output, target))).toEqual(Array.from(all.perImage));
      const { value, grad } = await loss.valueAndGrad(output, target);
      expect(value).toBeCloseTo(all.value, 6);
      expect(grad.data).toEqual(all.grad?.data);
      if (loss.hasMap) expect((await loss.map(output, target)).data).toEqual(all.map?.data);
      else await expect(loss.map(output, target)).rejects.toMatchObject({ code: "invalid-argument" });
    });

    test("synchronous calls return the same bits where a kernel exists", async () => {
      await ready();
      // The terms of the sums here have kernels.
      if (loss.name !== "weighted" && kernels.refusal(definition, requestOf(images, requested)) !== undefined) {
        expect(() => loss.valueSync(output, target)).toThrow(`${loss.name}: cannot be evaluated at once`);
        return;
      }
      expect(loss.valueSync(output, target)).toBe(await loss.value(output, target));
      expect(loss.valueAndGradSync(output, target)).toEqual(await loss.valueAndGrad(output, target));
    });

    test("writes the gradient into the given tensor, repeatedly, and nowhere else", async () => {
      const { value, grad } = await loss.valueAndGrad(output, target);
      const memory = new Float32Array(grad.data.length + 64).fill(7);
      const into = new Tensor(memory.subarray(32, -32), shape);
      for (let call = 0; call < 3; call++) {
        const written = await loss.valueAndGrad(output, target, { into });
        expect(written.grad).toBe(into);
        expect(written.value).toBe(value);
        expect(into.data).toEqual(grad.data);
        into.data.fill(Number.NaN);
      }
      expect([...memory.subarray(0, 32), ...memory.subarray(-32)].every((x) => x === 7)).toBe(true);
      // Two calls at once do not meddle with each other.
      const others = [Tensor.full(shape, 1), Tensor.full(shape, 2)];
      await Promise.all(others.map((other) => loss.valueAndGrad(output, target, { into: other })));
      for (const other of others) expect(other.data).toEqual(grad.data);
    });

    test("rejects a gradient tensor of the wrong shape or one that is also an input", async () => {
      const refused = (into: unknown) => expect(loss.valueAndGrad(output, target, { into: into as Tensor })).rejects;
      await refused(output.data).toMatchObject({ code: "invalid-argument" });
      await refused(output).toMatchObject({ code: "invalid-argument" });
      if (loss.needsTarget) await refused(target).toMatchObject({ code: "invalid-argument" });
      await refused(Tensor.full([2, channels, h, w + 1], 0)).toMatchObject({ code: "shape" });
      await refused(Tensor.full([2, channels, w, h], 0)).toMatchObject({ code: "shape" });
    });

    test("8-bit and 16-bit pixels give the same bits as planes, or are rejected where the loss expects another range", async () => {
      for (const Samples of [Uint8ClampedArray, Uint16Array]) {
        const [a, b] = [randomPixels(Samples, channels, h, w, 5), randomPixels(Samples, channels, h, w, 6)];
        if (String(loss.range ?? [0, 1]) !== "0,1") {
          await expect(loss.value(a.pixels, b.pixels)).rejects.toThrow(
            "but pixels of any number of bits are read as [0, 1]",
          );
          continue;
        }
        const wanted = await loss.evaluate(a.planes, b.planes, requested);
        for (const output of [a.pixels, await toImage(a.pixels)])
          expect(await loss.evaluate(output, b.pixels, requested)).toEqual(wanted);
      }
    });

    test("an image has the same value alone and in a batch", async () => {
      const together = await loss.perImage(output, target);
      for (const index of [0, 1]) {
        const [alone] = await loss.perImage(output.image(index), target.image(index));
        expect(relativeError([alone], [together[index]])).toBeLessThan(1e-6);
      }
    });

    test("gradients are finite for identical, flat and saturated images, and identical images have the best value", async () => {
      const flat = Tensor.full(shape, 0.5);
      const [black, white] = [Tensor.full(shape, 0), Tensor.full(shape, 1)];
      const pairs: [Tensor, Tensor][] = [
        [output, output],
        [flat, flat],
        [black, black],
        [white, white],
        [white, black],
        [black, white],
        [flat, target],
        [target, flat],
        [output, mapTensor(output, (x) => 1 - x)],
      ];
      for (const [a, b] of pairs) {
        const got = await loss.evaluate(a, b, { grad: true, map: loss.hasMap });
        expect(got.grad?.data.every(Number.isFinite)).toBe(true);
        expect(Number.isNaN(got.value)).toBe(false);
        if (loss.hasMap) expect(got.map?.data.every(Number.isFinite)).toBe(true);
      }
      if (!loss.needsTarget || loss.name === "weighted") return;
      const [same, other] = [await loss.value(output, output), await loss.value(output, target)];
      expect(loss.better === "lower" ? same < other : same > other).toBe(true);
    });

    test("equals the float64 reference for other sizes and channels, down to the smallest", async () => {
      const sizes = fc.tuple(fc.integer({ min: least, max: least + 9 }), fc.integer({ min: least, max: least + 9 }));
      await fc.assert(
        fc.asyncProperty(
          sizes,
          fc.constantFrom(...(colours ? [3] : [1, 3])),
          fc.integer(),
          async ([height, width], c, seed) => {
            const [a, b] = [randomTensor([1, c, height, width], seed), randomTensor([1, c, height, width], seed + 1)];
            const got = await loss.evaluate(a, b, { grad: true });
            expect(relativeError([got.value], [value(loss, Float64Array.from(a.data), b)])).toBeLessThan(1e-5);
            expect(got.grad?.data.every(Number.isFinite)).toBe(true);
          },
        ),
        { numRuns: 4, seed: 5, examples: [[[least, least], 3, 1]] },
      );
    });

    test("rejects invalid input with the argument's name and shape", async () => {
      const refused = (a: unknown, b: unknown) => expect(loss.valueAndGrad(a as Tensor, b as Tensor)).rejects;
      const withValue = (x: number) => mapTensor(output, (value, i) => (i === 5 ? x : value));
      await refused(withValue(Number.NaN), target).toMatchObject({ code: "non-finite" });
      await refused(withValue(Number.NEGATIVE_INFINITY), target).toThrow(
        /element 5 of output \(2x\d+x\d+x\d+\) is -Infinity/,
      );
      await refused([1, 2], target).toMatchObject({ code: "invalid-argument" });
      if (!loss.needsTarget) return;
      await refused(output, withValue(Number.NaN)).toMatchObject({ code: "non-finite" });
      await refused(output, undefined).toThrow(/target must be an image \(a Tensor/);
      const wider = randomTensor([2, channels, h, w + 1], 3);
      await refused(output, wider).toThrow(
        `output is 2x${channels}x${h}x${w} but target is 2x${channels}x${h}x${w + 1}`,
      );
      const bytes = mapTensor(target, (x) => 255 * x);
      await refused(output, bytes).toMatchObject({ code: "range" });
    });

    test.runIf(least > 1)("rejects images that are too small", async () => {
      const small = randomTensor([1, 3, least - 1, least + 9], 4);
      const refusal = expect(loss.value(small, small)).rejects;
      await refusal.toMatchObject({ code: "shape" });
      await refusal.toThrow(`1x3x${least - 1}x${least + 9}`);
    });
  },
);
