/**
 * How many digits after the point show four significant ones of most of these numbers; at least 2, at most 8.
 */
export function decimalsFor(values: readonly number[]): number {
  const sizes = values
    .map(Math.abs)
    .filter((size) => size > 0 && Number.isFinite(size))
    .sort((a, b) => a - b);
  if (sizes.length === 0) return 2;
  const typical = sizes[Math.floor(sizes.length / 2)];
  return Math.min(8, Math.max(2, 3 - Math.floor(Math.log10(typical))));
}

/** A number as people read it, with this many digits after the point; infinity as a sign, and a dash where there is none. */
export function formatNumber(value: number | undefined, decimals: number): string {
  if (value === undefined) return "–";
  if (Number.isFinite(value)) return value.toFixed(decimals);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
}

/** Whether a is worse than b; what is not a number is worst of all. */
export function isWorse(better: "lower" | "higher", a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && !Number.isNaN(b);
  return better === "lower" ? a > b : a < b;
}

/** A sort order by one loss, worst first; those without a number come last. */
export function worstFirst(
  spec: string,
  better: "lower" | "higher",
): (
  a: { readonly values: Readonly<Record<string, number>> },
  b: { readonly values: Readonly<Record<string, number>> },
) => number {
  return ({ values: { [spec]: a } }, { values: { [spec]: b } }) => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    return Number(isWorse(better, b, a)) - Number(isWorse(better, a, b));
  };
}
