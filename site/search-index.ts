import type { ReadPage } from "./site.ts";

/** A part of a page, as the search finds it. */
export interface IndexedPassage {
  readonly id: number;
  readonly address: string;
  /** The page's title. */
  readonly title: string;
  /** The heading that it stands under; empty for the page's beginning. */
  readonly heading: string;
  readonly text: string;
  /** How much it counts. */
  readonly weight: number;
}

/** The letters of a brief page that are looked through. */
const brief = 300;

/** Returns the passages of pages. */
export function searchIndex(pages: Iterable<ReadPage>): IndexedPassage[] {
  const passages: IndexedPassage[] = [];
  for (const { address, title, text, weight = 1, isBrief } of pages) {
    const [first] = text.headings;
    for (const { heading, text: words } of text.passages) {
      const isBeginning = heading === undefined || heading === first;
      if ((heading === undefined && words === "") || (isBrief && !isBeginning)) continue;
      passages.push({
        id: passages.length,
        address: isBeginning ? address : `${address}#${encodeURIComponent(heading.anchor)}`,
        title,
        heading: isBeginning ? "" : heading.text,
        text: isBrief ? words.slice(0, brief) : words,
        weight,
      });
    }
  }
  return passages;
}
