import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reference } from "../../packages/core/src/graph/reference.ts";
import { l1 } from "../../packages/core/src/losses/index.ts";
import { dimsOf, initialize, tiny, tinyTaps, tinyWeights } from "../../packages/core/src/nets/index.ts";
import { tinyFirst, tinyFirstWeights } from "../../packages/core/src/nets/tiny.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { agreementOn } from "../../scripts/tiny-lpips/agreement.ts";
import { groupBytes } from "../../scripts/tiny-lpips/cache.ts";
import { readWeightsModule } from "../../scripts/tiny-lpips/candidate.ts";
import { isHeldBack } from "../../scripts/tiny-lpips/chunks.ts";
import { pairwiseAgreement } from "../../scripts/tiny-lpips/enlarged.ts";
import { lanczos } from "../../scripts/tiny-lpips/enlargers.ts";
import { members, pairs } from "../../scripts/tiny-lpips/groups.ts";
import { ranked } from "../../scripts/tiny-lpips/objective.ts";
import { ownNetwork } from "../../scripts/tiny-lpips/own-networks.ts";
import { openPublished } from "../../scripts/tiny-lpips/published.ts";
import { finenesses } from "../../scripts/tiny-lpips/steps.ts";
import { cellsOf, layers } from "../../scripts/tiny-lpips/teacher.ts";
import { features, parametersOf, trainable, trained, widened } from "../../scripts/tiny-lpips/trainable.ts";
import { weightsModule } from "../../scripts/tiny-lpips/weights-module.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

describe("pairwise agreement", () => {
  it("is the share of pairs on the same photograph that are in the same order", () => {
    // Of three pairs on the first photograph two, of three on the second all.
    expect(
      pairwiseAgreement(
        [
          [1, 2, 3],
          [9, 5, 1],
        ],
        [
          [1, 3, 2],
          [3, 2, 1],
        ],
      ),
    ).toBeCloseTo(5 / 6, 12);
  });
});

describe("agreement on cached groups", () => {
  it("compares a loss's distances from the crop with the sums of the teacher's layers", async () => {
    // The crop is black and the others flat, so that their l1 from it is their own value.
    const side = 32;
    const values = [0, 51, 102, 153, 204];
    const taught = [0.2, 0.4, 0.8, 0.6];
    const groups = 2;
    const bytes = new Uint8Array(groupBytes(side));
    for (const [member, value] of values.entries()) bytes.fill(value, 3 * side * side * member);
    // Each layer says its number's part of the whole, 1/15 to 5/15; pairs without the crop say what must not count.
    const parts = new Float32Array(groups * pairs.length * layers);
    for (let at = 0; at < parts.length; at++) {
      const [first, second] = pairs[Math.floor(at / layers) % pairs.length];
      parts[at] = first === 0 ? (taught[second - 1] * ((at % layers) + 1)) / 15 : 100;
    }
    const maps = new Float32Array(parts.length * cellsOf(side) ** 2);
    const cached = { groups, side, images: async () => bytes, parts, maps, close: async () => {} };
    expect(members).toBe(values.length);
    const found = await agreementOn([cached, cached], l1(), 1);
    expect(found.groups).toBe(2);
    // l1 says 0.2, 0.4, 0.6, 0.8: one pair of six is turned round, by ranks 1 - 6 * 2 / (4 * 15) = 0.8, errors 0.2 + 0.2 of 2.
    expect(found.share).toBeCloseTo(5 / 6, 6);
    expect(found.rank).toBeCloseTo(0.8, 5);
    expect(found.error).toBeCloseTo(0.2, 5);
  });

  it("holds one photograph of fourteen out of training", () => {
    const heldBack = Array.from({ length: 700 }, (_, index) => index).filter(isHeldBack);
    expect(heldBack).toHaveLength(50);
    expect(heldBack.slice(0, 2)).toEqual([13, 27]);
  });
});

describe("small networks for super-resolution", () => {
  it("have the same bits when training resumes from fewer steps", async () => {
    const folder = await temporaryFolder();
    const photographs = join(folder, "photographs");
    await mkdir(photographs);
    for (const seed of [1, 2]) await writeImage(join(photographs, `${seed}.png`), randomTensor([1, 3, 64, 64], seed));
    const network = { scale: 2, loss: "l1", seed: 3, patch: 16, channels: 4, blocks: 1 } as const;
    const input = randomTensor([1, 3, 8, 8], 4);
    const trainedIn = async (name: string, steps: readonly number[]) => {
      const outputs: Float32Array[] = [];
      const reports: string[] = [];
      for (const count of steps) {
        const where = { photographs, cache: join(folder, name) };
        const enlarge = await ownNetwork({ ...network, steps: count, after: steps }, where, (text) =>
          reports.push(text),
        );
        outputs.push((await enlarge(input)).data);
      }
      expect(reports).toHaveLength(steps.length);
      return outputs;
    };
    await Promise.all(["stages", "straight"].map((name) => mkdir(join(folder, name))));
    const [early, late] = await trainedIn("stages", [2, 5]);
    const [straight] = await trainedIn("straight", [5]);
    expect(late).toEqual(straight);
    expect(early).not.toEqual(late);
  });
});

describe("lanczos", () => {
  it("keeps flat images, and spreads a pixel by the window's formula", () => {
    for (const factor of [2, 3, 4]) {
      const flat = lanczos(Tensor.full([1, 3, 5, 4], 0.3), factor);
      expect(flat.shape).toEqual([1, 3, 5 * factor, 4 * factor]);
      for (const value of flat.data) expect(value).toBeCloseTo(0.3, 6);
    }
    const row = Tensor.full([1, 1, 1, 15], 0);
    row.data[7] = 1;
    const { data } = lanczos(row, 2);
    const L = (x: number) => (Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / 3) * 3) / (Math.PI * x) ** 2;
    // The first half of pixel 7 lies a quarter of a pixel left of its centre; the six nearest count.
    const sum = [-2.75, -1.75, -0.75, 0.25, 1.25, 2.25].reduce((total, x) => total + L(x), 0);
    expect(data[14]).toBeCloseTo(L(0.25) / sum, 6);
    expect(data[15]).toBeCloseTo(L(0.25) / sum, 6);
    expect(data[12]).toBeCloseTo(L(1.25) / sum, 6);
    // Both axes alike.
    const column = lanczos(new Tensor(row.data, [1, 1, 15, 1]), 2);
    for (let i = 0; i < 30; i++) expect(column.data[2 * i]).toBeCloseTo(data[i], 6);
  });
});

describe("published networks", () => {
  it("run as in Keras: kernel layouts, channel order of the pixel shuffle, 8-bit weights", async () => {
    const folder = join(await temporaryFolder(), "model");
    await mkdir(folder, { recursive: true });
    const conv = { filters: 12, kernel_size: [1, 1], activation: "linear" };
    const layer = (name: string, kind: string, config: object, ...from: string[]) => {
      return {
        name,
        class_name: kind,
        config,
        inbound_nodes: from.length ? [from.map((input) => [input, 0, 0, {}])] : [],
      };
    };
    const layers = [
      layer("LR", "InputLayer", {}),
      layer("conv", "Conv2D", conv, "LR"),
      layer("half", "MultiplyBeta", { beta: 0.5 }, "conv"),
      layer("sum", "Add", {}, "half", "conv"),
      layer("SR", "PixelShuffle2x", { scale: 2 }, "sum"),
    ];
    // Kernel [1, 1, 3, 12] in bytes: the filter 3 k + c is k + 1 times colour c.
    const kernel = Array.from({ length: 36 }, (_, at) => {
      const [channel, filter] = [Math.floor(at / 12), at % 12];
      return filter % 3 === channel ? Math.floor(filter / 3) + 1 : 0;
    });
    const bias = Float32Array.from({ length: 12 }, (_, filter) => filter / 100);
    await writeFile(join(folder, "w.bin"), Buffer.concat([Buffer.from(kernel), Buffer.from(bias.buffer)]));
    const weights = [
      {
        name: "conv/kernel",
        shape: [1, 1, 3, 12],
        dtype: "float32",
        quantization: { dtype: "uint8", min: 0, scale: 0.25 },
      },
      { name: "conv/bias", shape: [12], dtype: "float32" },
    ];
    const topology = { model_config: { config: { layers, output_layers: [["SR", 0, 0]] } } };
    await writeFile(
      join(folder, "model.json"),
      JSON.stringify({ modelTopology: topology, weightsManifest: [{ paths: ["w.bin"], weights }] }),
    );
    const enlarge = await openPublished(join(folder, "model.json"));
    const image = new Tensor(
      Float32Array.from({ length: 6 }, (_, i) => (i + 1) / 10),
      [1, 3, 1, 2],
    );
    const { shape, data } = await enlarge(image);
    expect(shape).toEqual([1, 3, 2, 4]);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < 2; y++) {
        for (let x = 0; x < 4; x++) {
          const k = 2 * y + (x % 2);
          const expected = 1.5 * (((k + 1) / 4) * image.data[2 * c + Math.floor(x / 2)] + (3 * k + c) / 100);
          expect(data[(c * 2 + y) * 4 + x]).toBeCloseTo(expected, 5);
        }
      }
    }
  });
});

describe("losses for the order of two distances", () => {
  const o = reference;
  // Roots of the distances of all ten pairs; the first four are from the crop.
  const pairsOf = (first: readonly number[]) => o.constant([...first, 0, 0, 0, 0, 0, 0], [1, 10, 1, 1]);
  const value = (found: readonly number[], taught: readonly number[]) => {
    const { differ, order } = ranked(o, pairsOf(found), pairsOf(taught));
    return { differ: differ.data[0], order: order.data[0] };
  };

  it("depend on differences alone: a common offset does not count", () => {
    const taught = [0.3, 0.32, 0.5, 0.1];
    expect(value(taught, taught).differ).toBe(0);
    expect(value([0.4, 0.42, 0.6, 0.2], taught).differ).toBeCloseTo(0, 12);
    // One is 0.06 too small: three of six differences are off by as much.
    expect(value([0.3, 0.26, 0.5, 0.1], taught).differ).toBeCloseTo(0.03, 12);
  });

  it("are least for the teacher's order, by cross-entropy", () => {
    const taught = [0.3, 0.32, 0.5, 0.1];
    const right = value(taught, taught).order;
    for (const wrong of [
      [0.32, 0.3, 0.5, 0.1],
      [0.3, 0.32, 0.1, 0.5],
      [0.3, 0.3, 0.3, 0.3],
    ]) {
      expect(value(wrong, taught).order).toBeGreaterThan(right);
    }
    // All equal: every pair costs log 2, whatever the teacher says.
    expect(value([0.3, 0.3, 0.3, 0.3], taught).order).toBeCloseTo(Math.log(2), 12);
  });
});

describe("weights between two trainings", () => {
  /** The largest error of values, in shares of a bound. */
  const worst = (found: Float32Array, wanted: Float32Array, bound: (value: number) => number) =>
    found.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[at]) / bound(wanted[at])), 0);

  it("resume unchanged, and are read back from the generated module", async () => {
    const weights = await tinyWeights();
    const start = trainable(weights);
    expect(Object.keys(start)).toEqual(Object.keys(parametersOf()));
    const again = trained(Object.fromEntries(Object.entries(start).map(([name, data]) => [name, { data }])));
    for (const [name, { data }] of Object.entries(weights)) {
      expect(
        worst(again[name].data, data, (value) => 1e-6 * Math.abs(value) + 1e-30),
        name,
      ).toBeLessThanOrEqual(1);
    }
    const fresh = initialize(parametersOf(), (name) => new Random(1, name));
    const other = trained(Object.fromEntries(Object.entries(fresh).map(([name, data]) => [name, { data }])));
    const path = join(await temporaryFolder(), "weights.ts");
    await writeFile(path, weightsModule(other, "a test"));
    const read = await readWeightsModule(path);
    for (const [name, { shape, data }] of Object.entries(other)) {
      expect(read[name].shape).toEqual(shape);
      // Half the coarsest step of the output channel with the largest entry, a little more where the step was rounded.
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(
        worst(read[name].data, data, () => 0.52 * (largest / Math.min(...finenesses))),
        name,
      ).toBeLessThanOrEqual(1);
    }
  });

  it("that get more channels keep the old features in the first channels of each layer", async () => {
    const o = reference;
    const narrow = trainable(await tinyFirstWeights());
    const fresh = initialize(parametersOf(), (name) => new Random(1, name));
    const wide = widened(narrow, fresh, [tinyFirst, tiny]);
    const image = o.constant(randomTensor([1, 3, 20, 24], 2).data, [1, 3, 20, 24]);
    const [before, after] = [[tinyFirst, narrow] as const, [tiny, wide] as const].map(([edition, values]) => {
      const specs = parametersOf(edition);
      const tensors = Object.entries(specs).map(([name, spec]) => [name, o.constant(values[name], dimsOf(spec))]);
      return features(o, image, Object.fromEntries(tensors), edition);
    });
    for (const [layer, tap] of tinyTaps.entries()) {
      expect([before, after].map((of) => of[layer].shape[1])).toEqual([tinyFirst, tiny].map((of) => of.channels(tap)));
      expect(after[layer].data.slice(0, before[layer].data.length)).toEqual(before[layer].data);
    }
    expect(wide.root4.slice(64).every((root) => root > 0)).toBe(true);
  });
});
