/** A name as it is compared with others: case, hyphens and underscores make no difference. */
function folded(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}

/** The one of some names that a word stands for, whatever its case, hyphens and underscores. */
export function matching(word: string, names: readonly string[]): string | undefined {
  return names.includes(word) ? word : names.find((name) => folded(name) === folded(word));
}

/** The fewest letters inserted, left out, replaced or swapped with the next that turn one word into the other (Damerau 1964). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : replaced;
      rows[i].push(Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced, swapped));
    }
  }
  return rows[a.length][b.length];
}

/** With fewer letters, that one word begins with the other means nothing. */
const leastPrefix = 3;

/** `; did you mean "ssim"?` for a word that is near one of some names (two letters or a third of them differ, or one begins with the other), else nothing. */
export function suggestion(word: string, names: readonly string[]): string {
  const wanted = folded(word);
  const near = names.flatMap((name) => {
    const known = folded(name);
    const [short, long] = known.length < wanted.length ? [known, wanted] : [wanted, known];
    const begins = short.length >= leastPrefix && long.startsWith(short);
    const distance = begins ? 1 : editDistance(wanted, known);
    return distance <= Math.max(wanted.length > 3 ? 2 : 1, Math.floor(wanted.length / 3)) ? [{ name, distance }] : [];
  });
  const [nearest] = near.sort((a, b) => a.distance - b.distance);
  return nearest === undefined ? "" : `; did you mean "${nearest.name}"?`;
}
