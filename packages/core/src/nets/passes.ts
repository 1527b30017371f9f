import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { type Float64Image, reference } from "../graph/reference.ts";
import type { StateDict } from "../weights/state-dict.ts";
import type { Pass } from "./layer.ts";
import { dimsOf, type TensorSpecs } from "./tensors.ts";

/** A tensor by its name, or an error that says whose is missing. */
function found<V>(owner: string, tensors: Readonly<Record<string, V>>, name: string): V {
  if (Object.hasOwn(tensors, name)) return tensors[name];
  throw new ReconlossError("checkpoint", `${owner}: tensor ${name} is missing`);
}

/**
 * A pass with tensors that are values like any other, and so can be differentiated by.
 *
 * @param owner - whose tensors they are, for messages
 * @param tensors - in their `dims`
 * @param update - takes new values of buffers
 * @param see - takes what layers give that losses may compare
 */
export function passWith<T>(
  o: Ops<T>,
  owner: string,
  tensors: Readonly<Record<string, T>>,
  { training = false, update = () => {}, see = () => {} }: Partial<Pick<Pass<T>, "training" | "update" | "see">> = {},
): Pass<T> {
  const tensor = (name: string) => found(owner, tensors, name);
  return { o, training, tensor, derived: (build) => build(o, tensor), update, see };
}

/** A pass with weights that are constants. */
export function frozenPass<T>(o: Ops<T>, weights: StateDict, specs: TensorSpecs): Pass<T> {
  const dims = (name: string) => dimsOf(specs[name]);
  const data = (name: string) => found("weights", weights, name).data;
  const exact = (name: string): Float64Image => ({ data: Float64Array.from(data(name)), shape: dims(name) });
  return {
    o,
    training: false,
    tensor: (name) => o.constant(data(name), dims(name)),
    derived: (build) => {
      const value = build(reference, exact);
      return o.constant(value.data, value.shape);
    },
    update: () => {},
    see: () => {},
  };
}
