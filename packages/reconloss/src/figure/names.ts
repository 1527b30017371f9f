import { ReconlossError } from "@reconloss/core";
import { suggestion } from "@reconloss/core/internal";
import { stemOf } from "../image/names.ts";
import type { JudgedImage, Judgement } from "../judge/types.ts";
import { bySpread } from "./spread.ts";

/** The meanings that a name may have, the nearest first: the whole of an image's, the same without extension, or the end of either. */
const readings: readonly ((own: string, name: string) => boolean)[] = [
  (own, name) => own === name,
  (own, name) => stemOf(own) === name,
  (own, name) => own.endsWith(`/${name}`),
  (own, name) => stemOf(own).endsWith(`/${name}`),
];

/** Whether a name may mean an image. */
export function isCalled(own: string, name: string): boolean {
  return readings.some((isMeant) => isMeant(own, name));
}

const namesListed = 8;

/**
 * The image that a name means.
 *
 * @throws {ReconlossError} `invalid-argument` where none is called so, or more than one may be
 */
export function findImage<T extends Pick<JudgedImage, "name">>(name: string, images: readonly T[]): T {
  for (const isMeant of readings) {
    const [found, ...others] = images.filter((image) => isMeant(image.name, name));
    if (found === undefined) continue;
    if (others.length === 0) return found;
    const names = [found, ...others].map((image) => image.name).join(", ");
    throw new ReconlossError("invalid-argument", `image ${name} is ambiguous: it may refer to any of ${names}`);
  }
  const known = images.map((image) => image.name);
  const more = known.length > namesListed ? " ..." : "";
  const guess = suggestion(name, known) || `; there are ${known.slice(0, namesListed).join(", ")}${more}`;
  throw new ReconlossError("invalid-argument", `no target is named ${name}${guess}`);
}

/** Whether an image has a target, and an output that was compared with it. */
export function isComparable({ target, pairs }: JudgedImage): boolean {
  return target !== null && pairs.some((pair) => pair !== undefined);
}

/** The reason why nothing of an image, or of any, can be shown. */
function reasonOf({ failed }: Pick<Judgement, "failed">, target?: string | null): string {
  const failure = failed.find((each) => each.loss === undefined && (target === undefined || each.target === target));
  return failure === undefined ? "" : `: ${failure.method}: ${failure.error}`;
}

type Judged = Pick<Judgement, "images" | "losses" | "failed">;

/**
 * The images on which methods can be compared, by how far they differ by the first metric, the first one most.
 *
 * @throws {ReconlossError} `invalid-argument` where there is none
 */
export function comparableImages(judgement: Judged): JudgedImage[] {
  const { images, losses } = judgement;
  const own = images.filter(isComparable);
  if (own.length === 0) {
    throw new ReconlossError("invalid-argument", `figure: no output can be compared${reasonOf(judgement)}`);
  }
  return losses[0] === undefined ? own : bySpread(losses[0], own);
}

/**
 * The image that a name means, on which methods can be compared.
 *
 * @throws {ReconlossError} `invalid-argument` as {@link findImage}, and where no method's output can be
 */
export function findComparable(name: string, judgement: Judged): JudgedImage {
  const image = findImage(name, judgement.images);
  if (isComparable(image)) return image;
  const reason = reasonOf(judgement, image.target);
  throw new ReconlossError("invalid-argument", `figure: no output of ${image.name} can be compared${reason}`);
}
