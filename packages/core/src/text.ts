/**
 * Control characters of a text as escapes, and so bytes of a file's name that are not UTF-8 (lone surrogates, see `nameFromBytes`) and what changes the
 * direction of letters: a name cannot move the cursor, colour the terminal, end a line or show its letters in another order, and can be told from others.
 * So are the signs that begin a command in the log of a GitHub workflow: `::` that begins the text, and `##[` anywhere.
 */
export function printable(text: string): string {
  const unprintable =
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\udc80-\udcff]|(?<=^\s*):(?=:)|#(?=#\[)/gu;
  return text.replace(unprintable, (letter) => {
    const code = letter.charCodeAt(0);
    const isByte = code < 0x100 || code >= 0xdc80;
    return isByte ? `\\x${(code & 0xff).toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/**
 * A value as JSON, in which DEL, the control characters from U+0080, what changes the direction of letters and `##[`, which begins a command in the log of a GitHub workflow, are escapes too: it says the same.
 *
 * @param space - as of `JSON.stringify`
 */
export function jsonText(value: unknown, space?: number): string {
  const text = JSON.stringify(value, nonFiniteAsWords, space);
  return text.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]|#(?=#\[)/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A number with what there is one of, or as many: `1 image is`, `2 images are`. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Names as a message shows them: the first few, and how many more. */
export function listNames(names: readonly string[], shown = 8): string {
  if (names.length === 0) return "none";
  const rest = names.length - shown;
  return names.slice(0, shown).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** A replacer for `JSON.stringify`: JSON has no infinity and no NaN, which become the words "Infinity", "-Infinity" and "NaN". */
export function nonFiniteAsWords(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
