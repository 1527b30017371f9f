import "../image/decode-input.ts";
import "../weights/disk.ts";
import {
  type Loss,
  type LossFactory,
  type PreparedImage,
  parseLoss,
  ReconlossError,
  type Tensor,
} from "@reconloss/core";
import { backdropOf, checkArguments } from "@reconloss/core/internal";
import type { AlphaOptions, Pixels } from "@reconloss/core/pixels";
import { type Images, matchChannels, measure } from "../compare/measure.ts";
import { formatNumber } from "../compare/numbers.ts";
import type { Statistic } from "../compare/statistics.ts";
import { toErrorMap, topOf } from "../report/error-map.ts";
import { withoutAntialiasing } from "./antialiasing.ts";
import { diffPicture } from "./diff-picture.ts";
import { isMet, parseRequirements, type Requirement } from "./requirements.ts";

/** The options of a comparison of two images. */
export interface MatchOptions extends AlphaOptions {
  /** Conditions that must be true of the images: `"ssim>0.99, deltaE.p99<2"`, or a list of such. Default: {@link defaultConditions}. */
  conditions?: string | readonly string[];
  /** Pass over differences that edges have which moved by less than half a pixel, as fonts and curves do from one machine to another. Default false. */
  antialiasing?: boolean;
  /** Losses of one's own that conditions may name. Default: none. */
  losses?: readonly LossFactory[];
}

/** A requirement and what was measured. */
export interface Checked {
  /** The condition as it was written. */
  condition: string;
  /** The number; NaN where there is none. */
  value: number;
  pass: boolean;
}

/** A picture of where two images differ. */
export interface Diff {
  /** RGBA, in the size of the images. */
  picture: Pixels;
  /** The loss whose map it shows. */
  loss: string;
  /** Its value where the picture is black, and where it is brightest. */
  black: number;
  brightest: number;
}

/** The result of a comparison of two images. */
export interface Match {
  /** Whether every condition is met. */
  pass: boolean;
  /** The message, line by line. */
  lines: string[];
  /** Each condition; empty where the sizes differ. */
  checked: Checked[];
  /** The number of pixels that differ by their anti-aliasing, and were ignored. */
  antialiased: number;
  /** Makes the picture of where they differ; undefined where the sizes do. */
  diff?: () => Promise<Diff>;
}

/**
 * The condition where none is given: no pixel differs by a colour difference (CIEDE2000) of 1 or more, about the least that is seen side by side.
 */
export const defaultConditions = "deltaE.max<1";

const optionNames = ["conditions", "antialiasing", "losses", "alpha", "background"] as const;

/** The options, checked, under the name of the function that was given them. */
export function checkMatchOptions(caller: string, options: MatchOptions, more: readonly string[] = []): void {
  checkArguments(caller, { options: [options, "object"] });
  const known: readonly string[] = [...optionNames, ...more];
  const other = Object.keys(options).find((name) => !known.includes(name));
  if (other !== undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: there is no option ${other}; there are: ${known.join(", ")}`,
    );
  }
  const { conditions, antialiasing, losses, background } = options;
  if (typeof conditions !== "string") checkArguments(caller, { conditions: [conditions, "texts?"] });
  checkArguments(caller, { antialiasing: [antialiasing, "flag?"], losses: [losses, "list?"] });
  if (background !== undefined) backdropOf(caller, background);
}

/** The treatment of transparency, by default `"compare"`: images must look the same over every background. */
export function alphaOf({ alpha, background }: AlphaOptions): AlphaOptions {
  return alpha === undefined && background === undefined ? { alpha: "compare" } : { alpha, background };
}

const sizeOf = ({ shape: [, , height, width] }: PreparedImage) => `${width}x${height}`;

/** Measures every loss once, with all statistics of its map that are wanted. */
async function measureAll(requirements: readonly Requirement[], read: Images, matched: Images): Promise<Checked[]> {
  const measured = new Map<string, Awaited<ReturnType<typeof measure>>>();
  const checked: Checked[] = [];
  for (const requirement of requirements) {
    const { condition, loss, statistic } = requirement;
    if (!measured.has(loss.spec)) {
      const statistics = requirements.flatMap((each): Statistic[] =>
        each.loss.spec === loss.spec && each.statistic ? [each.statistic] : [],
      );
      measured.set(loss.spec, await measure(loss, { read, matched }, { statistics }));
    }
    const of = measured.get(loss.spec);
    const value = (statistic ? of?.statistics.get(statistic) : of?.value) ?? Number.NaN;
    checked.push({ condition: condition.text, value, pass: isMet(requirement, value) });
  }
  return checked;
}

/** The picture of where images differ, by the map of the first loss that has one, else by their absolute difference. */
async function diffOf(losses: readonly Loss[], read: Images, matched: Images): Promise<Diff> {
  const loss = losses.find(({ hasMap, needsTarget }) => hasMap && needsTarget) ?? parseLoss("l1");
  const { map: values } = await measure(loss, { read, matched }, { map: true });
  const map = toErrorMap(loss, values as Tensor);
  const top = topOf(map);
  const [, , height, width] = matched.target.shape;
  const picture = diffPicture(map, top, width, height);
  return { picture, loss: loss.label, black: map.zero, brightest: map.zero + map.sign * top };
}

/** Compares two images of which everything is read. */
export async function matchRead(images: Images, options: MatchOptions): Promise<Match> {
  const requirements = parseRequirements(options.conditions ?? defaultConditions, options.losses);
  const [size, expected] = [sizeOf(images.output), sizeOf(images.target)];
  if (size !== expected) {
    const lines = [`the sizes differ: the image is ${size}, its target ${expected}`];
    return { pass: false, lines, checked: [], antialiased: 0 };
  }
  const matched = matchChannels(images);
  const soft = options.antialiasing ? withoutAntialiasing(matched) : { images: matched, count: 0 };
  // Losses of one image alone look at what was measured, too: the output without soft differences.
  const read = soft.count > 0 ? soft.images : images;
  const checked = await measureAll(requirements, read, soft.images);
  const failed = requirements.filter((_, index) => !checked[index].pass).map(({ loss }) => loss);
  const lines = checked.map(
    ({ condition, value, pass }) => `${pass ? "met" : "not met"}: ${condition}, it is ${shown(value)}`,
  );
  if (soft.count > 0) lines.push(`ignored: ${soft.count} pixels that differ by anti-aliasing`);
  return {
    ...{ pass: failed.length === 0, lines, checked, antialiased: soft.count },
    diff: () => diffOf(failed, read, soft.images),
  };
}

/** A number with enough digits to tell it from its limit. */
function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : formatNumber(value, 0);
}
