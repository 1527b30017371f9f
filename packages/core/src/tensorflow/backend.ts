import { toFloat32 } from "../graph/float32.ts";
import type { Backend, Dims, Primitive, Primitives } from "../graph/primitives.ts";
import type { Shape } from "../tensor.ts";
import { arrangement } from "./arrangement.ts";
import { convolutions } from "./convolutions.ts";
import { elementwise } from "./elementwise.ts";
import type { TensorflowTensor as T } from "./framework.ts";
import { Kept, type Run, type Table } from "./kept.ts";
import { shapeOf, toLast } from "./layout.ts";
import { pooling } from "./pooling.ts";
import { products } from "./products.ts";
import { reductions } from "./reductions.ts";

const table: Table = { ...elementwise, ...reductions, ...arrangement, ...convolutions, ...pooling, ...products };

/** The primitives on tensors of TensorFlow.js, [n, h, w, c]. */
export class TensorflowBackend extends Kept implements Backend<T> {
  constant(data: ArrayLike<number>, shape: Shape): T {
    const { tf } = this;
    const values = toFloat32(data);
    const [, c, h, w] = shape;
    if (c === 1 || h * w === 1) return tf.tensor(values, toLast(shape), "float32");
    return this.tidy(() => tf.transpose(tf.tensor(values, [...shape], "float32"), [0, 2, 3, 1]));
  }

  dims(x: T): Dims {
    return shapeOf(x);
  }

  run<P extends Primitive>(primitive: P, operands: readonly T[], attributes: Primitives[P]): T {
    return this.tidy(() => {
      // A comparison gives bits, which only `where` takes as they are.
      const taken = operands.map((x, place) =>
        x.dtype === "bool" && !(primitive === "where" && place === 0) ? this.tf.cast(x, "float32") : x,
      );
      const result = (table[primitive] as Run<P>)(this, taken, attributes);
      return operands.includes(result) ? this.tf.clone(result) : result;
    });
  }
}
