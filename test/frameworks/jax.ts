import * as jax from "@jax-js/jax";
import { Ops } from "../../packages/core/src/graph/ops.ts";
import { JaxBackend } from "../../packages/core/src/jax/backend.ts";
import type { JaxOperations } from "../../packages/core/src/jax/framework.ts";
import { jaxLoss } from "../../packages/core/src/jax/index.ts";
import { withLentOperations } from "../../packages/core/src/jax/lent.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import type { Framework, Numbers } from "./frameworks.ts";

/** A tensor as an array. */
export function toJax({ data, shape }: Tensor): jax.Array {
  return jax.numpy.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** Numbers of an array; one number as an image of one pixel. */
export function fromJax(x: jax.Array): Numbers {
  const shape = x.shape.length === 0 ? [1, 1, 1, 1] : x.shape;
  return { shape, data: x.dataSync() };
}

/** jax-js on its WebAssembly device: operations one by one, losses compiled with their gradient. */
export const jaxJs: Framework = {
  reciprocals: true,
  async compute(f, inputs) {
    const numbers: Record<string, Numbers> = {};
    const given = inputs.map(toJax);
    withLentOperations<jax.Array>(jax as JaxOperations<jax.Array>, (operations) => {
      const results = Object.entries(f(new Ops(new JaxBackend<jax.Array>(operations)), given));
      for (const [name, result] of results) numbers[name] = fromJax(result.ref);
      return given[0];
    }).dispose();
    for (const x of given) x.dispose();
    return numbers;
  },
  async differentiate(loss, { output, target, weight }) {
    const f = jaxLoss(jax, loss);
    await f.ready;
    const differentiated = jax.jit(jax.valueAndGrad(f));
    const given = [output, target, ...(weight ? [weight] : [])].map(toJax);
    const [value, grad] = differentiated(...(given as [jax.Array, jax.Array])) as jax.Array[];
    const result = { value: value.item(), grad: fromJax(grad) };
    differentiated.dispose();
    return result;
  },
};
