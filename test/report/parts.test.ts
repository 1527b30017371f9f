import { describe, expect, it } from "vitest";
import { parseLoss, parseLosses } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import type { PairResult } from "../../packages/reconloss/src/compare/index.ts";
import { type Html, html, scriptData } from "../../packages/reconloss/src/html.ts";
import { distribution } from "../../packages/reconloss/src/report/chart.ts";
import { colourTable, magma } from "../../packages/reconloss/src/report/colour-map.ts";
import { falseColour, toErrorMap, topOf } from "../../packages/reconloss/src/report/error-map.ts";
import { chooseWorst, rank } from "../../packages/reconloss/src/report/statistics.ts";

function pair(name: string, values: Record<string, number>): PairResult {
  return { name, output: name, target: name, width: 1, height: 1, values };
}

describe("html", () => {
  it("escapes text, in content and in attributes, and keeps existing HTML", () => {
    const name = `<script>alert("1 & 'x'")</script>`;
    const escaped = "&lt;script&gt;alert(&quot;1 &amp; &#39;x&#39;&quot;)&lt;/script&gt;";
    expect(html`<b title="${name}">${[name, html`<i>${name}</i>`]}${undefined}${0}</b>`.text).toBe(
      `<b title="${escaped}">${escaped}<i>${escaped}</i>0</b>`,
    );
  });

  it("embeds data that cannot close its script", () => {
    const data = { name: "</script><script>alert(1)</script><!--" };
    expect(scriptData(data).text).not.toContain("<");
    expect(JSON.parse(scriptData(data).text)).toEqual(data);
  });
});

describe("colours", () => {
  it("pass through the steps of the scale and grow steadily lighter", () => {
    const table = colourTable();
    const at = (level: number) => Array.from(table.subarray(3 * level, 3 * level + 3));
    const hex = (colour: number[]) => `#${colour.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
    expect([at(0), at(255)].map(hex)).toEqual([magma[0], magma[16]]);
    // 255 levels are 16 steps: level 127.5 is the middle step.
    for (const [channel, value] of [0xb7, 0x37, 0x79].entries()) {
      expect(Math.abs((at(127)[channel] + at(128)[channel]) / 2 - value)).toBeLessThanOrEqual(1);
    }
    const light = Array.from({ length: 256 }, (_, level) => {
      const [r, g, b] = at(level);
      return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2;
    });
    for (let level = 8; level < 256; level += 8) expect(light[level]).toBeGreaterThan(light[level - 8]);
  });
});

describe("error maps", () => {
  it("are means over channels where the map has every channel", () => {
    const map = Tensor.from([1, 0.5, 0.75, 0.25, 0.5, 0], [1, 3, 1, 2]);
    const { data, width, height } = toErrorMap(parseLoss("ssim(channelMaps=true)"), map);
    expect([...data, width, height]).toEqual([0.25, 0.75, 2, 1]);
  });

  const map = Tensor.from([1, 0.5, -0.25, 1], [1, 1, 2, 2]);

  it("invert values that are better higher, and keep those that are better lower", () => {
    expect(toErrorMap(parseLoss("ssim"), map)).toMatchObject({
      data: Float32Array.of(0, 0.5, 1.25, 0),
      zero: 1,
      sign: -1,
    });
    expect(toErrorMap(parseLoss("l1"), map)).toMatchObject({ data: map.data, zero: 0, sign: 1 });
    // psnr's map is of the squared error, not of decibels.
    expect(toErrorMap(parseLoss("psnr"), map)).toMatchObject({ data: map.data, zero: 0, sign: 1 });
  });

  it("end their scale below the largest thousandth of values", () => {
    const data = Float32Array.from({ length: 10000 }, (_, index) => index / 10000);
    expect(topOf({ data, width: 100, height: 100, zero: 0, sign: 1 })).toBeCloseTo(0.999, 2);
    data[5] = 1000;
    const hot = topOf({ data, width: 100, height: 100, zero: 0, sign: 1 });
    expect(hot).toBeGreaterThanOrEqual(0.99);
    expect(hot).toBeLessThan(2);
  });

  it("show a few differing pixels in an otherwise equal page", () => {
    const data = new Float32Array(1e6);
    data[77] = 0.5;
    expect(topOf({ data, width: 1000, height: 1000, zero: 0, sign: 1 })).toBe(0.5);
    // Their own largest thousandth is left out, too.
    for (let i = 0; i < 5000; i++) data[i] = 0.1;
    data[5] = 9;
    expect(topOf({ data, width: 1000, height: 1000, zero: 0, sign: 1 })).toBeCloseTo(0.1, 2);
  });

  it("are black without error, also where the whole map is 0", () => {
    const zero = { data: new Float32Array(4), width: 2, height: 2, zero: 0, sign: 1 } as const;
    expect(topOf(zero)).toBe(0);
    const { data, shape } = falseColour(zero, 0);
    expect(shape).toEqual([1, 3, 2, 2]);
    // #000004
    expect(Array.from(data.subarray(0, 8))).toEqual(new Array(8).fill(0));
    expect(data[8]).toBeCloseTo(4 / 255, 6);
  });
});

describe("statistics", () => {
  const losses = parseLosses("psnr, l1");
  const pairs = [
    pair("a", { psnr: 30, l1: 0.1 }),
    pair("b", { psnr: 20, l1: 0.2 }),
    pair("c", { psnr: 20, l1: 0.5 }),
    pair("d", { psnr: 40 }),
    pair("e", { psnr: 25, l1: 0.05 }),
  ];

  it("ranks by a loss, with ties equal", () => {
    const { pairs: ranked, rankOf } = rank(losses[0], pairs);
    expect(ranked.map(({ name }) => name)).toEqual(["b", "c", "e", "a", "d"]);
    expect(pairs.map(rankOf)).toEqual([4, 1, 1, 5, 3]);
    const byL1 = rank(losses[1], pairs);
    expect(byL1.rankOf(pairs[3])).toBeUndefined();
  });

  it("chooses the worst by each loss in turn", () => {
    const names = (limit: number) => chooseWorst(losses, pairs, limit).map(({ name }) => name);
    expect(names(1)).toEqual(["b"]);
    expect(names(2)).toEqual(["b", "c"]);
    expect(names(3)).toEqual(["b", "c", "e"]);
    expect(names(9)).toEqual(["a", "b", "c", "d", "e"]);
  });
});

describe("distribution", () => {
  const draw = (spec: string, values: number[], mean = values[0]) => {
    const pairs = values.map((value, index) => pair(`${index}<`, { [spec]: value }));
    const loss = parseLoss(spec);
    const chart = distribution(loss, rank(loss, pairs), mean, (which) => ({ id: pairs.indexOf(which), href: "#x" }));
    return (chart as Html | undefined)?.text;
  };
  const xs = (text = "") =>
    [...text.matchAll(/data-pair="(\d+)"><circle cx="([\d.]+)"/g)].map(([, id, x]) => [+id, +x]);

  it("puts better values to the right, whichever way that is", () => {
    for (const [spec, values, order] of [
      ["psnr", [20, 30, 25], [0, 2, 1]],
      ["l1", [0.2, 0.3, 0.25], [1, 2, 0]],
    ] as const) {
      const sorted = xs(draw(spec, [...values])).sort(([, a], [, b]) => a - b);
      expect(sorted.map(([id]) => id)).toEqual(order);
    }
  });

  it("draws a prior by its distance from the target's own value", () => {
    // 0.02 below, 0.01 above and as the targets: from left to right.
    const pairs = [0.04, 0.07, 0.06].map((tv, index) => ({
      ...pair(`${index}`, { tv }),
      targetValues: { tv: 0.06 },
    }));
    const [loss] = parseLosses("tv");
    const ranking = rank(loss, pairs);
    expect(ranking.pairs.map(({ name }) => name)).toEqual(["0", "1", "2"]);
    const chart = distribution(loss, ranking, 0, (which) => ({ id: pairs.indexOf(which as never), href: "#x" }));
    const text = (chart as Html).text;
    expect(
      xs(text)
        .sort(([, a], [, b]) => a - b)
        .map(([id]) => id),
    ).toEqual([0, 2, 1]);
    expect(text).toContain("<title>as the target</title>");
  });

  it("escapes names, and has bars for many pairs", () => {
    expect(draw("psnr", [20, 30])).toContain("<title>0&lt;: 20.00</title>");
    const many =
      draw(
        "psnr",
        Array.from({ length: 500 }, (_, index) => 20 + index / 50),
      ) ?? "";
    expect(many).not.toContain("<circle");
    const counts = [...many.matchAll(/<title>(\d+) pairs<\/title>/g)].map(([, count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(500);
  });

  it("is empty without spread, and says which values it leaves out", () => {
    expect(draw("psnr", [20])).toBeUndefined();
    expect(draw("psnr", [20, 20])).toBeUndefined();
    expect(draw("psnr", [Number.POSITIVE_INFINITY, 20])).toBeUndefined();
    const text = draw("psnr", [20, 30, Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY);
    expect(text).toContain("1 more without a finite number");
    expect(text).not.toMatch(/NaN|Infinity/);
  });
});
