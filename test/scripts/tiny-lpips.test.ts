import { describe, expect, it } from "vitest";
import { trainingDistortions, unseenDistortions } from "../../scripts/distortions/index.ts";
import { linearCorrelation, rankCorrelation, ranks } from "../../scripts/tiny-lpips/correlation.ts";
import { applyDistortions } from "../../scripts/tiny-lpips/distortion-sequence.ts";
import { drawGroup, pairs, side } from "../../scripts/tiny-lpips/groups.ts";
import { rungs, trialsOf } from "../../scripts/tiny-lpips/trials.ts";
import { readGoldenImage } from "../golden.ts";

describe("correlations", () => {
  it("equal those of the textbook", () => {
    // Of 1..5 and 2, 1, 4, 3, 5: 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24) = 0.8 by ranks; ranks are the values, so it is the linear one, too.
    expect(rankCorrelation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.8, 12);
    expect(linearCorrelation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.8, 12);
    expect(rankCorrelation([1, 2, 3], [1, 10, 1000])).toBeCloseTo(1, 12);
    expect(linearCorrelation([1, 2, 3], [-2, -4, -6])).toBeCloseTo(-1, 12);
    expect(ranks([5, 1, 5, 0])).toEqual([3.5, 2, 3.5, 1]);
  });
});

describe("groups and trials", () => {
  it("are reproducible from their seeds, with 8-bit images", async () => {
    const image = await readGoldenImage("inputs/big.png");
    const [group, again, other] = [drawGroup(image, 1, 2), drawGroup(image, 1, 2), drawGroup(image, 1, 3)];
    expect(group.map(({ data }) => data)).toEqual(again.map(({ data }) => data));
    expect(group[0].data).not.toEqual(other[0].data);
    for (const { shape, data } of group) {
      expect(shape).toEqual([1, 3, side, side]);
      expect(
        data.every((value) => value >= 0 && value <= 1 && Math.abs(255 * value - Math.round(255 * value)) < 1e-4),
      ).toBe(true);
    }
    expect(pairs).toHaveLength(10);
    const [trial] = trialsOf(0, 1);
    expect(applyDistortions(image, trial).data).toEqual(applyDistortions(image, trial).data);
  });

  it("use held-out distortions neither for training nor in the trials called seen", async () => {
    const trials = trialsOf(3, 1);
    const kindsOf = (part: string) =>
      new Set(trials.filter((trial) => trial.part === part).flatMap(({ kinds }) => kinds));
    expect([...kindsOf("unseen")].toSorted()).toEqual([...unseenDistortions].toSorted());
    expect([...kindsOf("seen")].toSorted()).toEqual([...trainingDistortions].toSorted());
    expect(kindsOf("ladder").size).toBe(trainingDistortions.length + unseenDistortions.length);
    for (const kind of kindsOf("ladder")) {
      const steps = trials.filter((trial) => trial.part === "ladder" && trial.kinds[0] === kind);
      expect(steps.map(({ strengths }) => strengths[0])).toEqual([...rungs]);
      expect(new Set(steps.map(({ seed }) => seed)).size).toBe(1);
    }
  });
});
