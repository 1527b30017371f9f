import { checkNames, checkObject, described } from "../arguments.ts";
import type { Requested } from "../definitions/definition.ts";
import { ReconlossError } from "../errors.ts";
import type { NotedExtremes } from "../kernels/index.ts";
import { type ImageBatch, isPixels, PreparedImage, tensorOf } from "../pixels/prepared-image.ts";
import { checkDevice, type Device } from "../runtimes/index.ts";
import { type Extremes, elementCount, extremes, formatShape, sameShape, Tensor } from "../tensor.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";

const requestedNames: readonly (keyof Requested)[] = ["grad", "map"];
const optionNames: readonly (keyof EvaluateOptions)[] = [
  ...(["weight", "weightNormalisation", "into", "input", "step", "engine", "device"] as const),
];

/** Refuses what a call wants, and may say, in another form than as options by name, and what is no device. */
export function checkCall(
  name: string,
  requested: unknown,
  options: { readonly device?: Device; readonly step?: number },
): void {
  checkObject(name, "requested", requested);
  checkNames(name, "requested", requested, requestedNames);
  checkObject(name, "options", options);
  checkNames(name, "options", options, optionNames);
  checkDevice(name, options.device);
  const { step } = options;
  if (step === undefined || (Number.isSafeInteger(step) && step >= 1)) return;
  throw new ReconlossError("invalid-argument", `${name}: step must be a whole number from 1, got ${described(step)}`);
}

/** Refuses what is not the batch that outputs were made of. */
export function checkInput(name: string, { shape }: ImageBatch, input: unknown): asserts input is Tensor {
  if (!(input instanceof Tensor)) {
    const problem = `it compares outputs with what they were made of: the option input must be a Tensor, got ${described(input)}`;
    throw new ReconlossError("invalid-argument", `${name}: ${problem}`);
  }
  if (input.shape[0] !== shape[0]) {
    const [given, made] = [formatShape(input.shape), formatShape(shape)];
    throw new ReconlossError(
      "shape",
      `${name}: input is ${given}, which has another number of images than output, ${made}`,
    );
  }
  checkFinite(name, "input", input, extremes(input.data));
}

/** Refuses what are not images of one shape. */
export function checkShapes(name: string, { shape: a }: ImageBatch, { shape: b }: ImageBatch): void {
  if (sameShape(a, b)) return;
  throw new ReconlossError("shape", `${name}: output is ${formatShape(a)} but target is ${formatShape(b)}`);
}

/** Refuses images whose memory another thread was given: what is computed of them is of no images. */
export function checkHeld(name: string, images: Readonly<Record<string, ImageBatch | undefined>>): void {
  for (const [argument, image] of Object.entries(images)) {
    const [least, data] = heldData(image);
    if (data === undefined || data.length >= least) continue;
    const shape = formatShape((image as ImageBatch).shape);
    throw new ReconlossError(
      "invalid-argument",
      `${name}: the memory of ${argument} (${shape}) is no longer available: its buffer was transferred or resized`,
    );
  }
}

/** The samples that an image was given as, and how many there must be. */
function heldData(image: unknown): [least: number, data?: ArrayLike<number>] {
  if (image instanceof PreparedImage && image.pixels) {
    const { data, width, height, step = 1 } = image.pixels;
    return [width * height * step, data];
  }
  const tensor = image instanceof PreparedImage ? image.tensor : image;
  return tensor instanceof Tensor ? [elementCount(tensor.shape), tensor.data] : [0];
}

/** Refuses values that are not numbers, given the least and the greatest of them. */
export function checkFinite(name: string, argument: string, tensor: Tensor, [low, high]: Extremes): void {
  if (Number.isFinite(high - low)) return;
  const position = tensor.data.findIndex((value) => !Number.isFinite(value));
  const where = `element ${position} of ${argument} (${formatShape(tensor.shape)})`;
  throw new ReconlossError("non-finite", `${name}: ${where} is ${tensor.data[position]}`);
}

/** With a range of so much, images hold counts such as 8-bit levels. */
const leastCounts = 100;

/** Whether values are in [0, 1] and no counts, under a range of counts: images that were scaled already. Black images of counts are whole numbers. */
function isScaledDown({ data }: Tensor, [low, high]: Extremes, range: number): boolean {
  return range >= leastCounts && low >= 0 && high <= 1 && data.some((value) => !Number.isInteger(value));
}

/** Targets may overshoot their range by half of it, as resampled ones do; further out, the range is not what was said. */
export function checkRange(
  name: string,
  target: Tensor,
  [low, high]: Extremes,
  [black, white]: readonly [number, number],
): void {
  const slack = (white - black) / 2;
  const fits = low >= black - slack && high <= white + slack;
  if (fits && !isScaledDown(target, [low, high], white - black)) return;
  const found = `target (${formatShape(target.shape)}) has values from ${low} to ${high}`;
  const expected = black === 0 ? `dataRange is ${white}` : `the images' range is [${black}, ${white}]`;
  throw new ReconlossError(
    "range",
    `${name}: ${found}, but ${expected}; scale the images to [${black}, ${white}], or set the option for their range`,
  );
}

/** Refuses values that a loss cannot work with; `noted`: their extremes, as far as they are known. */
export function checkValues(
  name: string,
  output: ImageBatch,
  target: ImageBatch,
  range: readonly [number, number] | undefined,
  noted: NotedExtremes,
): void {
  if (!isPixels(output)) checkFinite(name, "output", tensorOf(output), noted.output ?? extremes(tensorOf(output).data));
  if (isPixels(target)) return;
  const compared = tensorOf(target);
  const ofTarget = (target === output ? noted.output : noted.target) ?? extremes(compared.data);
  checkFinite(name, "target", compared, ofTarget);
  if (range !== undefined) checkRange(name, compared, ofTarget, range);
}

/** Refuses a tensor that a gradient cannot be written to: it would not fit, or overwrite what it is computed from. */
export function checkInto(name: string, into: Tensor, images: Readonly<Record<string, ImageBatch | undefined>>): void {
  if (!(into instanceof Tensor)) {
    throw new ReconlossError("invalid-argument", `${name}: into must be a Tensor, got ${described(into)}`);
  }
  for (const [argument, image] of Object.entries(images)) {
    if (!(image instanceof Tensor || image instanceof PreparedImage)) continue;
    if (argument === "output" && !sameShape(into.shape, image.shape)) {
      const [wanted, got] = [image.shape, into.shape].map(formatShape);
      throw new ReconlossError("shape", `${name}: output is ${wanted} but into is ${got}`);
    }
    if (isPixels(image)) continue;
    const [a, b] = [tensorOf(image).data, into.data];
    if (a.buffer !== b.buffer) continue;
    if (a.byteOffset >= b.byteOffset + b.byteLength || b.byteOffset >= a.byteOffset + a.byteLength) continue;
    throw new ReconlossError("invalid-argument", `${name}: into must not share memory with ${argument}`);
  }
}

/** The options by which the values of images are checked. */
interface Ranged {
  /** Its name in results. */
  readonly label: string;
  /** Black and white; absent where nothing says so. */
  readonly range?: readonly [low: number, high: number];
}

/** The values of images of 8 or 16 bits a sample. */
const pixelRange = [0, 1] as const;

/**
 * Refuses losses whose options say of pixels what they are not: whatever their bits, they are always scaled to [0, 1].
 *
 * @param kind - what the pixels are called
 * @throws {ReconlossError} `invalid-argument` for a loss of another range
 */
export function checkPixelRange(losses: readonly Ranged[], kind: "files" | "pixels"): void {
  for (const { label, range } of losses) {
    if (range === undefined || range.every((value, index) => value === pixelRange[index])) continue;
    const declared = `its options say that images are in [${range.join(", ")}]`;
    throw new ReconlossError(
      "invalid-argument",
      `${label}: ${declared}, but ${kind} of any number of bits are read as [${pixelRange.join(", ")}]; omit the option`,
    );
  }
}
