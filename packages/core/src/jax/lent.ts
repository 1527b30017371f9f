import type { JaxArray, JaxOperations } from "./framework.ts";

/** The operations of jax-js for a while: they leave their operands to their owner, and what they make is freed at the end. */
export interface LentOperations<A extends JaxArray> extends JaxOperations<A> {
  slice(x: A, ranges: [start: number, end: number][]): A;
}

/** One more owner of every array among some arguments, since a function of jax-js takes the ownership of its own. */
function lent<X>(x: X): X {
  if (Array.isArray(x)) return x.map(lent) as X;
  return typeof x === "object" && x !== null && "ref" in x ? (x.ref as X) : x;
}

/**
 * Gives a function operations that take no ownership, and frees everything that was made by them except what the function returns.
 *
 * The one rule about memory: a value may be used any number of times and belongs to this scope. Under `jit`, `grad` and `vmap` values are tracers, which count their owners in the same way.
 */
export function withLentOperations<A extends JaxArray>(
  jax: JaxOperations<A>,
  f: (operations: LentOperations<A>) => A,
): A {
  const made: A[] = [];
  const keep = <X extends A | A[]>(x: X): X => {
    made.push(...(Array.isArray(x) ? x : [x]));
    return x;
  };
  const lending = <O extends object>(operations: O): O =>
    new Proxy(operations, {
      get: (all, name) => {
        const operation = all[name as keyof O] as (...operands: unknown[]) => A | A[];
        return (...operands: unknown[]) => keep(operation(...lent(operands)));
      },
    });
  try {
    return f({
      numpy: lending(jax.numpy),
      lax: lending(jax.lax),
      slice: (x, ranges) => keep(x.ref.slice(...ranges)),
    }).ref;
  } finally {
    for (const x of made) x.dispose();
  }
}
