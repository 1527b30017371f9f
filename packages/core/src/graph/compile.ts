import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { filtered, mapValues } from "../records.ts";
import { checkDevice, type Device, loadRuntime, type Session, type SessionShare } from "../runtimes/index.ts";
import { turns } from "../runtimes/turns.ts";
import { formatShape, type Shape, type Tensor } from "../tensor.ts";
import type { OnnxValue } from "./onnx-builder.ts";
import type { Ops } from "./ops.ts";
import { checkInputs, type InputDims, isWide, type Program, type ProgramOutput } from "./program.ts";

/** The writer of ONNX models, loaded when the first program is compiled: pages that need only kernels do without. */
async function loadWriter() {
  const [{ buildModel }, { blockedChannels }] = await Promise.all([
    import("./model.ts"),
    import("./blocked-layout.ts"),
  ]);
  return { buildModel, blockedChannels };
}

/** Options of {@link compile}. */
export interface CompileOptions extends SessionShare {
  /** The device of the program: the CPU (default), or on a GPU through WebGPU, whose results are within 1e-3 of the CPU's. */
  readonly device?: Device;
}

/**
 * Compiles a function over `Ops` to native code: one ONNX Runtime session that serves every size.
 *
 * @throws {ReconlossError} `invalid-argument` for inputs or outputs that are none; `missing-dependency` where no ONNX Runtime is installed, or the device cannot be used ({@link probeDevice} tells without an error)
 * @example
 * ```ts
 * const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ mean: o.mean(x, "chw") }));
 * const { mean } = await program.run({ x: image });
 * ```
 */
export async function compile<Name extends string, Output extends string>(
  inputs: Readonly<Record<Name, InputDims>>,
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
  options: CompileOptions = {},
): Promise<Program<Name, Output>> {
  checkArguments("compile", { inputs: [inputs, "object"], build: [build, "function"], options: [options, "object"] });
  checkInputs("compile", inputs);
  const { device = "cpu", ...share } = options;
  checkArguments("compile", { cores: [share.cores, "count?"], noSpinning: [share.noSpinning, "flag?"] });
  if (share.cores === 0) throw new ReconlossError("invalid-argument", "compile: cores must be at least 1, got 0");
  checkDevice("compile", device);
  const [runtime, { blockedChannels, buildModel }] = await Promise.all([loadRuntime(), loadWriter()]);
  const target = { block: device === "cpu" ? await blockedChannels(runtime) : 0, float64: runtime.hasFloat64(device) };
  const { bytes, cpuNodes } = buildModel(inputs, build, {}, target);
  const session = await runtime.createSession(bytes, { device, cpuNodes, share }).catch((cause: unknown) => {
    throw device === "cpu" ? cause : unusable(device, cause);
  });
  return releasing([session], {
    run: (tensors: Readonly<Record<Name, Tensor>>, into?: Readonly<Record<string, Tensor>>) =>
      runSession(session, tensors, into) as Promise<Record<Output, ProgramOutput>>,
  });
}

/** Releases the sessions of programs that nothing holds any longer, after their last run: WebAssembly does not give memory back by itself. */
const abandoned = new FinalizationRegistry<readonly Session[]>((sessions) => {
  for (const session of sessions) inTurn(() => session.release()).catch(() => {});
});

/** The program, whose sessions are released when it is garbage. */
function releasing<P extends object>(sessions: readonly Session[], program: P): P {
  abandoned.register(program, sessions);
  return program;
}

/** The reason why no session can be made on a device, in a line. */
function unusable(device: Device, cause: unknown): ReconlossError {
  const [reason] = (cause as Error).message.split("\n");
  const problem = `${device} cannot be used: ${reason.replace(/^.*false\. /, "")}`;
  return new ReconlossError("missing-dependency", problem, { cause });
}

/**
 * Compiles a function for several parts of a batch that are computed at once, each in a thread of its own with an equal share of the cores.
 *
 * @param parts - the inputs of each part; a part that has the shapes of another is compiled once
 */
export async function compileParts<Name extends string, Output extends string>(
  parts: readonly Readonly<Record<Name, InputDims>>[],
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
): Promise<{ run(inputs: readonly Readonly<Record<Name, Tensor>>[]): Promise<Record<Output, ProgramOutput>[]> }> {
  const models = new Map<string, Uint8Array>();
  const [runtime, { blockedChannels, buildModel }] = await Promise.all([loadRuntime(), loadWriter()]);
  const block = await blockedChannels(runtime);
  const bytesOf = (inputs: Readonly<Record<Name, InputDims>>) => {
    const key = JSON.stringify(inputs);
    const bytes = models.get(key) ?? buildModel(inputs, build, {}, { block }).bytes;
    models.set(key, bytes);
    return bytes;
  };
  const sessions = await runtime.createParallelSessions(parts.map(bytesOf));
  return releasing(sessions, {
    run: (inputs: readonly Readonly<Record<Name, Tensor>>[]) =>
      inTurn(async () => {
        const results = await Promise.all(sessions.map((session, index) => feed(session, inputs[index])));
        return results as Record<Output, ProgramOutput>[];
      }).catch((cause: unknown) => {
        throw new ReconlossError("shape", `the graph cannot run on parts of a batch: ${(cause as Error).message}`, {
          cause,
        });
      }),
  });
}

/** One run uses all cores already, and several at once would need the memory of all of them. */
const inTurn = turns();

/** Runs a session; in a process, one runs at a time. */
async function runSession(
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
  into?: Readonly<Record<string, Tensor>>,
) {
  checkArguments("run", { inputs: [inputs, "object"], into: [into, "object?"] });
  checkArguments(
    "run",
    Object.fromEntries(session.inputs.map(({ name }) => [name, [inputs[name], "tensor"] as const])),
  );
  return inTurn(() => feed(session, inputs, into)).catch((cause: unknown) => {
    const shapes = session.inputs.map(({ name }) => `${name} ${formatShape(inputs[name].shape)}`).join(", ");
    throw new ReconlossError("shape", `the graph cannot run on ${shapes}: ${(cause as Error).message}`, { cause });
  });
}

async function feed(
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
  into: Readonly<Record<string, Tensor>> = {},
): Promise<Record<string, ProgramOutput>> {
  const plain = ({ data, shape }: Tensor) => ({ data, dims: shape });
  const feeds = Object.fromEntries(session.inputs.map(({ name }) => [name, plain(inputs[name])]));
  const places = mapValues(
    filtered(into, (name) => !isWide(into[name].shape)),
    plain,
  );
  const results = await session.run(feeds, undefined, places);
  return mapValues(results, ({ data, dims }) => ({
    data: data as Float32Array | Float64Array,
    shape: dims as unknown as Shape,
  }));
}
