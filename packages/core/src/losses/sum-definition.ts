import type { AdaptedSum, AdaptiveTerm, Definition, Images, Sides } from "../definitions/definition.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { prefixed, within } from "../records.ts";
import { Tensor } from "../tensor.ts";
import type { Loss } from "./loss.ts";
import { minimisedPerImage } from "./minimised.ts";
import { factorAt, isLater, type Term, type TermSchedule } from "./term.ts";

/** A loss and its weight in a sum. */
export interface LossTerm {
  readonly weight: number;
  readonly loss: Loss;
}

/** The widest of some borders. */
function widest(borders: readonly Sides[]): Sides {
  const most = (side: keyof Sides) => Math.max(...borders.map((border) => border[side]));
  return { top: most("top"), bottom: most("bottom"), left: most("left"), right: most("right") };
}

/** The part of a map with one border that lies within another. */
export function inset(own: Sides, border: Sides): Sides {
  return {
    top: border.top - own.top,
    bottom: border.bottom - own.bottom,
    left: border.left - own.left,
    right: border.right - own.right,
  };
}

/** The maps of the terms as they are minimised, times their weights, added up where all of them have places. */
function sumOfMaps<T>(
  o: Ops<T>,
  terms: readonly (LossTerm & { readonly definition: Definition })[],
  { state = {}, ...images }: Images<T>,
  border: Sides,
): T {
  const parts = terms.map(({ weight, loss, definition }, index) => {
    const map = definition.map?.(o, { ...images, state: within(state, `${index}`) }) as T;
    const { top, bottom, left, right } = inset(definition.mapBorder as Sides, border);
    const rows = o.slice(map, "h", top, bottom === 0 ? undefined : -bottom);
    const part = o.slice(rows, "w", left, right === 0 ? undefined : -right);
    return o.mul(loss.better === "higher" ? o.sub(loss.offset, part) : part, weight);
  });
  return parts.reduce((sum, part) => o.add(sum, part));
}

/** The name in a sum's state of the share of its weight that a term has. */
const factorName = (index: number) => `factor/${index}`;

type DefinedTerm = LossTerm & { readonly schedule: TermSchedule; readonly definition: Definition };

/** The results of a sum's terms, by their places. */
interface TermMathematics {
  weightOf<T>(o: Ops<T>, images: Images<T>, index: number): T | number;
  contribution<T>(o: Ops<T>, images: Images<T>, index: number): T;
  ownImages<T>(images: Images<T>, index: number): Images<T>;
}

/** The sum in two halves, where the weights of some terms follow from gradients. */
function adaptedSum(
  defined: readonly DefinedTerm[],
  names: readonly string[],
  { weightOf, contribution, ownImages }: TermMathematics,
): AdaptedSum | undefined {
  const fixed = defined.flatMap(({ definition }, index) => (definition.adaptive ? [] : [{ ...definition, index }]));
  const adaptive = defined.flatMap(({ definition }, index): AdaptiveTerm[] => {
    const weight: AdaptiveTerm["weight"] = (o, images) => weightOf(o, images, index);
    if (definition.adaptive) {
      return [{ name: names[index], weight, score: (o, images) => contribution(o, images, index) }];
    }
    return (definition.adapted?.adaptive ?? []).map((inner) => ({
      name: `${names[index]}: ${inner.name}`,
      weight: (o, images) => {
        const [own, factor] = [inner.weight(o, ownImages(images, index)), weight(o, images)];
        return typeof own === "number" && typeof factor === "number" ? own * factor : o.mul(asValue(o, own), factor);
      },
      score: (o, images) => inner.score(o, ownImages(images, index)),
    }));
  });
  if (adaptive.length === 0) return undefined;
  if (fixed.length === 0) {
    throw new ReconlossError(
      "invalid-argument",
      `weighted: an adaptive weight compares a term with those beside it, but there is only ${names.join(", ")}`,
    );
  }
  return {
    fixed: (o, images) =>
      fixed
        .map(({ adapted, index }) => {
          const own = adapted?.fixed(o, ownImages(images, index)) ?? contribution(o, images, index);
          return o.mul(own, weightOf(o, images, index));
        })
        .reduce((sum, term) => o.add(sum, term)),
    adaptive,
  };
}

function asValue<T>(o: Ops<T>, x: T | number): T {
  return typeof x === "number" ? o.scalar(x) : x;
}

/** The sum as one definition, so that it can be written as one graph, where every term has one. */
export function sumDefinitions(terms: readonly Term[], names: readonly string[]): Definition | undefined {
  const defined = terms.flatMap(([weight, loss, schedule = {}]): DefinedTerm[] =>
    loss.definition && !loss.definition.poolScores ? [{ weight, loss, schedule, definition: loss.definition }] : [],
  );
  if (defined.length < terms.length) {
    const adaptive = terms.find(([, { definition }]) => definition?.adaptive || definition?.adapted);
    if (adaptive === undefined) return undefined;
    const [, other] = terms.find(([, { definition }]) => !definition || definition.poolScores) as Term;
    throw new ReconlossError(
      "invalid-argument",
      `weighted: the weight of ${adaptive[1].spec} is adaptive, which needs a sum that is one graph; ${other.spec} is not part of one`,
    );
  }
  /** The factor of each term. */
  const weightOf = <T>(o: Ops<T>, { state = {} }: Images<T>, index: number): T | number => {
    const { weight } = defined[index];
    const factor = state[factorName(index)];
    return factor === undefined ? weight : o.mul(factor, weight);
  };
  /** The inputs of a term: the images, and its part of the state. */
  const ownImages = <T>({ state = {}, ...images }: Images<T>, index: number): Images<T> => ({
    ...images,
    state: within(state, `${index}`),
  });
  const contribution = <T>(o: Ops<T>, images: Images<T>, index: number): T => {
    const { loss, definition } = defined[index];
    return minimisedPerImage(o, loss, definition, definition.score(o, ownImages(images, index)));
  };
  const borders = defined.flatMap(({ definition: { map, mapBorder } }) => (map && mapBorder ? [mapBorder] : []));
  const border = borders.length === defined.length ? widest(borders) : undefined;
  return {
    mapBorder: border,
    map: border && ((o, images) => sumOfMaps(o, defined, images, border)),
    weights: defined.flatMap(({ definition }) => definition.weights ?? []),
    ...(defined.some(({ definition }) => definition.prepare) && {
      prepare: async () => {
        for (const { definition } of defined) await definition.prepare?.();
      },
    }),
    state: (step) =>
      Object.assign(
        {},
        ...defined.map(({ definition, schedule }, index) => ({
          ...prefixed(definition.state?.(step) ?? {}, `${index}`),
          ...(isLater(schedule) && { [factorName(index)]: Tensor.full([1, 1, 1, 1], factorAt(schedule, step)) }),
        })),
      ),
    bySize: defined.some(({ definition }) => definition.bySize),
    needsInput: defined.some(({ definition }) => definition.needsInput),
    adapted: adaptedSum(defined, names, { weightOf, contribution, ownImages }),
    score: (o, images) =>
      defined
        .map((_, index) => o.mul(contribution(o, images, index), weightOf(o, images, index)))
        .reduce((sum, term) => o.add(sum, term)),
    terms: (o, images) => Object.fromEntries(names.map((name, index) => [name, contribution(o, images, index)])),
  };
}
