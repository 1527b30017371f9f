import { createHash } from "node:crypto";
import { basename } from "node:path";
import {
  type Better,
  type Device,
  type EvaluateOptions,
  type Evaluation,
  type ImageInput,
  type Loss,
  type LossFactory,
  type LossInfo,
  lossFactories,
  type Option,
  type OptionsOf,
  type OptionValue,
  ReconlossError,
  type Requested,
  type Schema,
  type Shape,
  type Target,
  Tensor,
} from "@reconloss/core";
import {
  BaseLoss,
  checkArguments,
  checkDevice,
  checkWritableName,
  choice,
  firstNonFinite,
  formatShape,
  integer,
  otherNames,
  parseOptions,
  resolveInput,
  resolveOptions,
  resolveTarget,
  specificationOf,
  targetImage,
  tensorOf,
} from "@reconloss/core/internal";
import { feed, imageInput, type ImageInput as ModelInput, runModel, sizeOf } from "../onnx/feed.ts";
import { fitImage } from "../onnx/fit.ts";
import { chooseOutput, listed, type OpenModel, openOnnx } from "../onnx/open.ts";
import { checkTogether, feedSchema, inputName, type Said, withTexts } from "../onnx/options.ts";

const better: Option<Better | ""> = {
  ...choice(
    ["lower", "higher", "target"],
    "lower",
    "direction of better values; target, for a model of one image: closer to the target's own value",
  ),
  default: "",
};

/** The options of a model that measures images. */
const schema = {
  better,
  decimals: integer(4, "digits after the decimal point", { min: 0, max: 12 }),
  target: inputName("which of two inputs takes the target; default: the one called target, else the second"),
  ...feedSchema,
} satisfies Schema;

/** The names of the options of {@link openModelMetric}. */
export const modelMetricOptions: readonly string[] = Object.keys(schema);

type Values = OptionsOf<typeof schema>;

/** Options of {@link openModelMetric}: those of `--metric-model`, in which `mean`, `std` and `size` may be lists. */
export type ModelMetricOptions = Omit<Said<Values>, "better"> & { readonly better: Better };

/** A metric that a model computes, as the command line says it. */
export interface ModelMetricText {
  readonly name: string;
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The file ends where options begin: at a comma with a name and `=` after it. */
const written = /^\s*(?<name>[^=,\s]+)\s*=\s*(?<path>.+?)\s*(?:,(?<options>\s*[A-Za-z][\w-]*\s*=.*))?$/;

/**
 * Parses the value of `--metric-model`: `mine=model.onnx,better=lower,range=0-255`.
 *
 * @throws {ReconlossError} `syntax` for text of another form
 */
export function parseModelMetric(text: string): ModelMetricText {
  const { name, path, options } = written.exec(text)?.groups ?? {};
  if (name !== undefined) return { name, path, options: parseOptions("--metric-model", text, options) };
  const form = "NAME=model.onnx,better=lower (or higher), and further options";
  throw new ReconlossError("syntax", `--metric-model is written ${form}, got "${text}"`);
}

/**
 * A metric that an ONNX file computes, as a loss for {@link comparePairs}: of two inputs, output and target, or of one, the output alone. It gives values, not gradients or maps.
 *
 * Images are fed as they are where the model leaves its size open; `size` brings them to one (by `resize`, default `clean`, and `crop`), and so does the model's own size where
 * `resize` or `crop` is said: without, images of another size are refused. A grey image is fed as three equal channels where the model takes three. Images are computed one by one,
 * and the output has to be one number.
 *
 * @param name - what results list it under, and conditions name
 * @param path - the ONNX file
 * @param options - `better` (`lower`, `higher`, or `target` of a model of one image) must be said; `decimals`; `target`, which of two inputs takes the target (default: the one
 *   called `target`, else the second); `size`, `resize`, `crop`, `shorter`, `layout`, `channels`, `range`, `mean`, `std` and `output` as in `OnnxExtractorOptions`
 * @throws {ReconlossError} `file` when the model cannot be read, `content` when it is none that runs; `invalid-argument` for a name that a loss has already, a model of other inputs or several outputs of which none is
 *   named, or an option that does not fit. When it is evaluated, `shape` for images that it does not take, and for an output that is not one number
 *
 * @example
 * ```ts
 * import { openModelMetric } from "reconloss/compare";
 * const error = await openModelMetric("mine", "no-such-file.onnx", { better: "lower" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function openModelMetric(
  name: string,
  path: string,
  options: ModelMetricOptions,
  more: readonly LossFactory[] = [],
): Promise<Loss> {
  checkArguments("openModelMetric", {
    name: [name, "text"],
    path: [path, "text"],
    options: [options, "object"],
    more: [more, "list"],
  });
  checkWritableName("metric", name);
  const taken = [...lossFactories, ...more].map(({ info }) => info.name).concat(Object.keys(otherNames));
  const same = taken.find((other) => other.toLowerCase() === name.toLowerCase());
  if (same !== undefined) {
    throw new ReconlossError("invalid-argument", `a custom metric cannot be named "${name}": "${same}" exists already`);
  }
  const resolve = (some: Readonly<Record<string, unknown>>) => resolveOptions(name, schema, withTexts(some));
  const { values, given } = resolve(options);
  if (values.better === "") {
    throw new ReconlossError(
      "invalid-argument",
      `${name}: state which values are better: better=lower or better=higher`,
    );
  }
  checkTogether(name, values);
  const model = await openOnnx(path, "cpu");
  const inputs = chooseInputs(model, values);
  if (values.better === "target" && inputs.target) {
    throw new ReconlossError(
      "invalid-argument",
      `${name}: better=target applies only to models of one image; ${path} takes two`,
    );
  }
  const { name: output } = chooseOutput(model, values.output);
  const hash = createHash("sha256").update(model.bytes).digest("hex").slice(0, 16);
  return new ModelMetric({
    name,
    values: { ...values, better: values.better },
    spec: specificationOf(name, given, (some) => resolve(some).values),
    model,
    inputs,
    output,
    size: sizeFor(name, model, inputs.output, values, given),
    protocol: { model: basename(path), weights: hash },
  });
}

/** The inputs of a model. */
interface Inputs {
  readonly output: ModelInput;
  readonly target?: ModelInput;
}

/** The input for outputs, and that for targets. */
function chooseInputs(model: OpenModel, { target: named, layout }: Values): Inputs {
  const { session, refuse } = model;
  const infos = session.inputs;
  if (infos.length !== 1 && infos.length !== 2) {
    throw refuse(
      "invalid-argument",
      `must have one input, an image, or two, output and target; it has: ${listed(infos)}`,
    );
  }
  const names = infos.map(({ name }) => name);
  if (named !== "" && (infos.length === 1 || !names.includes(named))) {
    throw refuse("invalid-argument", `has no second input ${named} for the target; it has: ${listed(infos)}`);
  }
  const read = (info: (typeof infos)[number]) => imageInput(model, info, layout, [3, 1]);
  if (infos.length === 1) return { output: read(infos[0]) };
  const at = names.indexOf(named === "" ? (names.includes("target") ? "target" : names[1]) : named);
  return { output: read(infos[1 - at]), target: read(infos[at]) };
}

/** The resizing of images to a model's size; undefined where they are fed as they are. */
interface Sizing {
  readonly size: readonly [height: number, width: number];
  /** Whether images of other sizes are brought to it; they are refused where not. */
  readonly fits: boolean;
}

function sizeFor(
  name: string,
  model: OpenModel,
  input: ModelInput,
  values: Values,
  given: Partial<Values>,
): Sizing | undefined {
  const fits = given.size !== undefined || given.resize !== undefined || (given.crop ?? "none") !== "none";
  if (values.size !== "model" || input.size.every((side) => side !== undefined)) {
    return { size: sizeOf(model, input, values.size), fits };
  }
  if (input.size.some((side) => side !== undefined)) sizeOf(model, input, values.size);
  if (!fits) return undefined;
  throw new ReconlossError(
    "invalid-argument",
    `${name}: the model does not fix the size of its images; set it, as size=224`,
  );
}

/** All that makes a {@link ModelMetric}. */
interface Parts {
  readonly name: string;
  readonly values: Values & { readonly better: Better };
  readonly spec: string;
  readonly model: OpenModel;
  readonly inputs: Inputs;
  readonly output: string;
  readonly size?: Sizing;
  readonly protocol: Readonly<Record<string, string>>;
}

class ModelMetric extends BaseLoss implements Loss {
  override readonly label: string;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly needsTarget: boolean;
  readonly hasMap = false;
  readonly offset = 0;
  readonly #parts: Parts;
  /** One for each device that was asked for. */
  readonly #models = new Map<Device, Promise<OpenModel>>();

  constructor(parts: Parts) {
    const { name, values, spec, protocol, inputs } = parts;
    const info: LossInfo = {
      name,
      summary: `output of the model ${protocol.model} for ${inputs.target ? "output and target" : "an image"}`,
      better: values.better,
      decimals: values.decimals,
      source: `${protocol.model}, SHA-256 ${protocol.weights}`,
      options: schema,
    };
    super(info, spec);
    this.label = name;
    this.options = { ...values, ...protocol };
    this.needsTarget = inputs.target !== undefined;
    this.#parts = parts;
    this.#models.set("cpu", Promise.resolve(parts.model));
  }

  override refusal([, c, h, w]: Shape): string | undefined {
    const { inputs, size, model } = this.#parts;
    const file = basename(model.path);
    if (c !== 1 && c !== 3) return `but ${file} takes grey or colour images`;
    if (c === 3 && inputs.output.channels === 1) return `but ${file} takes grey images`;
    if (size === undefined || size.fits || (size.size[0] === h && size.size[1] === w)) return undefined;
    return `but ${file} takes images of ${size.size.join("x")}; choose how to resize others, such as resize=clean`;
  }

  async evaluate(
    input: ImageInput,
    comparedWith: Target | undefined,
    requested: Requested,
    options: EvaluateOptions = {},
  ): Promise<Evaluation> {
    checkDevice(this.name, options.device);
    if (requested.grad || requested.map) this.#refuse("a custom model has no gradients and no maps");
    if (options.weight !== undefined) this.#refuse("a custom model takes no weight");
    if (options.engine !== undefined && options.engine !== "onnx") {
      this.#refuse(`a custom model runs on engine onnx, not on ${options.engine}`);
    }
    const output = tensorOf(await resolveInput(this.name, "output", input));
    const target = this.needsTarget ? tensorOf(targetImage(await resolveTarget(this.name, comparedWith))) : undefined;
    this.#check("output", output);
    if (target !== undefined) {
      if (formatShape(target.shape) !== formatShape(output.shape)) {
        const shapes = `output is ${formatShape(output.shape)} but target is ${formatShape(target.shape)}`;
        throw new ReconlossError("shape", `${this.name}: ${shapes}`);
      }
      this.#check("target", target);
    }
    const perImage = new Float64Array(output.shape[0]);
    for (const index of perImage.keys()) {
      perImage[index] = await this.#measure(imageOf(output, index), target && imageOf(target, index), options.device);
    }
    const value = perImage.reduce((sum, one) => sum + one, 0) / perImage.length;
    return { value, perImage, scores: perImage, terms: { [this.label]: value } };
  }

  override evaluateSync(): Evaluation {
    return this.#refuse("cannot be evaluated at once: a model takes a promise; use value or evaluate");
  }

  #refuse(problem: string): never {
    throw new ReconlossError("invalid-argument", `${this.name}: ${problem}`);
  }

  #check(argument: string, { shape, data }: Tensor): void {
    const refusal = this.refusal(shape);
    if (refusal !== undefined) {
      throw new ReconlossError("shape", `${this.name}: ${argument} is ${formatShape(shape)}, ${refusal}`);
    }
    const at = firstNonFinite(data);
    if (at < 0) return;
    throw new ReconlossError("non-finite", `${this.name}: element ${at} of ${argument} is ${data[at]}`);
  }

  /** The number of one image, or of one pair. */
  async #measure(output: Tensor, target: Tensor | undefined, device: Device = "cpu"): Promise<number> {
    const { inputs, output: wanted } = this.#parts;
    const opened = this.#models.get(device) ?? openOnnx(this.#parts.model.path, device);
    this.#models.set(device, opened);
    const model = await opened;
    const feeds = { [inputs.output.name]: await this.#feed(output, inputs.output) };
    if (inputs.target && target) feeds[inputs.target.name] = await this.#feed(target, inputs.target);
    const { data, dims } = await runModel(model, feeds, wanted, inputs.output.batch);
    if (data.length === 1) return data[0];
    throw new ReconlossError(
      "shape",
      `${this.name}: ${basename(model.path)} returned ${dims.join("x")} for one image in its output ${wanted}, not one number`,
    );
  }

  async #feed(image: Tensor, input: ModelInput) {
    const { values, size } = this.#parts;
    const { crop, shorter, resize: resizer } = values;
    const fitted = size?.fits
      ? await fitImage(image, { size: size.size, resizer, crop, ...(shorter > 0 ? { shorter } : {}) })
      : image;
    return feed(fitted.shape[1] === 1 && input.channels !== 1 ? asColour(fitted) : fitted, values, input);
  }
}

/** One image of a batch. */
function imageOf({ data, shape: [n, c, h, w] }: Tensor, index: number): Tensor {
  const length = c * h * w;
  return n === 1
    ? new Tensor(data, [1, c, h, w])
    : new Tensor(data.slice(index * length, (index + 1) * length), [1, c, h, w]);
}

/** A grey image as three equal channels. */
function asColour({ data, shape: [, , h, w] }: Tensor): Tensor {
  const colour = new Float32Array(3 * h * w);
  for (let channel = 0; channel < 3; channel++) colour.set(data, channel * h * w);
  return new Tensor(colour, [1, 3, h, w]);
}
