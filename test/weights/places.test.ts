import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { NiqeModel } from "../../packages/core/src/losses/niqe-model.ts";
import { squeezenet } from "../../packages/core/src/nets/squeezenet.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";
import { safetensors } from "../../packages/core/src/weights/write-safetensors.ts";
import { seededWeights } from "../seeded-weights.ts";

// Every module anew, so that only the places of a test are known: without the disk, as in a browser.
let losses: typeof import("../../packages/core/src/losses/index.ts");
let tensor: typeof import("../../packages/core/src/tensor.ts");
let places: typeof import("../../packages/core/src/weights/places.ts");
beforeEach(async () => {
  vi.resetModules();
  losses = await import("../../packages/core/src/losses/index.ts");
  tensor = await import("../../packages/core/src/tensor.ts");
  places = await import("../../packages/core/src/weights/places.ts");
});

const shapes = squeezenet.tensors(["relu1"]);
const seeded = seededWeights(shapes);
const tensors = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [name, { shape, data: seeded[name] }]),
);
const bytes = safetensors(tensors);
const folder = mkdtempSync(join(tmpdir(), "reconloss-places-"));
const path = join(folder, "squeeze.safetensors");
writeFileSync(path, bytes);
afterAll(() => rmSync(folder, { recursive: true }));

const options = { net: "squeezenet1_1", taps: "relu1" } as const;
const images = () => {
  const ramp = Float32Array.from({ length: 3 * 24 * 24 }, (_, i) => ((i * 37) % 101) / 101);
  return [new tensor.Tensor(ramp, [1, 3, 24, 24]), tensor.Tensor.full([1, 3, 24, 24], 0.5)] as const;
};
const valueWith = (weights?: Parameters<typeof losses.perceptual>[1]) =>
  losses.perceptual(options, weights).value(...images());

describe("weights passed to a loss", () => {
  test("give the same value as a file, bytes, a blob or a place as by name", async () => {
    const expected = await valueWith({ weights: tensors });
    const inside = new Uint8Array(bytes.length + 16);
    inside.set(bytes, 8);
    const given = {
      bytes,
      "a view into a buffer": inside.subarray(8, 8 + bytes.length),
      buffer: bytes.slice().buffer as ArrayBuffer,
      blob: new Blob([bytes as Uint8Array<ArrayBuffer>]),
      place: { name: "mine", open: async () => bytesSource("mine", bytes) },
    };
    for (const [kind, weights] of Object.entries(given)) expect(await valueWith({ weights }), kind).toBe(expected);
    await import("../../packages/reconloss/src/weights/disk.ts");
    expect(await valueWith({ weights: path }), "path").toBe(expected);
  });

  test("cannot be a path where there is no disk", async () => {
    await expect(valueWith({ weights: path })).rejects.toMatchObject({
      code: "invalid-argument",
      message: `weights squeezenet1_1: ${JSON.stringify(path)} is a path, and there is no disk here; give an address, the bytes, a File or a Blob`,
    });
  });

  test("can be those of the embedded network", async () => {
    const { tinyWeights } = await import("../../packages/core/src/nets/tiny.ts");
    const trunk = safetensors(await tinyWeights());
    const [a, b] = images();
    const expected = await losses.lpips({ net: "tiny", heads: false }).value(a, b);
    const ofBytes = await losses.lpips({ net: "tiny", heads: false }, { trunk: await onlyTrunk(trunk) }).value(a, b);
    expect(ofBytes).toBe(expected);
  });

  test("can be NIQE's model, as .npz bytes or as numbers", async () => {
    const identity = Float64Array.from({ length: 36 * 36 }, (_, i) => (i % 37 === 0 ? 1 : 0));
    const model: NiqeModel = { mean: new Float64Array(36), covariance: identity };
    const archive = writeNpz({
      mu_pris_param: { data: Float64Array.from(model.mean), shape: [1, 36] },
      cov_pris_param: { data: identity, shape: [36, 36] },
    });
    const small = { block: 8 } as const;
    const expected = await losses.niqe(small, { model }).value(images()[0]);
    expect(await losses.niqe(small, { model: archive }).value(images()[0])).toBe(expected);
    await expect(losses.niqe(small, { model: bytes }).value(images()[0])).rejects.toThrow(
      "weights given for niqe: is not a .npz archive",
    );
  });

  test.each([[null], [5], [{ a: null }], [{ a: { shape: [1] } }]])(
    "cannot be the malformed tensors %o",
    async (weights) => {
      await expect(valueWith({ weights: weights as never })).rejects.toMatchObject({ code: "invalid-argument" });
    },
  );

  test.each([[null], [5], [{}], [new Uint8Array(3)]])("cannot come from a place that returns %o", async (given) => {
    const place = { name: "mine", open: async () => given as never };
    await expect(valueWith({ weights: place })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/^weights place mine: what open gives /),
    });
  });

  test("are a file error when the blob cannot be read any more", async () => {
    const gone = {
      size: 100,
      name: "gone.pth",
      slice: () => ({ arrayBuffer: () => Promise.reject(new Error("moved")) }),
    };
    await expect(valueWith({ weights: gone })).rejects.toMatchObject({
      code: "file",
      message: "gone.pth: cannot be read (moved)",
    });
  });
});

/** The trunk's tensors of the embedded file, whose heads lpips looks for elsewhere. */
async function onlyTrunk(file: Uint8Array): Promise<Uint8Array> {
  const { readCheckpoint } = await import("../../packages/core/src/weights/checkpoint.ts");
  const { tiny } = await import("../../packages/core/src/nets/tiny.ts");
  const checkpoint = await readCheckpoint(bytesSource("tiny", file));
  const names = Object.keys(tiny.tensors(tiny.taps));
  const read = await Promise.all(names.map(async (name) => [name, await checkpoint.read(name)] as const));
  return safetensors(Object.fromEntries(read) as Parameters<typeof safetensors>[0]);
}

describe("places for weights", () => {
  const refusing = (name: string, code = "missing-weights") => ({
    name,
    open: async () => {
      const { ReconlossError } = await import("../../packages/core/src/errors.ts");
      throw new ReconlossError(code as "download", `${name} has none`);
    },
  });

  test("are suggested by the error message when there is none", async () => {
    await expect(valueWith()).rejects.toMatchObject({
      code: "missing-weights",
      message: expect.stringContaining(
        "weights squeezenet1_1: nobody has said where they are: npx reconloss weights pack squeezenet1_1 -o FOLDER writes them",
      ),
    });
  });

  test("are asked from the last one added to the first, and not once they are removed", async () => {
    const asked: string[] = [];
    const place = (name: string, has: boolean) => ({
      name,
      open: async () => {
        asked.push(name);
        return has ? bytesSource(name, bytes) : undefined;
      },
    });
    places.addWeightsPlace(place("first", true));
    places.addWeightsPlace(place("second", false));
    const remove = places.addWeightsPlace(place("third", true));
    remove();
    remove();
    await valueWith();
    expect(asked).toEqual(["second", "first"]);
  });

  test("are each reported when all lack the weights; any other error ends the search", async () => {
    places.addWeightsPlace(refusing("a"));
    places.addWeightsPlace(refusing("b"));
    await expect(valueWith()).rejects.toMatchObject({ code: "missing-weights", message: "b has none; a has none" });
    places.addWeightsPlace(refusing("c", "download"));
    await expect(valueWith()).rejects.toMatchObject({ code: "download", message: "c has none" });
  });
});

test.each(["index", "compare/index", "distribution/index", "tasks/index", "weights/index", "cli/program"])(
  "%s.ts imports the disk, because it looks for weights by name",
  (entry) => {
    expect(readFileSync(new URL(`../../packages/reconloss/src/${entry}.ts`, import.meta.url), "utf8")).toMatch(
      /^import ".*disk\.ts";$/m,
    );
  },
);
