import { printable } from "@reconloss/core/internal";

/** Text that is HTML already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value that can be put into a template: everything but {@link Html} is text, and is escaped. */
export type Content = Html | string | number | undefined | readonly Content[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function render(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Html) return content.text;
  if (typeof content === "object") return content.map(render).join("");
  return String(content)
    .replace(/[^\t\n\r]+/g, printable)
    .replace(/[&<>"']/g, (letter) => entities[letter]);
}

/** A template whose values are escaped, for content and quoted attributes, so that a file called `<script>` stays a name. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((string, index) => string + render(values[index])).join(""));
}

/** The contents of a page's head. */
export interface Head {
  readonly title: Content;
  readonly style: string;
  /** The hash of the one script that may run, as a policy writes it. Default: none may. */
  readonly script?: string;
  readonly more?: Content;
}

/** The beginning of a page that loads nothing from anywhere. */
export function documentHead({ title, style, script, more }: Head): Html {
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'${script ? `; script-src ${script}` : ""}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${more}
<title>${title}</title>
<style>${new Html(style)}</style>
</head>`;
}

/** Data for a script element: JSON in which `<` cannot end the element. */
export function scriptData(data: unknown): Html {
  return new Html(JSON.stringify(data).replaceAll("<", "\\u003c"));
}
