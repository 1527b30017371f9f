import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Inception, inceptionFid, inceptionV3 } from "../../packages/core/src/nets/index.ts";
import { inceptionExtractor } from "../../packages/reconloss/src/distribution/index.ts";
import { resize } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { readGoldenImage, readNpy } from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();

/** A network's seeded weights as a safetensors file. */
async function seededFile(network: Inception): Promise<string> {
  const entries = Object.entries(seededStateDict(network.tensors()));
  let offset = 0;
  const header = Object.fromEntries(
    entries.map(([name, { shape, data }]) => {
      const range = [offset, (offset += data.byteLength)];
      return [name, { dtype: "F32", shape, data_offsets: range }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, `${network.name}.safetensors`);
  const parts = entries.map(([, { data }]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  await writeFile(path, Buffer.concat([length, text, ...parts]));
  return path;
}

test("reads weights from a checkpoint, and refuses the other network's even where the layers needed would fit", async () => {
  const extractor = await inceptionExtractor({ weights: await seededFile(inceptionFid), input: "bytes" });
  const { data } = readNpy("expected/arrays/inception-clean-big-2048.npy");
  const image = resize(await readGoldenImage("inputs/big.png"), [299, 299], "clean");
  const got = (await extractor.run(image))["2048"];
  expect(got.shape).toEqual([1, 2048, 1, 1]);
  for (const [i, value] of got.data.entries()) expect(Math.abs(value - data[i])).toBeLessThan(2e-6 + 1e-4 * data[i]);
  const wrong = await inceptionExtractor({ weights: await seededFile(inceptionV3) }).catch((error) => error);
  expect([wrong.code, wrong.message]).toEqual([
    "checkpoint",
    expect.stringMatching(/fc\.weight has shape \[1000, 2048\]/),
  ]);
});

test("has another key for other inputs or weights", async () => {
  const weights = seededStateDict(inceptionFid.tensors(["64"]));
  const features = ["64"] as const;
  const [unit, bytes] = [
    await inceptionExtractor({ weights, features }),
    await inceptionExtractor({ weights, features, input: "bytes" }),
  ];
  expect(unit.key).toMatch(/^[0-9a-f]{64}$/);
  expect(bytes.key).not.toBe(unit.key);
  const name = "Conv2d_1a_3x3.conv.weight";
  const changed = { ...weights, [name]: { ...weights[name], data: weights[name].data.with(0, 9) } };
  expect((await inceptionExtractor({ weights: changed, features })).key).not.toBe(unit.key);
  expect((await inceptionExtractor({ weights, features })).key).toBe(unit.key);
  expect(bytes.weights).toBe(unit.weights);
});

test("has the same key and weights hash for any requested features, and ignores unrelated tensors", async () => {
  const weights = seededStateDict(inceptionFid.tensors(["192", "spatial"]));
  const one = await inceptionExtractor({ weights, features: ["64"] });
  const both = await inceptionExtractor({ weights, features: ["64", "192"] });
  expect([both.key, both.weights]).toEqual([one.key, one.weights]);
  const more = { ...weights, "other.weight": { shape: [1], data: Float32Array.of(1) } };
  expect((await inceptionExtractor({ weights: more, features: ["64"] })).weights).toBe(one.weights);
});

test("needs only the tensors of the requested features in a checkpoint", async () => {
  const upTo = {
    ...inceptionFid,
    name: "up-to-192",
    tensors: () => inceptionFid.tensors(["192"]),
  } as typeof inceptionFid;
  const path = await seededFile(upTo);
  const images = randomTensor([1, 3, 299, 299], 3);
  const { 64: some } = await (await inceptionExtractor({ weights: path, features: ["64"] })).run(images);
  expect(some.shape).toEqual([1, 64, 1, 1]);
  const error = await inceptionExtractor({ weights: path, features: ["768"] }).catch((caught) => caught);
  expect([error.code, error.message]).toEqual(["checkpoint", expect.stringMatching(/missing tensors: Mixed_5b/)]);
});
