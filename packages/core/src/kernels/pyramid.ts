import type { Tensor } from "../tensor.ts";
import type { ImageTask, KernelRun } from "./kernel.ts";
import { type PlanesOfPair, planesOfPair } from "./passes.ts";
import { dimensions } from "./rows.ts";
import { halving, unhalving } from "./strips/halving.ts";
import { mixing as mixingStrips } from "./strips/mixing.ts";
import type { HalvingSpec, KernelImage, Mixing, UnhalvingSpec } from "./types.ts";

/** The planes that the channels of a pair are mixed to. */
export function mixPlanes(images: Pair, mixing: Mixing): KernelRun<PlanesOfPair> {
  return planesOfPair(images, mixingStrips, { kind: "mixing", mixing }, 1);
}

type Pair = Pick<ImageTask, "output" | "target">;

/**
 * A pair of half the size, by means over 2x2 pixels; of what channels are mixed to, if so.
 *
 * @param unnoted - whether the extremes of what is read are not wanted
 */
export function halvePlanes(images: Pair, spec: Omit<HalvingSpec, "kind">, unnoted?: boolean): KernelRun<PlanesOfPair> {
  const { planes } = dimensions(images.output);
  return planesOfPair(images, halving, { ...spec, kind: "halving" }, spec.mixing ? 1 : planes[0], unnoted);
}

/** The gradient of one scale: where it goes, what it has of its own, and that of the next scale. */
interface Gradients {
  /** The image of this scale. */
  readonly image: KernelImage;
  readonly grad: Float32Array;
  /** Of this scale alone, one for all channels or for each; absent: 0. It may lie where the gradient goes. */
  readonly own?: Tensor;
  /** Of the next scale, one for all channels or for each; absent: 0. */
  readonly coarse?: Tensor;
}

/** grad = scale * own + the share of the next scale's gradient. */
export function* addCoarser(
  { image, grad, own, coarse }: Gradients,
  spec: Omit<UnhalvingSpec, "kind">,
): KernelRun<void> {
  yield {
    kernel: unhalving,
    spec: { ...spec, kind: "unhalving" },
    output: image,
    target: own,
    weight: coarse,
    grad,
    unnoted: true,
  };
}
