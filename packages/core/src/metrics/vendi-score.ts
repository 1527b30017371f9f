import { choice, number, numberOr } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import { defineMetric } from "./definition.ts";
import { symmetricEigenvalues } from "./eigenvalues.ts";
import type { FeatureRows } from "./features.ts";
import { gaussianKernel } from "./kernels.ts";
import { type Matrix, multiplyTransposed, transpose } from "./matrix.ts";
import type { MetricResult } from "./metric.ts";
import { type BlockPair, directions, forBlocks, forOwnBlockPairs, type Points, refuseOutputs } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";

const schema = {
  order: numberOr(
    "inf",
    1,
    "the order q of the entropy: low ones count rare images more; inf counts the commonest only",
    {
      min: 0,
    },
  ),
  kernel: choice(["cosine", "rbf"], "cosine", "how alike two images are: the cosine, or exp(-|x - y|^2 / (2 sigma^2))"),
  sigma: number(10, "of the rbf kernel", { above: 0 }),
};

const table = { name: "vendi", options: schema };

/** Options of {@link vendiScore}. */
export type VendiScoreOptions = MetricOptions<typeof schema>;

/** The most images whose similarities are put into a matrix of their own: 128 MiB of it. */
const mostImages = 4096;

/**
 * The Vendi score (Friedman, Dieng 2023, "The Vendi score: a diversity evaluation metric for machine learning"; of any order q: Pasarkar, Dieng 2024,
 * "Cousins of the Vendi score"): how many different images a set is worth, from 1 (all alike) to their number (no two alike), higher is more diverse.
 * It is exp of the Renyi entropy of order q, `log(sum l^q) / (1 - q)`, of the eigenvalues l of K / n, where K holds the similarities of n images, 1 on
 * the diagonal; for q = 1 the Shannon entropy `-sum l log l`, for q = inf `-log max l`. No reals are needed.
 *
 * Equals vertaix/Vendi-Score's `score_K`, and `score_X` for q = 1, which it always takes there. For cosines the eigenvalues are those of
 * the d x d matrix of the features (its `score_dual`): memory is two of these and a block of 1024 rows, whatever the number of images. The rbf kernel
 * has no such matrix and takes up to 4096 images. Eigenvalues that are only rounding are left out, which matters for q < 1.
 *
 * @throws {ReconlossError} `invalid-argument` without images, for features that are all 0 by the cosine, and for more than 4096 images by rbf;
 *   `non-finite` for features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { MemoryRows, vendiScore } from "@reconloss/core/metrics";
 * const images = new MemoryRows();
 * images.append(Tensor.from([1, 0, 0, 1, 2, 0, 0, 3], [4, 2, 1, 1])); // two directions, each twice
 * const { value } = await vendiScore(images);
 * value.toFixed(6); // "2.000000"
 * ```
 */
export async function vendiScore(output: FeatureRows, options: VendiScoreOptions = {}): Promise<MetricResult> {
  const { protocol, order, kernel, sigma } = settingsOf(table, options);
  refuseOutputs("vendi", output, 1);
  if (kernel === "cosine" && sigma !== schema.sigma.default) {
    throw new ReconlossError("invalid-argument", "vendi: sigma applies only to the rbf kernel, not to cosine");
  }
  const similarities = await (kernel === "rbf" ? gaussianMatrix(output, sigma) : cosineMatrix(output));
  const size = similarities.rows;
  const eigenvalues = (await symmetricEigenvalues(similarities)).map((value) => value / output.count);
  const rounding = size * Number.EPSILON * eigenvalues[size - 1];
  const value = Math.exp(
    entropyOf(
      eigenvalues.filter((eigenvalue) => eigenvalue > rounding),
      order,
    ),
  );
  const most = kernel === "cosine" ? Math.min(output.count, output.dimension) : output.count;
  return {
    metric: "vendi",
    value,
    images: { output: output.count },
    protocol: {
      ...protocol,
      features: output.dimension,
      order,
      kernel: kernel === "rbf" ? `rbf, sigma ${sigma}` : kernel,
    },
    hint: `from 1 to ${most}; compare only scores of the same network, kernel, order and number of images`,
    warnings: [],
  };
}

/** The Renyi entropy of some order of numbers that add up to 1. */
function entropyOf(values: Float64Array, order: number | "inf"): number {
  if (order === "inf") return -Math.log(values[values.length - 1]);
  if (order === 1) return -values.reduce((sum, value) => sum + value * Math.log(value), 0);
  return Math.log(values.reduce((sum, value) => sum + value ** order, 0)) / (1 - order);
}

/** A matrix with the eigenvalues of the cosines, but for zeros: U^T U of the rows U of unit length, or U U^T where that is smaller. */
async function cosineMatrix(rows: FeatureRows): Promise<Matrix> {
  const { count, dimension: d } = rows;
  if (count < d) {
    return similarityMatrix(rows, ({ products }) => products, directions);
  }
  const data = new Float64Array(d * d);
  await forBlocks(rows, async (points) => {
    const unit = directions(points);
    const columns = transpose(unit);
    const { data: products } = await multiplyTransposed(columns, columns);
    for (let i = 0; i < data.length; i++) data[i] += products[i];
  });
  return { rows: d, columns: d, data };
}

function gaussianMatrix(rows: FeatureRows, sigma: number): Promise<Matrix> {
  if (rows.count > mostImages) {
    throw new ReconlossError(
      "invalid-argument",
      `vendi: the rbf kernel needs a matrix of all pairs, and takes up to ${mostImages} images, got ${rows.count}; kernel cosine takes any number`,
    );
  }
  const kernel = gaussianKernel(sigma);
  return similarityMatrix(rows, ({ a, b, products, i, j }) =>
    products.map((product, at) => {
      const [r, c] = [Math.floor(at / b.rows), at % b.rows];
      return i === j && r === c ? 1 : kernel(product, a.squares[r], b.squares[c]);
    }),
  );
}

/** The n x n matrix of some rows' similarities, found block by block. */
async function similarityMatrix(
  rows: FeatureRows,
  similarities: (pair: BlockPair) => Float64Array,
  prepare?: (points: Points) => Points,
): Promise<Matrix> {
  const n = rows.count;
  const data = new Float64Array(n * n);
  const visit = (pair: BlockPair) => {
    const values = similarities(pair);
    for (let r = 0, at = 0; r < pair.a.rows; r++) {
      for (let c = 0; c < pair.b.rows; c++, at++) {
        const [row, column] = [pair.i + r, pair.j + c];
        data[row * n + column] = data[column * n + row] = values[at];
      }
    }
  };
  await forOwnBlockPairs(rows, visit, { prepare });
  return { rows: n, columns: n, data };
}

/** {@link vendiScore} as a metric of sets. */
export const vendi = defineMetric({
  ...table,
  summary: "Vendi score: how many different images the outputs are worth",
  better: "higher",
  source: "Friedman, Dieng 2023; equals vertaix/Vendi-Score",
  features: "main",
  needs: { output: "rows" },
  compute: ({ output }, options, { protocol }) => vendiScore(output, { ...options, protocol }),
});
