import { open, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { TensorProto_DataType as DataType, GraphProtoSchema, ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import type { OnnxModelWriter, ValueInfo } from "../../packages/core/src/graph/onnx-model.ts";
import { onnxExtractor } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { networkPresets } from "../../packages/reconloss/src/onnx/presets.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { echoModel, writeModel } from "./models.ts";

const folder = await temporaryFolder();
let count = 0;

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${++count}.onnx`);
  await writeFile(path, bytes);
  return path;
}

const images = join(folder, "images");
for (const i of [0, 1, 2]) await writeImage(join(images, `${i}.png`), randomTensor([1, 3, 8, 8], i));

const common = ["-m", "kid", "--no-cache", "--no-progress"];
const distribution = (...args: string[]) => run(["distribution", images, images, ...common, ...args]);

const image: ValueInfo = { name: "image", type: "float", dims: ["n", 3, "h", "w"] };
const flat = (name: string) => ({
  ...{ name, type: "float" as const, dims: ["n", "values"] },
  from: (writer: OnnxModelWriter) => writer.node("Flatten", ["image"], { axis: 1 }),
});

describe("rejects what does not fit, naming the model's property and the typed option:", () => {
  test.each<[string, Uint8Array, Parameters<typeof onnxExtractor>[1], RegExp]>([
    ["an open size", echoModel(["n", 3, "h", "w"]), {}, /does not fix the size of its images; set it, as size=224/],
    ["another size than the model's", echoModel(["n", 3, 8, 9]), { size: 8 }, /takes images of 8x9, not of 8x8/],
    [
      "another order than the model's",
      echoModel(["n", 3, 8, 9]),
      { layout: "nhwc" },
      /does not take images of layout nhwc; its inputs are: image float32 \[n, 3, 8, 9\]/,
    ],
    [
      "grey images",
      echoModel(["n", 1, 8, 9]),
      {},
      /must take images \[n, 3, h, w\] or \[n, h, w, 3\]; its inputs are: image float32 \[n, 1, 8, 9\]/,
    ],
    ["vectors", echoModel(["n", 12]), {}, /must take float32 images .*; its inputs are: image float32 \[n, 12\]/],
    ["video", echoModel(["n", 3, 4, 8, 8]), {}, /must take float32 images/],
    [
      "another type",
      writeModel([{ ...image, type: "double" }], [{ ...flat("fed"), type: "double" }]),
      { size: 8 },
      /must take float32 images .*; its inputs are: image float64/,
    ],
    [
      "two inputs",
      writeModel([image, { name: "text", type: "int64", dims: ["n", 77] }], [flat("fed")]),
      { preset: "clip" },
      /must have one input, images; it has: image float32 \[n, 3, h, w\], text int64 \[n, 77\]; the file that fits is onnx\/vision_model\.onnx/,
    ],
    [
      "several outputs",
      writeModel([image], [flat("one"), flat("two")]),
      { size: 8 },
      /has 2 outputs; choose one, as output=one: one float32 \[n, values\], two/,
    ],
    [
      "an output that there is not",
      writeModel([image], [flat("one"), flat("two")]),
      { size: 8, output: "three" },
      /has no output three; it has: one, two/,
    ],
    [
      "one value of a whole batch",
      writeModel(
        [image],
        [
          {
            name: "sum",
            type: "float",
            dims: [1],
            from: (writer) =>
              writer.node("Reshape", [
                writer.node("ReduceMean", ["image"], { keepdims: 0 }),
                writer.constant("int64", [1], [1]),
              ]),
          },
        ],
      ),
      { size: 8 },
      /returned 1 for 1 images in its output sum, not one feature vector per image/,
    ],
    [
      "a model that does not run on its own size",
      writeModel(
        [image],
        [
          {
            name: "fed",
            type: "float",
            dims: ["n", 5],
            from: (writer) => writer.node("Reshape", ["image", writer.constant("int64", [2], [-1, 5])]),
          },
        ],
      ),
      { size: 8 },
      /does not run on 1x3x8x8: /,
    ],
  ])("%s", async (_, bytes, options, message) => {
    const path = await saved(bytes);
    const error = await onnxExtractor(path, options).catch((caught) => caught);
    expect([error.name, error.message]).toEqual(["ReconlossError", expect.stringMatching(message)]);
    expect(error.message).toContain(path);
  });

  test.each([
    ["size=224,sise=3", /--input: unknown option "sise"; it has: preset, size, resize, crop.*did you mean "size"/],
    ["size=0", /--input: option size must be a whole number of pixels, HEIGHTxWIDTH, or model, got "0"/],
    ["size=224x", /--input: option size must be .* got "224x"/],
    ["size=1x2x3", /got "1x2x3"/],
    ["mean=1:2", /--input: option mean must be one number, or three separated by colons, got "1:2"/],
    ["std=0", /--input: option std must be one number > 0, or three separated by colons, got "0"/],
    ["mean=Infinity", /option mean must be one number/],
    ["resize=best", /option resize must be clean \| legacy-tensorflow/],
    ["crop=centre", /option crop must be none \| center \| square, got "centre"; did you mean "center"/],
    ["layout=hwc", /option layout must be model \| nchw \| nhwc, got "hwc"/],
    ["range=0-1023", /option range must be 0-1 \| 0-255/],
    ["dino", /option preset must be none \| dinov2 \| clip, got "dino"/],
    ["size", /option preset must be none \| dinov2 \| clip, got "size"/],
    ["size=5,", /--input "size=5,": options are written name=value, got ""/],
    ["size=5,size=6", /--input "size=5,size=6": option size is given twice/],
    ["shorter=256", /option shorter applies only to crop=center, but crop is none/],
    ["size=224,crop=center,shorter=200", /option shorter must be at least the size, 224x224, got 200/],
    ["size=224x336,crop=square", /crop=square needs a square size, got 224x336/],
  ])("--input %s", async (input, message) => {
    const { code, stderr } = await distribution("--network", "any.onnx", "--input", input);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each([
    [
      ["--network", "inception-fid", "--input", "size=5"],
      /input applies only to ONNX files; network inception-fid always gets/,
    ],
    [["--network", "tiny", "--input", "size=5"], /input applies only to ONNX files; network tiny always gets/],
    [
      ["--network", "a.onnx", "--checkpoint", "b.onnx"],
      /a checkpoint applies only to networks known by name; a\.onnx has its own/,
    ],
    [["--network", "a.onnx", "--key", "ema"], /key applies only to checkpoints of Inception, but network is a\.onnx/],
    [
      ["--network", "dinov2", "--checkpoint", "b.onnx", "--input", "clip"],
      /network is dinov2, but the input is that of clip/,
    ],
  ])("%j", async (args, message) => {
    expect(await distribution(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  });

  test.each(Object.entries(networkPresets))(
    "%s without its file names the required file",
    async (network, { file }) => {
      const { code, stderr } = await distribution("--network", network);
      expect(code).toBe(3);
      expect(stderr).toContain(`network ${network} needs its ONNX file, as --checkpoint file.onnx`);
      expect(stderr).toContain(file);
    },
  );

  test("a resizer given twice", async () => {
    const path = await saved(echoModel(["n", 3, 8, 8]));
    const { code, stderr } = await distribution(
      "--network",
      path,
      "--input",
      "resize=clean",
      "--resize",
      "legacy-pytorch",
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/resizer is legacy-pytorch, but network .* has clean/)]);
  });
});

describe("rejects invalid model files by path, with an exit code for permanent errors:", () => {
  const bytes = echoModel(["n", 3, 8, 8]);
  const message = (change: (model: ReturnType<typeof create<typeof ModelProtoSchema>>) => void) => {
    const model = create(ModelProtoSchema, {
      irVersion: 9n,
      opsetImport: [{ domain: "", version: 20n }],
      graph: create(GraphProtoSchema, { name: "g" }),
    });
    change(model);
    return toBinary(ModelProtoSchema, model);
  };
  test.each<[string, () => Uint8Array | string, RegExp, number?]>([
    [
      "cut off",
      () => bytes.slice(0, -40),
      /is not an ONNX model, or is damaged|is not a model that ONNX Runtime can run/,
    ],
    ["empty", () => new Uint8Array(0), /is not an ONNX model, or is damaged/],
    ["text", () => "import torch\n", /is not an ONNX model, or is damaged/],
    [
      "a checkpoint of PyTorch",
      () => Uint8Array.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0]),
      /is not an ONNX model, or is damaged/,
    ],
    ["a graph without outputs", () => message(() => {}), /is not an ONNX model, or is damaged/],
    [
      "operations of one's own",
      () => {
        const model = writeModel(
          [image],
          [
            {
              name: "fed",
              type: "float",
              dims: ["n", "c"],
              from: (writer) => writer.node("Own", ["image"], {}, "com.example"),
            },
          ],
        );
        return model;
      },
      /is not a model that ONNX Runtime can run: .*Own/s,
    ],
    [
      "an input of texts",
      () =>
        message((model) => {
          const value = (name: string) => ({
            name,
            type: { value: { case: "tensorType" as const, value: { elemType: DataType.STRING, shape: { dim: [] } } } },
          });
          model.graph = create(GraphProtoSchema, {
            ...{ name: "g", input: [value("text")], output: [value("same")] },
            node: [{ opType: "Identity", input: ["text"], output: ["same"] }],
          });
        }),
      /must take float32 images .*; its inputs are: text string/,
      2,
    ],
  ])("%s", async (_, make, reason, wanted = 1) => {
    const path = join(folder, `${++count}.onnx`);
    await writeFile(path, make());
    const { code, stderr } = await distribution("--network", path, "--input", "size=8");
    expect(stderr).toMatch(reason);
    expect([code, stderr.includes(path)]).toEqual([wanted, true]);
  });

  test("a file over the size limit, a folder, a device", async () => {
    const path = join(folder, "huge.onnx");
    const handle = await open(path, "w");
    await handle.truncate(5 * 2 ** 30);
    await handle.close();
    await symlink("/dev/zero", join(folder, "device.onnx"));
    expect((await distribution("--network", path)).stderr).toMatch(/huge\.onnx: it has 5368709120 bytes, and at most/);
    for (const [file, reason] of [
      [images, /images: it is a folder/],
      [join(folder, "device.onnx"), /it is a device, not a file/],
      [join(folder, "none.onnx"), /there is no such file/],
    ] as const) {
      const { code, stderr } = await distribution("--network", file);
      expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
    }
  });
});
