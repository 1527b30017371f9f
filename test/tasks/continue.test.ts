import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, NodeProtoSchema, TensorProtoSchema } from "onnx-buf";
import { beforeAll, describe, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { cosineRate } from "../../packages/core/src/train/schedules.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import {
  applyModel,
  completeSettings,
  type GivenSettings,
  openModel,
  runTraining,
  savedSettings,
} from "../../packages/reconloss/src/tasks/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { foreignNetwork, onnxFile, weights } from "../nets/onnx-files.ts";
import { photographFolder, scene, traces } from "./photographs.ts";

const folder = await temporaryFolder();
const data = join(folder, "photographs");
const small = { data, batch: 2, patch: 16, steps: 8, every: 4 };
const settingsOf = (given: Partial<GivenSettings> = {}) =>
  completeSettings({ task: "super-resolution", ...small, ...given });
const trained = join(folder, "trained");
const grey = join(folder, "grey");

beforeAll(async () => {
  await photographFolder(data, 10, 48, 56);
  await runTraining(settingsOf({ learningRate: 1e-2 }), trained);
  await runTraining(settingsOf({ channels: 1 }), grey);
});

/** Trains in pieces: to each of these steps, then to the end. */
async function inPieces(settings: ReturnType<typeof settingsOf>, out: string, stops: readonly number[]): Promise<void> {
  for (const [index, stopAt] of [...stops, settings.steps].entries()) {
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }) => {
      if (step === stopAt && stopAt < settings.steps) stop.abort();
    };
    await runTraining(settings, out, { resume: index > 0, signal: stop.signal, onStep });
  }
}

describe("another learning rate on resuming", () => {
  const first = settingsOf({ steps: 12 });
  const second = { ...first, learningRate: 1e-5 };
  const begun = async (out: string) => {
    const stop = new AbortController();
    await runTraining(first, out, { signal: stop.signal, onStep: ({ step }) => step === 6 && stop.abort() });
    return out;
  };

  test("applies from the resumed step with its own schedule, and is recorded", async () => {
    const out = await begun(join(folder, "rate"));
    const { log, settings } = await runTraining(second, out, { resume: true });
    expect(settings).toMatchObject({ learningRate: 1e-5, rateSince: 6, ratesBefore: "0.001 to step 6" });
    expect(await savedSettings(out)).toEqual(settings);
    const before = cosineRate({ steps: 12, warmup: 0 });
    const after = cosineRate({ steps: 6 });
    const rates = Array.from({ length: 12 }, (_, i) => (i < 6 ? 1e-3 * before(i + 1) : 1e-5 * after(i - 5)));
    expect(log.map(({ rate }) => rate)).toEqual(rates.map((rate) => expect.closeTo(rate, 12)));
    expect(log[11].rate).toBeCloseTo(0, 12);
  });

  test("leaves the same bits when the training is stopped again", async () => {
    const [whole, parts] = [await begun(join(folder, "rate-whole")), await begun(join(folder, "rate-parts"))];
    await runTraining(second, whole, { resume: true });
    for (const stopAt of [7, 10, 12]) {
      const stop = new AbortController();
      const onStep = ({ step }: { step: number }) => step === stopAt && stop.abort();
      await runTraining(await savedSettings(parts).then((saved) => ({ ...saved, learningRate: 1e-5 })), parts, {
        ...{ resume: true, signal: stop.signal, onStep },
      });
    }
    expect(await traces(parts)).toEqual(await traces(whole));
  });

  test("works on the command line with more steps, and the same rate again changes nothing", async () => {
    const out = await begun(join(folder, "rate-cli"));
    const args = ["train", "--resume", "-o", out, "--json", "--no-progress"];
    const { stdout } = await run([...args, "--lr", "1e-5", "--steps", "8"]);
    expect(JSON.parse(stdout).settings).toMatchObject({ learningRate: 1e-5, rateSince: 6, steps: 8 });
    const again = await run([...args, "--learning-rate", "0.00001", "--steps", "10"]);
    expect(JSON.parse(again.stdout).settings).toMatchObject({
      rateSince: 6,
      ratesBefore: "0.001 to step 6",
      steps: 10,
    });
    const third = await run([...args, "--lr", "2e-5", "--steps", "11"]);
    expect(JSON.parse(third.stdout).settings).toMatchObject({
      ...{ rateSince: 10, ratesBefore: "0.001 to step 6, 0.00001 to step 10".replace("0.00001", "0.00001") },
    });
  });
});

describe("grey photographs", () => {
  test("train a network of one channel, which can be judged, exported and applied", async () => {
    const model = await openModel(join(grey, "model.onnx"));
    expect(model.info).toMatchObject({ channels: 1, scale: 2 });
    expect((await openModel(join(trained, "model.onnx"))).info.channels).toBeUndefined();
    const image = new Tensor(scene(20, 30, 3).data.slice(0, 600), [1, 1, 20, 30]);
    const large = await applyModel(model, image);
    expect(large.shape).toEqual([1, 1, 40, 60]);
    // Grey that is stored as three equal channels is grey.
    const three = new Tensor(
      Float32Array.from({ length: 1800 }, (_, i) => image.data[i % 600]),
      [1, 3, 20, 30],
    );
    expect((await applyModel(model, three)).data).toEqual(large.data);
    await expect(applyModel(model, scene(20, 30, 3))).rejects.toThrow("the model takes grey images");
  });

  test.each(["super-resolution", "deblur", "enhance"])(
    "%s leaves the same bits after stopping and resuming",
    async (task) => {
      const settings = settingsOf({ task, channels: 1, steps: 4, every: 2, loss: "l1 + 0.1*ssim" });
      const [whole, parts] = ["whole", "parts"].map((name) => join(folder, `grey-${task}-${name}`));
      await runTraining(settings, whole);
      await inPieces(settings, parts, [1]);
      expect(await traces(parts)).toEqual(await traces(whole));
    },
  );

  test("are BT.601 luma of colour files, and unchanged grey files", async () => {
    const images = join(folder, "luma");
    for (let i = 0; i < 10; i++)
      await writeImage(
        join(images, `${i}.png`),
        Tensor.from(
          [1, 0, 0].flatMap((x) => Array(64 * 64).fill(x)),
          [1, 3, 64, 64],
        ),
      );
    const { samples } = await runTraining(
      settingsOf({ data: images, channels: 1, steps: 1 }),
      join(folder, "luma-out"),
    );
    expect(samples[0].target?.shape[1]).toBe(1);
    expect(samples[0].target?.data[0]).toBeCloseTo(0.299, 6);
  });

  test("need 1 or 3 channels, and no channels option for a generator", async () => {
    expect(() => settingsOf({ channels: 2 })).toThrow("channels must be 1 or 3, got 2");
    expect(() => settingsOf({ task: "generate", patch: undefined, channels: 1 })).toThrow("this task has no channels");
  });
});

describe("init", () => {
  const scores = async (init: string, given: Partial<GivenSettings> = {}) => {
    const out = join(folder, `init-${Math.random()}`);
    const { validation } = await runTraining(settingsOf({ init, steps: 1, every: 1, ...given }), out);
    return validation[0].scores;
  };
  const last = async (out: string) =>
    JSON.parse((await readFile(join(out, "validation.jsonl"), "utf8")).trim().split("\n").at(-1) as string).scores;

  test("starts from another training's checkpoint or model.onnx", async () => {
    const expected = await last(trained);
    for (const name of ["checkpoint.safetensors", "model.onnx"]) {
      const got = await scores(join(trained, name));
      for (const [spec, value] of Object.entries(expected)) expect(got[spec]).toBeCloseTo(value as number, 3);
    }
    // Whatever they are called: content says what a file is.
    const [asOnnx, asCheckpoint] = [join(folder, "renamed.onnx"), join(folder, "renamed.safetensors")];
    await copyFile(join(trained, "checkpoint.safetensors"), asOnnx);
    await copyFile(join(trained, "model.onnx"), asCheckpoint);
    expect((await scores(asOnnx)).psnr).toBeCloseTo(expected.psnr, 3);
    expect((await scores(asCheckpoint)).psnr).toBeCloseTo(expected.psnr, 3);
    const plain = await runTraining(settingsOf({ steps: 1 }), join(folder, "plain"));
    expect(Math.abs(plain.validation[0].scores.psnr - expected.psnr)).toBeGreaterThan(0.01);
  });

  test("trains, exports and resumes a foreign ONNX network with the same bits, without needing its file again", async () => {
    const file = join(folder, "foreign.onnx");
    await writeFile(file, foreignNetwork());
    const settings = settingsOf({ init: file, learningRate: 3e-3, steps: 12, every: 6 });
    const [whole, parts] = [join(folder, "foreign-whole"), join(folder, "foreign-parts")];
    const { validation, parameters } = await runTraining(settings, whole);
    expect(parameters).toBe(6 * 3 * 9 + 6 + 6 + 6 * 6 * 9 + 6 + 12 * 6 * 9);
    expect(validation[2].scores.psnr).toBeGreaterThan(validation[0].scores.psnr);
    expect(await savedSettings(whole)).toMatchObject({ init: file, network: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const moved = settingsOf({ ...settings });
    await inPieces(moved, parts, [1, 5]);
    expect(await traces(parts)).toEqual(await traces(whole));
    // The folder has a copy of its own.
    await writeFile(file, "gone");
    const resumed = await run(["train", "--resume", "-o", parts, "--steps", "13", "--json", "--no-progress"]);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: "finished", steps: 13 });
    const model = await openModel(join(parts, "model.onnx"));
    expect((await applyModel(model, scene(11, 13, 1))).shape).toEqual([1, 3, 22, 26]);
    await writeFile(join(parts, "init.onnx"), foreignNetwork(3, 2).reverse());
    const damaged = await run(["train", "--resume", "-o", parts, "--steps", "14"]);
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.stderr).toContain("is not the file that the training started from");
  });

  test("takes a network that halves sizes: any photograph is judged and applied, patches must be divisible", async () => {
    const file = join(folder, "halving.onnx");
    const bytes = onnxFile(
      [
        ["Conv", ["image", "down"], ["a"], { strides: [2, 2], pads: [1, 1, 1, 1] }],
        ["Relu", ["a"], ["b"]],
        ["GlobalAveragePool", ["b"], ["m"]],
        ["Mul", ["b", "m"], ["c"]],
        ["ConvTranspose", ["c", "up"], ["d"], { strides: [2, 2], pads: [1, 1, 1, 1] }],
        ["Concat", ["image", "d"], ["e"], { axis: 1 }],
        ["Conv", ["e", "last"], ["output"]],
      ],
      { down: weights([4, 3, 3, 3]), up: weights([4, 2, 4, 4], 2), last: weights([3, 5, 1, 1], 3) },
    );
    await writeFile(file, bytes);
    // Of 49x56 pixels, without the margin of 8 on either side, squares of 33 are judged.
    const odd = await photographFolder(join(folder, "odd"), 10, 49, 56);
    const settings = settingsOf({ task: "deblur", data: odd, init: file, steps: 2, every: 1 });
    const { validation } = await runTraining(settings, join(folder, "halving"));
    expect(validation).toHaveLength(3);
    const model = await openModel(join(folder, "halving", "model.onnx"));
    expect(model.info).toMatchObject({ multiple: 2 });
    expect((await applyModel(model, scene(11, 13, 1))).shape).toEqual([1, 3, 11, 13]);
    const fit = runTraining(settingsOf({ task: "deblur", init: file, patch: 17 }), join(folder, "halving-17"));
    await expect(fit).rejects.toThrow(/takes sizes that are multiples of 2; patch must be one of 2, got 17/);
  });

  test("takes a foreign grey network", async () => {
    const file = join(folder, "foreign-grey.onnx");
    await writeFile(file, foreignNetwork(1));
    expect((await scores(file, { channels: 1 })).psnr).toBeGreaterThan(0);
  });

  test("does not run nodes that the output does not need, however large", async () => {
    const model = fromBinary(ModelProtoSchema, foreignNetwork());
    model.graph?.node.push(create(NodeProtoSchema, { opType: "ConstantOfShape", input: ["huge"], output: ["room"] }));
    model.graph?.initializer.push(
      create(TensorProtoSchema, { name: "huge", dims: [2n], dataType: 7, int64Data: [2n ** 30n, 2n ** 20n] }),
    );
    const file = join(folder, "room.onnx");
    await writeFile(file, toBinary(ModelProtoSchema, model));
    expect((await scores(file)).psnr).toBeGreaterThan(0);
  });

  test.each<[string, () => Promise<Uint8Array>, Partial<GivenSettings>, RegExp, number]>([
    [
      "a PyTorch checkpoint of another network",
      () => readFile(new URL("../goldens/checkpoints/zip-state_dict.pth", import.meta.url)),
      { task: "deblur" },
      /is not of the network of deblur: it has no enter\.weight\. A checkpoint has no graph; export .* to ONNX/,
      1,
    ],
    [
      "an ONNX file of another scale",
      async () => foreignNetwork(3, 2),
      { scale: 4 },
      /makes 1x3x128x128 of 1x3x64x64; super-resolution needs 3 channels, 4 times/,
      1,
    ],
    [
      "an ONNX file of other channels",
      async () => foreignNetwork(1),
      {},
      /takes 1 channel, but the training has 3; use --channels 1/,
      1,
    ],
    [
      "a checkpoint of another scale",
      () => readFile(join(trained, "checkpoint.safetensors")),
      { scale: 3 },
      /is not of the network of super-resolution: upsample\.0\.weight is 12x32x3x3, expected 27x32x3x3/,
      1,
    ],
    [
      "a checkpoint of other channels",
      () => readFile(join(grey, "checkpoint.safetensors")),
      {},
      /conv_first\.weight is 32x1x3x3, expected 32x3x3x3; another scale, or other channels\?/,
      1,
    ],
    [
      "a checkpoint of another task",
      () => readFile(join(trained, "checkpoint.safetensors")),
      { task: "deblur" },
      /is not of the network of deblur: it has no enter\.weight/,
      1,
    ],
    ["a truncated ONNX file", async () => foreignNetwork().slice(0, 900), {}, /is not an ONNX model, or is damaged/, 1],
    [
      "a truncated checkpoint",
      async () => (await readFile(join(trained, "checkpoint.safetensors"))).subarray(0, 9000),
      {},
      /init.*|bytes/,
      1,
    ],
    ["a photograph", () => readFile(join(data, "0.png")), {}, /is not an ONNX model/, 1],
    ["an empty file", async () => new Uint8Array(), {}, /is not an ONNX model/, 1],
    [
      "an operator that training does not know",
      async () =>
        onnxFile(
          [
            ["Conv", ["image", "w"], ["x"]],
            ["Erf", ["x"], ["output"]],
          ],
          { w: weights([3, 3, 1, 1]) },
        ),
      { task: "deblur" },
      /uses the operator Erf/,
      1,
    ],
    [
      "a generator from an ONNX file",
      async () => foreignNetwork(),
      { task: "generate" },
      /generate starts from a checkpoint, not from an ONNX file/,
      2,
    ],
  ])("refuses %s before anything is written", async (name, bytes, given, message, code) => {
    const file = join(folder, `${name.replaceAll(" ", "-")}.onnx`);
    await writeFile(file, await bytes());
    const out = join(folder, `refused-${name.replaceAll(" ", "-")}`);
    const { task = "super-resolution", scale, patch = 24 } = given;
    const options = [
      ...(scale ? ["--scale", `${scale}`] : []),
      ...(task === "generate" ? [] : ["--patch", `${patch}`]),
    ];
    const args = ["train", task, "--data", data, "--batch", "2", ...options, "--steps", "1", "--init", file, "-o", out];
    const result = await run([...args, "--no-progress"]);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    await expect(readFile(join(out, "checkpoint.safetensors"))).rejects.toThrow("ENOENT");
  });

  test("reports a missing file as wrong usage", async () => {
    const args = ["train", "deblur", "--data", data, "--init", join(folder, "none.onnx"), "-o", join(folder, "none")];
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("none.onnx cannot be read") });
  });
});
