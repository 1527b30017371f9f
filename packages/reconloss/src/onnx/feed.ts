import type { Tensor, ValueInfo } from "@reconloss/core";
import { formatShape, parseList } from "@reconloss/core/internal";
import { isFixed, listed, type OpenModel } from "./open.ts";
import { bothSides, type FeedOptions } from "./options.ts";

/** The images that a model takes at one of its inputs. */
export interface ImageInput {
  readonly name: string;
  readonly layout: "nchw" | "nhwc";
  /** The height and width that it takes, where it does not leave them open. */
  readonly size: readonly [height: number | undefined, width: number | undefined];
  /** The number of images at a time, where the model does not leave that open. */
  readonly batch?: number;
  /** The number of channels, where the model does not leave that open. */
  readonly channels?: number;
}

/**
 * Reads an input for images from a model's shape.
 *
 * @param layout - what the caller says of the order of its axes
 * @throws {ReconlossError} `invalid-argument` for an input of another type, rank or order
 */
export function imageInput(
  { session, refuse }: OpenModel,
  info: ValueInfo,
  layout: FeedOptions["layout"],
  channels: readonly number[] = [3],
): ImageInput {
  const { name, type, dims = [] } = info;
  const wanted = `[n, ${channels[0]}, h, w] or [n, h, w, ${channels[0]}]`;
  if (type !== "float32" || dims.length !== 4) {
    throw refuse("invalid-argument", `must take float32 images ${wanted}; its inputs are: ${listed(session.inputs)}`);
  }
  const fits = (size: number | string) => !isFixed(size) || channels.includes(size);
  const isFirst = fits(dims[1]);
  const isLast = fits(dims[3]);
  const onlyLastIsFixed = !isFixed(dims[1]) && isFixed(dims[3]) && isLast;
  const order = layout !== "model" ? layout : isFirst && !onlyLastIsFixed ? "nchw" : "nhwc";
  if (!(order === "nchw" ? isFirst : isLast)) {
    const problem = layout === "model" ? `must take images ${wanted}` : `does not take images of layout ${layout}`;
    throw refuse("invalid-argument", `${problem}; its inputs are: ${listed(session.inputs)}`);
  }
  const [n, c, h, w] = order === "nchw" ? dims : [dims[0], dims[3], dims[1], dims[2]];
  const fixed = (size: number | string) => (isFixed(size) ? size : undefined);
  return { name, layout: order, size: [fixed(h), fixed(w)], batch: fixed(n), channels: fixed(c) };
}

/**
 * The size that images are brought to: what the caller says, else what the model says.
 *
 * @throws {ReconlossError} `invalid-argument` where both say another, or neither says one
 */
export function sizeOf(
  { refuse }: OpenModel,
  { size: [height, width] }: ImageInput,
  size: FeedOptions["size"],
): readonly [height: number, width: number] {
  if (size !== "model") {
    const wanted = bothSides(size);
    if ((height ?? wanted[0]) === wanted[0] && (width ?? wanted[1]) === wanted[1]) return wanted;
    throw refuse(
      "invalid-argument",
      `takes images of ${height ?? "?"}x${width ?? "?"}, not of ${size} (height x width)`,
    );
  }
  if (height !== undefined && width !== undefined) return [height, width];
  throw refuse("invalid-argument", "does not fix the size of its images; set it, as size=224");
}

/** The mapping of values in [0, 1] to a model's input, in words: `(255x - [1:2:3]) / [4]`. */
export function inputInWords({ range, mean, std }: FeedOptions): string {
  const x = range === "0-255" ? "255x" : "x";
  const [centred, scaled] = [parseList(mean).some((value) => value !== 0), parseList(std).some((value) => value !== 1)];
  const list = (text: string) => `[${parseList(text).join()}]`;
  if (scaled) return `(${x} - ${list(mean)}) / ${list(std)}`;
  return centred ? `${x} - ${list(mean)}` : x;
}

/** The number of each of some channels. */
function forChannels(text: string, count: number): number[] {
  const values = parseList(text);
  return Array.from({ length: count }, (_, channel) => values[values.length === 1 ? 0 : channel]);
}

/** Images [n, c, h, w] in [0, 1] as a model takes them: channels ordered, values in its range, mean taken off, divided, axes ordered. */
export function feed(
  images: Tensor,
  { channels: order, range, mean, std }: FeedOptions,
  { layout }: Pick<ImageInput, "layout">,
): { data: Float32Array; dims: readonly number[] } {
  const [n, c, h, w] = images.shape;
  const white = range === "0-255" ? 255 : 1;
  const [means, deviations] = [forChannels(mean, c), forChannels(std, c)];
  const area = h * w;
  const data = new Float32Array(images.data.length);
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < c; channel++) {
      const from = (image * c + (order === "bgr" ? c - 1 - channel : channel)) * area;
      const [first, step] = layout === "nchw" ? [(image * c + channel) * area, 1] : [image * c * area + channel, c];
      const [subtract, divide] = [means[channel], deviations[channel]];
      for (let i = 0; i < area; i++) data[first + i * step] = (images.data[from + i] * white - subtract) / divide;
    }
  }
  return { data, dims: layout === "nchw" ? [n, c, h, w] : [n, h, w, c] };
}

/** Values that a model gives. */
export interface Values {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/**
 * Runs a model on images, as many at a time as it takes; where it takes a fixed number, the last ones are filled up by copies, whose results are left out.
 *
 * @param inputs - by the name of each input, all of the same number of images
 * @throws {ReconlossError} `shape` where it does not run
 */
export async function runModel(
  { session, refuse }: Pick<OpenModel, "session" | "refuse">,
  inputs: Readonly<Record<string, { data: Float32Array; dims: readonly number[] }>>,
  output: string,
  batch?: number,
): Promise<Values> {
  const [{ dims }] = Object.values(inputs);
  const [n] = dims;
  const size = batch ?? n;
  const parts: Values[] = [];
  for (let start = 0; start < n; start += size) {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { data, dims }]) => {
        const each = data.length / n;
        const part = { data: new Float32Array(size * each), dims: [size, ...dims.slice(1)] };
        for (let i = 0; i < size; i++) {
          const image = Math.min(start + i, n - 1);
          part.data.set(data.subarray(image * each, (image + 1) * each), i * each);
        }
        return [name, size === n ? { data, dims } : part];
      }),
    );
    const results = await session.run(feeds, [output]).catch((cause) => {
      const shapes = Object.values(feeds).map(({ dims }) => formatShape(dims as never));
      throw refuse(
        "shape",
        `does not run on ${shapes.join(" and ")}: ${cause instanceof Error ? cause.message : cause}`,
        cause,
      );
    });
    const { data, dims: shape } = results[output];
    const floats = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
    if (size === n) return { data: floats, dims: shape };
    if (shape[0] !== size) return { data: floats, dims: shape };
    const kept = Math.min(size, n - start);
    parts.push({ data: floats.subarray(0, (floats.length / size) * kept), dims: [kept, ...shape.slice(1)] });
  }
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, dims: [n, ...parts[0].dims.slice(1)] };
}
