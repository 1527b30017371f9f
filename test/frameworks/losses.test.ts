import { beforeAll, describe, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Shape } from "../../packages/core/src/tensor.ts";
import { cases } from "../losses/conformance-cases.ts";
import { randomTensor } from "../random.ts";
import { expectReference } from "./expected.ts";
import { type Framework, frameworks } from "./frameworks.ts";

/** Losses through the embedded network, the one whose weights are always there. */
const networks = [
  { spec: "lpips(net=tiny)", least: 20 },
  { spec: "l1 + 0.1*ssim(size=5) + 0.1*lpips(net=tiny)", least: 20 },
];

/** Every loss and preset as a function of every framework, its gradient taken by the framework, against the float64 reference. */
describe.each(frameworks)("$name", ({ load }) => {
  let framework: Framework;
  beforeAll(async () => {
    framework = await load();
  });

  test.each([...cases, ...networks])("$spec", async ({ spec, least = 1, ...options }) => {
    const { channels = 3, rounds = false } = options as { channels?: number; rounds?: boolean };
    // The luma of grey is a level.
    const shape: Shape = [2, rounds && framework.reciprocals ? 1 : channels, least + 1, least + 2];
    const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
    await expectReference(framework, spec, parseLoss(spec), output, target);
  });
});
