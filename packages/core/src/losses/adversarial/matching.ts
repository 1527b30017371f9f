import { described } from "../../arguments.ts";
import { ReconlossError } from "../../errors.ts";
import type { Ops } from "../../graph/ops.ts";
import { checkOps } from "./checks.ts";

/**
 * Feature matching (Wang et al. 2018, pix2pixHD, equation 4): how far what a discriminator's layers give of outputs is from what they give of targets. Four times the mean over layers of the mean absolute
 * difference, as pix2pixHD's code has it before its weight of 10: a sum over four layers, and a mean over scales. The gradient flows through the outputs' side alone.
 *
 * @param features - what the layers give: `fake` of outputs, `real` of targets; `mean`, over the values of a layer, default: of each image, [n, 1, 1, 1]
 * @throws {ReconlossError} `invalid-argument` for what is no list, and lists that are empty or of different lengths
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { featureMatching } from "@reconloss/core";
 * const [fake, real] = [[0.25, 1], [0.75, 1]].map((layers) => layers.map((value) => reference.scalar(value)));
 * featureMatching(reference, { fake, real }).data[0]; // 1
 * ```
 */
export function featureMatching<T>(
  o: Ops<T>,
  features: { readonly fake: readonly T[]; readonly real: readonly T[]; readonly mean?: (differences: T) => T },
): T {
  checkOps("featureMatching", o, { features });
  const { fake, real, mean = (x) => o.mean(x, "chw") } = features;
  if (!Array.isArray(fake) || !Array.isArray(real) || fake.length === 0 || fake.length !== real.length) {
    const [f, r] = [fake, real].map((layers) => (Array.isArray(layers) ? layers.length : described(layers)));
    const problem = `fake and real must be lists of as many layers each, and not of none, got ${f} and ${r}`;
    throw new ReconlossError("invalid-argument", `featureMatching: ${problem}`);
  }
  const distances = fake.map((layer, index) => mean(o.abs(o.sub(layer, o.stopGradient(real[index])))));
  return o.mul(
    distances.reduce((sum, distance) => o.add(sum, distance)),
    4 / fake.length,
  );
}
