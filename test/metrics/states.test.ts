import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blockImages,
  type FeatureRows,
  fid,
  kid,
  loadState,
  MemoryRows,
  MomentsState,
  mergeStates,
  momentsOf,
  type PartialState,
  pr,
  RowsState,
  saveState,
} from "../../packages/core/src/metrics/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { packSafetensors } from "../../packages/core/src/weights/write-safetensors.ts";
import { randomTensor } from "../random.ts";

const [places, dimension] = [41 * blockImages + 17, 3];
// Far from 0 in the mean, where sums depend on their order in many digits.
const vectors = randomTensor([places, dimension, 1, 1], 1, 1000, 1001);
/** Places whose image could be read: some are missing, one block is missing whole. */
const readable = Array.from({ length: places }, (_, i) => i).filter(
  (i) => i % 29 !== 3 && Math.floor(i / blockImages) !== 7,
);

function features(indices: readonly number[]): Tensor {
  const data = indices.flatMap((i) => [...vectors.data.subarray(i * dimension, (i + 1) * dimension)]);
  return Tensor.from(data, [indices.length, dimension, 1, 1]);
}

function rowsOf(indices: readonly number[]): FeatureRows {
  const rows = new MemoryRows();
  if (indices.length > 0) rows.append(features(indices));
  return { count: indices.length, dimension, read: (numbers) => rows.read(numbers) };
}

/** Whole blocks for each of some shards; where there are fewer blocks, the last are empty. */
function shards(count: number): [first: number, end: number][] {
  const blocks = Math.ceil(places / blockImages);
  return Array.from({ length: count }, (_, i) => [
    Math.floor((i * blocks) / count),
    Math.floor(((i + 1) * blocks) / count),
  ]);
}

const within = ([first, end]: readonly [number, number]) =>
  readable.filter((i) => i >= first * blockImages && i < end * blockImages);

/** The result of a worker: the bytes of the state of one shard, which read its images in batches of its own. */
async function momentsPart(range: readonly [number, number]): Promise<Uint8Array> {
  const indices = within(range);
  return saveState(await momentsOf(rowsOf(indices), indices, range));
}

async function rowsPart(range: readonly [number, number], batch: number): Promise<Uint8Array> {
  const [indices, state] = [within(range), new RowsState()];
  for (let i = 0; i < indices.length; i += batch) {
    const some = indices.slice(i, i + batch);
    state.add(some, features(some));
  }
  return saveState(state);
}

const loaded = async <State extends PartialState>(bytes: Uint8Array) => (await loadState(bytes)).state as State;

describe("merged states equal the whole bit for bit", () => {
  test.each([1, 3, 40])("moments in %i shards, for any order and any tree of merges", async (count) => {
    const whole = await momentsOf(rowsOf(readable), readable, [0, 42]);
    const expected = whole.statistics(42);
    const parts = await Promise.all(shards(count).map(momentsPart));
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...parts.keys()], { minLength: count }),
        fc.array(fc.nat(), { minLength: count, maxLength: count }),
        async (order, choices) => {
          const states: MomentsState[] = [];
          for (const part of order) states.push(await loaded<MomentsState>(parts[part]));
          // Two that are drawn are merged, saved and loaded again, until one is left.
          for (const choice of choices) {
            if (states.length === 1) break;
            const [a] = states.splice(choice % states.length, 1);
            const [b] = states.splice(choice % states.length, 1);
            states.push(await loaded<MomentsState>(await saveState(mergeStates([a, b]))));
          }
          const { count: n, mean, covariance } = states[0].statistics(42);
          expect([n, mean, covariance.data]).toEqual([expected.count, expected.mean, expected.covariance.data]);
        },
      ),
      { numRuns: 20 },
    );
    expect(mergeStates(await Promise.all(parts.map((part) => loaded<MomentsState>(part)))).count).toBe(readable.length);
  });

  test("moments agree with a two-pass computation over all images to 1e-12", async () => {
    const { mean, covariance } = (await momentsOf(rowsOf(readable), readable)).statistics();
    const n = readable.length;
    const at = (i: number, j: number) => vectors.data[i * dimension + j];
    const exact = Array.from({ length: dimension }, (_, j) => readable.reduce((sum, i) => sum + at(i, j), 0) / n);
    for (let a = 0; a < dimension; a++) {
      expect(Math.abs(mean[a] - exact[a])).toBeLessThan(1e-12 * 1000);
      for (let b = 0; b < dimension; b++) {
        const products = readable.map((i) => (at(i, a) - exact[a]) * (at(i, b) - exact[b]));
        const value = products.reduce((sum, product) => sum + product, 0) / (n - 1);
        expect(Math.abs(covariance.data[a * dimension + b] - value)).toBeLessThan(1e-12);
      }
    }
  });

  test.each([1, 3, 40])("rows in %i shards, read in other batches, in any order", async (count) => {
    const parts = await Promise.all(shards(count).map((range, i) => rowsPart(range, 1 + (i % 7))));
    const order = parts.map((_, i) => (i * 23) % 41).map((key, i) => [key, i]);
    const shuffled = order.sort(([a], [b]) => a - b).map(([, i]) => parts[i]);
    const state = mergeStates(await Promise.all(shuffled.map((part) => loaded<RowsState>(part))));
    expect(state.indices).toEqual(readable);
    const real = rowsOf(readable.slice(100, 400));
    const few = kid({ subsets: 3, subsetSize: 50 });
    const value = async (output: FeatureRows) => [
      (await few.compute({ output, real })).value,
      (await pr().compute({ output, real })).numbers.map(({ value }) => value),
    ];
    expect(await value(state)).toEqual(await value(rowsOf(readable)));
  });

  test("fid accepts a state like statistics", async () => {
    const [output, real] = [await momentsOf(rowsOf(readable)), await momentsOf(rowsOf(readable.slice(50)))];
    const ofStatistics = await fid().compute({ output: output.statistics(), real: real.statistics() });
    expect(await fid().compute({ output, real })).toEqual(ofStatistics);
  });
});

describe("states reject", () => {
  const block = (index: number) => {
    const state = new MomentsState();
    state.add(index, features([index, index + 1]));
    return state;
  };
  const rows = (...indices: number[]) => {
    const state = new RowsState();
    state.add(indices, features(indices));
    return state;
  };

  test("duplicate blocks and images, with their index", () => {
    const pair = mergeStates([block(4), block(5)]);
    expect(() => pair.merge(block(5))).toThrow("block 5 of the images occur twice");
    expect(() => block(4).merge(pair)).toThrow("block 4 of the images occur twice");
    expect(() => mergeStates([rows(3, 9), rows(1, 9)])).toThrow("image 9 occurs twice");
    expect(() => rows(3, 3)).toThrow("image 3 occurs twice");
  });

  test("statistics where blocks are missing", () => {
    const gap = mergeStates([block(0), block(1), block(5)]);
    expect(() => gap.statistics()).toThrow("blocks 2 to 4 of the images are missing");
    expect(() => block(0).statistics(3)).toThrow("blocks 1 to 2 of the images are missing");
    expect(() => block(1).statistics()).toThrow("block 0 of the images are missing");
    expect(() => new MomentsState().statistics()).toThrow(/at least 2 images, got 0/);
  });

  test("other kinds of state, features of another length, too many images, and invalid indices", () => {
    expect(() => mergeStates<PartialState>([block(0), rows(1)])).toThrow(/all of them MomentsState or all RowsState/);
    expect(() => mergeStates([])).toThrow(/at least one/);
    const longer = new MomentsState();
    longer.add(1, Tensor.full([2, dimension + 1, 1, 1], 0));
    expect(() => block(0).merge(longer)).toThrow(/features of block 1 have 4 values, but earlier ones had 3/);
    expect(() => new MomentsState().add(0, Tensor.full([blockImages + 1, 2, 1, 1], 0))).toThrow(
      /cannot have 65 images/,
    );
    expect(() => new MomentsState().add(0.5)).toThrow(/no block 0.5/);
    expect(() => rows(1).add([2.5], features([1]))).toThrow(/no place 2.5/);
    expect(() => rows(1).add([2, 3], features([1]))).toThrow(/2 places cannot be those of 1 feature vectors/);
  });

  test("rows out of the listing's order, or of other blocks", async () => {
    await expect(momentsOf(rowsOf([1, 0]), [1, 0])).rejects.toThrow(/row 1 has the place 0, which is out of order/);
    await expect(momentsOf(rowsOf([1, 0]), [70, 90], [0, 1])).rejects.toThrow(/row 0 has the place 70/);
  });
});

describe("a state file", () => {
  const saved = async () => {
    const indices = within([2, 5]);
    return saveState(await momentsOf(rowsOf(indices), indices, [2, 5]), { network: "mine" });
  };

  test("keeps its metadata, and is byte-identical for the same state", async () => {
    const bytes = await saved();
    const { state, about } = await loadState(bytes);
    expect(about).toEqual({ network: "mine" });
    expect(await saveState(state, about)).toEqual(bytes);
    const none = await loadState(await saveState(new RowsState()));
    expect([none.state.count, none.about]).toEqual([0, {}]);
  });

  test("truncated at any length is rejected with a ReconlossError", async () => {
    for (const bytes of [await saved(), await rowsPart([0, 1], 5)]) {
      for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 150)) {
        const error = await loadState(bytes.slice(0, length)).catch((caught) => caught);
        expect([error.name, error.code]).toEqual(["ReconlossError", "checkpoint"]);
      }
    }
  });

  test("with any flipped bit is rejected", async () => {
    const bytes = await saved();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] ^= 1 << (at % 7);
      const error = await loadState(damaged).catch((caught) => caught);
      expect([error.name, error.code]).toEqual(["ReconlossError", "checkpoint"]);
    }
  });

  const f64 = (...data: number[]) => ({
    dtype: "float64" as const,
    shape: [data.length],
    data: Float64Array.from(data),
  });
  const moments = (nodes: string, tensors = {}, more = {}) => [
    tensors,
    { format: "reconloss state 1", state: "moments", blockImages: String(blockImages), nodes, ...more },
  ];
  /** A file with the SHA-256 of itself, as it is with zeros in its place. */
  function sealed(tensors: Parameters<typeof packSafetensors>[0], metadata: Record<string, string>): Uint8Array {
    const zeros = packSafetensors(tensors, { ...metadata, sha256: "0".repeat(64) });
    const digest = createHash("sha256").update(zeros).digest("hex");
    return packSafetensors(tensors, { ...metadata, sha256: digest });
  }

  test.each<[string, RegExp, ReturnType<typeof moments>]>([
    ["of another program", /is not a state of a metric: its format is missing/, [{ a: f64(1) }, {}]],
    [
      "of a later version",
      /its format is reconloss state 2, not reconloss state 1/,
      moments("[]", {}, { format: "reconloss state 2" }),
    ],
    ["of another kind", /holds the unknown state images/, moments("[]", {}, { state: "images" })],
    ["with other blocks", /has blocks of 32 images, not of 64/, moments("[]", {}, { blockImages: "32" })],
    ["whose nodes are no list", /its list of nodes is not a list/, moments("{}")],
    ["whose nodes are no JSON", /its list of nodes is not JSON/, moments("[")],
    ["whose nodes are no numbers", /its list of nodes is not a list/, moments('[["0",1,2]]')],
    ["that lacks a tensor", /has no tensor 0\/0\/mean/, moments("[[0,0,2]]")],
    [
      "of another type",
      /tensor 0\/0\/mean is float32, not float64/,
      moments("[[0,0,2]]", { "0/0/mean": { dtype: "float32", shape: [1], data: Float32Array.of(1) } }),
    ],
    [
      "of shapes that do not fit",
      /2 products for a mean of 1 values/,
      moments("[[0,0,2]]", { "0/0/mean": f64(1), "0/0/scatter": f64(1, 2) }),
    ],
    ["with NaN", /NaN among its numbers/, moments("[[0,0,2]]", { "0/0/mean": f64(Number.NaN), "0/0/scatter": f64(1) })],
    [
      "with a negative variance",
      /a negative variance of feature 1/,
      moments("[[0,0,2]]", { "0/0/mean": f64(1, 1), "0/0/scatter": f64(1, 0, -1) }),
    ],
    [
      "with too many images",
      /block 0 cannot have 999 images/,
      moments("[[0,0,999]]", { "0/0/mean": f64(1), "0/0/scatter": f64(1) }),
    ],
    ["with a block twice", /block 3 of the images occur twice/, moments("[[1,1,0],[0,3,0]]")],
    ["with a node beyond all", /there is no block 1 of level 9007199254740991/, moments("[[9007199254740991,1,0]]")],
    ["of rows whose places are missing", /has no tensor places/, [{}, { format: "reconloss state 1", state: "rows" }]],
    [
      "of rows for fewer places",
      /rows of shape \[2,1\] for 1 places/,
      [
        { places: f64(0), rows: { dtype: "float32", shape: [2, 1], data: Float32Array.of(1, 2) } },
        { format: "reconloss state 1", state: "rows" },
      ],
    ],
  ])("%s is rejected with a message", async (_, message, [tensors, metadata]) => {
    const error = await loadState(sealed(tensors as never, metadata as never)).catch((caught) => caught);
    expect([error.code, error.message]).toEqual(["checkpoint", expect.stringMatching(message)]);
  });
});
