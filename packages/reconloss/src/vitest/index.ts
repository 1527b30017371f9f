/**
 * A comparator for Vitest's `toMatchScreenshot`, by any loss.
 *
 * @module
 */
import type { ComparatorOptions, ComparatorResult, Screenshot } from "./screenshot.ts";

export type { ComparatorOptions, ComparatorResult, Screenshot } from "./screenshot.ts";

// Vitest reads its configuration long before the first screenshot.
const loading = import("./compare-screenshots.ts");
loading.catch(() => {});

/** {@link comparator} as Vitest's types have it, with and without options that it knows. */
export interface ScreenshotComparator {
  (reference: Screenshot, actual: Screenshot, options: ComparatorOptions): Promise<ComparatorResult>;
  (reference: Screenshot, actual: Screenshot, options: { createDiff: boolean }): Promise<ComparatorResult>;
}

/**
 * Compares two screenshots by conditions on any loss, as a comparator of Vitest's `browser.expect.toMatchScreenshot.comparators`. What it needs is loaded in the
 * background once it is imported.
 *
 * @param reference the stored screenshot
 * @param actual the one that was taken
 * @param options `conditions` that must be true (default `"deltaE.max<1"`), `antialiasing`, `losses`, `alpha`, `background`
 * @throws {ReconlossError} `syntax` and `invalid-argument` for options that make no sense
 *
 * @example
 * ```ts
 * import { comparator } from "reconloss/vitest";
 * // vitest.config.ts: browser: { expect: { toMatchScreenshot: { comparators: { reconloss: comparator }, comparatorName: "reconloss",
 * //   comparatorOptions: { conditions: "ssim>0.99" } } } }
 * const grey = (level: number) => ({ data: new Uint8Array(4 * 16 * 16).fill(level).map((x, i) => (i % 4 === 3 ? 255 : x)), metadata: { width: 16, height: 16 } });
 * const { pass, message } = await comparator(grey(100), grey(110), { createDiff: true, conditions: "l1<0.01" });
 * message; // "not met: l1<0.01, it is 0.0392157"
 * ```
 */
export const comparator: ScreenshotComparator = async (
  reference: Screenshot,
  actual: Screenshot,
  options: ComparatorOptions,
): Promise<ComparatorResult> => {
  const { compareScreenshots } = await loading;
  return compareScreenshots(reference, actual, options);
};
