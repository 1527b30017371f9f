import { toFloat32 } from "../graph/float32.ts";
import type { Backend, Dims, Primitive, Primitives } from "../graph/primitives.ts";
import { resultShape } from "../graph/shapes.ts";
import type { Shape } from "../tensor.ts";
import { arrangement } from "./arrangement.ts";
import { shapeOf } from "./arrays.ts";
import { convolutions } from "./convolutions.ts";
import { elementwise } from "./elementwise.ts";
import type { JaxArray } from "./framework.ts";
import { pooling } from "./pooling.ts";
import { products } from "./products.ts";
import { reductions } from "./reductions.ts";
import type { ScopedOperations } from "./scoped-operations.ts";
import type { Run, Table } from "./table.ts";

const table: Table = { ...elementwise, ...reductions, ...arrangement, ...convolutions, ...pooling, ...products };

/**
 * Every primitive in operations of jax-js, whose own derivatives are those of `derivatives.ts`: where jax-js differs (the first of two equal maxima instead of both, the root of nothing),
 * a primitive is written as a choice, whose derivative is that of what was chosen.
 *
 * Numbers are arrays without axes, which `jit` writes into its kernels.
 */
export class JaxBackend<A extends JaxArray> implements Backend<A> {
  readonly #o: ScopedOperations<A>;

  constructor(operations: ScopedOperations<A>) {
    this.#o = operations;
  }

  constant(data: ArrayLike<number>, shape: Shape): A {
    const isNumber = shape.every((size) => size === 1);
    const values = toFloat32(data) as Float32Array<ArrayBuffer>;
    return this.#o.numpy.array(values, { shape: isNumber ? [] : [...shape] });
  }

  dims(x: A): Dims {
    return shapeOf(x);
  }

  run<P extends Primitive>(primitive: P, operands: readonly A[], attributes: Primitives[P]): A {
    // Refuses operands that do not fit.
    resultShape(primitive, operands.map(shapeOf), attributes);
    const run = table[primitive] as Run<P>;
    return run(this.#o as unknown as ScopedOperations<JaxArray>, operands, attributes) as A;
  }
}
