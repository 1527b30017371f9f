import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import MarkdownIt from "markdown-it";
import type Token from "markdown-it/lib/token.mjs";

const languages = { bash, json, python, typescript, xml, yaml };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);
hljs.registerAliases(["js", "ts", "tsx"], { languageName: "typescript" });
hljs.registerAliases(["sh"], { languageName: "bash" });
hljs.registerAliases(["html"], { languageName: "xml" });
hljs.registerAliases(["yml"], { languageName: "yaml" });

/** A heading of a page, with its anchor. */
export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly anchor: string;
}

/** A link or picture of a Markdown text. */
export interface Link {
  readonly href: string;
  /** The line that it stands in, from 1; of a table or paragraph, its first. */
  readonly line: number;
}

/** A part of a page under one heading, as the search looks through it. */
export interface Passage {
  readonly heading: Heading | undefined;
  readonly text: string;
}

/** A Markdown text, read. */
export interface MarkdownText {
  readonly headings: readonly Heading[];
  readonly links: readonly Link[];
  readonly passages: readonly Passage[];
  /** Places that a link can name: anchors of headings, and `id` or `name` of HTML. */
  readonly anchors: ReadonlySet<string>;
  /** Returns the text as HTML. */
  html(rewrite: Rewrite): string;
}

/** What becomes of the links of a text when it is written as HTML. */
export interface Rewrite {
  /** Returns what a link or picture of the text leads to on the page. */
  link(href: string): string;
  /** Returns the address of the page of a name in a table's first column, if it has one. */
  nameLink?(name: string): string | undefined;
}

/** Returns the anchor that GitHub gives a heading. */
export function anchorOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}

/** Returns a text with the characters that HTML reads as its own written as entities. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const reader = new MarkdownIt({ html: true });

/** The letters of an inline token, without its marks. */
function plain(token: Token): string {
  return (token.children ?? [])
    .map(({ type, content }) => {
      if (type === "text" || type === "code_inline" || type === "image") return content;
      return type.endsWith("break") ? " " : "";
    })
    .join("");
}

/** The heads of first columns whose code is a name that has a page. */
const namedHeads = ["loss", "name", "metric"];

const htmlLink = /<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)="([^"\s]+)/g;
const htmlAnchor = /<[a-z]+\b[^>]*?\b(?:id|name)="([^"]+)"/g;

/** Reads a Markdown text: its headings, links and passages. */
export function readMarkdown(markdown: string): MarkdownText {
  const tokens = reader.parse(markdown, {});
  const headings: Heading[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  const passages: { heading: Heading | undefined; parts: string[] }[] = [{ heading: undefined, parts: [] }];
  let line = 1;
  let head = "";
  for (const [i, token] of tokens.entries()) {
    if (token.map) line = token.map[0] + 1;
    if (tokens[i - 1]?.type === "th_open" && tokens[i - 2]?.type === "tr_open") head = plain(token);
    if (tokens[i - 1]?.type === "td_open" && tokens[i - 2]?.type === "tr_open" && namedHeads.includes(head)) {
      for (const child of token.children ?? []) child.meta = { isName: child.type === "code_inline" };
    }
    for (const { type, attrGet, content } of [token, ...(token.children ?? [])].map(withAttributes)) {
      const href = type === "link_open" ? attrGet("href") : type === "image" ? attrGet("src") : null;
      if (href !== null) links.push({ href, line });
      if (type !== "html_block" && type !== "html_inline") continue;
      for (const [, target] of content.matchAll(htmlLink)) links.push({ href: target, line });
      for (const [, anchor] of content.matchAll(htmlAnchor)) anchors.add(anchor);
    }
    if (token.type === "heading_open") {
      const text = plain(tokens[i + 1]);
      const base = anchorOf(text);
      let anchor = base;
      for (let again = 1; anchors.has(anchor); again++) anchor = `${base}-${again}`;
      anchors.add(anchor);
      const heading = { level: Number(token.tag.slice(1)), text, anchor };
      token.attrSet("id", anchor);
      headings.push(heading);
      passages.push({ heading, parts: [] });
    } else if (token.type === "inline" && tokens[i - 1]?.type !== "heading_open") {
      passages[passages.length - 1].parts.push(plain(token));
    } else if (token.type === "fence" || token.type === "code_block") {
      passages[passages.length - 1].parts.push(token.content);
    }
  }
  return {
    headings,
    links,
    anchors,
    passages: passages.map(({ heading, parts }) => ({ heading, text: parts.join(" ").replace(/\s+/g, " ").trim() })),
    html: (rewrite) => writer.renderer.render(tokens, writer.options, { rewrite }),
  };
}

function withAttributes(token: Token) {
  return { type: token.type, content: token.content, attrGet: (name: string) => token.attrGet(name) };
}

const writer = new MarkdownIt({ html: true });
const { rules } = writer.renderer;
const plainCode = rules.code_inline as NonNullable<typeof rules.code_inline>;

rules.heading_close = (tokens, i) => {
  const anchor = tokens[i - 2].attrGet("id");
  const link = `<a class="anchor" href="#${anchor}" aria-label="Link to ${escapeHtml(plain(tokens[i - 1]))}">#</a>`;
  return `${tokens[i].tag === "h1" ? "" : ` ${link}`}</${tokens[i].tag}>\n`;
};
rules.link_open = (tokens, i, options, env, self) => {
  tokens[i].attrSet("href", env.rewrite.link(tokens[i].attrGet("href")));
  return self.renderToken(tokens, i, options);
};
rules.image = (tokens, i, options, env, self) => {
  const token = tokens[i];
  token.attrSet("src", env.rewrite.link(token.attrGet("src")));
  token.attrSet("alt", self.renderInlineAsText(token.children ?? [], options, env));
  token.attrSet("loading", "lazy");
  return self.renderToken(tokens, i, options);
};
rules.html_block = (tokens, i, _options, env) => rewriteHtml(tokens[i].content, env.rewrite);
rules.html_inline = rules.html_block;
rules.code_inline = (tokens, i, options, env, self) => {
  const href =
    tokens[i].meta?.isName && tokens[i - 1]?.type !== "link_open"
      ? env.rewrite.nameLink?.(tokens[i].content)
      : undefined;
  const code = plainCode(tokens, i, options, env, self);
  return href === undefined ? code : `<a href="${href}">${code}</a>`;
};
// Alignment by classes, since the site's policy allows no style in attributes; a head without words is no head.
rules.th_open = (tokens, i) => {
  const isEmpty = tokens[i + 1].content === "";
  if (isEmpty) tokens[i + 2].tag = "td";
  return `<${isEmpty ? "td" : "th"}${alignment(tokens[i])}>`;
};
rules.td_open = (tokens, i) => `<td${alignment(tokens[i])}>`;
// Tables and code may be wider than a phone: they scroll by themselves, by keyboard too.
rules.table_open = () => `<div class="wide" tabindex="0"><table>\n`;
rules.table_close = () => "</table></div>\n";
rules.fence = (tokens, i) => {
  const [language] = tokens[i].info.trim().split(/\s+/);
  const code = tokens[i].content;
  const html = hljs.getLanguage(language) ? hljs.highlight(code, { language }).value : escapeHtml(code);
  return `<div class="code"><pre tabindex="0"><code>${html}</code></pre></div>\n`;
};

function alignment(token: Token): string {
  const side = /text-align:\s*(right|center)/.exec(token.attrGet("style") ?? "")?.[1];
  return side === undefined ? "" : ` class="${side}"`;
}

function rewriteHtml(html: string, { link }: Rewrite): string {
  return html.replace(
    /(<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=")([^"\s]+)/g,
    (_, before, href) => `${before}${link(href)}`,
  );
}
