import "@tensorflow/tfjs-backend-cpu";
import * as jaxJs from "@jax-js/jax";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as graph from "../packages/core/src/graph/index.ts";
import * as jax from "../packages/core/src/jax/index.ts";
import * as kernels from "../packages/core/src/kernels/index.ts";
import { parseLoss } from "../packages/core/src/losses/parse.ts";
import * as nets from "../packages/core/src/nets/index.ts";
import * as tensorflow from "../packages/core/src/tensorflow/index.ts";
import * as webgpu from "../packages/core/src/webgpu/index.ts";
import * as cluster from "../packages/reconloss/src/cluster/index.ts";
import * as compare from "../packages/reconloss/src/compare/index.ts";
import * as figure from "../packages/reconloss/src/figure/index.ts";
import * as image from "../packages/reconloss/src/image/index.ts";
import * as judge from "../packages/reconloss/src/judge/index.ts";
import * as matchers from "../packages/reconloss/src/matchers/index.ts";
import * as quality from "../packages/reconloss/src/quality/index.ts";
import * as report from "../packages/reconloss/src/report/index.ts";
import * as shards from "../packages/reconloss/src/shards/index.ts";
import * as tasks from "../packages/reconloss/src/tasks/index.ts";
import * as train from "../packages/reconloss/src/train/index.ts";
import * as video from "../packages/reconloss/src/video/index.ts";
import * as vitest from "../packages/reconloss/src/vitest/index.ts";
import * as weights from "../packages/reconloss/src/weights/index.ts";
import { temporaryFolder } from "./folder.ts";
import { rawErrors, type Subject, subjectsOf } from "./wrong-types.ts";

// The rule of test/wrong-types.test.ts, for the other entry points; reconloss/metrics and reconloss/distribution: test/distribution/arguments.test.ts.
const entryPoints = {
  cluster,
  compare,
  figure,
  graph,
  image,
  jax,
  judge,
  kernels,
  matchers,
  nets,
  quality,
  report,
  shards,
  tasks,
  tensorflow,
  train,
  video,
  vitest,
  webgpu,
  weights,
};

/** The right arguments of functions that take a framework, so that each is wrong in its turn. */
const l1 = parseLoss("l1");
const sum: jax.ImageFunction = (o, [x]) => o.sum(x, "nchw");
const gpu = { queue: {}, createBuffer: () => {} };
const right = {
  jaxLoss: [jaxJs, l1, {}],
  jaxFunction: [jaxJs, sum, {}],
  tfLoss: [tf, l1, {}],
  tfFunction: [tf, sum, {}],
  registerGradients: [tf],
  gpuLoss: [gpu, l1],
};

const offline = process.env.RECONLOSS_OFFLINE;
const folder = await temporaryFolder();
const home = process.cwd();
beforeAll(() => {
  // Some of what is wrong for one function is a good file name for another.
  process.chdir(folder);
  process.env.RECONLOSS_OFFLINE = "1";
});
afterAll(() => {
  process.chdir(home);
  if (offline === undefined) delete process.env.RECONLOSS_OFFLINE;
  else process.env.RECONLOSS_OFFLINE = offline;
});

describe.each(Object.entries(entryPoints))("reconloss/%s", (_, exported) => {
  test.each(subjectsOf(exported, right))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});

const shape = [1, 3, 4, 4];
const array = Symbol("an array of jax-js, which a call frees");
const tensor = tf.zeros([1, 4, 4, 3]);
const images = { buffer: { size: 4 * 48, usage: 0x8c, destroy: () => {} }, shape };
const takingArrays =
  (f: (...args: never[]) => unknown) =>
  (...args: unknown[]) =>
    f(...(args.map((x) => (x === array ? jaxJs.numpy.zeros([...shape]) : x)) as never[]));
const tfL1 = tensorflow.tfLoss(tf, l1);
const gpuL1 = webgpu.gpuLoss(gpu as never, l1);

/** The functions that frameworks call with their tensors. */
const madeForFrameworks: Subject[] = [
  { name: "jaxLoss", call: takingArrays(jax.jaxLoss(jaxJs, l1)), right: [array, array, array] },
  { name: "jaxFunction", call: takingArrays(jax.jaxFunction(jaxJs, sum)), right: [array] },
  { name: "tfLoss", call: tfL1 as Subject["call"], right: [tensor, tensor, tensor] },
  { name: "tfLoss.targetFirst", call: tfL1.targetFirst as Subject["call"], right: [tensor, tensor] },
  { name: "tfLoss.metric", call: tfL1.metric as Subject["call"], right: [tensor, tensor] },
  { name: "tfFunction", call: tensorflow.tfFunction(tf, sum) as Subject["call"], right: [tensor] },
  { name: "gpuLoss.value", call: gpuL1.value as Subject["call"], right: [images, images, {}] },
  { name: "gpuLoss.valueAndGrad", call: gpuL1.valueAndGrad as Subject["call"], right: [images, images, {}] },
];

describe("a function on a framework's tensors", () => {
  test.each(madeForFrameworks)("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});
