import { describe, test } from "vitest";
import { lpips } from "../../packages/core/src/losses/lpips.ts";
import { expectGradient, expectMap, expectValue, type GoldenCase, goldenCases, readInput } from "../golden.ts";
import { seededLpips } from "../networks.ts";

type Net = Parameters<typeof seededLpips>[0];

/** The options that say what a case of the goldens did. */
function optionsOf({ options }: GoldenCase) {
  return {
    net: options.net as Net,
    ...(options.version === "0.0" ? { version: "0.0" as const } : {}),
    ...(options.heads === undefined ? {} : { heads: false }),
    ...(options.normalize === false ? { range: "signed" as const } : {}),
  };
}

const cases = goldenCases("lpips").filter(({ id }) => !id.includes("-taps/"));
const netOf = ({ id }: GoldenCase) => id.split(/[-/]/)[0] as Net;

describe("lpips with seeded weights equals the official implementation", () => {
  // What is the same is compiled once.
  const losses = new Map<string, ReturnType<typeof lpips>>();

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (_, golden) => {
    const options = { ...optionsOf(golden), net: netOf(golden) };
    const key = JSON.stringify(options);
    const loss = losses.get(key) ?? lpips(options, seededLpips(options.net));
    losses.set(key, loss);
    const output = await readInput(golden.inputs.output as string);
    const target = await readInput(golden.inputs.target as string);
    const requested = { grad: golden.gradient !== undefined, map: golden.map !== undefined };
    const { value, perImage, terms, grad, map } = await loss.evaluate(output, target, requested);
    expectValue(value, golden.expected as number, golden.tolerance);
    expectValue(perImage[0], golden.expected as number, golden.tolerance);
    for (const [layer, expected] of ((golden.perLayer as number[] | undefined) ?? []).entries()) {
      expectValue(Object.values(terms!)[layer], expected, golden.tolerance);
    }
    if (grad) expectGradient(grad, golden);
    if (map) expectMap(map, golden.map!, (golden.tolerance as { mapAbs: number }).mapAbs);
  });
});
