import type { Tensor } from "../tensor.ts";
import { checkInstance } from "./arguments.ts";
import { checkSide, type FeatureRows, MemoryRows, type Side } from "./features.ts";
import type { Metric, MetricResult } from "./metric.ts";

/** A metric that needs all features of both sides at the end, kept in memory until then. */
export abstract class TwoSidedMetric<Result extends MetricResult> implements Metric<Result> {
  readonly #rows: Record<Side, MemoryRows> = { output: new MemoryRows(), real: new MemoryRows() };

  protected abstract resultOf(output: FeatureRows, real: FeatureRows): Promise<Result>;

  update(side: Side, features: Tensor): void {
    checkSide(side);
    this.#rows[side].append(features);
  }

  merge(other: this): void {
    checkInstance("other", other, this.constructor);
    for (const side of ["output", "real"] as const) this.#rows[side].appendAll(other.#rows[side]);
  }

  reset(side?: Side): void {
    if (side !== undefined) checkSide(side);
    for (const each of side ? [side] : (["output", "real"] as const)) this.#rows[each].clear();
  }

  compute(): Promise<Result> {
    return this.resultOf(this.#rows.output, this.#rows.real);
  }
}
