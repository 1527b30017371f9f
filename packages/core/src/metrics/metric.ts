import type { Tensor } from "../tensor.ts";
import { counted } from "../text.ts";
import type { Side } from "./features.ts";

/** The protocol of a number: network, resizer, splits, seeds. Numbers compare only where this is equal. */
export type Protocol = Readonly<Record<string, string | number | boolean>>;

/** The images that rows of features are of: patches, where the protocol says how they were cut, or whole images. */
export const itemsOf = ({ patches }: Protocol): "images" | "patches" => (patches === undefined ? "images" : "patches");

/** The beginning of a warning: `20 images are few`. */
export const areFew = (count: number, protocol: Protocol): string =>
  itemsOf(protocol) === "images"
    ? counted(count, "image is few", "images are few")
    : counted(count, "patch is few", "patches are few");

/** The fields of every metric's result besides its numbers. */
export interface MetricResult {
  /** `fid`, `sfid`, `kid`, `is`, `pr`; of features other than the usual with these, as `fid(dims=64)`. */
  readonly metric: string;
  /** The number, or the first of the numbers, that the metric is known for. */
  readonly value: number;
  /** The number of images of each side that went into it; `real` is absent where there are none or published statistics do not say. */
  readonly images: { readonly output: number; readonly real?: number };
  readonly protocol: Protocol;
  /** A remark on how far the number can be trusted. */
  readonly hint: string;
  /** Reasons not to trust it. */
  readonly warnings: readonly string[];
}

/** A metric of a set of images, fed with batches of features as they come, such as in a training loop. */
export interface Metric<Result extends MetricResult> {
  /**
   * Adds a batch of features [n, c, 1, 1].
   *
   * @throws {ReconlossError} `shape`, `non-finite`
   */
  update(side: Side, features: Tensor): void;
  /** Adds everything that another metric of the same kind has seen, such as another worker's. */
  merge(other: this): void;
  /** Forgets the images of one side, or of both: reals are kept from epoch to epoch with `reset("output")`. */
  reset(side?: Side): void;
  /** @throws {ReconlossError} `invalid-argument` when there are too few images. */
  compute(): Promise<Result>;
}
