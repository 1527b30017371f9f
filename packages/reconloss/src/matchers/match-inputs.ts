import { alphaOf, checkMatchOptions, type Match, type MatchOptions, matchRead } from "./match.ts";
import { readSubject } from "./read.ts";

/** The work of `matchImages`, with everything that it needs. */
export async function matchInputs(output: unknown, target: unknown, options: MatchOptions): Promise<Match> {
  checkMatchOptions("matchImages", options);
  const [read, expected] = await Promise.all(
    Object.entries({ output, target }).map(([name, image]) => readSubject(name, image, alphaOf(options))),
  );
  return matchRead({ output: read.image, target: expected.image }, options);
}
