import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { onnxExtractor, writeStatistics } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { fitImage } from "../../packages/reconloss/src/onnx/fit.ts";
import { resizeAsPillow } from "../../packages/reconloss/src/onnx/pillow.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { writeModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals] = [join(folder, "outputs"), join(folder, "reals")];
for (const i of [0, 1, 2]) {
  await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 9, 14], i));
  await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 10, 10], 10 + i, 0, 0.8));
}

/** A model with the inputs and outputs of a published one, whose tokens are what it was fed, in pieces of `length`. */
async function saved(name: string, output: string, length: number, tokens = true): Promise<string> {
  const path = join(folder, `${name}.onnx`);
  const bytes = writeModel(
    [{ name: "pixel_values", type: "float", dims: ["batch", "channels", "height", "width"] }],
    [
      {
        ...{ name: output, type: "float", dims: tokens ? ["batch", "tokens", length] : ["batch", length] },
        from: (writer) => {
          const pieces = writer.node("Reshape", ["pixel_values", writer.constant("int64", [3], [0, -1, length])]);
          return tokens ? pieces : writer.node("Gather", [pieces, writer.constant("int64", [], [0])], { axis: 1 });
        },
      },
    ],
  );
  await writeFile(path, bytes);
  return path;
}

const large = await saved("large", "last_hidden_state", 1024);
const base = await saved("base", "last_hidden_state", 768);
const vision = await saved("vision", "image_embeds", 768, false);

const image = randomTensor([1, 3, 300, 341], 7);

// dgm-eval, models/dinov2.py: Resize((224, 224), BICUBIC), ToTensor, Normalize by the numbers of ImageNet; the class token is the features.
test("dinov2 gets the whole image at 224x224, and its first token is used", async () => {
  const extractor = await onnxExtractor(large, { preset: "dinov2" });
  const fitted = await fitImage(image, { resizer: "clean", ...extractor.fit, size: extractor.size });
  const { last_hidden_state: features } = await extractor.run(fitted);
  expect([extractor.size, features.shape]).toEqual([
    [224, 224],
    [1, 1024, 1, 1],
  ]);
  const wanted = resizeAsPillow(image, [224, 224]).data;
  for (let i = 0; i < 1024; i++) expect(Math.abs(features.data[i] - (wanted[i] - 0.485) / 0.229)).toBeLessThan(2e-5);
});

// cmmd/io_util.py and embedding.py: the central square, 336x336 by Pillow's bicubic filter, CLIP's numbers, embeddings of length 1.
test("clip gets the central square at 336x336, and its embedding has length 1", async () => {
  const extractor = await onnxExtractor(vision, { preset: "clip" });
  const { image_embeds: features } = await extractor.run(
    await fitImage(image, { resizer: "clean", ...extractor.fit, size: extractor.size }),
  );
  const square = new Tensor(
    Float32Array.from({ length: 3 * 300 * 300 }, (_, i) => {
      const [x, y, plane] = [i % 300, Math.floor(i / 300) % 300, Math.floor(i / 90000)];
      return image.data[(plane * 300 + y) * 341 + 20 + x]; // (341 - 300) // 2
    }),
    [1, 3, 300, 300],
  );
  const fed = resizeAsPillow(square, [336, 336])
    .data.slice(0, 768)
    .map((x) => (x - 0.48145466) / 0.26862954);
  const length = Math.hypot(...fed);
  for (let i = 0; i < 768; i++) expect(features.data[i]).toBeCloseTo(fed[i] / length, 5);
});

const distribution = async (...args: string[]) => {
  const { stdout, stderr, code } = await run([
    "distribution",
    outputs,
    reals,
    "--no-cache",
    "--no-progress",
    "--json",
    ...args,
  ]);
  return { code, stderr, report: stdout === "" ? undefined : JSON.parse(stdout) };
};
const namesOf = ({ report }: Awaited<ReturnType<typeof distribution>>) =>
  Object.values<{ metric: string }>(report.results).map(({ metric }) => metric);

describe("a metric has its name from the literature only with the literature's settings, and otherwise names the network", () => {
  test.each([
    [["--network", "dinov2", "--checkpoint", large], "fd-dinov2"],
    [["--network", large, "--input", "dinov2"], "fd-dinov2"],
    [["--network", large, "--input", "dinov2,size=224,resize=pillow,output=last_hidden_state"], "fd-dinov2"],
    [["--network", "dinov2", "--checkpoint", base], "frechet(features=dinov2(features=768))"],
    [["--network", "dinov2", "--checkpoint", large, "--input", "tokens=mean"], "frechet(features=dinov2(tokens=mean))"],
    [
      ["--network", "dinov2", "--checkpoint", large, "--input", "size=448,mean=0.5"],
      "frechet(features=dinov2(size=448x448,mean=0.5))",
    ],
    [
      ["--network", "dinov2", "--checkpoint", large, "--resize", "legacy-pytorch"],
      "frechet(features=dinov2(resize=legacy-pytorch))",
    ],
    [["--network", "dinov2", "--checkpoint", large, "--resize", "clean"], "frechet(features=dinov2(resize=clean))"],
    [["--network", large, "--input", "size=32,tokens=first"], "frechet(features=large.onnx)"],
    [["--network", "clip", "--checkpoint", vision, "-m", "frechet"], "frechet(features=clip)"],
    [["--network", "clip", "--checkpoint", vision, "-m", "kid"], "kid(features=clip)"],
    [["--network", "clip", "--checkpoint", vision], "cmmd"],
    [["--network", "clip", "--checkpoint", vision, "-m", "mmd(sigma=5)"], "cmmd(sigma=5)"],
    [["--network", "clip", "--checkpoint", vision, "--input", "size=224"], "mmd(features=clip(size=224x224))"],
    [["--network", "dinov2", "--checkpoint", large, "-m", "mmd"], "mmd(features=dinov2)"],
    [["--network", "tiny"], "frechet(features=tiny-v2)"],
  ])("%j gives %s", async (args, name) => {
    const result = await distribution(...args);
    expect(result.stderr).not.toMatch(/error/);
    expect(namesOf(result)).toEqual([name]);
  });

  test.each([
    ["fid", /fid need Inception's features; for network dinov2, use is, kid/],
    ["sfid", /sfid needs spatial features from inception-fid or inception_v3/],
  ])("rejects %s for a network that does not define it", async (metric, message) => {
    const { code, stderr } = await distribution("--network", "dinov2", "--checkpoint", large, "-m", metric);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test("a file named like a preset is not that preset", async () => {
    for (const name of ["inception-fid", "dinov2"]) {
      const path = join(await temporaryFolder(), name);
      await writeFile(path, await (await import("node:fs/promises")).readFile(large));
      const result = await distribution("--network", path, "--input", "size=32,tokens=first");
      expect(namesOf(result)).toEqual([`frechet(features=file ${name})`]);
    }
  });
});

describe("the protocol reports how images were fed and features taken", () => {
  const protocol = {
    network: "dinov2",
    resize: "pillow",
    size: "224x224",
    input: "(x - [0.485,0.456,0.406]) / [0.229,0.224,0.225]",
    crop: "none",
    layout: "nchw",
    channels: "rgb",
    output: "last_hidden_state, first token",
  };

  test("in JSON, below the table, and in statistics files, which need no network later", async () => {
    const { report } = await distribution("--network", "dinov2", "--checkpoint", large);
    expect(report.protocol).toMatchObject(protocol);
    const common = ["--network", "dinov2", "--checkpoint", large, "--no-cache", "--no-progress"];
    const { stdout } = await run(["distribution", outputs, reals, ...common]);
    expect(stdout).toMatch(/^fd-dinov2 ↓/);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(
      "crop none; layout nchw; channels rgb; output last_hidden_state, first token",
    );
    const [ofOutputs, ofReals] = [join(folder, "outputs.npz"), join(folder, "reals.npz")];
    expect((await run(["stats", outputs, "-o", ofOutputs, ...common])).code).toBe(0);
    const stats = await run(["stats", reals, "-o", ofReals, "--json", ...common]);
    expect(JSON.parse(stats.stdout).protocol).toMatchObject(protocol);
    expect((await run(["distribution", ofOutputs, ofReals])).stdout).toBe(stdout);
    const asked = await run(["distribution", ofOutputs, ofReals, "-m", "fid"]);
    expect([asked.code, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/statistics for network dinov2, from which fid cannot be computed; use frechet/),
    ]);
  });

  test.each([
    ["tokens=mean", /network dinov2, the outputs' features with dinov2\(tokens=mean\)/],
    ["crop=square", /crop none, the outputs' features with square/],
    ["crop=center,shorter=256", /crop none, the outputs' features with center of 256/],
    ["channels=bgr", /channels rgb, the outputs' features with bgr/],
    [
      "unitLength=true",
      /output last_hidden_state, first token, the outputs' features with last_hidden_state, first token, unit length/,
    ],
    ["range=0-255", /input .*, the outputs' features with \(255x - /],
    ["size=448", /size 224x224, the outputs' features with 448x448/],
  ])("statistics are rejected if the other side has %s", async (input, message) => {
    const ofReals = join(folder, "reals.npz");
    const common = ["--network", "dinov2", "--checkpoint", large, "--no-cache", "--no-progress"];
    const args = ["distribution", outputs, ofReals, ...common, "--input", input];
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect((await run([...args, "--allow-mismatch"])).code).toBe(0);
  });

  test("statistics of an unknown network keep that network's name", async () => {
    const path = join(folder, "mine.npz");
    const covariance = { rows: 2, columns: 2, data: Float64Array.of(1, 0, 0, 1) };
    await writeStatistics(path, { fid: { mean: Float64Array.of(0, 0), covariance }, protocol: { network: "mine" } });
    const { stdout } = await run(["distribution", path, path, "--json"]);
    expect(JSON.parse(stdout).results.frechet.metric).toBe("frechet(features=mine)");
  });
});
