import { choice, integer, number, numberOr, type OptionsOf } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";

/** A kernel from x.y, |x|^2 and |y|^2. */
export type Kernel = (product: number, xx: number, yy: number) => number;

const kernels = choice(
  ["polynomial", "rbf"],
  "polynomial",
  "polynomial (poly): (gamma x.y + coef0)^degree; rbf: exp(-|x - y|^2 / (2 sigma^2))",
);

/** The options of a kernel of feature vectors; the defaults are torch-fidelity's. */
export const kernelOptions = {
  kernel: { ...kernels, read: (value: unknown) => kernels.read(value === "poly" ? "polynomial" : value) },
  degree: integer(3, "of the polynomial kernel", { min: 1 }),
  gamma: numberOr("auto", "auto", "of the polynomial kernel; auto: 1 / the number of features", { above: 0 }),
  coef0: number(1, "of the polynomial kernel", { min: 0 }),
  sigma: number(10, "of the rbf kernel", { above: 0 }),
};

type KernelOptions = OptionsOf<typeof kernelOptions>;

/** The options of each kernel. */
const parametersOf = { polynomial: ["degree", "gamma", "coef0"], rbf: ["sigma"] } as const;

/**
 * The kernel of some options, and how a protocol names it.
 *
 * @throws {ReconlossError} `invalid-argument` for options of the other kernel, unless they are the defaults
 */
export function kernelOf(metric: string, options: KernelOptions, dimension: number): { kernel: Kernel; name: string } {
  const other = options.kernel === "rbf" ? "polynomial" : "rbf";
  const stray = parametersOf[other].find((name) => options[name] !== kernelOptions[name].default);
  if (stray !== undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `${metric}: ${stray} applies only to the ${other} kernel, not to ${options.kernel}`,
    );
  }
  if (options.kernel === "rbf") return { kernel: gaussianKernel(options.sigma), name: `rbf, sigma ${options.sigma}` };
  const { degree, gamma, coef0 } = options;
  const factor = gamma === "auto" ? 1 / dimension : gamma;
  const parts = [`polynomial, degree ${degree}`];
  if (gamma !== "auto") parts.push(`gamma ${gamma}`);
  if (coef0 !== kernelOptions.coef0.default) parts.push(`coef0 ${coef0}`);
  return { kernel: (product) => (factor * product + coef0) ** degree, name: parts.join(", ") };
}

/** exp(-|x - y|^2 / (2 sigma^2)). */
export function gaussianKernel(sigma: number): Kernel {
  return (product, xx, yy) => Math.exp(-Math.max(xx + yy - 2 * product, 0) / (2 * sigma ** 2));
}
