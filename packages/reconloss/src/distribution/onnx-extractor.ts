import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type Device, type Shape, Tensor } from "@reconloss/core";
import { checkDevice, checkFields, checkKind, specificationOf } from "@reconloss/core/internal";
import { feed, imageInput, inputInWords, runModel, sizeOf, type Values } from "../onnx/feed.ts";
import { chooseOutput, listed, type OpenModel, openOnnx } from "../onnx/open.ts";
import { checkTogether, type NetworkOptions, resolveNetworkOptions, type Said } from "../onnx/options.ts";
import { isPresetName, networkPresets } from "../onnx/presets.ts";
import { type Extractor, networks, placeOf, tinyName } from "./extractor.ts";

/**
 * Options of {@link onnxExtractor}: those of `--input`, in which `mean`, `std` and `size` may be lists.
 *
 * - `preset`: `dinov2` or `clip`, published networks of which all other options are known.
 * - `size`: [height, width], one number for both, or `model`; default: what the model says.
 * - `resize`: how images come to that size; default `clean`.
 * - `crop`: `none` (default) stretches the whole image; `center` takes the middle of an image whose shorter side was resized to `shorter`; `square` resizes the central square.
 * - `layout`: `nchw` or `nhwc`; default: what the model says. `channels`: `rgb` (default) or `bgr`. `range`: `0-1` (default) or `0-255`.
 * - `mean`, `std`: taken off and divided by, one number or one for each channel, in the order and unit of what is fed; default 0 and 1.
 * - `output`: which output; default: the only one.
 * - `tokens`: of outputs [n, tokens, c], the `first` or the `mean`; default: refused.
 * - `unitLength`: whether to normalise features to length 1; default false.
 */
export interface OnnxExtractorOptions extends Said<NetworkOptions> {
  /** Its device: the CPU (default), or with `webgpu` a GPU, whose features are not those of the CPU to the last digits, and are kept apart. */
  readonly device?: Device;
}

/**
 * Any ONNX model with one input of images, [n, 3, h, w] or [n, h, w, 3] in float32, as a feature extractor. Outputs [n, c] or [n, c, 1, 1] are feature vectors; of feature maps
 * [n, c, h, w] ([n, h, w, c] of a model that takes such images) the mean over places is taken, of [n, tokens, c] what `tokens` says.
 *
 * @throws {ReconlossError} `file` when the model cannot be read, `content` when it is none that runs; `invalid-argument` when it has another kind of input, leaves the size open and none is given, has several outputs
 *   and none is named, or an option does not fit; `shape` when it does not run on images of its size, or gives no features
 *
 * @example
 * ```ts
 * import { onnxExtractor } from "reconloss/distribution";
 * const error = await onnxExtractor("no-such-file.onnx", { preset: "dinov2" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function onnxExtractor(path: string, options: OnnxExtractorOptions = {}): Promise<Extractor> {
  checkKind("path", path, "string");
  checkFields("options", options);
  const { device = "cpu", ...networkOptions } = options;
  checkDevice("onnxExtractor", device);
  const { values, given } = resolveNetworkOptions("input", networkOptions);
  checkTogether("input", values);
  const preset = isPresetName(values.preset) ? networkPresets[values.preset] : undefined;
  const model = await openOnnx(path, device);
  const { session, refuse } = model;
  if (session.inputs.length !== 1) {
    const fitting = preset ? `; the file that fits is ${preset.file}` : "";
    throw refuse("invalid-argument", `must have one input, images; it has: ${listed(session.inputs)}${fitting}`);
  }
  const input = imageInput(model, session.inputs[0], values.layout);
  const size = sizeOf(model, input, values.size);
  const { name: output } = chooseOutput(model, given.output ?? "", preset?.options.output);
  const { tokens, unitLength, crop, shorter, resize, channels } = values;
  const run = async (images: Tensor) => {
    const [n] = images.shape;
    const result = await runModel(model, { [input.name]: feed(images, values, input) }, output, input.batch);
    const vectors = toVectors(result, n, { model, output, layout: input.layout, tokens });
    return { [output]: unitLength ? toUnitLength(vectors) : vectors };
  };
  // One image at once, so that a model that does not run is told before hours of work.
  const { [output]: tried } = await run(Tensor.full([1, 3, ...size], 0.5));
  const name = nameOf(path, given, size, tried.shape[1]);
  const ofWeights = createHash("sha256").update(model.bytes).digest("hex");
  const protocol = {
    crop: crop === "center" ? `center of ${shorter || Math.max(...size)}` : crop,
    layout: input.layout,
    channels,
    output: [output, ...tokensInWords[tokens], ...(unitLength ? ["unit length"] : [])].join(", "),
  };
  const words = inputInWords(values);
  return {
    name,
    size,
    outputs: [output],
    input: words,
    key: createHash("sha256")
      .update(JSON.stringify([await placeOf(device), words, protocol, ofWeights]))
      .digest("hex"),
    weights: ofWeights,
    fit: { resizer: resize, crop, ...(shorter > 0 ? { shorter } : {}) },
    protocol,
    run,
  };
}

const tokensInWords = { none: [], first: ["first token"], mean: ["mean of tokens"] } as const;

/** The network's name in results: a preset's name alone where everything is as in the papers, else with what differs. */
function nameOf(
  path: string,
  given: Partial<NetworkOptions>,
  size: readonly [number, number],
  features: number,
): string {
  // The order of axes changes nothing of what a network is shown.
  const { preset: word = "none", layout: _, ...changed } = given;
  const file = basename(path);
  // A file that is called like a known network is none.
  if (!isPresetName(word)) return isNetworkName(file) ? `file ${file}` : file;
  const preset = networkPresets[word];
  const resolve = (some: Readonly<Record<string, unknown>>) =>
    resolveNetworkOptions("input", { ...some, preset: word }).values;
  const { size: ofPreset } = resolve({});
  const sizes = size.join("x") === ofPreset ? {} : { size: size.join("x") };
  const differing = specificationOf(word, { ...changed, ...sizes }, resolve);
  const ofOptions = differing.slice(word.length).replace(/^\(|\)$/g, "");
  const ofFile = features === preset.features ? "" : `features=${features}`;
  const differences = [ofOptions, ofFile].filter((part) => part !== "").join();
  return differences === "" ? word : `${word}(${differences})`;
}

const isNetworkName = (name: string) =>
  Object.hasOwn(networks, name) || isPresetName(name) || name === "tiny" || name === tinyName;

/** The description of an output beside its values. */
interface Taken {
  readonly model: OpenModel;
  readonly output: string;
  readonly layout: "nchw" | "nhwc";
  readonly tokens: NetworkOptions["tokens"];
}

/** One vector [c] of each image: as it is given, of one token, or the mean over places. */
function toVectors({ data, dims }: Values, n: number, { model, output, layout, tokens }: Taken): Tensor {
  const { refuse } = model;
  if (dims.length < 2 || dims.length > 4 || dims[0] !== n || data.length === 0) {
    throw refuse(
      "shape",
      `returned ${dims.join("x")} for ${n} images in its output ${output}, not one feature vector per image`,
    );
  }
  if (dims.length === 3 && tokens === "none") {
    const problem = `returned ${dims.join("x")}, several tokens per image, in its output ${output}; choose tokens=first or tokens=mean`;
    throw refuse("invalid-argument", problem);
  }
  const isLast = dims.length === 3 || (dims.length === 4 && layout === "nhwc");
  const count = isLast ? dims[dims.length - 1] : dims[1];
  const places = data.length / (n * count);
  const shape: Shape = [n, count, 1, 1];
  if (places === 1) return new Tensor(data, shape);
  const used = dims.length === 3 && tokens === "first" ? 1 : places;
  const [ofPlace, ofChannel] = isLast ? [count, 1] : [1, places];
  const means = Float32Array.from({ length: n * count }, (_, i) => {
    const first = Math.floor(i / count) * count * places + (i % count) * ofChannel;
    let sum = 0;
    for (let place = 0; place < used; place++) sum += data[first + place * ofPlace];
    return sum / used;
  });
  return new Tensor(means, shape);
}

/** Vectors of length 1; those of length 0 as they are. */
function toUnitLength({ data, shape }: Tensor): Tensor {
  const [n, count] = shape;
  const scaled = new Float32Array(data.length);
  for (let image = 0; image < n; image++) {
    const vector = data.subarray(image * count, (image + 1) * count);
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < count; i++) scaled[image * count + i] = vector[i] / (length || 1);
  }
  return new Tensor(scaled, shape);
}
