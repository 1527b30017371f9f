import { type BatchLabel, batchLabels } from "../graph/batch-labels.ts";
import { compile, compileParts } from "../graph/compile.ts";
import type { Labelled } from "../graph/labels.ts";
import { Ops } from "../graph/ops.ts";
import type { Dims } from "../graph/primitives.ts";
import { type InputDims, outputTensor, type Program, type ProgramOutput } from "../graph/program.ts";
import { mapValues, prefixed, within } from "../records.ts";
import { elementCount, type Shape, Tensor } from "../tensor.ts";
import { joined, packed, rowAround, unpacked } from "./packed.ts";

type Values<T> = Readonly<Record<string, T>>;

/** A step in two halves, from a batch to gradients and from these to a new state; values and results have the names of the step's program. */
export interface StepMathematics {
  /** The outputs before anything changes; `loss` is one of the values. */
  forward<T>(o: Ops<T>, values: Values<T>): Values<T>;
  /** The same, and the gradient of `loss` by each parameter. */
  differentiate<T>(o: Ops<T>, values: Values<T>): { readonly given: Values<T>; readonly gradients: Values<T> };
  /** From gradients by parameter to `norm` and the new state under `new/` and its names. */
  update<T>(o: Ops<T>, values: Values<T>, gradients: Values<T>): Values<T>;
}

/** The shapes of a step's inputs. */
export interface StepInputs {
  /** One part for each image, along the first axis. */
  readonly batch: Values<Shape>;
  /** The inputs of the gradients besides the batch. */
  readonly fixed: Values<Shape>;
  /** The numbers of an update, by their names among the inputs. */
  readonly numbers: Values<Shape>;
  /** The parameters, by the names of their gradients. */
  readonly parameters: Values<Shape>;
  /** Of what there is one for each parameter, as `kind/name`: the parameters themselves and what is remembered of them. */
  readonly kinds: readonly string[];
}

/** A program's outputs of new state are called by this before their name in the state, since no input may have an output's name. */
export const changed = "new";
/** The name of all parameters in one row. */
const all = "all";

/** A cut of a batch. */
export interface Shards {
  /** The images of each part. */
  readonly sizes: readonly number[];
  /** The rule by which the parts' values are put together. */
  readonly labels: Values<BatchLabel>;
}

/** With fewer values in a batch's largest input, one thread is done before others have been told of their part. */
const leastValues = 2 ** 15;

/** Whether splitting pays: each part receives all parameters and returns as many gradients, so the batch must have more values than there are parameters. */
function isWorthSplitting({ batch, parameters }: StepInputs): boolean {
  const values = Math.max(...Object.values(batch).map(elementCount));
  const weights = Object.values(parameters).reduce((sum, shape) => sum + elementCount(shape), 0);
  return values >= Math.max(leastValues, weights);
}

/**
 * Returns the cut of a batch into parts that are computed at once: undefined where it is too small, and where images cannot be told apart, as by batch norm.
 *
 * @param parallel - how many sessions can compute at once
 * @param wanted - how many parts; default: one for each of these, and none for small batches
 */
export function planShards(
  inputs: StepInputs,
  { forward }: StepMathematics,
  parallel: number,
  wanted?: number,
): Shards | undefined {
  const { batch, fixed } = inputs;
  const shapes = Object.values(batch);
  const count = shapes[0]?.[0] ?? 0;
  const parts = Math.min(wanted ?? parallel, count);
  if (parts < 2 || shapes.some(([n]) => n !== count)) return undefined;
  if (wanted === undefined && !isWorthSplitting(inputs)) return undefined;

  const backend = batchLabels();
  const results = forward<Labelled<BatchLabel>>(new Ops(backend), {
    ...mapValues(batch, ([, ...dims], name) => backend.input(name, [undefined, ...dims] as unknown as Dims, "image")),
    ...mapValues(fixed, (shape, name) => backend.input(name, shape, "fixed")),
  });
  const joinable = Object.values(results).every(({ label, value }) => {
    return label === "fixed" || (value.dims[0] === 1 ? label === "average" || label === "total" : label === "image");
  });
  if (!joinable || results.loss.label === "fixed") return undefined;
  const bound = (part: number) => Math.floor((part * count) / parts);
  return {
    sizes: Array.from({ length: parts }, (_, part) => bound(part + 1) - bound(part)),
    labels: mapValues(results, ({ label }) => label),
  };
}

/** A step whose parts are computed at once, each in a thread of its own, and whose gradients are then added up. */
export async function compileShards(
  { batch, fixed, numbers, parameters, kinds }: StepInputs,
  { differentiate, update }: StepMathematics,
  { sizes, labels }: Shards,
): Promise<Program<string, string>> {
  const count = sizes.reduce((sum, size) => sum + size);
  /** The weight of a part's averages, or of its sums, in those of the batch. */
  const partWeight = (name: string, part: number) => (labels[name] === "average" ? sizes[part] / count : 1);

  const parts = await compileParts<string, string>(
    sizes.map((size) => ({ ...mapValues(batch, ([, c, h, w]): InputDims => [size, c, h, w]), ...fixed })),
    (o, values) => {
      const { given, gradients } = differentiate(o, values);
      return { ...given, ...prefixed(gradients, "gradient") };
    },
  );
  // Rows of all parameters: a few operations on these are done before as many on each parameter have begun.
  const row: Shape = [1, 1, 1, Object.values(parameters).reduce((sum, shape) => sum + elementCount(shape), 0)];
  const rows = (names: readonly string[]) => Object.fromEntries(names.map((name) => [`${name}/${all}`, row]));
  const whole = await compile<string, string>(
    { ...numbers, ...rows(kinds), ...rows(sizes.map((_, part) => `part${part}`)) },
    (o, values) => {
      const weighted = sizes.map((_, part) => o.mul(values[`part${part}/${all}`], partWeight("loss", part)));
      return update(o, values, { [all]: weighted.reduce((sum, gradient) => o.add(sum, gradient)) });
    },
    { noSpinning: true },
  );
  const ordered = <V>(values: Values<V>) => mapValues(parameters, (_, name) => values[name]);

  return {
    run: async (inputs, into) => {
      const held = mapValues(fixed, (_, name) => inputs[name]);
      let start = 0;
      const results = await parts.run(
        sizes.map((size) => {
          const cut = mapValues(batch, (_, name) => slice(inputs[name], start, size));
          start += size;
          return { ...held, ...cut };
        }),
      );
      const together = mapValues(labels, (label, name) => {
        const values = results.map((part) => part[name]);
        if (label === "fixed") return values[0];
        if (label === "image") return concatenated(values);
        return added(values, (part) => partWeight(name, part));
      });
      const given = mapValues(numbers, (_, name) => inputs[name]);
      const places: Record<string, Tensor> = {};
      for (const kind of kinds) {
        given[`${kind}/${all}`] = packed(ordered(within(inputs, kind)));
        const place = into && rowAround(ordered(within(into, `${changed}/${kind}`)));
        if (place) places[`${changed}/${kind}/${all}`] = place;
      }
      for (const [part, result] of results.entries()) {
        given[`part${part}/${all}`] = packed(ordered(mapValues(within(result, "gradient"), outputTensor)));
      }
      const { norm, ...state } = await whole.run(given, places);
      const tensors = kinds.map((kind) => {
        const { data } = outputTensor(state[`${changed}/${kind}/${all}`]);
        return prefixed(unpacked(data, parameters), `${changed}/${kind}`);
      });
      return Object.assign({ ...together, norm }, ...tensors);
    },
  };
}

/** Images [start, start + count) of a batch, not copied. */
function slice({ data, shape }: Tensor, start: number, count: number): Tensor {
  const [, ...image] = shape;
  const size = image.reduce((product, length) => product * length);
  return new Tensor(data.subarray(start * size, (start + count) * size), [count, ...image] as unknown as Shape);
}

function concatenated(parts: readonly ProgramOutput[]): ProgramOutput {
  const images = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  return {
    data: joined(parts.map(({ data }) => data)),
    shape: [images, ...parts[0].shape.slice(1)] as unknown as Shape,
  };
}

function added(parts: readonly ProgramOutput[], weight: (part: number) => number): ProgramOutput {
  const [{ data, shape }] = parts;
  const sum = (_: number, index: number) => parts.reduce((total, p, part) => total + weight(part) * p.data[index], 0);
  return { data: data instanceof Float32Array ? data.map(sum) : data.map(sum), shape };
}
