import { type Device, loadRuntime, ReconlossError, Tensor } from "@reconloss/core";
import { receptiveField } from "@reconloss/core/graph";
import { checkArguments, checkDevice, formatShape, loadOnnxReader } from "@reconloss/core/internal";
import { dimsOf, type Model, type TensorSpec } from "@reconloss/core/nets";
import { exportModel } from "@reconloss/core/train";
import { readFileBytes, reasonOf } from "../files.ts";
import { coloursOf, type Task } from "./task.ts";

/** The metadata of a model's file. */
export interface ModelInfo {
  /** The task that it was trained for. */
  readonly task: string;
  /** Channels of the images: 3 (default), or 1 of grey ones. */
  readonly channels?: number;
  /** Output pixels per input pixel, along either axis. */
  readonly scale: number;
  /** The radius of the receptive field, in input pixels; `undefined` where it is the whole image. */
  readonly halo?: number;
  /** The divisor of heights and widths. */
  readonly multiple: number;
  /** For a generator: how many random numbers it makes an image of. */
  readonly latent?: number;
  /** The loss that it was trained with, and for how many steps. */
  readonly loss: string;
  readonly steps: number;
}

/** A trained model that can be run. */
export interface ImageModel {
  readonly info: ModelInfo;
  /** A batch of inputs at once: [n, channels, h, w] in [0, 1] with h and w multiples of `info.multiple`, or [n, latent, 1, 1]. */
  run(input: Tensor): Promise<Tensor>;
}

/** The version of the metadata that this code writes and reads. */
const version = "1";
const range = "0..1";
/** Beyond these, metadata is not what this code writes. */
const largest = { scale: 16, halo: 8192, multiple: 1024, latent: 65536, channels: 3, steps: 2 ** 52 };

/**
 * A trained network as an ONNX file: input `input` [n, 3 | 1, h, w] in [0, 1], or [n, latent, 1, 1]; output `output` [n, 3 | 1, scale * h, scale * w]. The metadata says what
 * is needed to apply it to images of any size.
 *
 * @param tensors - the values of all parameters and buffers
 *
 * @example
 * ```ts
 * import { l1 } from "reconloss";
 * import { exportTrained, makeTask } from "reconloss/tasks";
 * import { createTrainer } from "reconloss/train";
 * const task = makeTask("super-resolution", { scale: 2 });
 * const model = task.model();
 * const { tensors, steps } = createTrainer({ model, loss: l1() });
 * exportTrained(task, model, tensors, { loss: "l1", steps }) instanceof Uint8Array; // an .onnx file
 * ```
 */
export function exportTrained(
  task: Task,
  model: Model,
  tensors: Readonly<Record<string, Tensor>>,
  info: Pick<ModelInfo, "loss" | "steps">,
): Uint8Array {
  checkArguments("exportTrained", {
    task: [task, "object"],
    model: [model, "object", ["parameters", "forward"]],
    tensors: [tensors, "object"],
    info: [info, "object"],
  });
  const { loss, steps } = info;
  const { latent } = task;
  const colours = coloursOf(task);
  const field = latent === undefined ? fieldOf(model, colours) : undefined;
  const metadata: Record<string, string> = {
    reconloss: version,
    task: task.name,
    range,
    // Files without the word are of three.
    ...(colours === 3 ? {} : { channels: String(colours) }),
    scale: String(task.restoration?.scale ?? 1),
    multiple: String(task.multiple ?? field?.multiple ?? 1),
    ...(field === undefined ? {} : { halo: String(field.halo) }),
    ...(latent === undefined ? {} : { latent: String(latent) }),
    loss,
    steps: String(steps),
  };
  // In the model's order, so that equal tensors make equal files.
  const ordered = Object.keys({ ...model.parameters, ...model.buffers }).map((name) => [name, tensors[name]] as const);
  return exportModel(model, Object.fromEntries(ordered), { channels: latent ?? colours, metadata });
}

function fieldOf(model: Model, colours: number) {
  const specs = Object.entries<TensorSpec>({ ...model.parameters, ...model.buffers });
  return receptiveField(colours, (o, image, tensor) => {
    const values = specs.map(([name, spec]) => [name, tensor(dimsOf(spec))] as const);
    return model.forward(o, image, Object.fromEntries(values), false).output;
  });
}

/** Options of {@link openModel}. */
export interface OpenModelOptions {
  /** Its device: the CPU (default), or with `webgpu` a GPU. */
  readonly device?: Device;
}

/**
 * A model that `reconloss train` has written.
 *
 * @throws {ReconlossError} `file` when the file cannot be read; `content` when it is no ONNX model, or not one of `reconloss train`, or cannot run on the device
 *
 * @example
 * ```ts
 * import { openModel } from "reconloss/tasks";
 * const error = await openModel("no-such-file.onnx").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<ImageModel> {
  checkArguments("openModel", { path: [path, "text"], options: [options, "object"] });
  const { device } = options;
  checkDevice("openModel", device);
  const refuse = (problem: string, cause?: unknown) => new ReconlossError("content", `${path} ${problem}`, { cause });
  const error = (reason: string, cause: unknown) =>
    new ReconlossError("file", `${path} cannot be read: ${reason}`, { cause });
  const bytes = await readFileBytes(path, { error });
  const { readMetadata } = await loadOnnxReader();
  const info = readInfo(readMetadata(bytes, path), refuse);
  const runtime = await loadRuntime();
  const session = await runtime.createSession(bytes, { device }).catch((cause) => {
    throw cause instanceof ReconlossError
      ? cause
      : refuse(`is not a model that ONNX Runtime can run: ${reasonOf(cause)}`, cause);
  });
  const [inputs, outputs] = [session.inputs, session.outputs].map((infos) => infos.map(({ name }) => name).join());
  if (inputs !== "input" || outputs !== "output") {
    throw refuse(`has the inputs ${inputs} and outputs ${outputs}, not "input" and "output"`);
  }
  const run = async (input: Tensor): Promise<Tensor> => {
    const expected =
      info.latent === undefined ? input.shape.map((size, axis) => (axis < 2 ? size : size * info.scale)) : undefined;
    const { output } = await session.run({ input: { data: input.data, dims: input.shape } }).catch((cause) => {
      const shape = formatShape(input.shape);
      throw new ReconlossError("shape", `${path} does not run on ${shape}: ${reasonOf(cause)}`, {
        cause,
      });
    });
    if (
      !(output.data instanceof Float32Array) ||
      output.dims.length !== 4 ||
      (expected && `${expected}` !== `${output.dims}`)
    ) {
      const expectedShape = expected === undefined ? "an image" : formatShape(expected);
      throw refuse(
        `returned ${output.type} ${output.dims.join("x")} for ${formatShape(input.shape)}, not ${expectedShape}`,
      );
    }
    return new Tensor(output.data, output.dims);
  };
  return { info, run };
}

/** Returns the output of an ONNX file with one input and one output for an image, on the CPU. */
export async function runBytes(bytes: Uint8Array, image: Tensor): Promise<Tensor> {
  const session = await (await loadRuntime()).createSession(bytes, { device: "cpu" });
  try {
    const [input, output] = [session.inputs[0].name, session.outputs[0].name];
    const { [output]: given } = await session.run({ [input]: { data: image.data, dims: image.shape } });
    return new Tensor(Float32Array.from(given.data as ArrayLike<number>), given.dims as unknown as Tensor["shape"]);
  } finally {
    session.release();
  }
}

function readInfo(metadata: Readonly<Record<string, string>>, refuse: (problem: string) => ReconlossError): ModelInfo {
  const { reconloss: written, task, loss } = metadata;
  if (written === undefined) throw refuse("was not written by reconloss train: its metadata is missing");
  if (written !== version) throw refuse(`was written by another version of reconloss (${written})`);
  if (task === undefined || loss === undefined || metadata.range !== range) throw refuse("has damaged metadata");
  const whole = (name: keyof typeof largest, least: number): number => {
    const value = Number(metadata[name]);
    if (metadata[name] !== undefined && Number.isInteger(value) && value >= least && value <= largest[name])
      return value;
    throw refuse(`has damaged metadata: ${name} is ${metadata[name]}`);
  };
  return {
    task,
    loss,
    scale: whole("scale", 1),
    multiple: whole("multiple", 1),
    steps: whole("steps", 0),
    ...(metadata.channels === undefined ? {} : { channels: whole("channels", 1) }),
    ...(metadata.halo === undefined ? {} : { halo: whole("halo", 0) }),
    ...(metadata.latent === undefined ? {} : { latent: whole("latent", 1) }),
  };
}
