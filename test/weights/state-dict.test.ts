import { describe, expect, test } from "vitest";
import { readCheckpoint } from "../../packages/core/src/weights/checkpoint.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";
import { readStateDict, type StateDictOptions, type TensorShapes } from "../../packages/core/src/weights/state-dict.ts";
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
  ])("reads names %s", async (_, prefix) => {
    const weights = await load({ [`${prefix}weight`]: weight, [`${prefix}bias`]: bias });
    expect(weights).toEqual({
      "features.0.weight": { shape: [2, 1], data: Float32Array.of(1, 2) },
      "features.0.bias": { shape: [2], data: Float32Array.of(3, 4) },
    });
  });

  test("lists all missing, misshapen and unexpected tensors at once", async () => {
    const wanted = { ...shapes, "features.2.bias": [1] };
    const tensors = { "features.0.weight": { shape: [1, 2], data: [1, 2] }, "features.0.bias": bias, other: bias };
    await expect(load(tensors, {}, wanted)).rejects.toMatchObject({
      code: "checkpoint",
      message:
        "net.safetensors: missing tensors: features.2.bias; features.0.weight has shape [1, 2], expected [2, 1]; unexpected tensors: other",
    });
  });

  test("shortens long lists of names", async () => {
    const wanted = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, [1]]));
    await expect(load({}, {}, wanted)).rejects.toThrow(/t0, t1, .* and 12 more/);
  });

  test("ignores extra tensors only by prefix or by last part of the name", async () => {
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

  test("refuses two spellings of one tensor's name", async () => {
    const tensors = { "0.weight": weight, "features.0.weight": weight, "0.bias": bias };
    await expect(load(tensors)).rejects.toThrow("0.weight and features.0.weight name the same tensor");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "names the tensor that contains %d",
    async (value) => {
      const tensors = { "0.weight": weight, "0.bias": { shape: [2], data: [1, value] } };
      await expect(load(tensors)).rejects.toThrow(`features.0.bias has ${value} at element 1`);
    },
  );

  test("rounds float64 to float32, and refuses values out of its range", async () => {
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

  test("refuses integer tensors as weights", async () => {
    const file = safetensors({ t: { dtype: "I32", shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4));
    const checkpoint = await readCheckpoint(bytesSource("ints.safetensors", file));
    await expect(readStateDict(checkpoint, { t: [1] })).rejects.toThrow("t is int32, expected a floating type");
  });

  test("refuses negative values only where they must not occur", async () => {
    const tensors = { "0.weight": weight, "0.bias": { shape: [2], data: [0, -0.5] } };
    await expect(load(tensors)).resolves.toBeDefined();
    await expect(load(tensors, { nonNegative: true })).rejects.toThrow("features.0.bias has -0.5 at element 1");
  });
});

describe("a common prefix of names", () => {
  const named = (prefix: string) => ({ [`${prefix}0.weight`]: weight, [`${prefix}0.bias`]: bias });

  // DataParallel and AveragedModel, torch.compile, both, attributes of training modules, and one that nobody has heard of.
  test.each(["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.", "student.backbone."])(
    "%s is removed, with a note",
    async (prefix) => {
      const notes: string[] = [];
      const weights = await load(named(prefix), { onNote: (note) => notes.push(note) });
      expect(Object.keys(weights)).toEqual(Object.keys(shapes));
      expect(notes).toEqual([`net.safetensors: the prefix "${prefix}" was taken off the names of 2 tensors`]);
    },
  );

  test("causes no note when names are as expected, with or without features.", async () => {
    for (const prefix of ["", "features."]) {
      await load(named(prefix), { onNote: (note) => expect.unreachable(note) });
    }
  });

  test("may have AveragedModel's n_averaged beside it", async () => {
    await expect(load({ ...named("module."), n_averaged: { shape: [], data: [7] } })).resolves.toBeDefined();
  });

  test("must be common to all names; the message counts the names that fit", async () => {
    await expect(load({ ...named("model."), "critic.bias": bias })).rejects.toThrow(
      'unexpected tensors (2 names fit after the prefix "model."): critic.bias',
    );
    await expect(load({ "model.0.weight": weight })).rejects.toThrow(
      'missing tensors (1 names fit after the prefix "model."): features.0.bias',
    );
  });

  test("is not guessed where two of them fit", async () => {
    await expect(load({ ...named("ema."), ...named("raw.") })).rejects.toThrow(
      'names fit after each of "ema.", "raw.": choose one of these as the key): raw.0.weight, raw.0.bias',
    );
  });

  test("is reported as missing by counts and the first few names", async () => {
    const many = (stem: string, dimension: number) =>
      Object.fromEntries(
        Array.from({ length: 470 }, (_, i) => [`${stem}${i}.weight`, { shape: [dimension], data: [1] }]),
      );
    const wanted = Object.fromEntries(Object.keys(many("layer", 1)).map((name) => [name, [1]]));
    const error = await load(many("block", 1), {}, wanted).catch((caught) => caught);
    expect(error.message).toBe(
      "net.safetensors: none of its 470 tensors has a name that is expected: it has block0.weight, block1.weight, block2.weight, block3.weight and 466 more; " +
        "expected are 470: layer0.weight, layer1.weight, layer2.weight, layer3.weight and 466 more",
    );
  });
});
