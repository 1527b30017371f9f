import { createHash } from "node:crypto";
import { type Content, documentHead, Html, html, scriptData } from "../html.ts";
import { type ClientParts, clientParts } from "./client-parts.ts";
import { magma } from "./colour-map.ts";
import { style } from "./style.ts";

/** A page with a script. */
export interface InteractivePage {
  readonly title: string;
  /** The line under the title. */
  readonly count: string;
  /** Paragraphs under it. */
  readonly introduction: readonly string[];
  readonly sections: readonly Content[];
  /** The script, by its source text, so that it may use nothing from outside itself but these parts. */
  readonly script: (parts: ClientParts) => void;
  /** The data that the script is given, as JSON. */
  readonly data: unknown;
  /** Rules besides those of all pages. Default: none. */
  readonly ownStyle?: string;
  /** Elements that are referred to and not seen themselves. Default: none. */
  readonly definitions?: Content;
}

/** The whole page; it loads nothing, and runs no script but its own. */
export function interactivePage(page: InteractivePage): string {
  const { title, count, introduction, sections, data, ownStyle = "", definitions } = page;
  // Some compilers wrap functions in a helper that keeps their names; on the page it has nothing to do.
  const script = `const __name = (value) => value;\n(${page.script.toString()})((${clientParts.toString()})());`;
  const hash = `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
  const bar = `linear-gradient(90deg, ${magma.join(", ")})`;
  return html`${documentHead({ title, style: `${style}:root { --colour-bar: ${bar}; }${ownStyle}`, script: hash })}
<body>${definitions}
<header class="top">
  <p class="brand">reconloss</p>
  <button id="theme" title="light or dark" aria-label="light or dark">◐</button>
  <h1>${title}</h1>
  <p class="count">${count}</p>
  ${introduction.map((paragraph) => html`<p class="lead">${paragraph}</p>`)}
</header>
<main>
${sections.map((section) => html`${section}\n`)}</main>
<script type="application/json" id="data">${scriptData(data)}</script>
<script>${new Html(script)}</script>
</body>
</html>
`.text;
}
