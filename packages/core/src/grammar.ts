import { type Loss, type LossFactory, parseLosses as parseList, parseLoss as parseSpec } from "./losses/index.ts";
import { gan } from "./train/adversarial.ts";

/** The adversarial loss belongs to the grammar, unless the caller brings one of their own. */
function withGan(more: readonly LossFactory[]): readonly LossFactory[] {
  // What is no list is refused where it is read.
  const isDone = !Array.isArray(more) || more.some((factory) => factory?.info?.name === gan.info.name);
  return isDone ? more : [...more, gan as unknown as LossFactory];
}

/**
 * A loss from its specification: `ssim(preset=skimage)`, or a weighted sum such as `l1 + 0.1*ssim + 0.01*tv`.
 *
 * Its `label`, under which results list it, is the text as it was typed, or the name behind it in `psnr(crop=2) as PSNR`. A single name is the loss itself, with its own direction; a sum is minimised, as
 * {@link weighted} says. Names, options and words are matched without regard to case, hyphens and underscores, and the field's other names are taken (`mae`,
 * `ciede2000`). `gan` is a discriminator that begins untrained: it learns by the `update` of the loss's `learners`, which a trainer calls at each step.
 *
 * @param more - losses that can be named besides the library's own, made by {@link defineLoss}
 * @throws {ReconlossError} `syntax` for text that is not a specification; `invalid-argument` for an option that the loss does not take, or a loss of
 * one's own under a name that is taken
 * @example
 * ```ts
 * import { defineLoss, parseLoss } from "@reconloss/core";
 * parseLoss("l1 + 0.1*ssim(preset=wang) + 0.01*tv").spec; // "l1 + 0.1*ssim + 0.01*tv": wang is the default
 * parseLoss("l1 + 0.005*gan(objective=hinge,features=16)").learners?.length; // 1
 * const bright = defineLoss({
 *   name: "bright",
 *   summary: "mean of the output",
 *   better: "lower",
 *   source: "an example",
 *   needsTarget: false,
 *   options: {},
 *   define: () => ({ score: (o, { output }) => o.mean(output, "chw") }),
 * });
 * parseLoss("l1 + 0.1*bright", [bright]).label; // "l1 + 0.1*bright"
 * ```
 */
export function parseLoss(spec: string, more: readonly LossFactory[] = []): Loss {
  return parseSpec(spec, withGan(more));
}

/**
 * Several losses from a list of specifications separated by commas.
 *
 * @param more - as {@link parseLoss} takes them
 * @throws {ReconlossError} as {@link parseLoss}, and `syntax` for a loss or a name that is listed twice
 * @example
 * ```ts
 * import { parseLosses } from "@reconloss/core";
 * parseLosses("psnr(channels=y-bt601,crop=4), ssim").map((loss) => loss.name); // ["psnr", "ssim"]
 * parseLosses("psnr(channels=y-bt601,crop=4) as PSNR-Y, ssim").map((loss) => loss.label); // ["PSNR-Y", "ssim"]
 * ```
 */
export function parseLosses(list: string, more: readonly LossFactory[] = []): Loss[] {
  return parseList(list, withGan(more));
}
