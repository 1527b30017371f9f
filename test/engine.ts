import type { Definition, Images, OwnEvaluation, Requested } from "../packages/core/src/definitions/definition.ts";
import type { Engine, Request } from "../packages/core/src/engines/engine.ts";
import { engines } from "../packages/core/src/engines/index.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";

/** A request of images whose values need no check. */
export function requestOf(images: Images<Tensor>, requested: Requested): Request {
  return { images, requested, device: "cpu", check: () => {} };
}

/** The engines that support a request, of which each is held against the float64 reference. */
export function enginesFor(definition: Definition, images: Images<Tensor>, requested: Requested): readonly Engine[] {
  return engines.filter((engine) => engine.refusal(definition, requestOf(images, requested)) === undefined);
}

/** Evaluates a definition by an engine directly, without the checks of a loss. */
export function evaluateBy(
  engine: Engine,
  definition: Definition,
  images: Images<Tensor>,
  requested: Requested,
): Promise<OwnEvaluation> {
  return engine.evaluate(definition, requestOf(images, requested));
}
