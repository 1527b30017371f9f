import "@tensorflow/tfjs-backend-webgpu";
import * as jax from "@jax-js/jax";
import * as tf from "@tensorflow/tfjs-core";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { type ModelCase, timed } from "./cases.ts";
import { jaxSteps } from "./jax.ts";
import { tensorflowSteps } from "./tensorflow.ts";

// The part of bench/webgpu.ts that runs in a page.

const makers = {
  "TensorFlow.js": async (spec: string, given: ModelCase) => {
    await tf.setBackend("webgpu");
    return tensorflowSteps(parseLoss(spec), given);
  },
  "jax-js": async (spec: string, given: ModelCase) => {
    await jax.init("webgpu");
    jax.defaultDevice("webgpu");
    return jaxSteps(parseLoss(spec), given);
  },
};

export type FrameworkName = keyof typeof makers;

export const bench = async (framework: FrameworkName, spec: string, given: ModelCase, rounds: number) =>
  timed(await makers[framework](spec, given), rounds);

Object.assign(globalThis, { bench });
