import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Shape } from "../../packages/core/src/tensor.ts";
import { cases, inputsOf, valueAndDerivatives } from "../graph/ops-cases.ts";
import { randomTensor } from "../random.ts";
import type { Framework, Numbers } from "./frameworks.ts";
import { jaxJs } from "./jax.ts";
import { tensorflow } from "./tensorflow.ts";

// Part of a page: frameworks on devices that only browsers have.

const loaders = {
  "TensorFlow.js, webgpu": () => tensorflow("webgpu"),
  "TensorFlow.js, webgl": () => tensorflow("webgl"),
  "jax-js, webgpu": () => jaxJs("webgpu"),
};

export type FrameworkName = keyof typeof loaders;

const loaded = new Map<FrameworkName, Promise<Framework>>();

function frameworkOf(name: FrameworkName): Promise<Framework> {
  const framework = loaded.get(name) ?? loaders[name]();
  loaded.set(name, framework);
  return framework;
}

const plain = ({ data, shape }: Numbers) => ({ data: Array.from(data), shape: [...shape] });

/** The functions that a test calls in the page, of which only plain values come back. */
export const inPage = {
  /** A loss and its gradient of the images that the test has too. */
  async differentiate(name: FrameworkName, spec: string, shape: Shape) {
    const [output, target] = [1, 2].map((seed) => randomTensor(shape, seed));
    const { value, grad } = await (await frameworkOf(name)).differentiate(parseLoss(spec), { output, target });
    return { value, grad: plain(grad) };
  },
  /** An operation and its derivatives, for each of its inputs. */
  async compute(name: FrameworkName, op: string) {
    const framework = await frameworkOf(name);
    const results: Record<string, ReturnType<typeof plain>>[] = [];
    for (const inputs of inputsOf(cases[op])) {
      const got = await framework.compute((o, x) => valueAndDerivatives(o, cases[op], x), inputs);
      results.push(Object.fromEntries(Object.entries(got).map(([name, numbers]) => [name, plain(numbers)])));
    }
    return results;
  },
};

Object.assign(globalThis, { inPage });
