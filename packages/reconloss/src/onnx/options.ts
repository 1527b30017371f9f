import type { Option, OptionsOf, Schema } from "@reconloss/core";
import { ReconlossError } from "@reconloss/core";
import { choice, flag, integer, list, parseList, parseOptions, resolveOptions } from "@reconloss/core/internal";
import { resizers } from "@reconloss/core/pixels";
import { networkPresets } from "./presets.ts";

/** An option that is the name of an input or output. */
export function inputName(help: string): Option<string> {
  const read = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return { default: "", help, accepts: "a name", read };
}

const sides = /^\s*(\d+)\s*(?:[x:]\s*(\d+)\s*)?$/i;

/** An option that is a size in pixels: one number for both axes, or two, height first. */
function size(help: string): Option<string> {
  const read = (value: unknown) => {
    if (value === "model") return value;
    const [, height, width = height] = sides.exec(String(value)) ?? [];
    if (height === undefined || Number(height) === 0 || Number(width) === 0) return undefined;
    return `${Number(height)}x${Number(width)}`;
  };
  return { default: "model", help, accepts: "a whole number of pixels, HEIGHTxWIDTH, or model", read };
}

/** Numbers that are the same for all channels, or one for each. */
function perChannel(fallback: string, help: string, bounds: { above?: number } = {}): Option<string> {
  const numbers = list(fallback, help, bounds);
  const read = (value: unknown) => {
    const text = numbers.read(value);
    if (text === undefined) return undefined;
    const values = parseList(text);
    if ((values.length !== 1 && values.length !== 3) || !values.every(Number.isFinite)) return undefined;
    return values.join(":");
  };
  const above = bounds.above === undefined ? "" : ` > ${bounds.above}`;
  return { ...numbers, accepts: `one number${above}, or three separated by colons`, read };
}

/** The mapping of pixels to the input of a model. */
export const feedSchema = {
  size: size("height and width of the input; model: as the model specifies, if it does"),
  resize: choice(
    [...resizers, "pillow"],
    "clean",
    "how images are resized to that size; clean is Pillow's bicubic filter with antialiasing in floating point, pillow the same in 8 bits",
  ),
  crop: choice(
    ["none", "center", "square"],
    "none",
    "none stretches the whole image; center takes the middle of an image whose shorter side was resized (torchvision's Resize and CenterCrop); square resizes the central square",
  ),
  shorter: integer(0, "for crop=center: the shorter side before the crop; 0 means the size itself", {
    min: 0,
  }),
  layout: choice(
    ["model", "nchw", "nhwc"],
    "model",
    "the order of the axes; model: as the model's shape implies, else nchw",
  ),
  channels: choice(["rgb", "bgr"], "rgb", "the order of its channels"),
  range: choice(["0-1", "0-255"], "0-1", "the values of black and white before the mean is subtracted"),
  mean: perChannel("0", "subtracted from each channel, in the channel order and unit of the input"),
  std: perChannel("1", "divisor of each channel after the mean is subtracted", { above: 0 }),
  output: inputName("name of the output; default: the only one"),
} satisfies Schema;

/** The input of a network and the output that is taken of it: the options of `--input`. */
export const networkSchema = {
  preset: choice(["none", ...Object.keys(networkPresets)], "none", "a published network, which sets all other options"),
  ...feedSchema,
  tokens: choice(
    ["none", "first", "mean"],
    "none",
    "for outputs [n, tokens, c] of vision transformers: the first (class) token, or the mean of all; none rejects such outputs",
  ),
  unitLength: flag(false, "whether to normalise features to length 1"),
} satisfies Schema;

/** The values of {@link feedSchema}. */
export type FeedOptions = OptionsOf<typeof feedSchema>;

/** The values of {@link networkSchema}. */
export type NetworkOptions = OptionsOf<typeof networkSchema>;

/** The options of a model's input for callers, where lists stand for what specifications write with colons. */
export type Said<Options> = {
  readonly [K in keyof Options]?: K extends "size"
    ? string | number | readonly number[]
    : K extends "mean" | "std"
      ? string | number | readonly number[]
      : Options[K];
};

/** Options whose lists are texts, as tables read them. */
export function withTexts(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      Array.isArray(value) || ArrayBuffer.isView(value)
        ? Array.from(value as ArrayLike<unknown>).join(key === "size" ? "x" : ":")
        : value,
    ]),
  );
}

/** The values by preset, as `resolveOptions` takes them. */
const ofPresets = Object.fromEntries(Object.entries(networkPresets).map(([preset, { options }]) => [preset, options]));

/**
 * All options of a network's input, of those that are said.
 *
 * @param caller - what errors begin with
 * @throws {ReconlossError} `invalid-argument` for an option that there is not, or a value that it does not take
 */
export function resolveNetworkOptions(caller: string, given: Readonly<Record<string, unknown>>) {
  return resolveOptions(caller, networkSchema, withTexts(given), ofPresets);
}

/** Refuses options that make no sense beside each other. */
export function checkTogether(caller: string, { crop, shorter, size }: FeedOptions): void {
  const refuse = (problem: string) => {
    throw new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  };
  if (shorter !== 0 && crop !== "center") refuse(`option shorter applies only to crop=center, but crop is ${crop}`);
  const [height, width] = size === "model" ? [0, 0] : bothSides(size);
  if (shorter !== 0 && shorter < Math.max(height, width)) {
    refuse(`option shorter must be at least the size, ${size}, got ${shorter}`);
  }
  if (crop === "square" && height !== width) refuse(`crop=square needs a square size, got ${size}`);
}

/** Both numbers of a size. */
export function bothSides(size: string): readonly [height: number, width: number] {
  const [height, width] = size.split("x").map(Number);
  return [height, width];
}

/**
 * The options that `--input` says: `mean=0.5,std=0.5,size=224`, the name of a preset, or both, the name first.
 *
 * @throws {ReconlossError} `syntax` for text that is no list of options, and as {@link resolveNetworkOptions}
 */
export function parseNetworkInput(text: string): Partial<NetworkOptions> {
  const [first, ...others] = text.split(",");
  const isName = first.trim() !== "" && !first.includes("=");
  const written = isName ? [`preset=${first}`, ...others].join(",") : text;
  return resolveNetworkOptions("--input", parseOptions("--input", text, written)).given;
}
