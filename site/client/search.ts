import MiniSearch, { type SearchResult } from "minisearch";
import type { IndexedPassage } from "../search-index.ts";

const most = 12;

interface Found extends SearchResult {
  readonly address: string;
  readonly title: string;
  readonly heading: string;
  readonly text: string;
  readonly weight: number;
}

let loading: Promise<MiniSearch<IndexedPassage>> | undefined;

/** Loads the passages when somebody searches for the first time. As a script, since pages that are opened as files may fetch nothing. */
function load(base: string): Promise<MiniSearch<IndexedPassage>> {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: `${base}search-index.js` });
    script.addEventListener("error", () => {
      // Another word typed is another try.
      loading = undefined;
      reject(new Error(`${script.src} cannot be loaded`));
    });
    script.addEventListener("load", () => {
      const search = new MiniSearch<IndexedPassage>({
        fields: ["title", "heading", "text"],
        storeFields: ["address", "title", "heading", "text", "weight"],
        tokenize: (text) => text.split(/[^\p{L}\p{N}_-]+|(?<=[a-z])-(?=[a-z])/u).filter((word) => word !== ""),
      });
      search.addAll((globalThis as unknown as { searchIndex: IndexedPassage[] }).searchIndex);
      resolve(search);
    });
    document.head.append(script);
  });
  return loading;
}

function find(search: MiniSearch<IndexedPassage>, text: string): Found[] {
  return search
    .search(text, {
      prefix: true,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      combineWith: "AND",
      boost: { title: 6, heading: 3 },
      boostDocument: (_id, term, stored) => {
        const { title, heading, weight } = stored as unknown as Found;
        const isName = heading === "" && title.replace("()", "").toLowerCase() === term.toLowerCase();
        return weight * (isName ? 20 : 1);
      },
    })
    .filter(atMost(2, ({ title }) => title))
    .slice(0, most) as Found[];
}

/** Passes at most so many of each kind, the first ones. */
function atMost<T>(count: number, kind: (it: T) => string): (it: T) => boolean {
  const seen = new Map<string, number>();
  return (it) => {
    const before = seen.get(kind(it)) ?? 0;
    seen.set(kind(it), before + 1);
    return before < count;
  };
}

/** Returns the part of a text around the first word that was found. */
function excerpt({ text, terms }: Found): string {
  const at = Math.max(
    0,
    text.toLowerCase().search(new RegExp(terms.map((term) => term.replace(/[^\p{L}\p{N}]/gu, ".")).join("|"), "u")),
  );
  const from = at < 60 ? 0 : text.indexOf(" ", at - 50) + 1;
  const end = text.slice(from, from + 150);
  return `${from > 0 ? "… " : ""}${end}${from + 150 < text.length ? " …" : ""}`;
}

/** Makes the search field find pages while one types. */
export function offerSearch(element: HTMLElement, base: string): void {
  const input = element.querySelector("input") as HTMLInputElement;
  const list = element.querySelector("[role=listbox]") as HTMLElement;
  let chosen = -1;

  const options = () => [...list.querySelectorAll<HTMLAnchorElement>("[role=option]")];
  const choose = (index: number) => {
    const all = options();
    chosen = all.length === 0 ? -1 : (index + all.length) % all.length;
    for (const [i, option] of all.entries()) option.setAttribute("aria-selected", String(i === chosen));
    input.setAttribute("aria-activedescendant", chosen === -1 ? "" : all[chosen].id);
    all[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const open = (isOpen: boolean) => {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
  };
  const tell = (text: string) => {
    list.textContent = text;
    open(true);
    choose(0);
  };
  const show = (found: readonly Found[], text: string) => {
    list.replaceChildren(
      ...found.map((it, i) => {
        const option = Object.assign(document.createElement("a"), { id: `found-${i}`, href: base + it.address });
        option.setAttribute("role", "option");
        option.tabIndex = -1;
        const title = Object.assign(document.createElement("strong"), {
          textContent: it.heading === "" ? it.title : `${it.title}: ${it.heading}`,
        });
        const words = Object.assign(document.createElement("span"), { textContent: excerpt(it) });
        option.append(title, words);
        return option;
      }),
    );
    if (found.length === 0) return tell(`Nothing found for "${text}"`);
    open(true);
    choose(0);
  };

  input.addEventListener("focus", () => void load(base).catch(() => undefined));
  input.addEventListener("input", async () => {
    const text = input.value.trim();
    if (text === "") return open(false);
    const search = await load(base).catch((error: Error) => tell(`No search: ${error.message}`));
    if (!search) return;
    // What was typed since is looked for by a later call.
    if (input.value.trim() === text) show(find(search, text), text);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") options()[chosen]?.click();
    else if (event.key === "Escape") open(false);
    else return;
    event.preventDefault();
  });
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (!element.contains(relatedTarget as Node | null)) open(false);
  });
  addEventListener("keydown", (event) => {
    const isTyping = (event.target as HTMLElement).matches("input, textarea, select");
    if (!(event.key === "/" && !isTyping) && !(event.key === "k" && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    input.focus();
  });
}
