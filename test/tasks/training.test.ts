import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readStates, writeStates } from "../../packages/core/src/train/checkpoint.ts";
import {
  completeSettings,
  type GivenSettings,
  openModel,
  runTraining,
  type StepRecord,
  savedSettings,
  type TrainingProgress,
} from "../../packages/reconloss/src/tasks/index.ts";
import { StepLog } from "../../packages/reconloss/src/tasks/log.ts";
import { safetensors } from "../../packages/reconloss/src/weights/index.ts";
import { temporaryFolder } from "../folder.ts";
import { photographFolder, traces } from "./photographs.ts";

const folder = await temporaryFolder();
const data = join(folder, "photographs");
const small = { data, batch: 2, patch: 16, steps: 12, every: 4 };

beforeAll(async () => {
  await photographFolder(data, 10, 48, 56);
});

const settingsOf = (given: Partial<GivenSettings> = {}) =>
  completeSettings({ task: "super-resolution", ...small, ...given });

describe("runTraining", () => {
  it.each([
    ["super-resolution", {}],
    ["deblur", { loss: "charbonnier + 0.1*ssim" }],
    ["enhance", {}],
  ])("learns %s: a line for each step, validations, a model that runs", async (task, given) => {
    const out = join(folder, task);
    const seen: TrainingProgress[] = [];
    const steps: number[] = [];
    const settings = settingsOf({ task, steps: 40, every: 20, ...given });
    const progress = await runTraining(settings, out, {
      onStep: ({ step }) => steps.push(step),
      onSaved: async (progress) => void seen.push(progress),
    });
    expect(progress).toMatchObject({ status: "finished", steps: 40 });
    expect(steps).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(seen.map(({ status, steps }) => `${status} ${steps}`)).toEqual(["running 0", "running 20", "finished 40"]);
    const lines = (await readFile(join(out, "log.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(progress.log);
    expect(progress.validation.map(({ step }) => step)).toEqual([0, 20, 40]);
    expect(progress.measures.map(({ spec }) => spec)).toContain("psnr");
    const [first, , last] = progress.validation.map(({ scores }) => scores.psnr);
    expect(last).toBeGreaterThan(first);
    expect((await openModel(join(out, "model.onnx"))).info).toMatchObject({ task, steps: 40, loss: settings.loss });
    expect(await savedSettings(out)).toEqual(settings);
  });

  it("learns to generate with a discriminator alone, and previews the same random numbers each time", async () => {
    const settings = settingsOf({ task: "generate", patch: undefined, loss: "gan(features=8,depth=1)", steps: 2 });
    const { samples, log, validation, baseline } = await runTraining(settings, join(folder, "generate"));
    expect(samples.map(({ output }) => output.shape)).toEqual(Array(32).fill([1, 3, 32, 32]));
    expect(Object.keys(log[1].terms)).toEqual(expect.arrayContaining(["real", "fake"]));
    expect(validation.map(({ step, scores }) => [step, Object.keys(scores)])).toEqual([
      [0, ["kid"]],
      [2, ["kid"]],
    ]);
    expect(baseline).toEqual({ name: "untrained", scores: validation[0].scores });
    const model = await openModel(join(folder, "generate", "model.onnx"));
    expect(model.info).toMatchObject({ task: "generate", latent: 64, steps: 2 });
  });

  it.each([
    ["hinge", "l1 + 0.01*gan(objective=hinge,r1=1,every=3,features=8,depth=1,norm=spectral)"],
    // Everything that a training can remember: running means, a weight that rises across the stops, penalties at an interval.
    [
      "everything",
      "l1 + 0.5*gan(relativistic=paired,conditional=true,adaptive=true,matching=1,ema=0.9,r1=1,r2=1,every=2,features=4,depth=1,norm=spectral)@3..10",
    ],
  ])("stops, resumes, and leaves the same bits as an uninterrupted training: %s", async (name, loss) => {
    const [whole, parts] = [join(folder, `${name} whole`), join(folder, `${name} parts`)];
    const settings = settingsOf({ loss });
    await runTraining(settings, whole);
    // Between validations, at one, and twice in a row.
    for (const stopAt of [3, 4, 9, 10]) {
      const stop = new AbortController();
      const progress = await runTraining(settings, parts, {
        resume: stopAt > 3,
        signal: stop.signal,
        onStep: ({ step }) => {
          if (step === stopAt) stop.abort();
        },
      });
      expect(progress).toMatchObject({ status: "interrupted", steps: stopAt });
    }
    expect(await runTraining(settings, parts, { resume: true })).toMatchObject({ status: "finished", steps: 12 });
    expect(await traces(parts)).toEqual(await traces(whole));
    // What is finished stays as it is.
    expect(await runTraining(settings, parts, { resume: true })).toMatchObject({ status: "finished", steps: 12 });
    expect(await traces(parts)).toEqual(await traces(whole));
  });

  it("notes which terms do not start, or do not reach their full weight, before its end", async () => {
    const later = settingsOf({ loss: "l1 + 0.1*mse@5 + 0.1*tv@1..4 + 0.1*ssim@1..3", steps: 2 });
    const { notes } = await runTraining(later, join(folder, "later"));
    expect(notes.filter((note) => /^(mse|tv|ssim)/.test(note))).toEqual([
      "mse starts after 5 steps: it is unused in a training of 2",
      "tv reaches its full weight at step 4: a training of 2 ends at 33 % of it",
      "ssim reaches its full weight at step 3: a training of 2 ends at 50 % of it",
    ]);
    // With more steps there is nothing to say of the first, and the numbers so far stay.
    const longer = await runTraining({ ...later, steps: 7 }, join(folder, "later"), { resume: true });
    expect(longer.notes.filter((note) => /^(mse|tv|ssim)/.test(note))).toEqual([]);
  });

  it("stops at a non-finite step, names it, and keeps the last checkpoint", async () => {
    const out = join(folder, "diverges");
    const states: string[] = [];
    const settings = settingsOf({ loss: "mse + 0.1*l1", learningRate: 9.9, steps: 100, every: 1 });
    const error = await runTraining(settings, out, {
      onSaved: async ({ status, problem }) => void states.push(`${status} ${problem ?? ""}`),
    }).catch((error: unknown) => error as Error & { code: string });
    if (!(error instanceof Error)) throw new Error("it did not fail");
    expect(error.code).toBe("non-finite");
    const [, failed, term, kept] =
      /at step (\d+), (\S+) is Infinity; .* checkpoint of step (\d+) /.exec(error.message) ?? [];
    expect(Number(kept)).toBe(Number(failed) - 1);
    expect(["mse", "l1", "loss"]).toContain(term);
    expect(states.at(-1)).toBe(`failed ${error.message}`);
    const { log } = await runTraining({ ...settings, steps: Number(kept) }, out, { resume: true });
    expect(log).toHaveLength(Number(kept));
  });

  it("does not overwrite a training, and resumes only an existing one", async () => {
    const out = join(folder, "twice");
    await runTraining(settingsOf({ steps: 1 }), out);
    await expect(runTraining(settingsOf({ steps: 1 }), out)).rejects.toThrow("already contains a training");
    const nowhere = join(folder, "nowhere");
    await expect(runTraining(settingsOf(), nowhere, { resume: true })).rejects.toMatchObject({ code: "file" });
    await expect(savedSettings(nowhere)).rejects.toThrow("to resume from");
  });

  it("refuses a damaged checkpoint and leaves it unchanged", async () => {
    const out = join(folder, "damaged");
    await runTraining(settingsOf({ steps: 1 }), out);
    const path = join(out, "checkpoint.safetensors");
    const bytes = await readFile(path);
    for (const damaged of [bytes.subarray(0, bytes.length - 8), Buffer.from("{}"), Buffer.alloc(0)]) {
      await writeFile(path, damaged);
      await expect(runTraining(settingsOf({ steps: 2 }), out, { resume: true })).rejects.toMatchObject({
        code: "checkpoint",
      });
      await expect(savedSettings(out)).rejects.toMatchObject({ code: "checkpoint" });
      expect((await readFile(path)).equals(damaged)).toBe(true);
    }
  });
});

describe("reading a training's folder", () => {
  const saved = async (settings: string, name: string) => {
    const out = join(folder, name);
    await mkdir(out, { recursive: true });
    await writeFile(join(out, "checkpoint.safetensors"), safetensors({}, { settings }));
    return savedSettings(out);
  };
  const good = settingsOf({ steps: 1 });

  it("accepts the settings that it wrote", async () => {
    expect(await saved(JSON.stringify(good), "good")).toEqual(good);
  });

  it.each([
    ["__proto__", `{"__proto__":{"x":1},${JSON.stringify(good).slice(1)}`, 'there is no setting "__proto__"'],
    ["an unknown key", JSON.stringify({ ...good, stepz: 1 }), 'there is no setting "stepz"; did you mean "steps"?'],
    ["a list", "[]", "settings must be an object"],
    ["null", "null", "settings must be an object, got null"],
    ["a loss that is a number", JSON.stringify({ ...good, loss: 5 }), "loss must be a string, got number"],
    ["a loss that is null", JSON.stringify({ ...good, loss: null }), "loss must be a string, got null"],
    ["a task that is an object", JSON.stringify({ ...good, task: {} }), "task must be a string, got object"],
    ["steps that are a text", JSON.stringify({ ...good, steps: "9" }), "steps must be a number, got string"],
    ["no data", JSON.stringify({ ...good, data: undefined }), "data must be a string, got undefined"],
    ["no JSON", "{", "not a checkpoint of reconloss train"],
  ])("refuses %s", async (name, settings, problem) => {
    const error = await saved(settings, name).catch((caught) => caught);
    expect(error).toBeInstanceOf(ReconlossError);
    expect(error).toMatchObject({ code: "checkpoint", message: expect.stringContaining(problem) });
  });

  it.each([
    ["no JSON", "{"],
    ["zeros, as a power failure leaves them", "\0\0\0"],
    ["no object", "5"],
    ["no step", '{"value":1,"terms":{}}'],
    ["no terms", '{"step":1,"value":1}'],
    ["terms that are a list", '{"step":1,"value":1,"terms":[1]}'],
    ["a term that is a text", '{"step":1,"value":1,"terms":{"l1":"1"}}'],
    ["a value that is an object", '{"step":1,"value":{},"terms":{}}'],
    ["__proto__ among the terms", '{"step":1,"value":1,"terms":{"__proto__":1}}'],
    ["__proto__ in the record", '{"step":1,"value":1,"terms":{},"__proto__":{}}'],
    ["of a step that was there", '{"step":1,"value":1,"terms":{}}'],
    ["no text", Buffer.from('{"step":2,"value":1,"terms":{"\xff":1}}', "latin1")],
  ])("refuses a line of a log that is %s, and leaves the file unchanged", async (name, line) => {
    const path = join(folder, `${name}.jsonl`);
    const first = '{"step":1,"value":1,"terms":{"constructor":2}}\n';
    const text = Buffer.concat([Buffer.from(first), Buffer.from(line), Buffer.from("\n")]);
    await writeFile(path, text);
    const error = await StepLog.open<StepRecord>(path, 9, ["terms"]).catch((caught) => caught);
    expect(error).toBeInstanceOf(ReconlossError);
    expect(error).toMatchObject({
      code: "content",
      message: `${path}: line 2 is not a record of a training; remove it`,
    });
    expect((await readFile(path)).equals(text)).toBe(true);
  });

  it.each(["__proto__", "constructor"])("reads a state called %s like any other", async (name) => {
    const state = { steps: 3, tensors: { [name]: Tensor.full([1, 1, 1, 1], 2) } };
    const bytes = writeStates({ [name]: state, other: state });
    const { states } = await readStates(bytes, "a file");
    expect(Object.keys(states).sort()).toEqual([name, "other"].sort());
    expect(states[name].tensors[name].data[0]).toBe(2);
  });
});

describe("StepLog", () => {
  it("truncates to a step, and drops a half-written line", async () => {
    const path = join(folder, "cut.jsonl");
    await writeFile(path, '{"step":1}\n{"step":2}\n{"step":3}\n{"st');
    const log = await StepLog.open(path, 2);
    expect(log.records).toEqual([{ step: 1 }, { step: 2 }]);
    await log.append({ step: 3 });
    await log.close();
    expect(await readFile(path, "utf8")).toBe('{"step":1}\n{"step":2}\n{"step":3}\n');
    const half = join(folder, "half.jsonl");
    await writeFile(half, '{"step":1}\n{"st');
    await (await StepLog.open(half, 9)).close();
    expect(await readFile(half, "utf8")).toBe('{"step":1}\n');
  });

  it("keeps infinite scores, and reads the null of older versions as unknown", async () => {
    type Scored = { step: number; scores: Record<string, number> };
    const path = join(folder, "infinite.jsonl");
    const scores = { psnr: Number.POSITIVE_INFINITY, ssim: Number.NaN, l1: Number.NEGATIVE_INFINITY };
    const log = await StepLog.open<Scored>(path, 0, ["scores"]);
    await log.append({ step: 0, scores });
    await log.close();
    const again = await StepLog.open<Scored>(path, 0, ["scores"]);
    expect(again.records).toEqual([{ step: 0, scores }]);
    await again.close();
    await writeFile(path, '{"step":0,"scores":{"psnr":null}}\n');
    const old = await StepLog.open<Scored>(path, 0, ["scores"]);
    expect(old.records).toEqual([{ step: 0, scores: { psnr: Number.NaN } }]);
    await old.close();
  });
});

it("refuses a second training in the folder while the first one runs, and accepts one after it", async () => {
  const out = join(folder, "alone");
  let refused: unknown;
  await runTraining(settingsOf({ steps: 2 }), out, {
    onStep: async () => {},
    onSaved: async ({ steps }) => {
      if (steps === 0)
        refused = await runTraining(settingsOf({ steps: 2 }), out, { resume: true }).catch((error) => error);
    },
  });
  expect(refused).toMatchObject({
    code: "file",
    message: expect.stringContaining(`process ${process.pid} is training`),
  });
  expect((await runTraining(settingsOf({ steps: 3 }), out, { resume: true })).steps).toBe(3);
});
