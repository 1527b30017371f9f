import { checkFunction, checkNames, checkObject, described } from "../arguments.ts";
import type { Definition } from "../definitions/definition.ts";
import { evaluateDefinition } from "../definitions/evaluate.ts";
import { ReconlossError } from "../errors.ts";
import type { InputDims } from "../graph/program.ts";
import { checkShapes, definitionForFramework } from "../losses/framework-loss.ts";
import type { Loss } from "../losses/loss.ts";
import { Recent } from "../recent.ts";
import { type GpuBuffer, type GpuDevice, type GpuSession, loadRuntime } from "../runtimes/index.ts";
import { elementCount, formatShape, type Shape, sameShape } from "../tensor.ts";

/** Images in a buffer of a GPU. */
export interface GpuImages {
  /** A `GPUBuffer` of the device, with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`: float32 in the order [n, c, h, w], from its beginning. */
  readonly buffer: GpuBuffer;
  /** [n, c, h, w]. */
  readonly shape: Shape;
}

/** A gradient in a buffer of the same GPU. */
export interface GpuGradient extends GpuImages {
  /** Gives its memory back to the runtime, which uses the buffer again; a buffer that was given stays the caller's. */
  dispose(): void;
}

/** Options of a call of a {@link GpuLoss}. */
export interface GpuCallOptions {
  /** The weight of each pixel, not negative: of the shape of `output`, or with 1 image or 1 channel. */
  readonly weight?: GpuImages;
  /** The images that `valueAndGrad` writes the gradient to, of the shape of `output`. Default: a buffer of the runtime's, which may be longer. */
  readonly into?: GpuImages;
}

/** A loss of images that are on a GPU. */
export interface GpuLoss {
  /** The value of a batch, of which alone the CPU is told. */
  value(output: GpuImages, target?: GpuImages, options?: Pick<GpuCallOptions, "weight">): Promise<number>;
  /** The value, and its gradient by `output`, which is the caller's until `grad.dispose()`. */
  valueAndGrad(
    output: GpuImages,
    target?: GpuImages,
    options?: GpuCallOptions,
  ): Promise<{ value: number; grad: GpuGradient }>;
  /** Gives the memory of its programs back, when the calls before are done. */
  dispose(): Promise<void>;
}

/** Usages that buffers need: what of WebGPU's `GPUBufferUsage` copies from, copies to, and computes on them. */
const usages = { COPY_SRC: 0x4, COPY_DST: 0x8, STORAGE: 0x80 };

/** The number of programs that a loss keeps, one for each combination of channels, and of sizes where the mathematics depends on them. */
const programsKept = 8;

/** The inputs of a graph. */
type Given = Partial<Record<"output" | "target" | "weight", GpuImages>>;

/**
 * Makes a loss a function of images in a GPU's memory: value and gradient are computed on that GPU by onnxruntime-web, and the gradient stays there. The value comes to the CPU, and of networks that
 * pool by maxima what onnxruntime-web 1.30 knows no operation for on a GPU: the layers that are pooled, to find where their maxima are.
 *
 * Value and gradient are those of {@link Loss.valueAndGrad}, within 1e-3 of the CPU's. Values are not looked at, which would wait for the device: neither NaN nor images of another range are
 * refused. What was given to the device's queue before a call is done before it.
 *
 * @param device - a `GPUDevice`: that of `navigator.gpu.requestAdapter()`, of TensorFlow.js (`tf.backend().device`), of jax-js (`getWebGPUDevice()`)
 * @param loss - of pixels, through networks, or a sum; weights are looked for as everywhere, at the first call
 * @throws {ReconlossError} `invalid-argument` for what is no device and no loss, and for losses that learn (`gan`), have terms that begin later, or are sums with a term that is averaged first; by
 * its methods: `missing-dependency` outside of pages and workers, `invalid-argument` for what are no buffers, or not of these usages, `shape` for shapes that do not fit or that the loss refuses
 *
 * @example
 * ```ts
 * import { parseLoss } from "@reconloss/core";
 * import { type GpuDevice, type GpuImages, gpuLoss } from "@reconloss/core/webgpu";
 * async function gradientOnGpu(device: GpuDevice, output: GpuImages, target: GpuImages) {
 *   const loss = gpuLoss(device, parseLoss("l1 + 0.1*lpips(net=tiny)"));
 *   const { value, grad } = await loss.valueAndGrad(output, target);
 *   return { value, buffer: grad.buffer }; // for the model's backward pass; then grad.dispose()
 * }
 * ```
 */
export function gpuLoss(device: GpuDevice, loss: Loss): GpuLoss {
  checkObject("gpuLoss", "device", device);
  checkFunction("gpuLoss", "device.createBuffer", device.createBuffer);
  checkObject("gpuLoss", "device.queue", device.queue);
  const definition = definitionForFramework("gpuLoss", loss, "a trainer");
  const sessions = new Set<GpuSession>();
  const programs = new Recent<GpuSession>(programsKept);

  const run = async (given: Given, grad: boolean, into?: GpuImages) => {
    const inputs = Object.entries(given) as [keyof Given, GpuImages][];
    const dims = Object.fromEntries(inputs.map(([name, images]) => [name, dimsOf(definition, name, images)]));
    const program = await programs.get(JSON.stringify([dims, grad]), async () => {
      const session = await openProgram(device, definition, dims, grad);
      sessions.add(session);
      return session;
    });
    const tensor = ({ buffer, shape }: GpuImages) => ({ buffer, dims: shape });
    const feeds = Object.fromEntries(inputs.map(([name, images]) => [name, tensor(images)]));
    const { kept, read } = await program.run(feeds, into && { grad: tensor(into) });
    return { value: read.value.data[0] as number, grad: kept.grad };
  };
  return {
    value: async (output, target, options) => {
      const { given } = checkCall(loss, { output, target, options }, ["weight"]);
      return (await run(given, false)).value;
    },
    valueAndGrad: async (output, target, options) => {
      const { given, into } = checkCall(loss, { output, target, options }, ["weight", "into"]);
      const { shape } = output;
      const { value, grad } = await run(given, true, into);
      if (into !== undefined) return { value, grad: { buffer: into.buffer, shape, dispose: () => {} } };
      return { value, grad: { buffer: grad.buffer, shape, dispose: () => grad.dispose() } };
    },
    dispose: async () => {
      programs.clear();
      const open = [...sessions];
      sessions.clear();
      await Promise.all(open.map((session) => session.release()));
    },
  };
}

/** Writes the graph of a loss and opens it on a device. */
async function openProgram(
  gpu: GpuDevice,
  definition: Definition,
  dims: Readonly<Record<string, InputDims>>,
  grad: boolean,
): Promise<GpuSession> {
  const [runtime, { buildModel }] = await Promise.all([
    loadRuntime(),
    import("../graph/model.ts"),
    definition.prepare?.(),
  ]);
  if (runtime.createGpuSession === undefined) {
    const problem = `buffers of a GPU are what onnxruntime-web takes in pages and workers, and this is ${runtime.name}`;
    throw new ReconlossError("missing-dependency", `gpuLoss: ${problem}`);
  }
  const { bytes, cpuNodes } = buildModel(
    dims,
    (o, { output, target = output, weight }) => {
      const results = evaluateDefinition(o, definition, { output, target, weight, state: {} }, { grad });
      return { value: results.value, ...(results.grad && { grad: results.grad }) };
    },
    {},
    { block: 0, float64: runtime.hasFloat64("webgpu") },
  );
  return runtime.createGpuSession(bytes, { gpu, cpuNodes, kept: grad ? ["grad"] : [] });
}

/** Sizes that programs are written for: those that the mathematics depends on. */
function dimsOf({ bySize }: Definition, name: string, { shape: [n, c, h, w] }: GpuImages): InputDims {
  const images = name === "weight" && n === 1 ? 1 : "n";
  return bySize ? [images, c, h, w] : [images, c, "h", "w"];
}

/** The arguments of a call, checked: the images that the loss looks at, and those that its gradient goes to. */
function checkCall(
  loss: Loss,
  { output, target, options = {} }: Readonly<Record<"output" | "target" | "options", unknown>>,
  names: readonly string[],
): { given: Given; into?: GpuImages } {
  checkObject(loss.name, "options", options);
  checkNames(loss.name, "options", options, names);
  const { weight, into } = options as GpuCallOptions;
  checkImages(loss.name, "output", output);
  if (loss.needsTarget) checkImages(loss.name, "target", target);
  const compared = loss.needsTarget ? (target as GpuImages) : output;
  if (weight !== undefined) checkImages(loss.name, "weight", weight);
  checkShapes(loss, { output: output.shape, target: compared.shape, ...(weight && { weight: weight.shape }) });
  if (into !== undefined) {
    checkImages(loss.name, "into", into);
    const taken = [output, compared, weight].some((images) => images?.buffer === into.buffer);
    if (taken)
      throw new ReconlossError("invalid-argument", `${loss.name}: into must be another buffer than the images'`);
    if (!sameShape(into.shape, output.shape)) {
      const shapes = `output is ${formatShape(output.shape)} but into is ${formatShape(into.shape)}`;
      throw new ReconlossError("shape", `${loss.name}: ${shapes}`);
    }
  }
  return { given: { output, ...(loss.needsTarget && { target: compared }), ...(weight && { weight }) }, into };
}

/** Refuses what are no images in a buffer that programs can take. */
function checkImages(name: string, argument: string, images: unknown): asserts images is GpuImages {
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${name}: ${argument} ${problem}`);
  if (typeof images !== "object" || images === null) {
    throw refuse(`must be images in a buffer, { buffer, shape }, got ${described(images)}`);
  }
  const { buffer, shape } = images as Partial<GpuImages>;
  const isShape =
    Array.isArray(shape) && shape.length === 4 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
  if (!isShape) throw refuse(`has the shape ${described(shape)}; it must be [n, c, h, w], each at least 1`);
  const { size, usage } = (typeof buffer === "object" && buffer !== null ? buffer : {}) as Partial<GpuBuffer>;
  if (typeof size !== "number" || typeof usage !== "number") {
    throw refuse(`buffer must be a GPUBuffer, got ${described(buffer)}`);
  }
  const needed = 4 * elementCount(shape);
  if (size < needed) throw refuse(`buffer has ${size} bytes; ${shape.join("x")} in float32 has ${needed}`);
  const missing = Object.entries(usages).filter(([, bit]) => (usage & bit) === 0);
  if (missing.length > 0) throw refuse(`buffer lacks the usage ${missing.map(([word]) => word).join(", ")}`);
}
