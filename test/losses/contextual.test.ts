import { describe, expect, test } from "vitest";
import { contextual, dists, parseLoss } from "../../packages/core/src/losses/index.ts";
import { vgg } from "../../packages/core/src/nets/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { expectGradient, expectValue, goldenCases, mapTensor, readInput } from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** Official numbers of the contextual loss, of `deep2.json`: contextual_loss_pytorch in float64, on seeded weights of VGG19. */
const cases = goldenCases("deep2").filter(({ id }) => id.startsWith("contextual-"));
const weights = seededStateDict(vgg("vgg19").tensors(["relu3_4"]));

/**
 * Slips of the peer that are not repeated: its `l1` is the absolute sum of the differences (of places too, in its bilateral loss, which it marks as not yet checked), and its `l2` adds the square of
 * one position's length to the other's.
 */
const slips = ["features-l1", "features-l2", "bilateral"].map((kind) => `contextual-${kind}/t24-image0`);

type Options = NonNullable<Parameters<typeof contextual>[0]>;

/** The options under which this library makes the number of a case; features that are the images themselves are the tap `image`. */
function optionsOf(id: string, options: Record<string, unknown>): Options {
  const taps = id.includes("-features-") ? "image" : /relu\d_\d/.exec(id)![0];
  return { preset: "contextual-loss-pytorch", taps, h: options.h as number };
}

describe("contextual equals the reference values", () => {
  test.each(cases.filter(({ id }) => !slips.includes(id)).map((golden) => [golden.id, golden] as const))(
    "%s",
    async (id, golden) => {
      const [output, target] = await Promise.all(
        ["output", "target"].map(async (name) => {
          const text = golden.inputs[name] as string;
          const tensor = await readInput(text);
          return text.endsWith("image 0") ? tensor.image(0) : tensor;
        }),
      );
      const grad = golden.gradient !== undefined || golden.gradientSummary !== undefined;
      const got = await contextual(optionsOf(id, golden.options), { weights }).evaluate(output, target, { grad });
      expectValue(got.value, golden.expected as number, golden.tolerance);
      if (got.grad) expectGradient(got.grad, golden);
    },
  );

  test("every golden case is tested or listed as an exception", () => {
    expect(cases.length).toBe(16);
    for (const id of slips) expect(cases.map((golden) => golden.id)).toContain(id);
  });
});

describe("contextual", () => {
  const shape: Shape = [1, 3, 6, 7];
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];

  test("permuted pixels have the value of identical images, and almost no gradient", async () => {
    // 37 has no divisor in common with the number of pixels, so every pixel goes elsewhere.
    const moved = mapTensor(target, (_, i) => target.data[Math.floor(i / 42) * 42 + (((i % 42) * 37 + 5) % 42)]);
    const loss = contextual({ taps: "image", h: 0.1 });
    const { value } = await loss.valueAndGrad(moved, target);
    expect(Math.abs(value - (await loss.value(target, target)))).toBeLessThan(1e-6);
    expect(value).toBeLessThan(1e-3);
    expect(await loss.value(output, target)).toBeGreaterThan(0.1);
  });

  test("constant images have the logarithm of the number of positions, and gradient 0", async () => {
    const flat = (level: number) => Tensor.full(shape, level);
    for (const level of [0, 0.1, 0.7, 1]) {
      for (const other of [flat(level), output]) {
        const { value, grad } = await contextual({ taps: "image" }).valueAndGrad(other, flat(level));
        expect(value).toBeCloseTo(Math.log(42), 5);
        expect(Math.max(...grad.data.map(Math.abs))).toBeLessThan(1e-6);
      }
    }
  });

  test("rejects more positions than the distance matrix can hold, in value, gradient and the option positions", async () => {
    const large = randomTensor([1, 3, 129, 128], 1);
    const problem = "leaves 16512 positions of a layer to compare, but at most 16384 can be";
    for (const positions of [0, 20000]) {
      const loss = contextual({ taps: "image", positions });
      for (const asked of [loss.value(large, large), loss.valueAndGrad(large, large)]) {
        await expect(asked).rejects.toThrow(`contextual: positions=${positions} ${problem}`);
        await expect(asked).rejects.toMatchObject({ code: "shape" });
      }
    }
  });

  test("the option positions limits the comparison to every k-th row and column", async () => {
    // 6x7 pixels: every second row and column leaves 3x4 from the first ones on; the others do not count.
    const loss = contextual({ taps: "image", positions: 12 });
    const places = (x: Tensor) => {
      const picked = [0, 1, 2].flatMap((c) =>
        [0, 2, 4].flatMap((h) => [0, 2, 4, 6].map((w) => x.data[c * 42 + h * 7 + w])),
      );
      return Tensor.from(picked, [1, 3, 3, 4]);
    };
    const whole = contextual({ taps: "image", positions: 0 });
    expect(await loss.value(output, target)).toBeCloseTo(await whole.value(places(output), places(target)), 6);
    const { grad } = await loss.valueAndGrad(output, target);
    expect(grad.data.filter((x) => x !== 0).length).toBeLessThanOrEqual(36);
    expect(await contextual({ taps: "image", positions: 42 }).value(output, target)).toBe(
      await whole.value(output, target),
    );
    expect(contextual().options.positions).toBe(65 ** 2);
  });

  test("reports each layer as a term, multiplied by its weight", async () => {
    const loss = contextual({ net: "tiny", taps: "0.5*relu2+image" });
    const [a, b] = [randomTensor([2, 3, 24, 24], 3), randomTensor([2, 3, 24, 24], 4)];
    const { value, terms } = await loss.evaluate(a, b, {});
    expect(Object.keys(terms)).toEqual(["relu2", "image"]);
    expect(terms.relu2 + terms.image).toBeCloseTo(value, 6);
    const alone = await contextual({ net: "tiny", taps: "relu2" }).value(a, b);
    expect(terms.relu2).toBeCloseTo(0.5 * alone, 6);
  });

  test("a prepared target gives the same value", async () => {
    const loss = contextual({ taps: "image+relu1", net: "tiny" });
    const [a, b] = [randomTensor([2, 3, 24, 24], 3), randomTensor([2, 3, 24, 24], 4)];
    const [direct, reused] = [await loss.valueAndGrad(a, b), await loss.valueAndGrad(a, await loss.prepareTarget(b))];
    expect(Math.abs(reused.value / direct.value - 1)).toBeLessThan(1e-6);
    const largest = Math.max(...direct.grad.data.map(Math.abs));
    for (const [i, x] of direct.grad.data.entries())
      expect(Math.abs(reused.grad.data[i] - x)).toBeLessThan(1e-5 * largest);
  });

  test("lists the weights that it needs: none for pixels", () => {
    expect(contextual().definition?.weights).toEqual(["vgg19"]);
    expect(contextual({ taps: "image" }).definition?.weights).toEqual([]);
    expect(contextual({ net: "tiny" }).definition?.weights).toEqual([]);
    expect(contextual({ net: "tiny" }).options.taps).toBe(parseLoss("perceptual(net=tiny)").options.taps);
    expect(dists().definition?.weights).toContain("vgg16");
  });

  test.each([
    ["contextual(taps=none)", "taps must not be empty"],
    ["contextual(taps=image+image)", "lists a tap twice"],
    ["contextual(taps=relu9_1)", 'vgg19: there is no tap "relu9_1"'],
    ["contextual(positions=-1)", "option positions"],
  ])("rejects %s", (spec, message) => {
    expect(() => parseLoss(spec).definition).toThrow(message);
  });
});
