import {
  type Device,
  type ErrorCode,
  loadRuntime,
  ReconlossError,
  type Session,
  type ValueInfo,
} from "@reconloss/core";
import { loadOnnxReader } from "@reconloss/core/internal";
import { readFileBytes, reasonOf } from "../files.ts";

/** An ONNX file of the user's own. */
export interface OpenModel {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly session: Session;
  /** An error that begins with the path. */
  refuse(code: ErrorCode, problem: string, cause?: unknown): ReconlossError;
}

/**
 * Reads an ONNX file and makes a session of it.
 *
 * @throws {ReconlossError} `file` when it cannot be read; `content` when it is no ONNX model, keeps tensors in other files, or has nodes that ONNX Runtime does not know
 */
export async function openOnnx(path: string, device: Device): Promise<OpenModel> {
  const refuse: OpenModel["refuse"] = (code, problem, cause) =>
    new ReconlossError(code, `${path} ${problem}`, { cause });
  const bytes = await readFileBytes(path);
  const { checkModel } = await loadOnnxReader();
  checkModel(bytes, path);
  const session = await (await loadRuntime()).createSession(bytes, { device }).catch((cause) => {
    throw refuse("content", `is not a model that ONNX Runtime can run: ${reasonOf(cause)}`, cause);
  });
  return { path, bytes, session, refuse };
}

/** An input or output of a model, in words: `image float32 [n, 3, 224, 224]`. */
function inWords({ name, type, dims }: ValueInfo): string {
  const shape =
    dims && dims.length > 0 ? ` [${dims.map((size) => (isFixed(size) ? size : size || "?")).join(", ")}]` : "";
  return `${name} ${type ?? "(no tensor)"}${shape}`;
}

/** The inputs or outputs of a model, in a list. */
export function listed(infos: readonly ValueInfo[]): string {
  return infos.map(inWords).join(", ") || "none";
}

/** Whether a size of a shape is a number; others are open, whatever stands for that. */
export function isFixed(size: number | string | undefined): size is number {
  return typeof size === "number" && size > 0;
}

/**
 * The output that is meant: the one of that name, else the only one.
 *
 * @param preferred - the name of the one to take where there are several and none is named
 * @throws {ReconlossError} `invalid-argument` where there is none of that name, there are several, or it does not hold floating point numbers
 */
export function chooseOutput({ session, refuse }: OpenModel, name: string, preferred = ""): ValueInfo {
  const { outputs } = session;
  const names = outputs.map((output) => output.name);
  const wanted = name !== "" ? name : outputs.length === 1 ? names[0] : preferred;
  if (wanted === "" || (name === "" && !names.includes(wanted))) {
    const first = names[0];
    throw refuse(
      "invalid-argument",
      `has ${outputs.length} outputs; choose one, as output=${first}: ${listed(outputs)}`,
    );
  }
  const chosen = outputs[names.indexOf(wanted)];
  if (chosen === undefined) throw refuse("invalid-argument", `has no output ${wanted}; it has: ${names.join(", ")}`);
  const { type = "no tensor" } = chosen;
  if (type !== "float32" && type !== "float64") {
    throw refuse("invalid-argument", `gives ${type} in its output ${chosen.name}; features are float32 or float64`);
  }
  return chosen;
}
