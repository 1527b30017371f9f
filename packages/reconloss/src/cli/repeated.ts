import { InvalidArgumentError, Option } from "commander";

/** An option that may be given several times, whose values add up. Any other that is given twice is refused: one of the two would be ignored. */
export class RepeatableOption extends Option {}

/** An option with a list separated by commas, which may be given in several pieces. */
export function listOption(flags: string, description: string): Option {
  return new RepeatableOption(flags, description).argParser((text: string, before?: string) =>
    before === undefined ? text : `${before},${text}`,
  );
}

/**
 * Refuses what no option may be given: an empty value, since a variable of a script that is not set would otherwise name the folder in which the program runs, and a
 * second value where values do not add up.
 */
export function guardOption(option: Option): void {
  if (!(option.required || option.optional) || option.variadic) return;
  const parse: (value: string, previous: unknown) => unknown = option.parseArg ?? ((value) => value);
  let isGiven = false;
  option.argParser((value: string, previous: unknown) => {
    if (value === "") throw new InvalidArgumentError("It is empty.");
    if (isGiven && !(option instanceof RepeatableOption))
      throw new InvalidArgumentError("The option was given before.");
    isGiven = true;
    return parse(value, previous);
  });
}
