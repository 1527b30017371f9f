import { ReconlossError } from "../errors.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { type AnyProgram, outputTensor } from "../graph/program.ts";
import { Recent } from "../recent.ts";
import { checkDevice, type Device } from "../runtimes/index.ts";
import { extremes, formatShape, sameShape, Tensor } from "../tensor.ts";
import { checkFinite, checkHeld } from "./checks.ts";
import { makeWindow, windowCovariance, windowMean } from "./windows.ts";

/** Residuals this close together count as equal: images of 8 bits have many that are, but for rounding. */
const tie = 1e-4;

/** The map of {@link artifactMap} as mathematics, [n, 1, h, w] of images [n, c, h, w]. */
export function artifactWeight<T>(o: Ops<T>, output: T, target: T, averaged: T, size: number): T {
  const residual = (x: T) => o.sum(o.abs(o.sub(target, x)), "c");
  const [own, ofAveraged] = [residual(output), residual(averaged)];
  const centred = o.sub(own, o.mean(own, "hw"));
  const global = o.div(o.sum(o.square(centred), "hw"), o.sub(o.size(own, "hw"), 1));
  const window = makeWindow("uniform", [size, size], [1, 1]);
  const padded = o.padWith(centred, (size - 1) / 2, "reflect");
  const mean = windowMean(o, padded, window);
  const local = o.relu(windowCovariance(o, [padded, mean], [padded, mean], window));
  const unbiased = o.mul(local, size ** 2 / (size ** 2 - 1));
  return o.where(o.greater(ofAveraged, o.mul(own, 1 + tie)), 0, o.mul(unbiased, o.power(global, 1 / 5)));
}

const programs = new Recent<AnyProgram>(8);

/** The options of {@link artifactMap}. */
export interface ArtifactMapOptions {
  /** Height and width of the window of the local variance, odd. Default 7. */
  size?: number;
  /** The device that computes it; default `cpu`. */
  device?: Device;
}

/**
 * Returns where a model is likely to make artefacts, [n, 1, h, w], as a `weight` for any loss: the locally discriminative learning of Liang, Zeng, Zhang 2022 (LDL).
 *
 * With r the sum over channels of |target - output|: the variance of r in a window of `size` x `size` (unbiased, the border reflected) times the fifth root of the variance of r in
 * the image, and 0 where the averaged model is further off than the model itself (by more than a ten-thousandth). Equals LDL's `get_refined_artifact_map(target, output, averaged, size)`; the peer's gradient goes
 * through the map too, here the map is a constant.
 *
 * LDL's loss is the mean of the weighted errors, not divided by the weights: `l1({ reduction: "sum" })` with this weight, divided by c h w. With `l1()` it is divided by the
 * sum of the weights.
 *
 * @param output - of the model that is being trained, [n, c, h, w]
 * @param target - what it should be, in the same shape
 * @param averaged - of the same model with its exponential moving average of parameters, in the same shape
 * @throws {ReconlossError} `invalid-argument` for what is no tensor or a size that is not odd, `shape` for other shapes and images that are no larger than half a window, `non-finite`
 *
 * @example
 * ```ts
 * import { artifactMap, l1, Tensor } from "@reconloss/core";
 * const target = Tensor.full([1, 3, 8, 8], 0.5);
 * const output = Tensor.from(target.data.map((x, i) => x + 0.1 * Math.sin(i)), target.shape);
 * const weight = await artifactMap(output, target, target, { size: 5 }); // 1x1x8x8
 * const { grad } = await l1({ reduction: "sum" }).valueAndGrad(output, target, { weight });
 * ```
 */
export async function artifactMap(
  output: Tensor,
  target: Tensor,
  averaged: Tensor,
  { size = 7, device = "cpu" }: ArtifactMapOptions = {},
): Promise<Tensor> {
  const name = "artifactMap";
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${name}: ${problem}`);
  for (const [argument, tensor] of Object.entries({ output, target, averaged })) {
    if (!(tensor instanceof Tensor)) throw refuse(`${argument} must be a Tensor, got ${typeof tensor}`);
    if (!sameShape(output.shape, tensor.shape)) {
      const [a, b] = [output.shape, tensor.shape].map(formatShape);
      throw new ReconlossError("shape", `${name}: output is ${a} but ${argument} is ${b}`);
    }
    checkHeld(name, { [argument]: tensor });
    checkFinite(name, argument, tensor, extremes(tensor.data));
  }
  if (!Number.isInteger(size) || size < 3 || size % 2 === 0) {
    throw refuse(`size must be an odd whole number >= 3, got ${size}`);
  }
  const [, c, h, w] = output.shape;
  const least = (size + 1) / 2;
  if (h < least || w < least) {
    const problem = `output is ${formatShape(output.shape)}, but size=${size} needs at least ${least}x${least} pixels`;
    throw new ReconlossError("shape", `${name}: ${problem}`);
  }
  checkDevice(name, device);
  const dims = ["n", c, "h", "w"] as const;
  const build = <T>(o: Ops<T>, images: Record<string, T>) => ({
    weight: artifactWeight(o, images.output, images.target, images.averaged, size),
  });
  const program = await programs.get(`${device} ${c} ${size}`, () =>
    compile<string, string>({ output: dims, target: dims, averaged: dims }, build, { device }),
  );
  const { weight } = await program.run({ output, target, averaged });
  return outputTensor(weight);
}
