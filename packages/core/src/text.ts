/**
 * Control characters of a text as escapes, and so bytes of a file's name that are not UTF-8 (lone surrogates, see `nameFromBytes`): a name cannot move
 * the cursor, colour the terminal or end a line, and can be told from others.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f\udc80-\udcff]/gu, (letter) => {
    return `\\x${(letter.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;
  });
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
