/** The file of one quality. */
export interface Tried {
  /** The quality that the encoder was given: a whole number. */
  readonly quality: number;
  /** The size of the file. */
  readonly bytes: number;
  /** Whether the file meets the target. */
  readonly isMet: boolean;
}

/** Among which qualities is searched. */
export interface SearchRange {
  readonly lowest: number;
  readonly highest: number;
  /** The distance around the smallest file within which every quality is tried. */
  readonly neighbours: number;
}

/** A sort order: the fewer bytes, then the higher quality, which cost nothing. */
export const bySize = (a: Tried, b: Tried) => a.bytes - b.bytes || b.quality - a.quality;

/**
 * Searches the smallest file that meets a target. Bisection takes it that files which meet the target do so at every higher quality; since neither sizes nor scores need rise with quality, all
 * qualities around the smallest file found are tried then, and around a smaller one that comes of it, until the smallest has no neighbour that was not tried.
 *
 * Where sizes and scores rise with quality, no file is smaller; else none of those that were tried. With `neighbours` that reach over the whole range, everything is tried.
 *
 * @returns what was tried, in order of quality, and the smallest of it that meets the target, if one does
 */
export async function smallestThatMeets<T extends Tried>(
  tryAt: (quality: number) => Promise<T>,
  { lowest, highest, neighbours }: SearchRange,
): Promise<{ chosen?: T; tried: T[] }> {
  const known = new Map<number, T>();
  const at = async (quality: number): Promise<T> => {
    const one = known.get(quality) ?? (await tryAt(quality));
    known.set(quality, one);
    return one;
  };
  let [fails, meets] = [lowest - 1, highest + 1];
  while (meets - fails > 1) {
    const middle = Math.floor((fails + meets) / 2);
    if ((await at(middle)).isMet) meets = middle;
    else fails = middle;
  }
  for (;;) {
    const [chosen] = [...known.values()].filter(({ isMet }) => isMet).sort(bySize);
    const around = chosen?.quality ?? highest;
    const [first, last] = [Math.max(lowest, around - neighbours), Math.min(highest, around + neighbours)];
    const left: number[] = [];
    for (let quality = first; quality <= last; quality++) if (!known.has(quality)) left.push(quality);
    if (left.length === 0) return { chosen, tried: [...known.values()].sort((a, b) => a.quality - b.quality) };
    for (const quality of left) await at(quality);
  }
}
