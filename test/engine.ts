import type { Definition, Images, OwnEvaluation, Wants } from "../packages/core/src/definitions/definition.ts";
import type { Engine, Request } from "../packages/core/src/engines/engine.ts";
import { engines } from "../packages/core/src/engines/index.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";

/** A request of images whose values need no check. */
export function requestOf(images: Images<Tensor>, wants: Wants): Request {
  return { images, wants, device: "cpu", check: () => {} };
}

/** The engines that support a request, of which each is held against the float64 reference. */
export function enginesFor(definition: Definition, images: Images<Tensor>, wants: Wants): readonly Engine[] {
  return engines.filter((engine) => engine.refusal(definition, requestOf(images, wants)) === undefined);
}

/** What an engine gives, without the loss that looks after what it is given. */
export function evaluateBy(
  engine: Engine,
  definition: Definition,
  images: Images<Tensor>,
  wants: Wants,
): Promise<OwnEvaluation> {
  return engine.evaluate(definition, requestOf(images, wants));
}
