import * as jax from "@jax-js/jax";
import { Ops } from "../../packages/core/src/graph/ops.ts";
import { JaxBackend } from "../../packages/core/src/jax/backend.ts";
import type { JaxOperations } from "../../packages/core/src/jax/framework.ts";
import { jaxLoss } from "../../packages/core/src/jax/index.ts";
import { withScopedOperations } from "../../packages/core/src/jax/scoped-operations.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import type { Framework, Numbers } from "./frameworks.ts";

/** A tensor as an array. */
export function toJax({ data, shape }: Tensor): jax.Array {
  return jax.numpy.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** Numbers of an array; one number as an image of one pixel. */
export function fromJax(x: jax.Array): Numbers {
  return { shape: shapeOf(x), data: x.dataSync() };
}

/** The same without waiting for the device. */
async function read(x: jax.Array): Promise<Numbers> {
  return { shape: shapeOf(x), data: await x.data() };
}

function shapeOf({ shape }: jax.Array): readonly number[] {
  return shape.length === 0 ? [1, 1, 1, 1] : shape;
}

/** jax-js on one of its devices: operations one by one, losses compiled with their gradient. */
export async function jaxJs(device: "wasm" | "webgpu"): Promise<Framework> {
  if (!(await jax.init(device)).includes(device)) throw new Error(`jax-js has no ${device} here`);
  jax.defaultDevice(device);
  return {
    reciprocals: true,
    async compute(f, inputs) {
      const results: Record<string, jax.Array> = {};
      const given = inputs.map(toJax);
      withScopedOperations<jax.Array>(jax as JaxOperations<jax.Array>, (operations) => {
        const made = Object.entries(f(new Ops(new JaxBackend<jax.Array>(operations)), given));
        for (const [name, result] of made) results[name] = result.ref;
        return given[0];
      }).dispose();
      for (const x of given) x.dispose();
      const numbers: Record<string, Numbers> = {};
      for (const [name, result] of Object.entries(results)) numbers[name] = await read(result);
      return numbers;
    },
    async differentiate(loss, { output, target, weight }) {
      const f = jaxLoss(jax, loss);
      await f.ready;
      const differentiated = jax.jit(jax.valueAndGrad(f));
      const given = [output, target, ...(weight ? [weight] : [])].map(toJax);
      const [value, grad] = differentiated(...(given as [jax.Array, jax.Array])) as jax.Array[];
      const result = { value: (await value.data())[0], grad: await read(grad) };
      differentiated.dispose();
      return result;
    },
  };
}
