/** The specifications of a list, divided at commas outside parentheses; undefined of an empty list. */
export function splitSpecs(text: string): readonly string[] | undefined {
  const specs: string[] = [];
  let [depth, spec] = [0, ""];
  for (const letter of `${text},`) {
    if (letter === "(") depth++;
    if (letter === ")") depth--;
    if (letter === "," && depth <= 0) {
      if (spec.trim() !== "") specs.push(spec.trim());
      spec = "";
    } else {
      spec += letter;
    }
  }
  return specs.length === 0 ? undefined : [...new Set(specs)];
}
