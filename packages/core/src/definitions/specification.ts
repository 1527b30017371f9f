import { ReconlossError } from "../errors.ts";
import { matching } from "../names.ts";

/** The parts of a text between separators that are not inside parentheses, and how many of these are open at its end. */
function outside(text: string, separator: string): { parts: string[]; depth: number } {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
    if (letter === separator && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return { parts: parts.map((part) => part.trim()), depth };
}

/** Splits at commas that are not inside parentheses, whether these match or not. */
export function splitList(text: string): string[] {
  return outside(text, ",").parts;
}

/** Splits at a separator that is not inside parentheses, which must match. */
export function splitOutside(kind: string, text: string, separator: string): string[] {
  const { parts, depth } = outside(text, separator);
  if (depth !== 0) throw new ReconlossError("syntax", `${kind} "${text.trim()}": parentheses do not match`);
  return parts;
}

/** The options in the parentheses of a specification, as text by name. */
export function parseOptions(kind: string, term: string, text = ""): Record<string, string> {
  if (text.trim() === "") return {};
  const options = text.split(",").map((part) => {
    const [name, value, ...rest] = part.split("=").map((word) => word.trim());
    if (name && value && rest.length === 0) return [name, value] as const;
    throw new ReconlossError("syntax", `${kind} "${term}": options are written name=value, got "${part.trim()}"`);
  });
  const names = options.map(([name]) => name);
  const twice = names.find((name, index) => matching(name, names.slice(0, index)) !== undefined);
  if (twice !== undefined) throw new ReconlossError("syntax", `${kind} "${term}": option ${twice} is given twice`);
  return Object.fromEntries(options);
}

/** The specification with just those of the given options without which others would result. */
export function specificationOf(
  name: string,
  given: Readonly<Record<string, unknown>>,
  resolve: (given: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): string {
  const options = resolve(given);
  let needed: Readonly<Record<string, unknown>> = given;
  for (const key of Object.keys(given)) {
    const { [key]: _, ...others } = needed;
    const without = resolve(others);
    if (Object.keys(options).every((option) => Object.is(without[option], options[option]))) needed = others;
  }
  const settings = Object.keys(needed).map((key) => `${key}=${options[key]}`);
  return settings.length === 0 ? name : `${name}(${settings.join(",")})`;
}

/** Names that specifications can write. */
const writableName = /^[A-Za-z][\w-]*$/;

/** Refuses names under which a loss or metric could not be asked for, or its numbers not be told from what every JavaScript object has. */
export function checkWritableName(kind: string, name: string): void {
  if (writableName.test(name) && !(name in {})) return;
  const rule = "letters, digits, - and _ after a letter, and no name that every object has, such as constructor";
  throw new ReconlossError("invalid-argument", `a ${kind} cannot be named "${name}": names are ${rule}`);
}
