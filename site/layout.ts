import { escapeHtml } from "./markdown.ts";
import { arrange } from "./navigation.ts";
import { between, type ReadPage, repository } from "./site.ts";

/** The site loads and runs nothing but its own files. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/** A section of the navigation with its pages, in groups where they have some. */
interface Entry {
  readonly title: string;
  readonly groups: ReadonlyMap<string | undefined, readonly ReadPage[]>;
}

/** The navigation of the pages of a site. */
export function navigationOf(pages: ReadonlyMap<string, ReadPage>): Entry[] {
  const shown = [...pages.values()].filter(({ hidden }) => !hidden);
  return arrange(shown.map(({ source }) => source)).map(({ title, paths }) => ({
    title,
    groups: grouped(paths.map((path) => pages.get(path) as ReadPage)),
  }));
}

function grouped(pages: readonly ReadPage[]): Map<string | undefined, ReadPage[]> {
  const groups = new Map<string | undefined, ReadPage[]>();
  for (const page of pages) groups.set(page.group, [...(groups.get(page.group) ?? []), page]);
  return groups;
}

function sidebar(page: ReadPage, entries: readonly Entry[]): string {
  const item = (it: ReadPage) =>
    `<li><a href="${between(page.address, it.address)}"${it === page ? ' aria-current="page"' : ""}>${escapeHtml(it.title)}</a></li>`;
  const list = (pages: readonly ReadPage[]) => `<ul>${pages.map(item).join("")}</ul>`;
  return entries
    .map(({ title, groups }) => {
      const parts = [...groups].map(([group, pages]) => {
        if (group === undefined) return list(pages);
        const open = pages.includes(page) ? " open" : "";
        return `<details${open}><summary>${escapeHtml(group)}</summary>${list(pages)}</details>`;
      });
      return `<h2>${escapeHtml(title)}</h2>${parts.join("")}`;
    })
    .join("\n");
}

function contents({ text: { headings } }: ReadPage): string {
  const shown = headings.filter(({ level }) => level === 2 || level === 3);
  if (shown.length < 2) return "";
  const items = shown.map(
    ({ level, text, anchor }) => `<li class="level${level}"><a href="#${anchor}">${escapeHtml(text)}</a></li>`,
  );
  return `<nav class="contents" aria-label="On this page"><h2>On this page</h2><ul>${items.join("")}</ul></nav>`;
}

/** The pages before and after one, in the order of the navigation. */
function neighbours(page: ReadPage, entries: readonly Entry[]): string {
  const order = entries.flatMap(({ groups }) => [...groups.values()].flat());
  const at = order.indexOf(page);
  if (at === -1) return "";
  const link = (it: ReadPage | undefined, rel: string, label: string) =>
    it === undefined
      ? ""
      : `<a rel="${rel}" href="${between(page.address, it.address)}"><small>${label}</small>${escapeHtml(it.title)}</a>`;
  return `<nav class="neighbours" aria-label="Pages before and after">${link(order[at - 1], "prev", "Before")}${link(order[at + 1], "next", "Next")}</nav>`;
}

/** Where the code of a page is that a reader could mend. */
function sourceLink({ source }: ReadPage, isFile: boolean): string {
  return isFile
    ? `<a href="${repository}/blob/main/${source}">Source of this page</a>`
    : "Made from the definitions in the code";
}

const links = [
  ["Docs", "index.html"],
  ["Losses", "losses/index.html"],
  ["API", "api/index.html"],
  ["Playground", "playground/index.html"],
] as const;

/** Returns a whole page of the site as HTML, of what its Markdown says. */
export function layout(
  page: ReadPage,
  html: string,
  { entries, has, isFile }: { entries: readonly Entry[]; has: (address: string) => boolean; isFile: boolean },
): string {
  const to = (address: string) => between(page.address, address);
  const top = links
    .filter(([, address]) => has(address))
    .map(([title, address]) => `<a href="${to(address)}">${title}</a>`)
    .join("");
  const title = page.source === "README.md" ? "reconloss" : `${page.title} · reconloss`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${to("icon.svg")}">
<link rel="stylesheet" href="${to("style.css")}">
<script src="${to("theme.js")}"></script>
<script src="${to("site.js")}" defer></script>
</head>
<body data-base="${to("index.html").replace(/index\.html$/, "")}">
<a class="skip" href="#content">To the content</a>
<header>
<button class="menu" type="button" aria-expanded="false" aria-controls="navigation">Menu</button>
<a class="home" href="${to("index.html")}">reconloss</a>
<div class="search" role="search"><input type="search" role="combobox" aria-label="Search" aria-expanded="false" aria-controls="found" aria-autocomplete="list" placeholder="Search  /" autocomplete="off" spellcheck="false"><div id="found" role="listbox" aria-label="Pages found" hidden></div></div>
<nav class="top" aria-label="Parts">${top}</nav>
<button class="theme" type="button" aria-label="Dark colours" aria-pressed="false">◐</button>
</header>
<div class="page">
<nav id="navigation" aria-label="Pages">${sidebar(page, entries)}</nav>
<main id="content" tabindex="-1">
<article>${html}</article>
${neighbours(page, entries)}
<footer>${sourceLink(page, isFile)}</footer>
</main>
${contents(page)}
</div>
</body>
</html>
`;
}
