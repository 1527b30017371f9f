import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path/posix";
import { root, targetOf } from "./links.ts";
import { type MarkdownText, readMarkdown } from "./markdown.ts";

/** The address of the repository's files, to which links lead that are no pages. */
export const repository = "https://github.com/reconloss/reconloss";

/** A page of the site, before it is written. */
export interface Page {
  /** The Markdown file that it is, or the one that it would be where it is made from definitions: `docs/losses/ssim.md`. */
  readonly source: string;
  readonly markdown: string;
  /** The title in the navigation. Default: the first heading. */
  readonly title?: string;
  /** How much its passages count in a search. Default 1. */
  readonly weight?: number;
  /** Whether a search finds its beginning alone. */
  readonly isBrief?: boolean;
  /** The heading in the navigation under which it stands with others of its section. */
  readonly group?: string;
  /** Whether the navigation does not have it. */
  readonly hidden?: boolean;
}

/** A picture or other file of the site that is made, by its path in the repository if it were there. */
export interface MadeFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A page that was read. */
export interface ReadPage extends Page {
  readonly title: string;
  /** Its address in the site. */
  readonly address: string;
  readonly text: MarkdownText;
}

/** Returns the address in the site of a page with this source. */
export function addressOf(source: string): string {
  // A folder's README is what GitHub shows for the folder, as a host shows its index.
  const path = source.replace(/(^|\/)README\.md$/, "$1index.html").replace(/\.md$/, ".html");
  return path.startsWith("docs/") ? path.slice("docs/".length) : path.toLowerCase();
}

/** Reads the pages of a site. */
export function readPages(pages: readonly Page[]): Map<string, ReadPage> {
  return new Map(
    pages.map((page) => {
      const text = readMarkdown(page.markdown);
      const title = page.title ?? text.headings[0]?.text ?? basename(page.source);
      return [page.source, { ...page, title, text, address: addressOf(page.source) }];
    }),
  );
}

/** Returns the relative address of one file of the site from another. */
export function between(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path === "" ? basename(to) : path;
}

const pictures = [".png", ".svg", ".jpg", ".webp", ".avif", ".gif"];

/** The links of a site's pages: what each leads to, which files they take along, and which lead nowhere. */
export class Links {
  /** Paths in the repository of the files that pages show. */
  readonly files = new Set<string>();
  readonly broken: string[] = [];

  constructor(
    private readonly pages: ReadonlyMap<string, ReadPage>,
    private readonly made: ReadonlySet<string>,
    /** Returns the source of the page that a name has. */
    private readonly pageOfName: (name: string) => string | undefined = () => undefined,
  ) {}

  /** Returns the address of the page of a name, as a page links to it. */
  ofName(page: ReadPage, name: string): string | undefined {
    const source = this.pageOfName(name.replace(/\(.*\)$/, ""));
    return source === undefined || source === page.source
      ? undefined
      : this.resolve(page, relative(dirname(page.source), source));
  }

  /** Returns the address of a link on a page. */
  resolve(page: ReadPage, href: string): string {
    const target = targetOf(page.source, href);
    if ("address" in target) return href;
    const { path, anchor } = target;
    const to = ["", "/index.md", "/README.md"]
      .map((name) => this.pages.get(path + name))
      .find((it) => it !== undefined);
    const hash = anchor === "" ? "" : `#${encodeURIComponent(anchor)}`;
    if (to !== undefined) {
      if (anchor !== "" && !to.text.anchors.has(anchor))
        this.broken.push(`${page.source}: ${href} leads to no heading`);
      return to === page && hash !== "" ? hash : `${between(page.address, to.address)}${hash}`;
    }
    // Pages that are made elsewhere, such as the playground, know what their addresses say.
    if (this.made.has(path)) return `${between(page.address, addressOf(path))}${/#.*$/.exec(href)?.[0] ?? ""}`;
    if (!existsSync(join(root, path))) {
      this.broken.push(`${page.source}: ${href} leads to no file`);
      return href;
    }
    if (pictures.includes(extname(path))) {
      this.files.add(path);
      return between(page.address, addressOf(path));
    }
    const kind = statSync(join(root, path)).isDirectory() ? "tree" : "blob";
    return `${repository}/${kind}/main/${path}${hash}`;
  }
}
