import type { OptionValue, Schema } from "@reconloss/core";

/** Returns a text as Markdown that a cell of a table can hold. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** Returns a text as code in a cell of a table. */
export function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

/** Returns a line of a table. */
export function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Returns a table of these lines; nothing where there are none. */
export function table(head: readonly string[], lines: readonly string[]): string {
  return lines.length === 0 ? "" : [row(...head), row(...head.map(() => "---")), ...lines].join("\n");
}

/** Returns the options of a definition: what each takes, its default and its meaning. */
export function optionsTable(options: Schema): string {
  const lines = Object.entries(options).map(([name, { default: fallback, accepts, help }]) =>
    row(code(name), cell(accepts), code(String(fallback)), cell(help)),
  );
  return table(["option", "takes", "default", "meaning"], lines);
}

/** Returns the presets among options, and the options that each sets, also by defaults that depend on it; `valuesOf` has the values of all options with a preset. */
export function presetsTable(
  { preset }: Schema,
  valuesOf: (preset: string) => Readonly<Record<string, OptionValue>>,
): string {
  const words = preset?.words ?? [];
  const usual = words.length > 0 ? valuesOf(String(preset.default)) : {};
  const lines = words.map((word) => {
    const set = Object.entries(valuesOf(word)).filter(
      ([option, value]) => option !== "preset" && value !== usual[option],
    );
    const shown = set.map(([option, value]) => code(`${option}=${value}`)).join(", ");
    return row(code(`preset=${word}`) + (word === preset.default ? " (default)" : ""), shown || "the defaults");
  });
  return table(["preset", "sets"], lines);
}

/** Returns a part of a page under a heading; nothing where it is empty. */
export function section(title: string, ...parts: readonly string[]): string {
  const all = parts.filter((part) => part !== "");
  return all.length === 0 ? "" : `## ${title}\n\n${all.join("\n\n")}\n`;
}

/** Returns code in a language. */
export function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
