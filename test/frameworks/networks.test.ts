import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, test } from "vitest";
import { featureRanges } from "../../packages/core/src/losses/brisque-model.ts";
import {
  brisque,
  contextual,
  dists,
  type Loss,
  lpips,
  niqe,
  perceptual,
} from "../../packages/core/src/losses/index.ts";
import { vgg } from "../../packages/core/src/nets/index.ts";
import type { Shape } from "../../packages/core/src/tensor.ts";
// Published weights are read from files.
import "../../packages/reconloss/src/weights/disk.ts";
import { hasReference, mapTensor, readNpy, referenceFolder } from "../golden.ts";
import { seededDists, seededLpips, seededStateDict } from "../networks.ts";
import { randomSource, randomTensor } from "../random.ts";
import { expectReference } from "./expected.ts";
import { type Framework, frameworks } from "./frameworks.ts";

/** The path of a published file on this machine. */
const path = (name: string) => fileURLToPath(new URL(`weights/${name}`, referenceFolder));
/** The path of the model of BRISQUE in Debian's package opencv-data. */
const opencv = "/usr/share/opencv4/quality/brisque_model_live.yml";

/** Published weights of LPIPS, where this machine has them; else seeded ones. */
const lpipsWeights = (net: "alex" | "squeeze", trunk: string) =>
  hasReference ? { trunk: path(trunk), heads: path(`lpips-${net}.pth`) } : seededLpips(net);

const naturalModel = () => ({
  mean: readNpy("expected/arrays/priors-niqe-synthetic-mu.npy").data,
  covariance: readNpy("expected/arrays/priors-niqe-synthetic-cov.npy").data,
});

function regression() {
  const random = randomSource(4);
  const vectors = Array.from({ length: 5 * featureRanges.length }, () => 2 * random() - 1);
  return { vectors, coefficients: [40, -25, 30, 55, -10], gamma: 0.05, rho: -20 };
}

/** Losses whose weights are files: published, or seeded where they are not to be had. */
const losses: Record<string, { loss(): Loss; shape: Shape }> = {
  "lpips(net=alex)": {
    loss: () => lpips({ net: "alex" }, lpipsWeights("alex", "alexnet.safetensors")),
    shape: [1, 3, 32, 33],
  },
  "lpips(net=squeeze)": {
    loss: () => lpips({ net: "squeeze" }, lpipsWeights("squeeze", "squeezenet1_1.pth")),
    shape: [2, 3, 18, 19],
  },
  "lpips(net=vgg)": { loss: () => lpips({ net: "vgg" }, seededLpips("vgg")), shape: [1, 3, 16, 16] },
  dists: { loss: () => dists({ resize: 0 }, seededDists()), shape: [1, 3, 6, 7] },
  "perceptual, content and style": {
    loss: () =>
      perceptual(
        { taps: "relu1_2+0.5*relu2_2", styleTaps: "2*conv2_1" },
        { weights: hasReference ? path("vgg16-to-relu2_2.safetensors") : seededVgg16() },
      ),
    shape: [2, 3, 8, 9],
  },
  "perceptual of unit features, resized": {
    loss: () =>
      perceptual(
        { taps: "relu2_2", unitFeatures: true, resize: 9, criterion: "frobenius" },
        { weights: seededVgg16() },
      ),
    shape: [2, 3, 7, 8],
  },
  contextual: {
    loss: () => contextual({ taps: "relu2_2" }, { weights: seededStateDict(vgg("vgg19").tensors(["relu2_2"])) }),
    shape: [2, 3, 8, 9],
  },
  // Shapes as they are: a step of the table may be the other one in float32.
  niqe: {
    loss: () =>
      niqe({ block: 12, shapes: "smooth" }, { model: hasReference ? path("niqe_pris_params.npz") : naturalModel() }),
    shape: [2, 3, 27, 38],
  },
  brisque: {
    loss: () => brisque({ shapes: "smooth" }, { model: existsSync(opencv) ? opencv : regression() }),
    shape: [2, 3, 27, 38],
  },
};

const seededVgg16 = () => seededStateDict(vgg("vgg16").tensors(["relu2_2"]));

/** The device cpu, in plain JavaScript, would take minutes; its operations are held in `ops.test.ts`, as those of all. */
const fast = frameworks.filter(({ name }) => !name.endsWith("cpu"));

/** As functions of the frameworks, against the float64 reference. */
describe.each(fast)("$name", ({ load }) => {
  let framework: Framework;
  beforeAll(async () => {
    framework = await load();
  });

  test.each(Object.entries(losses))("%s", async (name, { loss, shape }) => {
    // Noise on waves, natural enough for what looks at statistics.
    const [output, target] = [1, 2].map((seed) =>
      mapTensor(randomTensor(shape, seed), (x, i) => 0.3 + 0.2 * Math.sin(i / 7) + 0.4 * (x - 0.5)),
    );
    await expectReference(framework, name, loss(), output, target);
  });
});
