/** A section of the site's navigation: the files that are its pages, in this order; `*` stands for any name. */
export interface Section {
  readonly title: string;
  readonly pages: readonly string[];
}

/**
 * The navigation of the site. A Markdown file of docs/ is a page of the first section that names it, of the last one where none does; its title is its first heading.
 * Pages that are made from definitions have names in docs/ too, where no file is.
 */
export const sections: readonly Section[] = [
  {
    title: "Start",
    pages: ["README.md", "docs/start/judge.md", "docs/start/*.md", "docs/choosing.md", "docs/glossary.md"],
  },
  { title: "Losses", pages: ["docs/losses/index.md", "docs/losses/*.md", "docs/metrics/index.md"] },
  {
    title: "Judge",
    pages: [
      "docs/judging.md",
      "docs/protocols.md",
      "docs/figures.md",
      "docs/video.md",
      "docs/distribution.md",
      "docs/sets.md",
      "docs/quality.md",
      "docs/testing.md",
    ],
  },
  {
    title: "Train",
    pages: ["docs/code.md", "docs/training.md", "docs/frameworks.md", "docs/weights.md", "docs/tiny-lpips.md"],
  },
  { title: "At scale", pages: ["docs/scale.md", "docs/queue.md"] },
  { title: "Coming from", pages: ["docs/migrating/README.md", "docs/migrating/*.md"] },
  {
    title: "Numbers",
    pages: ["docs/performance.md", "docs/benchmarks.md", "docs/precision.md", "docs/monotonicity.md"],
  },
  { title: "Extend", pages: ["docs/extending.md", "docs/writing-*.md", "docs/architecture.md", "CONTRIBUTING.md"] },
  { title: "API", pages: ["docs/api/index.md", "docs/api/**.md"] },
  {
    title: "Reference",
    pages: ["docs/conventions.md", "docs/*.md", "docs/**.md", "SECURITY.md", "CHANGELOG.md", "*.md"],
  },
];

/** Whether a path fits a pattern, in which `*` stands for letters other than `/`, and `**` for any. */
export function fits(path: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, (stars) => (stars === "*" ? "[^/]*" : ".*"));
  return new RegExp(`^${source}$`).test(path);
}

/** Sorts paths into the sections: each belongs to the first section with a pattern that it fits, in the order of its patterns, then in that of the paths. */
export function arrange(paths: readonly string[]): { title: string; paths: string[] }[] {
  const left = new Set(paths);
  // A file that a section names belongs to it, whichever section has a pattern for it.
  const named = new Set(sections.flatMap(({ pages }) => pages).filter((pattern) => !pattern.includes("*")));
  return sections
    .map(({ title, pages }) => {
      const own = pages.flatMap((pattern) =>
        [...left].filter((path) => (named.has(path) ? path === pattern : fits(path, pattern))),
      );
      const unique = [...new Set(own)];
      for (const path of unique) left.delete(path);
      return { title, paths: unique };
    })
    .filter((section) => section.paths.length > 0);
}
