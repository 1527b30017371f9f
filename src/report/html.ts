/** Text that is HTML already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What can be put into a template: everything but {@link Html} is text, and is escaped. */
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
  return String(content).replace(/[&<>"']/g, (letter) => entities[letter]);
}

/** A template whose values are escaped, for content and quoted attributes, so that a file called `<script>` stays a name. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((string, index) => string + render(values[index])).join(""));
}

/** Data for a script element: JSON in which `<` cannot end the element. */
export function scriptData(data: unknown): Html {
  return new Html(JSON.stringify(data).replaceAll("<", "\\u003c"));
}
