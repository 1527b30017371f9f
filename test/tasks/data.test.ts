import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../packages/core/src/random.ts";
import { extremes, Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { describeCoverage, heldOutSet } from "../../packages/reconloss/src/tasks/held-out.ts";
import {
  completeSettings,
  exampleBatch,
  makeTask,
  PhotographStore,
  splitPhotographs,
} from "../../packages/reconloss/src/tasks/index.ts";
import { cutSquare, withoutBorder } from "../../packages/reconloss/src/tasks/patches.ts";
import { temporaryFolder } from "../folder.ts";
import { photographFolder, scene } from "./photographs.ts";

const folder = await temporaryFolder();
const [many, few] = [join(folder, "many"), join(folder, "few")];

beforeAll(async () => {
  await photographFolder(many, 21);
  await photographFolder(few, 2, 100, 300);
});

const options = { leastSide: 32, limitPixels: 1e9, seed: 1 };
const drawn = { seed: 5, patch: 16, batch: 3 };

describe("splitPhotographs", () => {
  it("holds out every tenth in natural order", async () => {
    const { training, validation } = await splitPhotographs(many);
    expect(validation.map(({ name }) => name)).toEqual(["9.png", "19.png"]);
    expect(training).toHaveLength(19);
  });

  it("holds out a part of each where there are few", async () => {
    const { training, validation } = await splitPhotographs(few);
    const learnt = await new PhotographStore(training, options).forStep(0);
    const judged = await new PhotographStore(validation, options).forStep(0);
    const sizes = [...learnt, ...judged].map(({ width, height }) => `${width}x${height}`);
    // Of each of two: 2/5 to the left, 2/5 to the right; and 1/5 between them.
    expect(sizes).toEqual([...Array(4).fill("120x100"), ...Array(2).fill("60x100")]);
  });

  it("holds out another folder when one is given", async () => {
    const { training, validation } = await splitPhotographs(many, few);
    expect([training.length, validation.length]).toEqual([21, 2]);
    expect(training[0].part).toBeUndefined();
  });

  it("refuses folders without images", async () => {
    await expect(splitPhotographs(join(folder, "nowhere"))).rejects.toMatchObject({ code: "file" });
  });
});

describe("PhotographStore", () => {
  it("leaves out damaged, transparent and too small photographs, and reports them", async () => {
    const mixed = join(folder, "mixed");
    await cp(join(many, "0.png"), join(mixed, "good.png"));
    await writeImage(join(mixed, "small.png"), Tensor.full([1, 3, 31, 40], 0.5));
    await writeImage(join(mixed, "grey.png"), Tensor.full([1, 1, 40, 40], 0.25), { bitDepth: 16 });
    await writeFile(join(mixed, "cut.png"), (await readFile(join(many, "1.png"))).subarray(0, 300));
    const names = ["good.png", "small.png", "grey.png", "cut.png"];
    const store = new PhotographStore(
      names.map((name) => ({ name, path: join(mixed, name) })),
      options,
    );
    const [good, grey] = await store.forStep(0);
    expect([good.channels, grey.channels]).toEqual([3, 1]);
    expect(store.skipped.map(({ path, reason }) => [path, reason])).toEqual(
      expect.arrayContaining([
        [join(mixed, "small.png"), "it has 40x31 pixels, but 32x32 are needed"],
        [join(mixed, "cut.png"), expect.stringContaining("damaged")],
      ]),
    );
    // 16-bit grey: the same level in all three channels.
    const patch = cutSquare(grey, { left: 1, top: 2, side: 8, position: 5 });
    expect(extremes(patch.data).map((value) => value.toFixed(5))).toEqual(["0.25000", "0.25000"]);
  });

  it("throws when no photograph is usable", async () => {
    const store = new PhotographStore([{ name: "a", path: join(folder, "a.png") }], options);
    await expect(store.forStep(0)).rejects.toThrow(/none of 1 can be used; .*a\.png: .*no such file/);
  });

  it("holds photographs up to the limit of pixels, and rotates them by the step alone", async () => {
    const { training } = await splitPhotographs(many);
    const limited = { ...options, limitPixels: 4.5 * 48 * 56 };
    const store = new PhotographStore(training, limited);
    const sets: string[] = [];
    for (const step of [0, 199, 200, 400, 0]) {
      const held = await store.forStep(step);
      expect(held).toHaveLength(4);
      sets.push(held.map(({ data }) => data.slice(0, 9).join()).join(" "));
    }
    expect(sets[0]).toBe(sets[1]);
    expect(sets[0]).toBe(sets[4]);
    expect(new Set(sets).size).toBe(3);
    const fresh = await new PhotographStore(training, limited).forStep(200);
    expect(fresh.map(({ data }) => data.slice(0, 9).join()).join(" ")).toBe(sets[2]);
  });
});

describe("cutSquare", () => {
  it("turns and mirrors a square into all eight orientations", () => {
    // 0 1 2 / 3 4 5 / 6 7 8, turned and mirrored by hand.
    const pixels = { data: new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8]), width: 3, height: 3, channels: 1 as const };
    const rows = (position: number) => {
      const { data } = cutSquare(pixels, { left: 0, top: 0, side: 3, position });
      return Array.from(data.subarray(0, 9), (value) => Math.round(value * 255)).join("");
    };
    expect(Array.from({ length: 8 }, (_, position) => rows(position))).toEqual([
      ...["012345678", "210543876", "678345012", "876543210"],
      ...["036147258", "258147036", "630741852", "852741630"],
    ]);
  });

  it("cuts at the given place", () => {
    const data = Uint8Array.from({ length: 5 * 4 * 3 }, (_, index) => index);
    const { data: cut } = cutSquare(
      { data, width: 5, height: 4, channels: 3 },
      { left: 2, top: 1, side: 2, position: 0 },
    );
    // Pixel (2, 1) is the seventh: samples 21, 22, 23; then (3, 1), (2, 2), (3, 2).
    expect(Array.from(cut, (value) => Math.round(value * 255))).toEqual([
      21, 24, 36, 39, 22, 25, 37, 40, 23, 26, 38, 41,
    ]);
  });
});

describe.each([
  ["super-resolution", { scale: 2 }, [3, 3, 8, 8]],
  ["super-resolution", { scale: 3 }, [3, 3, 5, 5]],
  ["super-resolution", { scale: 4 }, [3, 3, 4, 4]],
  ["deblur", {}, [3, 3, 16, 16]],
  ["enhance", {}, [3, 3, 16, 16]],
  ["generate", {}, [3, 64, 1, 1]],
] as const)("batches of %s %j", (name, taskOptions, inputShape) => {
  const task = makeTask(name, taskOptions);
  const patch = task.latent === undefined ? (inputShape[2] as number) * (task.restoration?.scale ?? 1) : 32;
  const store = async () => {
    const { training } = await splitPhotographs(many);
    return new PhotographStore(training, { ...options, leastSide: task.leastSide(patch) });
  };

  it("have the right shapes and ranges, in 8-bit steps where they stand for files", async () => {
    const { input, target } = await exampleBatch(task, await store(), 7, { ...drawn, patch });
    expect(input.shape).toEqual(inputShape);
    expect(target.shape).toEqual([3, 3, patch, patch]);
    const [low, high] = extremes(target.data);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBeLessThanOrEqual(1);
    expect(high - low).toBeGreaterThan(0.1);
    if (!task.restoration) return;
    expect(input.data.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(input.data.every((value) => Math.abs(value * 255 - Math.round(value * 255)) < 1e-4)).toBe(true);
  });

  it("depend on the seed and the step alone", async () => {
    const one = await store();
    const early = await exampleBatch(task, one, 3, { ...drawn, patch });
    await exampleBatch(task, one, 4, { ...drawn, patch });
    const again = await exampleBatch(task, await store(), 3, { ...drawn, patch });
    expect(again).toEqual(early);
    const [later, other] = [
      await exampleBatch(task, one, 4, { ...drawn, patch }),
      await exampleBatch(task, one, 3, { ...drawn, patch, seed: 6 }),
    ];
    expect(later.input.data).not.toEqual(early.input.data);
    expect(other.input.data).not.toEqual(early.input.data);
  });
});

describe("a restoration's input", () => {
  it.each(["super-resolution", "deblur", "enhance"])(
    "of %s equals that of the whole photograph, because its margin is wide enough",
    (name) => {
      const { restoration } = makeTask(name);
      if (!restoration) throw new Error("no restoration");
      const { margin, scale, degrade } = restoration;
      const whole = new Tensor(
        new Float32Array(3 * 96 * 96).map((_, index) => ((index * 7919) % 101) / 101),
        [1, 3, 96, 96],
      );
      // Noise is drawn pixel by pixel, in another order for another size; without it the two must agree.
      const noiseless = (seed: number) => {
        const random = new Random(seed);
        return Object.assign(random, { between: (low: number, high: number) => (low === 0 && high < 0.1 ? 0 : high) });
      };
      for (const seed of [1, 2, 3, 4]) {
        const side = 24 + 2 * margin;
        const from = 96 / 2 - side / 2;
        const part = withoutBorder(whole, from);
        const [a, b] = [withoutBorder(degrade(part, noiseless(seed)), margin / scale), degrade(whole, noiseless(seed))];
        const inner = withoutBorder(b, (from + margin) / scale);
        expect(a.shape).toEqual(inner.shape);
        for (const [index, value] of a.data.entries()) expect(value).toBeCloseTo(inner.data[index], 5);
      }
    },
  );
});

/** All crops of a set. */
async function cropsOf({ each }: Awaited<ReturnType<typeof heldOutSet>>) {
  const crops = [];
  for await (const crop of each()) crops.push(crop);
  return crops;
}

describe("heldOutSet", () => {
  it("is degraded in the same way each time, with the largest possible squares", async () => {
    const { validation } = await splitPhotographs(few);
    const { restoration } = makeTask("deblur");
    if (!restoration) throw new Error("no restoration");
    const set = await heldOutSet(restoration, validation, {}, 6);
    const crops = await cropsOf(set);
    // 60 columns are left of each; with 8 of margin on both sides, 44 pixels.
    expect(crops.map(({ target }) => target.shape)).toEqual([
      [1, 3, 44, 44],
      [1, 3, 44, 44],
    ]);
    expect(await cropsOf(await heldOutSet(restoration, validation, {}, 6))).toEqual(crops);
    expect(set.coverage).toEqual({ photographs: 2, heldOut: 2, crops: 2, side: 44, whole: false });
  });

  it("covers every photograph except margins and remainders when everything is asked for", async () => {
    const folder = join(await temporaryFolder(), "thirty");
    // Thirty photographs, more than the 24 crops that are judged by default; 300 is more than one crop of 256.
    await photographFolder(folder, 29, 40, 44);
    await writeImage(join(folder, "large.png"), scene(300, 530, 1));
    await writeImage(join(folder, "thin.png"), scene(9, 100, 1));
    const { restoration } = makeTask("deblur");
    if (!restoration) throw new Error("no restoration");
    const { validation } = await splitPhotographs(folder, folder);
    const few = await heldOutSet(restoration, validation, {}, 6);
    expect(few.coverage).toMatchObject({ photographs: 24, heldOut: 31, crops: 24, whole: false });
    expect(describeCoverage(few.coverage)).toMatch(
      /^24 crops of at most \d+x\d+ pixels, from the middle of 24 of 31 held-out photographs$/,
    );
    const all = await heldOutSet(restoration, validation, { all: true }, 6);
    const crops = await cropsOf(all);
    // With 8 pixels of margin: 29 crops of 24x28, and of the large one 2x3 crops of 142x171, 284x513 of its 284x514 pixels.
    expect(all.coverage).toEqual({ photographs: 30, heldOut: 31, crops: 35, side: 171, whole: true });
    expect(all.skipped.map(({ reason }) => reason)).toEqual(["it has 100x9 pixels, too few"]);
    expect(crops.slice(-6).map(({ target }) => target.shape)).toEqual(Array(6).fill([1, 3, 142, 171]));
    const large = scene(300, 530, 1);
    const [first] = crops.slice(-6);
    for (const [row, column] of [
      [0, 0],
      [141, 170],
      [70, 3],
    ]) {
      const expected = Math.round(large.data[(row + 8) * 530 + column + 8] * 255) / 255;
      expect(first.target.data[row * 171 + column]).toBeCloseTo(expected, 6);
    }
    expect(all.first).toEqual(crops.slice(0, 6));
  });
});

describe("completeSettings", () => {
  it("fills in the task's defaults", () => {
    expect(completeSettings({ task: "super-resolution", data: "x", scale: 3, steps: 70 })).toMatchObject({
      loss: "l1",
      seed: 1,
      every: 7,
      patch: makeTask("super-resolution", { scale: 3 }).defaults.patch,
    });
  });

  it.each([
    [{ task: "nothing" }, 'there is no task "nothing"'],
    [{ scale: 5 }, "scale must be one of 2, 3, 4, got 5"],
    [{ size: 32 }, "super-resolution: this task has no size"],
    [{ patch: 17 }, "patch must be a multiple of the scale, 2, got 17"],
    [{ patch: 4 }, "patch must be a whole number of at least 8, got 4"],
    [{ batch: 1.5 }, "batch must be a whole number of at least 1, got 1.5"],
    [{ learningRate: Number.NaN }, "learningRate must be between 0 and 10, got NaN"],
    [{ loss: "l1 + nothing" }, 'there is no loss "nothing"'],
    [{ task: "generate", patch: 64 }, "patch must be 32"],
  ])("refuses %j", (given, message) => {
    expect(() => completeSettings({ task: "super-resolution", data: "x", ...given })).toThrow(message);
  });
});
