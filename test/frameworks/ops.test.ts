import { beforeAll, describe, expect, test } from "vitest";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { expectClose } from "../close.ts";
import { cases, inputsOf, valueAndDerivatives } from "../graph/ops-cases.ts";
import { type Framework, frameworks } from "./frameworks.ts";

/** Frameworks compute in float32 throughout, which a derivative of a derivative shows. */
const tolerances = [
  ["value", 1e-5],
  ["first", 1e-4],
  ["second", 1e-3],
] as const;

/** Every operation, forward, backward and twice backward, in every framework, against the float64 reference. */
describe.each(frameworks)("$name", ({ load }) => {
  let framework: Framework;
  beforeAll(async () => {
    framework = await load();
  });

  test.each(Object.entries(cases))("%s", async (_, ops) => {
    for (const inputs of inputsOf(ops)) {
      const got = await framework.compute((o, x) => valueAndDerivatives(o, ops, x), inputs);
      for (const [name, expected] of Object.entries(valueAndDerivatives(reference, ops, inputs.map(toFloat64)))) {
        expect(got[name].shape, name).toEqual(expected.shape);
        const [, tolerance] = tolerances.find(([kind]) => name.startsWith(kind))!;
        expectClose(got[name].data, expected.data, tolerance);
      }
    }
  });
});
