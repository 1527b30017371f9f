import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  contextual,
  dists,
  type Loss,
  lpips,
  niqe,
  parseLoss,
  perceptual,
} from "../../packages/core/src/losses/index.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { multiply } from "../../packages/core/src/metrics/matrix.ts";
import { edsr, vgg } from "../../packages/core/src/nets/index.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { openRuntime, packages } from "../../packages/core/src/runtimes/node.ts";
import type { Session } from "../../packages/core/src/runtimes/session.ts";
import type { Shape } from "../../packages/core/src/tensor.ts";
import { adam, createTrainer, gan } from "../../packages/core/src/train/index.ts";
import { seededDists, seededLpips, seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/**
 * The graphs of losses and of training steps on onnxruntime-web's WebAssembly, which runs in Node too: every session of this file runs on both runtimes, and each
 * of its outputs must be that of onnxruntime-node to 1e-4 of the output's largest value.
 */
const tolerance = 1e-4;
const compared = { sessions: 0, outputs: 0, worst: 0 };

beforeAll(async () => {
  const native = await openRuntime();
  const absent = () => Promise.reject(new Error("not wanted here"));
  const web = await openRuntime({}, { ...packages, native: absent });
  vi.spyOn(await loadRuntime(), "createSession").mockImplementation(async (model, options) => {
    const sessions = await Promise.all([native, web].map((runtime) => runtime.createSession(model, options)));
    compared.sessions++;
    return both(sessions[0], sessions[1]);
  });
});

function both(native: Session, web: Session): Session {
  return {
    ...web,
    run: async (feeds, wanted, into) => {
      const expected = await native.run(feeds, wanted);
      const got = await web.run(feeds, wanted, into);
      for (const [name, { data, dims, type }] of Object.entries(expected)) {
        expect([name, got[name].type, got[name].dims]).toEqual([name, type, dims]);
        compared.outputs++;
        compared.worst = Math.max(compared.worst, error(got[name].data as Float64Array, data as Float64Array));
      }
      return got;
    },
  };
}

function error(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [largest, off] = [1e-12, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    // What is no number on one side is as far off as can be.
    const distance = Object.is(got[i], expected[i]) ? 0 : Math.abs(got[i] - expected[i]);
    off = Math.max(off, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
  }
  return off / largest;
}

beforeEach(() => Object.assign(compared, { sessions: 0, outputs: 0, worst: 0 }));

const expectCompared = () => {
  expect(compared.sessions).toBeGreaterThan(0);
  expect(compared.outputs).toBeGreaterThan(0);
  expect(compared.worst).toBeLessThan(tolerance);
};

/** The least height and width of those that need more than 48 pixels. */
const sizes: Record<string, number> = { "ms-ssim": 176, "iw-ssim": 176 };

// What looks through a network has its weights from files, but for the embedded one; niqe has its model.
const ofNetworks: Record<string, () => Loss> = {
  dists: () => dists({}, seededDists()),
  "contextual(net=tiny)": () => contextual({ net: "tiny", taps: "relu1+image" }),
  "niqe(model=tiny)": () => niqe({ model: "tiny", block: 12, luma: "y-bt601", shapes: "smooth" }),
  "lpips(net=tiny)": () => lpips({ net: "tiny" }),
  "lpips(net=alex)": () => lpips({ net: "alex" }, seededLpips("alex")),
  "lpips(net=squeeze)": () => lpips({ net: "squeeze" }, seededLpips("squeeze")),
  "lpips(net=vgg)": () => lpips({ net: "vgg" }, seededLpips("vgg")),
  perceptual: () =>
    perceptual(
      { taps: "relu1_2+0.5*pool2", styleTaps: "2*conv2_1" },
      { weights: seededStateDict(vgg("vgg16").tensors(["pool2"])) },
    ),
};
const withoutFiles = lossFactories
  .map(({ info }) => info.name)
  .filter((name) => !["lpips", "dists", "contextual", "perceptual", "niqe", "brisque"].includes(name));

describe("onnxruntime-web gives the value, gradient and map of onnxruntime-node", () => {
  test.each([...withoutFiles.map((spec) => [spec, () => parseLoss(spec)] as const), ...Object.entries(ofNetworks)])(
    "%s",
    async (name, make) => {
      const loss = make();
      const side = sizes[name] ?? 48;
      const shape: Shape = [2, 3, side, side + 5];
      const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
      await loss.evaluate(output, target, { grad: true, map: loss.hasMap }, { engine: "onnx" });
      expectCompared();
    },
  );
});

// Without an instance norm: the biases before it have a gradient of rounding errors alone, which Adam makes steps of.
describe("onnxruntime-web takes the training steps of onnxruntime-node", () => {
  test.each([
    "l1",
    "ssim(size=5) + 0.1*tv",
    "l1 + 0.01*gan(objective=hinge,features=4,depth=1,r1=1,every=2)",
    "gan(objective=lsgan,discriminator=multiscale,norm=none,features=4,depth=1,matching=10)",
  ])("%s", async (spec) => {
    const model = edsr({ channels: 8, blocks: 1 });
    const trainer = createTrainer({ model, loss: parseLoss(spec, [gan]), optimizer: adam(1e-3) });
    const [input, target] = [randomTensor([2, 3, 16, 16], 1), randomTensor([2, 3, 32, 32], 2)];
    for (let step = 0; step < 3; step++) await trainer.step(input, target);
    expectCompared();
  });
});

test("float64 matrix products equal those of onnxruntime-node", async () => {
  const matrix = (seed: number) => ({
    rows: 60,
    columns: 60,
    data: Float64Array.from(randomTensor([1, 1, 60, 60], seed).data),
  });
  await multiply(matrix(1), matrix(2));
  expectCompared();
  expect(compared.worst).toBeLessThan(1e-12);
});
