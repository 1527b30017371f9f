import { describe, test } from "vitest";
import { lpips } from "../../src/losses/lpips.ts";
import { alexnet, squeezenet, vgg } from "../../src/nets/index.ts";
import { expectGradient, expectMap, expectValue, type GoldenCase, goldenCases, readInput } from "../golden.ts";
import { seededStateDict } from "../networks.ts";

const networks = { alex: alexnet, vgg: vgg("vgg16"), squeeze: squeezenet };
const channels = {
  alex: [64, 192, 384, 256, 256],
  vgg: [64, 128, 256, 512, 512],
  squeeze: [64, 128, 256, 384, 384, 512, 512],
};
type Net = keyof typeof networks;

function seeded(net: Net) {
  const heads = Object.fromEntries(channels[net].map((count, i) => [`lin${i}.model.1.weight`, [1, count, 1, 1]]));
  const network = networks[net];
  return { trunk: seededStateDict(network.tensors([network.taps.at(-1)!])), heads: seededStateDict(heads) };
}

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
    const loss = losses.get(key) ?? lpips(options, seeded(options.net));
    losses.set(key, loss);
    const output = await readInput(golden.inputs.output as string);
    const target = await readInput(golden.inputs.target as string);
    const wants = { grad: golden.gradient !== undefined, map: golden.map !== undefined };
    const { value, perImage, terms, grad, map } = await loss.evaluate(output, target, wants);
    expectValue(value, golden.expected as number, golden.tolerance);
    expectValue(perImage[0], golden.expected as number, golden.tolerance);
    for (const [layer, expected] of ((golden.perLayer as number[] | undefined) ?? []).entries()) {
      expectValue(Object.values(terms!)[layer], expected, golden.tolerance);
    }
    if (grad) expectGradient(grad, golden);
    if (map) expectMap(map, golden.map!, (golden.tolerance as { mapAbs: number }).mapAbs);
  });
});
