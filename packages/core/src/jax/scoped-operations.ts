import type { JaxArray, JaxOperations } from "./framework.ts";

/** The operations of jax-js within a scope: operands stay their owner's, and results are freed when the scope ends. */
export interface ScopedOperations<A extends JaxArray> extends JaxOperations<A> {
  slice(x: A, ranges: [start: number, end: number][]): A;
}

/** Adds a reference to every array among the arguments, since a function of jax-js consumes the reference that it is given. */
function withReference<X>(x: X): X {
  if (Array.isArray(x)) return x.map(withReference) as X;
  return typeof x === "object" && x !== null && "ref" in x ? (x.ref as X) : x;
}

/**
 * Calls a function with operations that consume no references, and disposes of all their results except the one that the function returns.
 *
 * A value may be used any number of times and belongs to this scope. Under `jit`, `grad` and `vmap` values are tracers, which count references in the same way.
 */
export function withScopedOperations<A extends JaxArray>(
  jax: JaxOperations<A>,
  f: (operations: ScopedOperations<A>) => A,
): A {
  const made: A[] = [];
  const keep = <X extends A | A[]>(x: X): X => {
    made.push(...(Array.isArray(x) ? x : [x]));
    return x;
  };
  const scoped = <O extends object>(operations: O): O =>
    new Proxy(operations, {
      get: (all, name) => {
        const operation = all[name as keyof O] as (...operands: unknown[]) => A | A[];
        return (...operands: unknown[]) => keep(operation(...withReference(operands)));
      },
    });
  try {
    return f({
      numpy: scoped(jax.numpy),
      lax: scoped(jax.lax),
      slice: (x, ranges) => keep(x.ref.slice(...ranges)),
    }).ref;
  } finally {
    for (const x of made) x.dispose();
  }
}
