import { checkFunction, checkObject } from "../../arguments.ts";
import { differentiate, type Traced, type Tracing } from "../../graph/autodiff.ts";
import type { Ops } from "../../graph/ops.ts";
import { checkOps } from "./checks.ts";

/** A discriminator within a differentiation: the logits of images. Its tensors come from outside and have to be lifted. */
export type Discriminate<T> = (tracing: Tracing<T>, images: Traced<T>) => Traced<T>;

/** A discriminator's outputs for images, and their gradient with respect to the pixels. */
export interface Judgement<T> {
  readonly logits: T;
  /** In the shape of the images. */
  readonly gradient: T;
}

/**
 * A discriminator's logits, and the gradient of their sum with respect to the images: for each image that of its own logits, unless a batch
 * norm mixes them. Both are made of the same operations, so they can be differentiated again.
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { imageGradient } from "@reconloss/core";
 * const { logits, gradient } = imageGradient(reference, ({ o }, x) => o.square(x), reference.scalar(3));
 * logits.data[0]; // 9
 * gradient.data[0]; // 6
 * ```
 */
export function imageGradient<T>(o: Ops<T>, discriminate: Discriminate<T>, images: T): Judgement<T> {
  checkOps("imageGradient", o, { images });
  checkFunction("imageGradient", "discriminate", discriminate);
  const { value, gradients } = differentiate(o, (tracing, [x]) => discriminate(tracing, x), [images]);
  return { logits: value, gradient: gradients[0] };
}

/**
 * The R1 penalty (Mescheder et al. 2018): the mean over the batch of the squared length of the {@link imageGradient} at real images, [1, 1, 1, 1]. Without
 * the paper's factor gamma / 2; StyleGAN2 weighs it by 5. At generated images it is the R2 penalty of the same paper. The numbers are those of BasicSR's `r1_penalty`.
 *
 * @param gradient - at real images, [n, c, h, w]
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { imageGradient, r1Penalty } from "@reconloss/core";
 * const { gradient } = imageGradient(reference, ({ o }, x) => o.mul(x, 3), reference.scalar(0.5));
 * r1Penalty(reference, gradient).data[0]; // 9
 * ```
 */
export function r1Penalty<T>(o: Ops<T>, gradient: T): T {
  checkOps("r1Penalty", o, { gradient });
  return o.mean(o.sum(o.square(gradient), "chw"), "n");
}

/**
 * The penalty of WGAN-GP (Gulrajani et al. 2017) on a gradient that is there already: the mean over the batch of (|gradient| - 1)^2, [1, 1, 1, 1]. The length is over all of an image's
 * pixels, as in the paper; where it is 0, its own gradient is taken as 0. {@link gradientPenalty} takes the gradient too, of a discriminator over `Ops`.
 *
 * @param gradient - at points between real and fake images, [n, c, h, w]
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { imageGradient, wganGpPenalty } from "@reconloss/core";
 * const { gradient } = imageGradient(reference, ({ o }, x) => o.mul(x, 3), reference.scalar(0.5));
 * wganGpPenalty(reference, gradient).data[0]; // 4: (3 - 1)^2
 * ```
 */
export function wganGpPenalty<T>(o: Ops<T>, gradient: T): T {
  checkOps("wganGpPenalty", o, { gradient });
  const length = o.root(o.sum(o.square(gradient), "chw"));
  return o.mean(o.square(o.sub(length, 1)), "n");
}

/**
 * The gradient penalty of WGAN-GP (Gulrajani et al. 2017): the mean over the batch of (|{@link imageGradient}| - 1)^2 at points between real
 * and fake images, [1, 1, 1, 1]. The length is over all of an image's pixels, as in the paper; BasicSR's `gradient_penalty_loss` takes
 * it over the channels of each pixel. Where the gradient is 0, that of its length is taken as 0.
 *
 * @param images.alpha - where between, 1 at the real and 0 at the fake image; uniform in [0, 1], one for each image, [n, 1, 1, 1]
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { gradientPenalty } from "@reconloss/core";
 * const [real, fake, alpha] = [1, 0, 0.25].map((value) => reference.scalar(value));
 * gradientPenalty(reference, ({ o }, x) => o.mul(x, 3), { real, fake, alpha }).data[0]; // 4: (3 - 1)^2
 * ```
 */
export function gradientPenalty<T>(
  o: Ops<T>,
  discriminate: Discriminate<T>,
  images: { readonly real: T; readonly fake: T; readonly alpha: T },
): T {
  checkObject("gradientPenalty", "images", images);
  const { real, fake, alpha } = images;
  checkOps("gradientPenalty", o, { real, fake, alpha });
  const between = o.add(fake, o.mul(alpha, o.sub(real, fake)));
  return wganGpPenalty(o, imageGradient(o, discriminate, between).gradient);
}
