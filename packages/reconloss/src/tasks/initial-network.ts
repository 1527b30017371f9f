import { createHash } from "node:crypto";
import { Random, ReconlossError, Tensor } from "@reconloss/core";
import { counted, firstNonFinite, loadOnnxReader, trace } from "@reconloss/core/internal";
import { dimsOf, initialize, type Model, onnxNetwork, type TensorSpec } from "@reconloss/core/nets";
import { bytesSource, type Checkpoint, readCheckpoint } from "@reconloss/core/weights";
import { readFileBytes } from "../files.ts";
import { exportTrained, runBytes } from "./image-model.ts";
import { type TrainingSettings, taskOf } from "./settings.ts";
import { coloursOf, type Task } from "./task.ts";

/** A task whose network is not that of random weights. */
export interface InitialNetwork {
  readonly task: Task;
  /** Of the ONNX file whose graph is the network. */
  readonly sha256?: string;
  /** That file, where the training's folder has no copy yet. */
  readonly copy?: Uint8Array;
}

/** A side of images that every network takes which halves them a few times. */
const side = 64;
/** The tolerance of a network's outputs against ONNX Runtime's of its file, for values around 1. */
const mostDifferent = 1e-3;

/**
 * The initial weights of a training whose settings name a file, or its folder has one.
 *
 * @param copy - where the folder keeps the ONNX file that it began with
 * @param goesOn - whether a training is resumed, whose weights are in its checkpoint
 * @throws {ReconlossError} `file` where the file cannot be read; `checkpoint` or `content` for one that is damaged or of another network; `invalid-argument` for a generator from an ONNX file
 */
export async function beginning(
  settings: TrainingSettings,
  copy: string,
  goesOn: boolean,
): Promise<InitialNetwork | undefined> {
  const { init, network } = settings;
  if (goesOn ? network === undefined : init === undefined) return undefined;
  const path = goesOn ? copy : (init as string);
  const error = (reason: string, cause: unknown) =>
    new ReconlossError("file", `init: ${path} cannot be read: ${reason}`, { cause });
  const bytes = await readFileBytes(path, { error });
  const task = taskOf(settings);
  if (!goesOn && isCheckpoint(bytes)) return { task: await fromCheckpoint(task, bytes, path) };
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (goesOn && sha256 !== network) {
    throw new ReconlossError("content", `${path} is not the file that the training started from; its SHA-256 differs`);
  }
  return {
    task: await fromOnnx(task, bytes, path, settings.patch),
    sha256,
    ...(goesOn ? {} : { copy: bytes }),
  };
}

/** Whether bytes are those of a checkpoint, whatever their file is called: safetensors, or PyTorch's zip or pickle. */
function isCheckpoint(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  // A header in JSON, after its length.
  const isSafetensors = bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;
  return isSafetensors || (first === 0x50 && second === 0x4b) || (first === 0x80 && second <= 5);
}

/** A task whose network begins with the tensors of a checkpoint: running means of its weights where there are any. */
async function fromCheckpoint(task: Task, bytes: Uint8Array, path: string): Promise<Task> {
  const model = task.model();
  const checkpoint = await readCheckpoint(bytesSource(path, bytes));
  const values = new Map<string, Float32Array>();
  for (const [name, spec] of Object.entries<TensorSpec>({ ...model.parameters, ...model.buffers })) {
    values.set(name, await tensorOf(checkpoint, name, spec, `the network of ${task.name}`));
  }
  const begun = (specs: Model["parameters"]): Model["parameters"] =>
    Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => {
        const data = values.get(name) as Float32Array;
        return [name, { ...spec, initialize: () => data.slice() }];
      }),
    );
  const network = { ...model, parameters: begun(model.parameters), buffers: begun(model.buffers) };
  return { ...task, model: () => network };
}

/** The names of a tensor in a checkpoint of `reconloss train`, in the order of preference, then in one of PyTorch's. */
const places = ["model/ema/", "model/parameter/", "model/buffer/", ""] as const;

async function tensorOf(checkpoint: Checkpoint, name: string, spec: TensorSpec, of: string): Promise<Float32Array> {
  const { file, names } = checkpoint;
  const stored = places.map((place) => place + name).find((candidate) => names.includes(candidate));
  const refuse = (problem: string) => new ReconlossError("checkpoint", `init: ${file} is not of ${of}: ${problem}`);
  if (stored === undefined) {
    throw refuse(
      `it has no ${name}. A checkpoint has no graph; export a network of another architecture to ONNX (torch.onnx.export) and start from that`,
    );
  }
  const shape = checkpoint.shape(stored);
  const wanted = [spec.shape, dimsOf(spec)].map((dims) => dims.join("x"));
  if (!wanted.includes(shape.join("x"))) {
    throw refuse(
      `${name} is ${shape.join("x") || "a number"}, expected ${wanted[0]}; another scale, or other channels?`,
    );
  }
  const { data } = await checkpoint.read(stored);
  const values = Float32Array.from(data as ArrayLike<number>);
  const broken = firstNonFinite(values);
  if (broken >= 0) throw refuse(`${name} holds ${values[broken]}`);
  return values;
}

/** A task whose network is the graph of an ONNX file. */
async function fromOnnx(task: Task, bytes: Uint8Array, path: string, patch: number): Promise<Task> {
  if (task.latent !== undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `init: ${task.name} starts from a checkpoint, not from an ONNX file, whose batch norms can no longer be trained`,
    );
  }
  const refuse = (problem: string) => new ReconlossError("content", `init: ${path} ${problem}`);
  const network = onnxNetwork(bytes, `init: ${path}`);
  const [colours, scale] = [coloursOf(task), task.restoration?.scale ?? 1];
  if (network.channels !== colours) {
    throw refuse(
      `takes ${counted(network.channels, "channel", "channels")}, but the training has ${colours}; use --channels ${network.channels}`,
    );
  }
  const { plainFile, readMetadata } = await loadOnnxReader();
  const { latent, task: trainedFor } = readMetadata(bytes, path);
  if (latent !== undefined) throw refuse(`is a generator, of ${trainedFor}`);
  const specs = Object.entries(network.parameters);
  const [{ dims }] = trace([1, colours, side, side], (o, image, tensor) => {
    const tensors = Object.fromEntries(specs.map(([name, spec]) => [name, tensor(dimsOf(spec))]));
    return [network.forward(o, image, tensors, false).output];
  });
  if (`${dims}` !== `${[1, colours, side * scale, side * scale]}`) {
    const sizes = dims.map((size) => size ?? "?").join("x");
    throw refuse(
      `makes ${sizes} of 1x${colours}x${side}x${side}; ${task.name} needs ${colours} channels, ${scale} times as high and wide`,
    );
  }
  const tensors = firstTensors(network);
  const written = exportTrained({ ...task, multiple: 1 }, network, tensors, { loss: "", steps: 0 });
  await checkAgainstRuntime(written, plainFile(bytes, `init: ${path}`), colours, refuse);
  const multiple = await multipleOf(written, colours, scale);
  if (patch % (scale * multiple) !== 0) {
    throw new ReconlossError(
      "invalid-argument",
      `init: ${path} takes sizes that are multiples of ${multiple}; patch must be one of ${scale * multiple}, got ${patch}`,
    );
  }
  return { ...task, model: () => network, multiple };
}

/** The values that a network begins with. */
function firstTensors({ parameters }: Model): Record<string, Tensor> {
  const randomFor = () => new Random("not drawn from");
  const values = initialize(parameters, randomFor);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, spec]) => [name, new Tensor(values[name], dimsOf(spec))]),
  );
}

/** An image of some waves. */
function waves(colours: number, size: number): Tensor {
  const level = (_: unknown, i: number) => 0.5 + 0.4 * Math.sin(i * 0.37) * Math.cos(i * 0.011);
  return Tensor.from(Array.from({ length: colours * size * size }, level), [1, colours, size, size]);
}

/** The least power of two that sizes must be multiples of for a network to give images of the right size. */
async function multipleOf(bytes: Uint8Array, colours: number, scale: number): Promise<number> {
  for (let multiple = 1; multiple < side; multiple *= 2) {
    const size = side + multiple;
    const expected = `${[1, colours, size * scale, size * scale]}`;
    const fits = await runBytes(bytes, waves(colours, size)).then(
      ({ shape }) => `${shape}` === expected,
      () => false,
    );
    if (fits) return multiple;
  }
  return side;
}

/** Refuses a network that does not make of an image what ONNX Runtime makes of it. */
async function checkAgainstRuntime(
  written: Uint8Array,
  bytes: Uint8Array,
  colours: number,
  refuse: (problem: string) => ReconlossError,
): Promise<void> {
  const image = waves(colours, side);
  const run = (model: Uint8Array, what: string) =>
    runBytes(model, image).catch((cause: Error) => {
      throw refuse(`does not run on ONNX Runtime${what}: ${cause.message}`);
    });
  const [ours, theirs] = [await run(written, ", as it would be trained"), await run(bytes, "")];
  const size = theirs.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const worst = theirs.data.reduce((most, x, i) => Math.max(most, Math.abs(x - ours.data[i])), 0);
  if (theirs.data.length === ours.data.length && worst <= mostDifferent * size) return;
  throw refuse(`cannot be trained: the graph for training differs from ONNX Runtime's outputs by ${worst}`);
}
