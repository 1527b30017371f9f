import { describe, expect, test } from "vitest";
import { readCheckpoint } from "../../src/weights/checkpoint.ts";
import { bytesSource } from "../../src/weights/source.ts";
import { readStateDict, type StateDictOptions, type TensorShapes } from "../../src/weights/state-dict.ts";
import { float32Safetensors, safetensors } from "./golden-checkpoints.ts";

const shapes = { "features.0.weight": [2, 1], "features.0.bias": [2] };
const weight = { shape: [2, 1], data: [1, 2] };
const bias = { shape: [2], data: [3, 4] };
type Tensors = Parameters<typeof float32Safetensors>[0];

const load = async (tensors: Tensors, options?: StateDictOptions, wanted: TensorShapes = shapes) =>
  readStateDict(await readCheckpoint(bytesSource("net.safetensors", float32Safetensors(tensors))), wanted, options);

describe("readStateDict", () => {
  test.each([
    ["as they are", "features.0."],
    ["without features.", "0."],
    ["with module.", "module.features.0."],
    ["with module. and without features.", "module.0."],
  ])("names %s", async (_, prefix) => {
    const weights = await load({ [`${prefix}weight`]: weight, [`${prefix}bias`]: bias });
    expect(weights).toEqual({
      "features.0.weight": { shape: [2, 1], data: Float32Array.of(1, 2) },
      "features.0.bias": { shape: [2], data: Float32Array.of(3, 4) },
    });
  });

  test("missing, misshapen and extra tensors are all named at once", async () => {
    const wanted = { ...shapes, "features.2.bias": [1] };
    const tensors = { "features.0.weight": { shape: [1, 2], data: [1, 2] }, "features.0.bias": bias, other: bias };
    await expect(load(tensors, {}, wanted)).rejects.toMatchObject({
      code: "checkpoint",
      message:
        "net.safetensors: missing tensors: features.2.bias; features.0.weight has shape [1, 2], expected [2, 1]; unexpected tensors: other",
    });
  });

  test("many names are shortened", async () => {
    const wanted = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, [1]]));
    await expect(load({}, {}, wanted)).rejects.toThrow(/t0, t1, .* and 12 more/);
  });

  test("extra tensors pass by prefix or by last part, and only those", async () => {
    const tensors = {
      "0.weight": weight,
      "0.bias": bias,
      "classifier.6.bias": bias,
      "1.num_batches_tracked": bias,
      "5.bias": bias,
    };
    const ignore = ["classifier.", "num_batches_tracked"];
    await expect(load(tensors, { ignore })).rejects.toThrow(/unexpected tensors: 5\.bias$/);
    await expect(load(tensors, { ignore: [...ignore, "features."] })).resolves.toHaveProperty(["features.0.bias"]);
  });

  test("two spellings of one tensor", async () => {
    const tensors = { "0.weight": weight, "features.0.weight": weight, "0.bias": bias };
    await expect(load(tensors)).rejects.toThrow("0.weight and features.0.weight name the same tensor");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%d is an error by name",
    async (value) => {
      const tensors = { "0.weight": weight, "0.bias": { shape: [2], data: [1, value] } };
      await expect(load(tensors)).rejects.toThrow(`features.0.bias has ${value} at element 1`);
    },
  );

  test("a float64 beyond float32 is an error, any other is rounded", async () => {
    const file = (values: number[]) =>
      safetensors(
        { t: { dtype: "F64", shape: [2], data_offsets: [0, 16] } },
        new Uint8Array(Float64Array.from(values).buffer),
      );
    const loadDouble = async (values: number[]) =>
      readStateDict(await readCheckpoint(bytesSource("double.safetensors", file(values))), { t: [2] });
    expect((await loadDouble([0.1, 1])).t.data).toEqual(Float32Array.of(0.1, 1));
    await expect(loadDouble([1e300, 1])).rejects.toThrow("t has Infinity at element 0");
  });

  test("integers are no weights", async () => {
    const file = safetensors({ t: { dtype: "I32", shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4));
    const checkpoint = await readCheckpoint(bytesSource("ints.safetensors", file));
    await expect(readStateDict(checkpoint, { t: [1] })).rejects.toThrow("t is int32, expected a floating type");
  });

  test("negative values are refused only where they must not be", async () => {
    const tensors = { "0.weight": weight, "0.bias": { shape: [2], data: [0, -0.5] } };
    await expect(load(tensors)).resolves.toBeDefined();
    await expect(load(tensors, { nonNegative: true })).rejects.toThrow("features.0.bias has -0.5 at element 1");
  });
});
