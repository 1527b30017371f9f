import type { Primitives, ResizeAttributes } from "./primitives.ts";

/** The position that a position of an axis continued beyond its ends has its value from; `undefined` where that is 0. */
export function continued(position: number, size: number, mode: Primitives["pad"]["mode"]): number | undefined {
  if (position >= 0 && position < size) return position;
  if (mode === "zero") return undefined;
  const end = position < 0 ? 0 : size - 1;
  return mode === "reflect" ? 2 * end - position : end;
}

/** For every output position of one axis, the input positions it mixes and their weights. */
export function resizeTaps(
  input: number,
  output: number,
  { mode, alignCorners }: ResizeAttributes,
): [number, number][][] {
  return Array.from({ length: output }, (_, i) => {
    if (mode === "nearest") return [[Math.min(Math.floor((i * input) / output), input - 1), 1]];
    const source = alignCorners
      ? output === 1
        ? 0
        : (i * (input - 1)) / (output - 1)
      : Math.max(((i + 0.5) * input) / output - 0.5, 0);
    const low = Math.min(Math.floor(source), input - 1);
    const high = Math.min(low + 1, input - 1);
    return [
      [low, 1 - (source - low)],
      [high, source - low],
    ];
  });
}

/** The cosine and sine of `turns / size` full turns, exact at quarter turns. */
export function wave(turns: number, size: number): readonly [cosine: number, sine: number] {
  const quarter = (4 * (turns % size)) / size;
  if (Number.isInteger(quarter)) return [[1, 0, -1, 0][quarter], [0, 1, 0, -1][quarter]];
  const angle = (2 * Math.PI * (turns % size)) / size;
  return [Math.cos(angle), Math.sin(angle)];
}
