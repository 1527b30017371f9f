import type { Primitive, Primitives } from "../graph/primitives.ts";
import type { JaxArray as A } from "./framework.ts";
import type { ScopedOperations } from "./scoped-operations.ts";

/** The operations of jax-js that primitives are made of. */
export type O = ScopedOperations<A>;

/** A primitive in operations of jax-js. */
export type Run<P extends Primitive> = (o: O, operands: readonly A[], attributes: Primitives[P]) => A;

/** Every primitive in operations of jax-js. */
export type Table = { readonly [P in Primitive]: Run<P> };
