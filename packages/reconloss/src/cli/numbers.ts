import { InvalidArgumentError } from "commander";

/** The number that a text is; NaN of none. */
const numberOf = (text: string) => (text.trim() === "" ? Number.NaN : Number(text));

/** A whole number of at least `least` on the command line. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

/** A number above 0 on the command line. */
export function positiveNumber(text: string): number {
  const value = numberOf(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}
