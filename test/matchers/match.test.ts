import { describe, expect, it } from "vitest";
import { defineLoss, parseLoss, Tensor, toImageSync } from "../../packages/core/src/index.ts";
import { statisticOf } from "../../packages/reconloss/src/compare/index.ts";
import { matchImages } from "../../packages/reconloss/src/matchers/index.ts";
import { parseRequirements } from "../../packages/reconloss/src/matchers/requirements.ts";
import { comparator } from "../../packages/reconloss/src/vitest/index.ts";
import { randomTensor } from "../random.ts";

const grey = (level: number, size = 16) => ({
  ...{ width: size, height: size },
  data: Uint8Array.from({ length: 4 * size * size }, (_, i) => (i % 4 === 3 ? 255 : level)),
});

describe("parseRequirements", () => {
  it.each([
    ["ssim>0.99", "ssim", undefined, ">", 0.99],
    ["deltaE.p99 < 2", "deltaE", "p99", "<", 2],
    ["DeltaE.Max<=1e-1", "deltaE", "max", "<=", 0.1],
    ["ssim(preset=skimage,crop=4).min>=.5", "ssim(preset=skimage,crop=4)", "min", ">=", 0.5],
    ["l1 + 0.1*tv<0.2", "l1 + 0.1*tv", undefined, "<", 0.2],
    ["psnr>Infinity", "psnr", undefined, ">", Number.POSITIVE_INFINITY],
  ])("reads %s", (text, spec, statistic, operator, limit) => {
    const [{ loss, statistic: found, condition }, ...others] = parseRequirements(text);
    expect(others).toEqual([]);
    expect(loss.spec).toBe(parseLoss(spec).spec);
    expect(found).toBe(statistic);
    expect(condition).toMatchObject({ text, operator, limit });
  });

  it("reads several, in one text and in a list", () => {
    const texts = (conditions: string | string[]) =>
      parseRequirements(conditions).map(({ condition }) => condition.text);
    expect(texts("ssim(crop=4,channels=y-bt601)>0.9, l1<0.1")).toEqual(["ssim(crop=4,channels=y-bt601)>0.9", "l1<0.1"]);
    expect(texts(["ssim>0.9", "l1<0.1, psnr>30"])).toEqual(["ssim>0.9", "l1<0.1", "psnr>30"]);
  });

  it.each([
    ["ssim", "syntax", /loss<number/],
    ["ssim>high", "syntax", /loss<number/],
    ["", "syntax", /loss<number/],
    ["ssim=0.9", "syntax", /loss<number/],
    ["0.9<ssim", "syntax", /expected name/],
    ["min(psnr)>30", "syntax", /many pairs/],
    ["any(ssim>0.9)", "syntax", /many pairs/],
    ["p99(deltaE)<2", "syntax", /many pairs.*deltaE\.p99/],
    ["deltaE.p101<2", "syntax", /p0 to p100/],
    ["psnr.max<2", "invalid-argument", /use mse/],
    ["ms-ssim.min>0.5", "invalid-argument", /ms-ssim has no map/],
    ["sim>0.9", "syntax", /did you mean "ssim"/],
    ["sim.max>0.9", "syntax", /did you mean "ssim"/],
    ["l1(dataRange=255)<2", "invalid-argument", /dataRange/],
  ])("refuses %s", (text, code, message) => {
    expect(() => parseRequirements(text)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it("refuses an empty list", () => {
    expect(() => parseRequirements([])).toThrow(/loss<number/);
  });
});

describe("matchImages", () => {
  const [output, target] = [3, 4].map((seed) => randomTensor([1, 3, 24, 20], seed));

  it("measures what losses and the statistics of their maps do", async () => {
    const conditions = "ssim>0.99, deltaE.p99<2, l1<1, deltaE<1e9, deltaE.max<1e9";
    const { pass, checked } = await matchImages(output, target, { conditions });
    const deltaE = await parseLoss("deltaE").evaluate(output, target, { map: true });
    const map = deltaE.map?.data as Float32Array;
    const expected = [
      [await parseLoss("ssim").value(output, target), false],
      [statisticOf("p99", map), false],
      [await parseLoss("l1").value(output, target), true],
      [deltaE.value, true],
      [statisticOf("max", map), true],
    ];
    expect(checked.map(({ value, pass }) => [value, pass])).toEqual(expected);
    expect(pass).toBe(false);
  });

  it("requires all conditions, and equal images meet them, with an infinite psnr", async () => {
    expect((await matchImages(output, output, { conditions: "psnr>99, ssim>=1, l1<=0" })).pass).toBe(true);
    expect((await matchImages(output, output, { conditions: "psnr>99, ssim>1" })).pass).toBe(false);
    expect((await matchImages(output, output)).pass).toBe(true);
  });

  it("by default ignores only invisible differences", async () => {
    // CIEDE2000 of grey 100 against 101 is about 0.4, against 104 about 1.6.
    expect((await matchImages(grey(100), grey(101))).pass).toBe(true);
    expect((await matchImages(grey(100), grey(104))).pass).toBe(false);
    const spot = grey(100);
    spot.data.set([110, 110, 110], 4 * 37);
    const { pass, lines } = await matchImages(spot, grey(100));
    expect([pass, lines]).toEqual([false, [expect.stringMatching(/^not met: deltaE\.max<1, it is 3\./)]]);
  });

  it("reports both sizes where they differ, and draws no picture", async () => {
    const match = await matchImages(grey(100, 16), grey(100, 17));
    expect(match).toEqual({
      pass: false,
      checked: [],
      antialiased: 0,
      lines: ["the sizes differ: the image is 16x16, its target 17x17"],
    });
  });

  it("does not meet a condition with NaN", async () => {
    const broken = defineLoss({
      ...{ name: "broken", summary: "not a number", better: "lower", source: "an example", options: {} },
      define: () => ({ score: (o, { output }) => o.log(o.sub(o.mean(output, "chw"), 2)) }),
    });
    for (const operator of ["<", ">", "<=", ">="]) {
      const conditions = `broken${operator}0`;
      const { pass, checked } = await matchImages(grey(1), grey(1), { conditions, losses: [broken] });
      expect([pass, checked[0].value]).toEqual([false, Number.NaN]);
    }
  });

  it("compares transparency, unless composited over a colour", async () => {
    const clear = grey(255);
    clear.data[3] = 0;
    expect((await matchImages(clear, grey(255))).pass).toBe(false);
    expect((await matchImages(clear, grey(255), { background: "white" })).pass).toBe(true);
    expect((await matchImages(clear, grey(255), { conditions: "l1<=0", background: "black" })).pass).toBe(false);
    await expect(matchImages(clear, grey(255), { alpha: "reject" })).rejects.toThrow(/transparent/);
  });

  it("finds a transparent pixel wherever it is, and whatever the alignment in memory", async () => {
    for (const [pixel, offset] of [0, 100, 255].flatMap((at) => [0, 1, 4].map((by) => [at, by]))) {
      const memory = new Uint8Array(4 * 256 + offset).fill(255);
      const clear = { width: 16, height: 16, data: memory.subarray(offset) };
      clear.data[4 * pixel + 3] = 254;
      const message = `(${pixel % 16}, ${pixel >> 4})`;
      await expect(matchImages(clear, grey(255), { alpha: "reject" })).rejects.toThrow(message);
    }
  });

  it("refuses unknown options", async () => {
    await expect(matchImages(grey(1), grey(1), { condition: "l1<1" } as object)).rejects.toThrow(/no option condition/);
    await expect(matchImages(grey(1), grey(1), { conditions: [1] as unknown as string[] })).rejects.toThrow(
      /conditions/,
    );
  });

  /** The picture's pixels that are not black, as indices. */
  const bright = (data: ArrayLike<number>) =>
    Array.from({ length: data.length / 4 }, (_, i) => i).filter((i) => data[4 * i] + data[4 * i + 1] > 10);

  it.each(["deltaE.max<1", "l1<0", "psnr>90", "mse<0"])(
    "draws the errors of %s in their places",
    async (conditions) => {
      const spot = grey(100);
      for (const pixel of [0, 37, 255]) spot.data.set([160, 160, 160], 4 * pixel);
      const { diff } = await matchImages(spot, grey(100), { conditions });
      const made = await diff?.();
      const { data, ...size } = made?.picture ?? { data: [] };
      expect(size).toEqual({ width: 16, height: 16, channels: 4 });
      expect(bright(data)).toEqual([0, 37, 255]);
      // The brightest of the colours, #fcfdbf, where the error is largest, and opaque.
      expect(Array.from(data.slice(4 * 37, 4 * 38))).toEqual([252, 253, 191, 255]);
      expect(Array.from(data.slice(0, 4))).toEqual([252, 253, 191, 255]);
      expect(made).toMatchObject({ black: 0 });
      expect(made?.brightest).toBeGreaterThan(0);
    },
  );

  it("aligns maps that windows make smaller, and shows the difference for a loss without a map", async () => {
    const spot = grey(100, 32);
    spot.data.set([200, 200, 200], 4 * (32 * 20 + 9));
    const ofSsim = await (await matchImages(spot, grey(100, 32), { conditions: "ssim>1" })).diff?.();
    const places = bright(ofSsim?.picture.data ?? []);
    // The window of SSIM reaches 5 pixels to each side.
    const [columns, rows] = [places.map((i) => i % 32), places.map((i) => Math.floor(i / 32))];
    expect([Math.min(...columns), Math.max(...columns), Math.min(...rows), Math.max(...rows)]).toEqual([5, 14, 15, 25]);
    expect(ofSsim).toMatchObject({ loss: "ssim>1".slice(0, 4), black: 1 });
    const without = await (await matchImages(grey(100, 200), grey(101, 200), { conditions: "ms-ssim>1" })).diff?.();
    expect(without?.loss).toBe("l1");
  });

  it("ignores antialiasing on request, and reports how many pixels", async () => {
    const edge = (soft: number) => {
      const image = grey(0, 16);
      for (let i = 0; i < 256; i++) {
        const level = i % 16 < 7 ? 0 : i % 16 > 7 ? 255 : soft + (i >> 4);
        image.data.set([level, level, level], 4 * i);
      }
      return image;
    };
    const [a, b] = [edge(80), edge(140)];
    expect((await matchImages(a, b)).pass).toBe(false);
    const { pass, antialiased, lines } = await matchImages(a, b, { antialiasing: true });
    expect([pass, antialiased, lines[1]]).toEqual([true, 16, "ignored: 16 pixels that differ by anti-aliasing"]);
  });
});

describe("comparator", () => {
  const shot = (level: number, size = 16) => {
    const { data, ...metadata } = grey(level, size);
    return { data, metadata };
  };

  it("passes, or gives Vitest a picture and a message", async () => {
    expect(await comparator(shot(100), shot(100), { createDiff: true })).toEqual({
      pass: true,
      diff: null,
      message: null,
    });
    const { pass, diff, message } = await comparator(shot(100), shot(150), {
      createDiff: true,
      conditions: "ssim>0.999",
    });
    expect([pass, diff?.length]).toEqual([false, 4 * 16 * 16]);
    expect(message).toMatch(/^not met: ssim>0.999, it is 0.9\d+$/);
    expect(await comparator(shot(100), shot(150), { createDiff: false })).toMatchObject({ pass: false, diff: null });
  });

  it("reports both sizes", async () => {
    expect(await comparator(shot(1, 16), shot(1, 20), { createDiff: true })).toEqual({
      ...{ pass: false, diff: null },
      message: "the sizes differ: the image is 20x20, its target 16x16",
    });
  });

  it("refuses data that is not RGBA, and options of other comparators", async () => {
    const { data, metadata } = shot(1);
    const cut = { data: data.subarray(4), metadata };
    await expect(comparator(cut, shot(1), {})).rejects.toThrow(/reference has 1020 bytes/);
    await expect(comparator(shot(1), shot(1), { createDiff: true, threshold: 0.1 } as object)).rejects.toThrow(
      /no option threshold/,
    );
  });

  it("gives the message of matchImages for the same images as tensors", async () => {
    const planes = (level: number) => toImageSync(Tensor.full([1, 3, 16, 16], level / 255));
    const conditions = "ssim>0.9999999";
    const { lines } = await matchImages(planes(120), planes(100), { conditions });
    expect((await comparator(shot(100), shot(120), { conditions })).message).toBe(lines[0]);
  });
});
