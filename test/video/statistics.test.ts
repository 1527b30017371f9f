import { describe, expect, it } from "vitest";
import { psnr, ssim } from "../../packages/core/src/losses/index.ts";
import { framesToCsv } from "../../packages/reconloss/src/video/index.ts";
import { parsePixelFormat, planeSizes } from "../../packages/reconloss/src/video/pixel-format.ts";
import { frameStatistics } from "../../packages/reconloss/src/video/statistics.ts";
import { worstFrames } from "../../packages/reconloss/src/video/worst.ts";

describe("statistics over frames", () => {
  it("have the harmonic mean of x + 1, less 1, and leave out infinite values", () => {
    // 3 / (1/2 + 1/3 + 1/6) - 1 = 2; percentiles by linear interpolation, as numpy's.
    const of = frameStatistics([1, 2, 5, Number.POSITIVE_INFINITY]);
    expect(of?.harmonicMean).toBeCloseTo(2, 12);
    expect(of).toMatchObject({ n: 3, notFinite: 1, min: 1, max: 5, median: 2 });
    expect(of?.mean).toBeCloseTo(8 / 3, 12);
    expect(of?.p5).toBeCloseTo(1.1, 12);
    expect(of?.p95).toBeCloseTo(4.7, 12);
  });

  it("have no harmonic mean below -1, and do not exist without finite numbers", () => {
    expect(frameStatistics([-3, 4])?.harmonicMean).toBeUndefined();
    expect(frameStatistics([Number.POSITIVE_INFINITY])).toBeUndefined();
  });
});

describe("pixel formats", () => {
  it.each([
    ["yuv420p", { kind: "yuv", bits: 8, chroma: [1, 1], planar: "yuv420p", isFullRange: false }],
    ["yuvj422p", { kind: "yuv", bits: 8, chroma: [1, 0], planar: "yuvj422p", isFullRange: true }],
    ["yuv444p12be", { kind: "yuv", bits: 12, chroma: [0, 0], planar: "yuv444p12le" }],
    ["yuva420p10le", { kind: "yuv", bits: 10, hasAlpha: true, planar: "yuv420p10le" }],
    ["nv12", { kind: "yuv", bits: 8, planar: "yuv420p" }],
    ["p010le", { kind: "yuv", bits: 10, chroma: [1, 1], planar: "yuv420p10le" }],
    ["gray", { kind: "grey", bits: 8, planar: "gray" }],
    ["gray10le", { kind: "grey", bits: 10, planar: "gray10le" }],
    ["rgb24", { kind: "rgb", bits: 8 }],
    ["gbrp10le", { kind: "rgb", bits: 10 }],
    ["rgba64be", { kind: "rgb", bits: 16, hasAlpha: true }],
    ["pal8", { kind: "rgb", bits: 8 }],
  ])("parses %s as in libavutil's table", (name, expected) => {
    expect(parsePixelFormat(name)).toMatchObject(expected);
  });

  it("rounds chroma up for odd sides", () => {
    expect(planeSizes(parsePixelFormat("yuv420p"), 35, 51)).toEqual([
      [35, 51],
      [18, 26],
      [18, 26],
    ]);
    expect(planeSizes(parsePixelFormat("gray"), 35, 51)).toEqual([[35, 51]]);
  });
});

it("the CSV of frames escapes file names that a spreadsheet would evaluate", () => {
  const frames = [{ frame: 0, name: "=1,2.png", values: { psnr: 30 } }];
  const comparison = { frames } as unknown as Parameters<typeof framesToCsv>[0];
  // RFC 4180, and an apostrophe before what begins as a formula does.
  expect(framesToCsv(comparison)).toBe(`frame,file,psnr\r\n0,"'=1,2.png",30\r\n`);
});

it("the worst frames are chosen by each metric in turn, one of each scene, and sorted by time", () => {
  const frames = Array.from({ length: 200 }, (_, frame) => ({
    frame,
    values: { psnr: frame >= 100 && frame < 110 ? 20 + (frame - 104) ** 2 / 100 : 40, ssim: frame === 7 ? 0.1 : 0.9 },
  }));
  const comparison = { losses: [psnr(), ssim()], frames } as unknown as Parameters<typeof worstFrames>[0];
  expect(worstFrames(comparison, 2).map(({ frame }) => frame)).toEqual([7, 104]);
  expect(worstFrames(comparison, 3).map(({ frame }) => frame)).toHaveLength(3);
});
