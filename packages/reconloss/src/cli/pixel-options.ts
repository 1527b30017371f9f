import { ReconlossError } from "@reconloss/core";
import { backdropOf } from "@reconloss/core/internal";
import { type Command, Option } from "commander";
import type { AlphaOptions, PixelOptions } from "../image/index.ts";

/** The flags of transparent pixels. */
export interface AlphaFlags {
  alpha?: AlphaOptions["alpha"];
  background?: string;
}

/** The flags of reading files as pixels. */
export interface PixelFlags extends Omit<AlphaFlags, "alpha"> {
  /** `mask`: the target's is the weight of its pixels. */
  alpha?: AlphaFlags["alpha"] | "mask";
  decode: PixelOptions["decode"];
}

/** `--alpha`; only pairs can have their alpha compared, and only what is written can keep it. */
export function alphaOption({ compares = false, keeps = false } = {}): Option {
  const more = compares
    ? ", or compare alpha too, or use the target's alpha as pixel weights (mask)"
    : keeps
      ? ", or keep alpha, enlarged along with the colours"
      : "";
  return new Option("--alpha <mode>", `transparent pixels: reject the image, or composite it over --background${more}`)
    .choices(["reject", "composite", ...(compares ? ["compare", "mask"] : []), ...(keeps ? ["keep"] : [])])
    .default(undefined, "reject, or composite with a background");
}

/** `--background`. */
export function backgroundOption(): Option {
  const description = "background of transparent pixels: a name, #rrggbb or checker";
  return new Option("--background <colour>", description).default(undefined, "white");
}

/** Adds the options of {@link PixelFlags}. */
export function addPixelOptions(command: Command, alpha = alphaOption()): Command {
  const decode = new Option(
    "--decode <way>",
    "decode pixels as stored, or as Pillow does for CMYK, 16 bits, EXIF and alpha",
  );
  return command
    .addOption(alpha)
    .addOption(backgroundOption())
    .addOption(decode.choices(["stored", "pillow"]).default("stored"));
}

/**
 * The options of the API that these flags stand for.
 *
 * @throws {ReconlossError} `invalid-argument` for a background that is none, or that nothing is laid over
 */
export function alphaOptions({ alpha, background }: AlphaFlags): AlphaOptions {
  if (background !== undefined && alpha !== undefined && alpha !== "composite") {
    throw new ReconlossError("invalid-argument", `--background needs --alpha composite, but --alpha is ${alpha}`);
  }
  if (background !== undefined) backdropOf("--background", background);
  return { alpha, background };
}

/**
 * The same for {@link PixelFlags}.
 *
 * @throws {ReconlossError} also for alpha under `--decode pillow`, which drops it
 */
export function pixelOptions(flags: PixelFlags): PixelOptions {
  const conflicting = (["alpha", "background"] as const).find((name) => flags[name] !== undefined);
  if (flags.decode === "pillow" && conflicting !== undefined) {
    throw new ReconlossError("invalid-argument", `--decode pillow drops alpha, as Pillow does; omit --${conflicting}`);
  }
  const { alpha, background, decode } = flags;
  if (alpha === "mask" && background !== undefined) {
    throw new ReconlossError("invalid-argument", "--background needs --alpha composite, but --alpha is mask");
  }
  // Where images are shown, they lie over a background.
  return { ...alphaOptions({ alpha: alpha === "mask" ? "composite" : alpha, background }), decode };
}
