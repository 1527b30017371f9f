import { ReconlossError } from "../errors.ts";
import { counted } from "../text.ts";
import { checkFields } from "./arguments.ts";
import { defineMetric, type MetricContext } from "./definition.ts";
import { checkLabels, type FeatureRows, type LabelledRows, type Labels, type Side } from "./features.ts";
import { frechetDistance } from "./frechet-distance.ts";
import type { MetricResult, Protocol } from "./metric.ts";
import { perSide, refuseRows, selection } from "./points.ts";
import { statisticsOfRows } from "./statistics-of-rows.ts";

/** FID of one class. */
export interface ClassFrechet {
  readonly label: string;
  readonly value: number;
  readonly images: { readonly output: number; readonly real: number };
}

/** The mean over classes, and that of each. */
export interface ClassFrechetResult extends MetricResult {
  /** In the order of their names, numbers by size. */
  readonly classes: readonly ClassFrechet[];
}

/**
 * Class-conditional FID, also called intra FID (Miyato, Koyama 2018, "cGANs with projection discriminator", section 5): the Frechet distance between the
 * outputs and the reals of one class, averaged over classes, each counting the same. Lower is better. Unlike FID it notices outputs that are good
 * images of another class.
 *
 * From the definition, with n - 1 in the covariance's divisor as in FID; equals scipy's square root of the matrix for each class. Classes are computed one
 * after the other: memory is a few covariances and a block of 1024 rows, whatever their number.
 *
 * @param labels - the class of each row
 * @throws {ReconlossError} `invalid-argument` when labels are not as many as rows, and for a class with fewer than 2 images on a side; `shape` when the sides'
 *   features differ in length; `non-finite` for features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { classFrechet, MemoryRows } from "@reconloss/core/metrics";
 * const [output, real] = [new MemoryRows(), new MemoryRows()];
 * real.append(Tensor.from([0, 2, 10, 12], [4, 1, 1, 1]));
 * output.append(Tensor.from([10, 12, 1, 3], [4, 1, 1, 1]));
 * const labels = { output: ["cat", "cat", "dog", "dog"], real: ["dog", "dog", "cat", "cat"] };
 * (await classFrechet(output, real, labels)).value; // 0.5: 0 for cats; 1 for dogs, whose mean is 2 instead of 1
 * ```
 */
export async function classFrechet(
  output: FeatureRows,
  real: FeatureRows,
  labels: Readonly<Record<Side, Labels>>,
  options: { readonly protocol?: Protocol } = {},
): Promise<ClassFrechetResult> {
  checkFields("options", options, { protocol: "object" });
  refuseRows("class-fid", output, real, 2);
  checkFields("labels", labels);
  const byClass = {
    output: rowsByClass("output", labels.output, output.count),
    real: rowsByClass("real", labels.real, real.count),
  };
  const names = [...new Set([...byClass.output.keys(), ...byClass.real.keys()])].sort(byNumberOrName);
  const countOf = (side: Side, name: string) => byClass[side].get(name)?.length ?? 0;
  refuseSmall(names, countOf);
  const classes: ClassFrechet[] = [];
  for (const label of names) {
    const statistics = (side: Side, rows: FeatureRows) =>
      statisticsOfRows(selection(rows, Uint32Array.from(byClass[side].get(label) as number[])));
    const { value } = await frechetDistance(await statistics("output", output), await statistics("real", real));
    classes.push({ label, value, images: { output: countOf("output", label), real: countOf("real", label) } });
  }
  const few = classes.filter(({ images }) => Math.min(images.output, images.real) <= output.dimension);
  return {
    metric: "class-fid",
    value: classes.reduce((sum, { value }) => sum + value, 0) / classes.length,
    classes,
    images: { output: output.count, real: real.count },
    protocol: { ...options.protocol, features: output.dimension, classes: classes.length },
    hint: "each class's distance is too high, by an amount that shrinks as 1/n: compare only numbers from equally many images of each class",
    warnings:
      few.length > 0
        ? [
            `of ${counted(classes.length, "class", "classes")}, ${counted(few.length, "has", "have")} too few images to fill the covariance of ${output.dimension} features`,
          ]
        : [],
  };
}

function rowsByClass(side: Side, labels: Labels, count: number): Map<string, number[]> {
  checkLabels(`labels.${side}`, labels, count);
  const rows = new Map<string, number[]>();
  for (let row = 0; row < count; row++) {
    const label = String(labels[row]);
    const others = rows.get(label);
    if (others) others.push(row);
    else rows.set(label, [row]);
  }
  return rows;
}

/** Classes that are told of one by one. */
const shown = 10;

function refuseSmall(names: readonly string[], countOf: (side: Side, name: string) => number): void {
  const small = names.filter((name) => Math.min(countOf("output", name), countOf("real", name)) < 2);
  if (small.length === 0) return;
  const list = small
    .slice(0, shown)
    .map((name) => `${name} has ${perSide(countOf("output", name), countOf("real", name))}`);
  const more = small.length > shown ? `, and ${counted(small.length - shown, "class", "classes")} more` : "";
  throw new ReconlossError("invalid-argument", `each class needs 2 images on both sides: ${list.join(", ")}${more}`);
}

/** Numbers by size, before names in the order of their letters. */
function byNumberOrName(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || (a < b ? -1 : Number(a > b));
}

/** The common part of both: only the features differ. */
const shared = {
  better: "lower",
  source: "intra FID of Miyato, Koyama 2018, from its definition",
  features: "main",
  needs: { output: "labelled", real: "labelled" },
  options: {},
  compute: ({ output, real }: { output: LabelledRows; real: LabelledRows }, _: unknown, { protocol }: MetricContext) =>
    classFrechet(output, real, { output: output.labels, real: real.labels }, { protocol }),
  detail: ({ protocol }: MetricResult) => [counted(Number(protocol.classes), "class", "classes")],
} as const;

/** {@link classFrechet} of Inception's features as a metric of sets whose images have classes. */
export const classFid = defineMetric({
  ...shared,
  name: "class-fid",
  summary: "the mean of each class's FID, of images whose classes are known",
  network: "inception",
});

/** {@link classFrechet} of any network's features as a metric of sets whose images have classes. */
export const frechetByClass = defineMetric({
  ...shared,
  name: "class-frechet",
  summary: "the mean of each class's Frechet distance of another network's features, which is no FID",
});
