import { sameName, stemOf } from "./names.ts";

export const sides = ["output", "target"] as const;
export type Side = (typeof sides)[number];

/** Two names that go together. */
export interface NamedPair {
  readonly output: string;
  readonly target: string;
}

/** A name without a partner, and why. */
export interface UnpairedName {
  readonly side: Side;
  readonly name: string;
  readonly reason: string;
}

const sameStem = (name: string) => stemOf(sameName(name));

function groupBy(names: readonly string[], key: (name: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(key(name), [...(groups.get(key(name)) ?? []), name]);
  return groups;
}

/** Pairs names of two folders: the same ones, then, of what is left, those that are the same without extensions. Where more than one partner is possible none is chosen. */
export function pairNames(names: Readonly<Record<Side, readonly string[]>>): {
  readonly pairs: readonly NamedPair[];
  readonly unpaired: readonly UnpairedName[];
} {
  const left = { ...names };
  const pairs: NamedPair[] = [];
  for (const key of [sameName, sameStem]) {
    const candidates = { output: groupBy(left.output, key), target: groupBy(left.target, key) };
    const isMatched = (name: string): boolean =>
      candidates.output.get(key(name))?.length === 1 && candidates.target.get(key(name))?.length === 1;
    for (const output of left.output.filter(isMatched)) {
      pairs.push({ output, target: candidates.target.get(key(output))![0] });
    }
    left.output = left.output.filter((name) => !isMatched(name));
    left.target = left.target.filter((name) => !isMatched(name));
  }

  const rivals = { output: groupBy(left.output, sameStem), target: groupBy(left.target, sameStem) };
  const unpaired = sides.flatMap((side) => {
    const other = side === "output" ? "target" : "output";
    return left[side].map((name) => {
      const partners = rivals[other].get(sameStem(name));
      const own = rivals[side].get(sameStem(name))!;
      const reason = partners
        ? `ambiguous: ${side} ${own.join(", ")} could go with ${other} ${partners.join(", ")}`
        : `no ${other} left with this name, or with it and another extension`;
      return { side, name, reason };
    });
  });
  return { pairs, unpaired };
}
