import { described } from "../arguments.ts";
import type { Definition, OwnEvaluation } from "../definitions/definition.ts";
import { ReconlossError } from "../errors.ts";
import { noteExtremes, noteExtremesSync } from "../kernels/extremes.ts";
import { loadedKernels } from "../kernels/load.ts";
import { floatsOf } from "../pixels/prepared-image.ts";
import type { Engine, Request } from "./engine.ts";
import { kernels } from "./kernels.ts";
import { onnx } from "./onnx.ts";
import { reference } from "./reference.ts";
import { tiles } from "./tiles.ts";

const all = [kernels, tiles, onnx, reference] as const;

/** The names of engines. */
export type EngineName = (typeof all)[number]["name"];

/** The engines, from that which is asked first. */
export const engines: readonly Engine[] = all;

/**
 * Evaluates a definition by the first engine that supports the request, or by the one that is named.
 *
 * @param loss - what errors call it
 * @throws {ReconlossError} `invalid-argument` for a name that no engine has, or an engine that does not support the request
 */
export async function evaluate(
  loss: string,
  definition: Definition,
  request: Request,
  name?: EngineName,
): Promise<OwnEvaluation> {
  const engine = name === undefined ? firstFor(definition, request) : named(loss, name, definition, request);
  if (!engine.notesExtremes) request.check(await noteExtremes(floatsOf(request.images)));
  return engine.evaluate(definition, request);
}

/**
 * The same at once, without maps, by an engine that need not wait.
 *
 * @throws {ReconlossError} `invalid-argument` also where the engine has to wait, and before kernels are loaded
 */
export function evaluateSync(loss: string, definition: Definition, request: Request, name?: EngineName): OwnEvaluation {
  if (request.requested.map)
    throw new ReconlossError("invalid-argument", `${loss}: maps take a promise; use map or evaluate`);
  const engine = name === undefined ? firstFor(definition, request) : named(loss, name, definition, request);
  if (engine.evaluateSync === undefined) {
    const reason = name === undefined ? `${kernels.refusal(definition, request)}, and ` : "";
    const problem = `cannot be evaluated at once: ${reason}engine ${engine.name} takes a promise`;
    throw new ReconlossError("invalid-argument", `${loss}: ${problem}; use value, valueAndGrad or evaluate`);
  }
  if (loadedKernels(definition.kernel?.kernel.modules) === undefined) {
    throw new ReconlossError("invalid-argument", `${loss}: kernels are not loaded yet; await ready() once before`);
  }
  if (!engine.notesExtremes) request.check(noteExtremesSync(floatsOf(request.images)));
  return engine.evaluateSync(definition, request);
}

function firstFor(definition: Definition, request: Request): Engine {
  return engines.find((engine) => engine.refusal(definition, request) === undefined) as Engine;
}

function named(loss: string, name: EngineName, definition: Definition, request: Request): Engine {
  const engine = engines.find((engine) => engine.name === name);
  if (engine === undefined) {
    const names = engines.map(({ name }) => name).join(" | ");
    throw new ReconlossError("invalid-argument", `${loss}: engine must be ${names}, got ${described(name)}`);
  }
  const refusal = engine.refusal(definition, request);
  if (refusal === undefined) return engine;
  throw new ReconlossError("invalid-argument", `${loss}: engine ${name} cannot evaluate this: ${refusal}`);
}
