import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { type Loss, lpips, parseLoss, perceptual } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { distortions } from "../../scripts/distortions/index.ts";
import { readGoldenImage } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** Losses that need no weights file. */
const specs = ["lpips(net=tiny)", "lpips(net=tiny,version=1)", "perceptual(net=tiny)"];

const double = ({ definition }: Loss, output: Tensor, target: Tensor) =>
  evaluateDefinition(reference, definition!, { output: toFloat64(output), target: toFloat64(target) }, { grad: true });

// docs/tiny-lpips.md and the docstrings of both losses.
describe.each(["lpips(net=tiny)", "perceptual(net=tiny, taps=relu5)"])("the least size of %s", (spec) => {
  it("is 20 pixels, whichever side is the shorter", async () => {
    const loss = parseLoss(spec);
    const compared = (h: number, w: number) => loss.value(randomTensor([1, 3, h, w], 1), randomTensor([1, 3, h, w], 2));
    for (const [h, w] of [
      [20, 20],
      [20, 64],
      [64, 20],
    ]) {
      expect(await compared(h, w)).toBeGreaterThan(0);
    }
    for (const [h, w] of [
      [19, 19],
      [19, 64],
      [64, 19],
    ]) {
      const needed = "tiny needs at least 20x20 pixels";
      await expect(compared(h, w)).rejects.toMatchObject({ code: "shape", message: expect.stringContaining(needed) });
    }
  });
});

it("the docstring of lpips states the least sizes that the networks accept", () => {
  const text = readFileSync(new URL("../../packages/core/src/losses/lpips.ts", import.meta.url), "utf8");
  const sizes = [.../\(31 pixels[^)]*\)/.exec(text)![0].matchAll(/(\d+)[^`\d]*for `(\w+)`/g)];
  expect(sizes.map(([, , net]) => net)).toEqual(["alex", "vgg", "squeeze", "tiny"]);
  for (const [, size, net] of sizes) {
    const loss = parseLoss(`lpips(net=${net})`);
    expect(loss.refusal([1, 3, Number(size), Number(size)]), net).toBeUndefined();
    expect(loss.refusal([1, 3, Number(size) - 1, Number(size)]), net).toContain(`${size}x${size}`);
  }
});

describe.each(specs)("%s", (spec) => {
  const loss = parseLoss(spec);

  it("needs no file, and is 0 for identical images", async () => {
    expect(loss.definition?.weights).toEqual([]);
    const image = await readGoldenImage("inputs/scene.png");
    const { value, grad } = await loss.valueAndGrad(image, image);
    expect(value).toBe(0);
    expect(grad.data.every((x) => x === 0)).toBe(true);
  });

  it("equals its float64 definition in value and gradient", async () => {
    const [output, target] = [randomTensor([2, 3, 33, 21], 1), randomTensor([2, 3, 33, 21], 2)];
    const { value, grad } = await loss.valueAndGrad(output, target);
    const expected = double(loss, output, target);
    expect(Math.abs(value / expected.value.data[0] - 1)).toBeLessThan(1e-4);
    const largest = expected.grad!.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    grad.data.forEach((x, i) => {
      expect(Math.abs(x - expected.grad!.data[i])).toBeLessThan(1e-3 * largest);
    });
  });

  it("increases with blur, noise and compression", async () => {
    const image = await readGoldenImage("inputs/scene.png");
    for (const kind of ["blur", "noise", "jpeg", "motionBlur"] as const) {
      const values: number[] = [0];
      for (const strength of [0.25, 0.5, 1]) {
        values.push(await loss.value(distortions[kind](image, strength, new Random(1)), image));
      }
      for (const [index, value] of values.slice(1).entries()) expect(value).toBeGreaterThan(values[index]);
    }
  });
});

describe("lpips(net=tiny)", () => {
  it("accepts grey images, and has a map", async () => {
    const [output, target] = [randomTensor([1, 1, 24, 24], 3), randomTensor([1, 1, 24, 24], 4)];
    const loss = lpips({ net: "tiny" });
    const [grey, colour] = [output, target].map(
      ({ data }) => new Tensor(Float32Array.from([...data, ...data, ...data]), [1, 3, 24, 24]),
    );
    expect(await loss.value(output, target)).toBeCloseTo(await loss.value(grey, colour), 6);
    const map = await loss.map(output, target);
    expect(map.shape).toEqual([1, 1, 24, 24]);
    expect(map.data.every((x) => x >= 0)).toBe(true);
  });

  // In float64, of each edition as it was published; the first's was computed before there was a second.
  it.each([
    ["1", 0.06801538734003296],
    ["2", 0.07508727296765874],
  ] as const)("keeps the values of edition %s", async (version, expected) => {
    const [output, target] = [randomTensor([2, 3, 33, 21], 1), randomTensor([2, 3, 33, 21], 2)];
    const loss = lpips({ net: "tiny", version });
    await loss.definition?.prepare?.();
    expect(Math.abs(double(loss, output, target).value.data[0] / expected - 1)).toBeLessThan(1e-12);
    expect(Math.abs((await loss.value(output, target)) / expected - 1)).toBeLessThan(1e-4);
  });

  it("has two editions, 2 by default, and rejects versions of the published heads", async () => {
    for (const version of ["0.1", "0.0"] as const) {
      expect(() => lpips({ net: "tiny", version })).toThrow(`net=tiny has no version ${version}; it has 2 and 1`);
    }
    for (const version of ["1", "2"] as const) {
      expect(() => lpips({ version })).toThrow(`net=alex has no version ${version}; it has 0.1 and 0.0`);
    }
    expect(lpips({ net: "tiny" }).spec).toBe("lpips(net=tiny)");
    expect(lpips({ net: "tiny", version: "2" }).spec).toBe("lpips(net=tiny)");
    expect(lpips({ net: "tiny", version: "1" }).spec).toBe("lpips(net=tiny,version=1)");
    expect(lpips({ version: "0.0" }).spec).toBe("lpips(version=0.0)");
    expect(lpips().options.version).toBe("0.1");
    await expect(() =>
      lpips({ net: "tiny" }).value(Tensor.full([1, 3, 19, 64], 0), Tensor.full([1, 3, 19, 64], 0)),
    ).rejects.toThrow("tiny needs at least 20x20");
  });

  it("is suggested where published weights are missing", async () => {
    const { resolveWeights } = await import("../../packages/reconloss/src/weights/index.ts");
    const env = { RECONLOSS_HOME: "/nowhere", RECONLOSS_OFFLINE: "1" };
    for (const name of ["alexnet", "lpips-alex", "vgg16"]) {
      await expect(resolveWeights(name, { env })).rejects.toThrow(/weights pull .*net=tiny/);
    }
    await expect(resolveWeights("inception-fid", { env })).rejects.toThrow(/weights pull .*network tiny/);
  });
});

describe("perceptual(net=tiny)", () => {
  it("compares all taps by default", () => {
    expect(perceptual({ net: "tiny" }).options.taps).toBe("relu1+relu2+relu3+relu4+relu5");
    expect(perceptual({ net: "tiny", taps: "relu2" }).options.taps).toBe("relu2");
    expect(perceptual().options.taps).toBe("relu3_3");
  });
});
