/** The part that is used of an array of jax-js, or of a tracer that stands for one. */
export interface JaxArray {
  readonly shape: readonly number[];
  readonly dtype: string;
  /** The array itself, with one more owner. */
  readonly ref: this;
  dispose(): void;
  slice(...ranges: [start: number, end: number][]): this;
}

type Operand<A> = A | number;

/** The part that is used of the module jax-js. Its functions take their arguments' ownership. */
export interface JaxOperations<A extends JaxArray> {
  readonly numpy: {
    array(values: Float32Array<ArrayBuffer>, options: { shape: number[] }): A;
    full(shape: number[], value: number): A;
    add(a: Operand<A>, b: Operand<A>): A;
    subtract(a: Operand<A>, b: Operand<A>): A;
    multiply(a: Operand<A>, b: Operand<A>): A;
    divide(a: Operand<A>, b: Operand<A>): A;
    greater(a: Operand<A>, b: Operand<A>): A;
    equal(a: Operand<A>, b: Operand<A>): A;
    notEqual(a: Operand<A>, b: Operand<A>): A;
    where(condition: A, a: Operand<A>, b: Operand<A>): A;
    negative(x: A): A;
    exp(x: A): A;
    log(x: A): A;
    log1p(x: A): A;
    expm1(x: A): A;
    sin(x: A): A;
    cos(x: A): A;
    atan(x: A): A;
    sqrt(x: A): A;
    floor(x: A): A;
    sum(x: A, axes: number[], options: { keepdims: boolean }): A;
    max(x: A, axes: number[], options: { keepdims: boolean }): A;
    sort(x: A, axis: number): A;
    flip(x: A, axis: number): A;
    pad(x: A, width: [before: number, after: number][]): A;
    concatenate(values: A[], axis: number): A;
    split(x: A, parts: number, axis: number): A[];
    broadcastTo(x: A, shape: number[]): A;
    reshape(x: A, shape: number[]): A;
    transpose(x: A, axes: number[]): A;
    matmul(a: A, b: A): A;
  };
  readonly lax: {
    stopGradient(x: A): A;
    convGeneralDilated(
      x: A,
      weight: A,
      strides: number[],
      padding: [before: number, after: number][],
      options: { lhsDilation?: number[]; rhsDilation?: number[]; featureGroupCount?: number },
    ): A;
  };
}

/** The module jax-js, `import * as jax from "@jax-js/jax"`, whose arrays are `A`: those that `zeros` gives, for types to be inferred from it alone. */
export type Jax<A extends JaxArray> = JaxOperations<NoInfer<A>> & { readonly numpy: { zeros(shape: number[]): A } };
