import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { type CheckpointOptions, readCheckpoint } from "../../packages/core/src/weights/checkpoint.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";
import { processorTime } from "../processor-time.ts";
import { float32Safetensors } from "./golden-checkpoints.ts";
import { dict, global, int, pickle, reduce, storage, tensor, tuple } from "./pickles.ts";

/** Floats 0, 1, 2, ...: storage `i` holds the number `i`. */
const storages = 8;
const floats = Object.fromEntries(
  Array.from({ length: storages }, (_, i) => [`a/data/${i}`, new Uint8Array(Float32Array.of(i).buffer)]),
);
const archive = (data: Uint8Array, files: Record<string, Uint8Array> = {}) =>
  zipSync({ "a/data.pkl": data, ...floats, ...files }, { level: 0 });
/** The scalar that is `i`. */
const value = (i: number) => tensor(storage(String(i), int(1)), int(0), tuple(int(1)), tuple(int(1)));
const open = (code: number[], options?: CheckpointOptions, files?: Record<string, Uint8Array>) =>
  readCheckpoint(bytesSource("net.pt", archive(pickle(code), files)), options);
const refusal = async (code: number[], options?: CheckpointOptions) => {
  const error = await open(code, options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ReconlossError);
  expect((error as ReconlossError).code).toBe("checkpoint");
  return (error as ReconlossError).message;
};
/** Names and values of a checkpoint's tensors. */
async function contents(checkpoint: Awaited<ReturnType<typeof open>>) {
  const read = checkpoint.names.map(async (name) => [name, (await checkpoint.read(name)).data[0]]);
  return Object.fromEntries(await Promise.all(read));
}

// The names that training programs use: BasicSR's params, rosinality's StyleGAN2 g_ema, PyTorch's tutorials' model_state_dict, Lightning's state_dict.
const known = ["params_ema", "g_ema", "ema", "params", "model_state_dict", "state_dict", "model", "net", "generator"];

describe("containers", () => {
  test.each(known)("finds the weights under %s without a note", async (key) => {
    const checkpoint = await open(dict(["epoch", int(3)], [key, dict(["w", value(1)])]));
    expect(await contents(checkpoint)).toEqual({ w: 1 });
    expect(checkpoint.container).toBe(key);
    expect(checkpoint.notes).toEqual([]);
  });

  test.each(known.slice(1).map((key, i) => [known[i], key]))("prefers %s to %s, with a note", async (first, second) => {
    const checkpoint = await open(dict([second, dict(["w", value(2)])], [first, dict(["w", value(1)])]));
    expect(await contents(checkpoint)).toEqual({ w: 1 });
    expect(checkpoint.notes).toEqual([
      `of ${second}, ${first}, each of which holds tensors, ${first} is read (the key chooses)`,
    ]);
  });

  test("selects weights by key, also an unknown key or a nested one", async () => {
    const inner = dict(["model", dict(["w", value(3)])], ["best", dict(["w", value(4)])]);
    const file = dict(["generator", dict(["w", value(1)])], ["discriminator", dict(["w", value(2)])], ["last", inner]);
    expect((await open(file)).notes[0]).toContain("of generator, discriminator, last, each");
    for (const [key, expected, container] of [
      ["discriminator", 2, "discriminator"],
      ["last", 3, "last.model"],
      ["last.best", 4, "last.best"],
    ] as const) {
      const checkpoint = await open(file, { key });
      expect(await contents(checkpoint)).toEqual({ w: expected });
      expect(checkpoint.container).toBe(container);
    }
    expect(await refusal(file, { key: "lst" })).toContain(
      'no named tensors under "lst", only a dict with the keys ["generator","discriminator","last"]; there are tensors under generator',
    );
  });

  test("does not guess tensors under an unknown key, but names the key to choose", async () => {
    expect(await refusal(dict(["epoch", int(3)], ["weights", dict(["w", value(1)])]))).toContain(
      "there are tensors under weights: choose one of these as the key",
    );
  });

  test("takes the key as a prefix of names in a flat file", async () => {
    const flat = dict(["ema.w", value(1)], ["ema.b", value(2)], ["raw.w", value(3)]);
    const checkpoint = await open(flat, { key: "ema" });
    expect(await contents(checkpoint)).toEqual({ w: 1, b: 2 });
    expect(checkpoint.container).toBe("ema");
    expect(await refusal(flat, { key: "em" })).toBe(
      'net.pt: there is nothing under the key "em"; its names begin with ema, raw',
    );
    const tensors = { "ema.w": { shape: [1], data: [5] }, "raw.w": { shape: [1], data: [6] } };
    const source = bytesSource("net.safetensors", float32Safetensors(tensors));
    expect(await contents(await readCheckpoint(source, { key: "raw" }))).toEqual({ w: 6 });
  });
});

// As torch.jit.save writes modules (torch/csrc/jit/serialization/pickler.cpp): an object of a class __torch__.NAME, made without arguments and given its attributes.
const module = (type: string, ...attributes: [string, number[]][]) => [
  ...global("__torch__", type),
  ...[0x29, 0x81],
  ...dict(...attributes),
  0x62,
];
const script = {
  "a/code/__torch__.py": new TextEncoder().encode("raise SystemExit"),
  "a/constants.pkl": pickle([0x29]),
};

describe("TorchScript archives", () => {
  const intList = reduce(global("torch.jit._pickle", "build_intlist"), [0x5d, 0x28, ...int(1), ...int(2), 0x65]);
  const convolution = module("torch.nn.Conv2d", ["training", [0x89]], ["stride", intList], ["weight", value(1)]);
  const network = module("Net", ["training", [0x89]], ["conv", convolution], ["scale", value(2)], ["none", [0x4e]]);

  test("name tensors by the path of attributes, as in the state dict", async () => {
    const checkpoint = await open(network, {}, script);
    expect(await contents(checkpoint)).toEqual({ "conv.weight": 1, scale: 2 });
    expect(await contents(await open(network, { key: "conv" }, script))).toEqual({ weight: 1 });
  });

  test("list a shared object under both of its names", async () => {
    const shared = [...convolution, 0x71, 0];
    const twice = module("Net", ["a", shared], ["b", [0x68, 0]]);
    expect(await contents(await open(twice))).toEqual({ "a.weight": 1, "b.weight": 1 });
  });

  test("with objects that need code to be restored are refused, with how to convert the file", async () => {
    const quantised = [
      ...global("__torch__.torch.classes.quantized", "Conv2dPackedParamsBase"),
      0x29,
      0x81,
      0x29,
      0x62,
    ];
    const message = await refusal(module("Net", ["packed", quantised], ["w", value(1)]));
    expect(message).toContain(
      "__torch__.torch.classes.quantized.Conv2dPackedParamsBase makes itself from a state by code",
    );
    expect(message).toContain('torch.save(torch.jit.load("FILE").state_dict(), "weights.pth")');
  });

  test("may have only classes whose names begin with __torch__", async () => {
    expect(await refusal([...global("__torch__x", "Net"), 0x29, 0x81])).toContain("__torch__x.Net");
  });

  test("with cyclic or repeatedly shared objects end at once", async () => {
    const self = [
      ...global("__torch__", "Net"),
      0x29,
      0x81,
      0x71,
      0,
      ...dict(["self", [0x68, 0]], ["w", value(1)]),
      0x62,
    ];
    expect(await refusal(self)).toContain("refer to each other in a cycle");
    // Each of 30 objects holds the next one twice: a thousand million ways to the last.
    let code = module("Net", ["w", value(1)]);
    for (let i = 0; i < 30; i++) code = module("Net", ["a", [...code, 0x71, i]], ["b", [0x68, i]]);
    const milliseconds = await processorTime(async () => {
      expect(await refusal(code)).toContain("refer to each other in a cycle");
    });
    expect(milliseconds).toBeLessThan(5000);
  });
});
