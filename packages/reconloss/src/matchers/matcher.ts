import type { MatchOptions } from "./match.ts";
import type { MatchInput } from "./read.ts";

/** The options of `toMatchImage` besides conditions. */
export interface ImageMatcherOptions extends MatchOptions {
  /** The image to compare with; default: the snapshot of the test. */
  target?: MatchInput;
  /** The name of the snapshot among those of the test file; default: the test's name and a number. Bun tells no name of the test, so that it is needed there. */
  name?: string;
}

/** The result of a matcher for its runner. */
export interface MatcherResult {
  pass: boolean;
  message: () => string;
}
