import type { Definition, Images, OwnEvaluation, Requested } from "../definitions/definition.ts";
import type { NotedExtremes } from "../kernels/index.ts";
import { type ImageBatch, tensorOf } from "../pixels/prepared-image.ts";
import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

/** The batches of a request: of pixels as they are, or of planes. */
export interface RequestImages extends Omit<Images<Tensor>, "output" | "target"> {
  readonly output: ImageBatch;
  readonly target: ImageBatch;
}

/** The same as float planes. */
export function planesOf({ output, target, ...rest }: RequestImages): Images<Tensor> {
  const planes = tensorOf(output);
  return { ...rest, output: planes, target: target === output ? planes : tensorOf(target) };
}

/** The request that an engine evaluates. */
export interface Request {
  /** Images and weights whose shapes were checked; features only where the target was prepared. */
  readonly images: RequestImages;
  readonly requested: Requested;
  /** The tensor that the gradient is written to. Default: a new one. */
  readonly into?: Tensor;
  /** The device of networks; kernels and the reference run on the CPU. */
  readonly device: Device;
  /**
   * Refuses values that the loss cannot work with.
   *
   * @param noted - the extremes that are known already; the others are looked for
   */
  check(noted: NotedExtremes): void;
}

/** One way to evaluate definitions. */
export interface Engine {
  /** The name that `EvaluateOptions.engine` takes. */
  readonly name: string;
  /** Whether it calls {@link Request.check} itself, with the extremes that it comes across as it computes; values of other engines are checked before they are asked. */
  readonly notesExtremes?: boolean;
  /** Returns the reason why it does not support a request, as the end of a sentence that begins with its name; undefined where it does. */
  refusal(definition: Definition, request: Request): string | undefined;
  /** Evaluates a definition for a request that it supports. */
  evaluate(definition: Definition, request: Request): Promise<OwnEvaluation>;
  /** The same at once, to the same bits, without a map. Absent where the engine has to wait for something. */
  evaluateSync?(definition: Definition, request: Request): OwnEvaluation;
}
