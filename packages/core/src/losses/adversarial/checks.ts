import { checkObject, described } from "../../arguments.ts";
import { ReconlossError } from "../../errors.ts";
import { Ops } from "../../graph/ops.ts";

/** Refuses what is no backend's operations, or no values of one. */
export function checkOps(name: string, o: unknown, values: Readonly<Record<string, unknown>>): void {
  if (!(o instanceof Ops)) {
    throw new ReconlossError("invalid-argument", `${name}: the first argument must be Ops, got ${described(o)}`);
  }
  for (const [argument, value] of Object.entries(values)) checkObject(name, argument, value);
}
