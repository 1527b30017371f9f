import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { relative } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { writeFileAtomically } from "../files.ts";
import { alphaOf, checkMatchOptions, type Diff, defaultConditions, type Match, matchRead } from "./match.ts";
import type { ImageMatcherOptions, MatcherResult } from "./matcher.ts";
import { encodePng, readSubject, type Subject } from "./read.ts";
import { parseRequirements } from "./requirements.ts";
import { type MatcherState, type RunningTest, runningTest, type SnapshotPlaces } from "./runners.ts";

const caller = "toMatchImage";

/** A path as a message shows it. */
const shown = (path: string) => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};

const passed = (text: string): MatcherResult => ({ pass: true, message: () => text });
const failed = (lines: readonly string[]): MatcherResult => ({ pass: false, message: () => lines.join("\n") });

function describeDiff({ loss, black, brightest }: Diff, path: string): string {
  const [from, to] = [black, brightest].map((value) => Number(value.toPrecision(3)));
  return `diff: ${shown(path)} (${loss}: black is ${from}, brightest ${to})`;
}

/** Writes what is there to be looked at of two images that do not match, and says where. */
async function writeEvidence(subject: Subject, match: Match, places: SnapshotPlaces): Promise<string[]> {
  await writeFileAtomically(places.actual, await subject.png());
  const lines = [`actual: ${shown(places.actual)}`];
  const diff = await match.diff?.();
  if (diff === undefined) {
    await rm(places.diff, { force: true });
    return lines;
  }
  await writeFileAtomically(places.diff, await encodePng(diff.picture));
  return [...lines, describeDiff(diff, places.diff)];
}

/** Removes the pictures that an earlier run has left of a snapshot that matches now. */
async function removeEvidence({ actual, diff }: SnapshotPlaces): Promise<void> {
  for (const path of [actual, diff]) await rm(path, { force: true });
}

async function writeSnapshot(
  path: string,
  subject: Subject,
  test: RunningTest,
  written: "added" | "updated",
): Promise<void> {
  await writeFileAtomically(path, await subject.png());
  test.count?.(written);
}

/** The last comparison with each snapshot, by its path. */
const lastOf = new Map<string, Promise<unknown>>();

/** Does the work after all that was asked for the same path: of two images at once of one new snapshot, the second is compared with the first. */
function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
  const result = (lastOf.get(path) ?? Promise.resolve()).then(work, work);
  lastOf.set(path, result);
  const forget = () => lastOf.get(path) === result && lastOf.delete(path);
  result.then(forget, forget);
  return result;
}

/** Compares with the snapshot of the test, or writes it. */
async function matchSnapshot(
  subject: Subject,
  test: RunningTest,
  places: SnapshotPlaces,
  options: ImageMatcherOptions,
): Promise<MatcherResult> {
  const { snapshot } = places;
  if (!existsSync(snapshot)) {
    if (test.update === "none") {
      return failed([
        `there is no snapshot ${shown(snapshot)}, and this run does not write snapshots`,
        "write it in development, and commit it",
      ]);
    }
    await writeSnapshot(snapshot, subject, test, "added");
    const text = `there was no snapshot ${shown(snapshot)}; it was written, and nothing was compared`;
    return test.passesNew ? passed(text) : failed([text]);
  }
  const target = await readSubject("the snapshot", snapshot, alphaOf(options));
  const match = await matchRead({ output: subject.image, target: target.image }, options);
  const isRewritten = test.update === "all" || (test.update === "changed" && !match.pass);
  if (isRewritten) await writeSnapshot(snapshot, subject, test, "updated");
  if (match.pass || isRewritten) {
    await removeEvidence(places);
    return passed(`the image matches its snapshot ${shown(snapshot)}`);
  }
  const evidence = await writeEvidence(subject, match, places);
  await test.attach?.(places);
  return failed([`the image does not match its snapshot ${shown(snapshot)}`, ...match.lines, ...evidence]);
}

/** Compares with an image that the test gives. */
async function matchTarget(
  subject: Subject,
  test: RunningTest | undefined,
  { target, name, ...options }: ImageMatcherOptions,
  isNot: boolean,
): Promise<MatcherResult> {
  const { image } = await readSubject("target", target, alphaOf(options));
  const match = await matchRead({ output: subject.image, target: image }, options);
  if (match.checked.some(({ value }) => Number.isNaN(value))) {
    // What was not measured passes neither way.
    return { pass: isNot, message: () => ["a value is missing", ...match.lines].join("\n") };
  }
  if (match.pass) return passed(["the image matches its target", ...match.lines].join("\n"));
  if (isNot || test === undefined || (test.needsName && name === undefined))
    return failed(["the image does not match its target", ...match.lines]);
  const evidence = await writeEvidence(subject, match, test.placesOf(name));
  return failed(["the image does not match its target", ...match.lines, ...evidence]);
}

/** The options with the conditions in them, checked. */
function optionsOf(conditions: unknown, given: unknown): ImageMatcherOptions {
  const isOptions = typeof conditions === "object" && conditions !== null && !Array.isArray(conditions);
  if (isOptions && given !== undefined) {
    throw new ReconlossError("invalid-argument", `${caller}: options are given twice`);
  }
  const options = ((isOptions ? conditions : given) ?? {}) as ImageMatcherOptions;
  checkMatchOptions(caller, options, ["name", "target"]);
  checkArguments(caller, { name: [options.name, "text?"] });
  if ("target" in options && options.target === undefined) {
    const problem = "target is undefined; leave it out to compare with a snapshot";
    throw new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  }
  if (isOptions || conditions === undefined) return options;
  if (options.conditions !== undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: conditions are given twice, as an argument and as an option`,
    );
  }
  const whole = { ...options, conditions } as ImageMatcherOptions;
  checkMatchOptions(caller, whole, ["name", "target"]);
  return whole;
}

/** The work of `toMatchImage`, with everything that it needs. */
export async function matchInTest(
  state: MatcherState | undefined,
  received: unknown,
  conditions: unknown,
  given: unknown,
): Promise<MatcherResult> {
  const options = optionsOf(conditions, given);
  // Before a snapshot is written that could never be compared.
  parseRequirements(options.conditions ?? defaultConditions, options.losses);
  const isNot = state?.isNot === true;
  const test = await runningTest(state ?? {});
  const readImage = () => readSubject("the image", received, alphaOf(options));
  if (options.target !== undefined) return matchTarget(await readImage(), test, options, isNot);
  if (isNot) {
    const problem = ".not needs a target; an image that must not match has no snapshot";
    throw new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  }
  if (test === undefined) {
    const problem = "snapshots need Vitest, Jest, Playwright or Bun; with other runners, pass a target";
    throw new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  }
  // Snapshots are numbered in the order of the calls, whichever image is read first.
  const places = test.placesOf(options.name);
  const subject = await readImage();
  return inTurn(places.snapshot, () => matchSnapshot(subject, test, places, options));
}
