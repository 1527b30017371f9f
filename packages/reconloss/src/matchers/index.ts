/**
 * A matcher for images in the tests of Vitest, Jest, Playwright and Bun, by any loss.
 *
 * @module
 */
import type { Match, MatchOptions } from "./match.ts";
import type { ImageMatcherOptions, MatcherResult } from "./matcher.ts";
import type { MatchInput } from "./read.ts";
import type { MatcherState } from "./runners.ts";

export type { Checked, Diff, Match, MatchOptions } from "./match.ts";
export type { ImageMatcherOptions, MatcherResult } from "./matcher.ts";
export type { MatchInput } from "./read.ts";
export type { MatcherState } from "./runners.ts";

let loading: Promise<typeof import("./in-test.ts")> | undefined;

/** Everything that matchers need, one import: Jest's loader of modules fails where two overlap. */
function load() {
  loading ??= import("./in-test.ts");
  return loading;
}

// Loaded while the runner does something else, so that the first comparison does not wait for it; Jest's loader takes no imports meanwhile.
if (process.env.JEST_WORKER_ID === undefined) load().catch(() => {});

/** The matcher of a runner's `expect(image)` to which {@link toMatchImage} was added; for its types. */
export interface ImageMatchers<R = Promise<void>> {
  /** See {@link toMatchImage}. */
  toMatchImage(conditions?: string | readonly string[] | ImageMatcherOptions, options?: ImageMatcherOptions): R;
}

/**
 * Passes where an image meets conditions against the snapshot of the test, or against `target`. The snapshot is a PNG file in `__image_snapshots__` beside the test file, or where Playwright keeps
 * its own. It is written where it is missing and rewritten by the runner's own flag (`vitest -u`, `jest -u`, `playwright test --update-snapshots`, `bun test --update-snapshots`); a run that writes none,
 * as in CI, fails without it. An image that does not match leaves `.actual.png` and `.diff.png`, a picture of the errors in false colours, beside the snapshot. Sizes that differ do not match.
 *
 * All that it needs is loaded in the background once it is imported; for conditions that kernels compute (`l1`, `psnr`, `ssim`, `deltaE` ...) no ONNX Runtime is.
 *
 * @param received the image: the bytes or the path of a file, `{ data, width, height }`, a tensor, whatever losses take
 * @param conditions what must be true: `"ssim>0.99"`, `"deltaE.p99<2, ssim.min>0.5"`, a list of such, or options alone; default `"deltaE.max<1"`
 * @param options see {@link ImageMatcherOptions}
 * @throws {ReconlossError} `syntax` and `invalid-argument` for conditions and options that make no sense, `image` for what is no image; `shape` for images that a loss does not take, which is no match and no
 *   mismatch
 *
 * @example
 * ```ts
 * import { toMatchImage } from "reconloss/matchers";
 * // expect.extend({ toMatchImage }); await expect(await page.screenshot()).toMatchImage("ssim>0.99");
 * const grey = (level: number) => ({ data: new Uint8Array(3 * 16 * 16).fill(level), width: 16, height: 16 });
 * const { pass } = await toMatchImage.call({}, grey(100), "l1<0.01", { target: grey(101) }); // 1 of 255 levels
 * pass; // true
 * ```
 */
export async function toMatchImage(
  this: MatcherState | undefined,
  received: unknown,
  conditions?: string | readonly string[] | ImageMatcherOptions,
  options?: ImageMatcherOptions,
): Promise<MatcherResult> {
  const { matchInTest } = await load();
  return matchInTest(this, received, conditions, options);
}

/**
 * Compares two images by conditions, as {@link toMatchImage} does, for runners that it does not know.
 *
 * @throws {ReconlossError} as {@link toMatchImage}
 *
 * @example
 * ```ts
 * import { matchImages } from "reconloss/matchers";
 * const grey = (level: number) => ({ data: new Uint8Array(3 * 16 * 16).fill(level), width: 16, height: 16 });
 * const { pass, lines } = await matchImages(grey(100), grey(120), { conditions: ["ssim>0.9", "l1<0.05"] });
 * lines[1]; // "not met: l1<0.05, it is 0.0784314"
 * ```
 */
export async function matchImages(output: MatchInput, target: MatchInput, options: MatchOptions = {}): Promise<Match> {
  const { matchInputs } = await load();
  return matchInputs(output, target, options);
}
