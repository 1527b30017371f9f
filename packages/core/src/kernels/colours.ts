import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape } from "../tensor.ts";

/** Refuses images that are neither colours nor grey. */
export function checkColours(name: string, shape: Shape): void {
  if (shape[1] === 1 || shape[1] === 3) return;
  const problem = `output is ${formatShape(shape)}, but colours need 3 channels, or 1 for grey`;
  throw new ReconlossError("shape", `${name}: ${problem}`);
}
