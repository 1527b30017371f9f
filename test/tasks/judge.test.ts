import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { mse, psnr } from "../../packages/core/src/losses/index.ts";
import { KernelDistance } from "../../packages/core/src/metrics/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { makeTask, splitPhotographs } from "../../packages/reconloss/src/tasks/index.ts";
import { judgeFor } from "../../packages/reconloss/src/tasks/judge.ts";
import { asFile, stack } from "../../packages/reconloss/src/tasks/patches.ts";
import { randomFeatures } from "../../packages/reconloss/src/tasks/random-features.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { photographFolder, scene } from "./photographs.ts";

const folder = await temporaryFolder();
const data = join(folder, "photographs");

beforeAll(() => photographFolder(data, 20).then(() => undefined));

describe("the judge of a restoration", () => {
  it("gives the identity network the baseline's scores, and a better network better ones", async () => {
    const { validation } = await splitPhotographs(data);
    const judge = await judgeFor(makeTask("deblur"), validation, {});
    expect(judge.baseline.name).toBe("blurred");
    const lazy = await judge.judge(async (input) => input);
    expect(lazy.scores).toEqual(judge.baseline.scores);
    // Of two photographs of 48 pixels with 8 of margin, one square each.
    expect(lazy.samples.map(({ name, output }) => [name, output.shape.join("x")])).toEqual([
      ["9.png", "1x3x32x32"],
      ["19.png", "1x3x32x32"],
    ]);
    const targets = new Map(lazy.samples.map(({ input, target }) => [input, target as Tensor]));
    const halfway = await judge.judge(async (input) => {
      const target = targets.get(input) as Tensor;
      return new Tensor(
        input.data.map((value, index) => (value + target.data[index]) / 2),
        input.shape,
      );
    });
    // Half the error is a quarter of its square: 20 log10(2) dB, but for rounding to 8 bits.
    expect(halfway.scores.psnr - lazy.scores.psnr).toBeCloseTo(6.02, 0);
    expect(halfway.scores.ssim).toBeGreaterThan(lazy.scores.ssim);
  });

  it("judges outputs rounded to 8 bits, as files hold them", async () => {
    const { validation } = await splitPhotographs(data);
    const judge = await judgeFor(makeTask("enhance"), validation, {});
    const { samples, scores } = await judge.judge(async (input) => Tensor.full(input.shape, 1.7));
    const values = await Promise.all(
      samples.map(async ({ output, target }) => {
        expect(output.data.every((value) => value === 1)).toBe(true);
        return psnr().value(output, target as Tensor);
      }),
    );
    expect(scores.psnr).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 10);
  });
});

describe("the judge of a generator", () => {
  it("ranks real images before noise, and noise before a single grey", async () => {
    const task = makeTask("generate");
    const { validation } = await splitPhotographs(data);
    const judge = await judgeFor(task, validation, {});
    const kid = async (network: (input: Tensor) => Promise<Tensor>) => (await judge.judge(network)).scores.kid;
    let seed = 0;
    const likeReal = await kid(async ({ shape: [n] }) =>
      stack(Array.from({ length: n }, () => scene(32, 32, 9 + 10 * (seed++ % 2)))),
    );
    const noise = await kid(async ({ shape: [n] }) => randomTensor([n, 3, 32, 32], seed++));
    const grey = await kid(async ({ shape: [n] }) => Tensor.full([n, 3, 32, 32], 0.5));
    expect(likeReal).toBeLessThan(noise / 2);
    expect(likeReal).toBeLessThan(grey / 2);
  });
});

describe("randomFeatures", () => {
  it("have mean 0 and deviation 1 over the real images, and give equal sets no difference", async () => {
    const images = stack(Array.from({ length: 24 }, (_, index) => scene(32, 32, index)));
    const { real, of } = await randomFeatures(images);
    const [n, c] = real.shape;
    for (const channel of [0, 100, c - 1]) {
      const column = Array.from({ length: n }, (_, image) => real.data[image * c + channel]);
      expect(column.reduce((sum, value) => sum + value, 0) / n).toBeCloseTo(0, 5);
      expect(column.reduce((sum, value) => sum + value ** 2, 0) / n).toBeCloseTo(1, 4);
    }
    expect((await of(images)).data).toEqual(real.data);
    const others = await of(stack(Array.from({ length: 24 }, (_, index) => scene(32, 32, 1000 + index))));
    const distance = new KernelDistance({ subsets: 1 });
    distance.update("real", real);
    distance.update("output", others);
    const same = (await distance.compute()).value;
    const dark = new KernelDistance({ subsets: 1 });
    dark.update("real", real);
    dark.update(
      "output",
      await of(
        new Tensor(
          images.data.map((value) => value / 2),
          images.shape,
        ),
      ),
    );
    expect(Math.abs(same)).toBeLessThan((await dark.compute()).value / 3);
  });
});

it("asFile clamps and rounds", async () => {
  const image = Tensor.from([-0.2, 0.0019, 0.0021, 0.5, 1.3], [1, 1, 1, 5]);
  expect(Array.from(asFile(image).data, (value) => value * 255).map((value) => Number(value.toFixed(4)))).toEqual([
    ...[0, 0, 1, 128, 255],
  ]);
  expect(await mse().value(asFile(image), asFile(asFile(image)))).toBe(0);
});
