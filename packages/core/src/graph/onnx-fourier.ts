import type { Lowering, OnnxBuilder } from "./onnx-builder.ts";

/**
 * Fourier transforms as products with matrices of cosines and sines, which ONNX Runtime computes faster than its own DFT, and which run wherever products do. A size that is
 * `outer * inner` takes two small products in place of a large one (Cooley and Tukey 1965): position `inner * i + j` and frequency `a + outer * b` turn by `i a / outer + j (a + outer b) / size`,
 * so that the first product adds up over i, for each a, and the second over j, with a matrix for each a.
 */

/** One axis of images: names of int64 values of one element. */
interface AxisSize {
  readonly size: string;
  /** The two factors that are nearest to each other, the smaller one first; 1 and the size itself where that is prime. */
  readonly outer: string;
  readonly inner: string;
}

/** The nodes that transforms are written with; sizes are int64 of one element. */
class Transforms {
  readonly builder: OnnxBuilder;
  readonly one: string;
  readonly two: string;

  constructor(builder: OnnxBuilder) {
    this.builder = builder;
    this.one = builder.ints(1);
    this.two = builder.ints(2);
  }

  node(opType: string, ...operands: string[]): string {
    return this.builder.writer.node(opType, operands);
  }

  /** The product of two sizes. */
  times(size: string, by: string): string {
    return this.node("Mul", size, by);
  }

  concat(parts: readonly string[], axis: number): string {
    return this.builder.writer.node("Concat", parts, { axis });
  }

  transpose(value: string, ...perm: number[]): string {
    return this.builder.writer.node("Transpose", [value], { perm });
  }

  reshape(value: string, ...sizes: (string | number)[]): string {
    const names = sizes.map((size) => (typeof size === "number" ? this.builder.ints(size) : size));
    return this.node("Reshape", value, this.concat(names, 0));
  }

  unsqueeze(value: string, ...axes: number[]): string {
    return this.node("Unsqueeze", value, this.builder.ints(...axes));
  }

  /** 0, 1 ... below a size. */
  range(size: string): string {
    const scalar = (value: number) => this.builder.writer.constant("int64", [], [value]);
    return this.node("Range", scalar(0), this.node("Squeeze", size), scalar(1));
  }

  /** The number of frequencies, from 0 on, of a real image: the others are their conjugates. */
  half(size: string): string {
    return this.node("Add", this.node("Div", size, this.two), this.one);
  }

  axis(value: string, name: "h" | "w"): AxisSize {
    const size = this.builder.sizes(value, [name]);
    const candidates = this.node("Add", this.range(size), this.one);
    const divides = this.node("Equal", this.node("Mod", size, candidates), this.builder.ints(0));
    const isSmaller = this.node("LessOrEqual", this.node("Mul", candidates, candidates), size);
    const fitting = this.node("Where", this.node("And", divides, isSmaller), candidates, this.one);
    const outer = this.builder.writer.node("ReduceMax", [fitting], { keepdims: 1 });
    return { size, outer, inner: this.node("Div", size, outer) };
  }

  /** The cosine and the sine of so many parts of a turn, of which there are `size`. */
  waves(size: string): (parts: string) => [cosine: string, sine: string] {
    const { writer } = this.builder;
    const double = (value: number) => writer.constant("double", [], [value]);
    const turn = this.node("Div", double(2 * Math.PI), this.builder.cast(size, "double"));
    const angle = this.node("Mul", this.builder.cast(this.range(size), "double"), turn);
    // What rounding leaves at quarter turns would give coefficients that are 0 a sign; other values are larger for all sizes below a million.
    const rounding = writer.stored("double") === "double" ? 1e-9 : 1e-6;
    const table = (values: string) => {
      const isZero = this.node("Less", this.node("Abs", values), double(rounding));
      return this.builder.cast(this.node("Where", isZero, double(0), values), "float");
    };
    const cosines = table(this.node("Sin", this.node("Add", angle, double(Math.PI / 2))));
    const sines = table(this.node("Sin", angle));
    return (parts) => {
      const rest = this.node("Mod", parts, size);
      return [this.node("Gather", cosines, rest), this.node("Gather", sines, rest)];
    };
  }

  /**
   * The matrices of both products: [2 outer, parts outer] from (part, i) to (a, part), and [outer, 2 count, 2 inner] from (part, j) to (part, b). A part is real or
   * imaginary; matrices of both parts are one, not four, so that the four products are one, which adds them up.
   *
   * @param parts - 1 for an axis of real numbers
   * @param count - how many b there are
   */
  matrices({ size, outer, inner }: AxisSize, parts: 1 | 2, count: string): [first: string, second: string] {
    const wave = this.waves(size);
    /** From a pair of parts (columns) to one (rows), or from the real part alone. */
    const turn = ([cosine, sine]: [string, string], parts: 1 | 2): string => {
      const fromReal = this.concat([cosine, this.node("Neg", sine)], 1);
      return parts === 1 ? fromReal : this.concat([fromReal, this.concat([sine, cosine], 1)], 2);
    };
    const a = this.unsqueeze(this.range(outer), 1);
    const outerParts = this.node("Mul", this.node("Mul", a, this.range(outer)), inner);
    const [cosine, sine] = wave(outerParts).map((values) => this.unsqueeze(values, 1));
    const first = this.reshape(turn([cosine, sine], parts), this.node("Mul", outer, this.two), -1);
    const frequencies = this.node("Add", a, this.node("Mul", this.range(count), outer));
    const innerParts = this.node("Mul", this.unsqueeze(frequencies, 2), this.range(inner));
    return [first, turn(wave(innerParts), 2)];
  }

  /** The transform down the columns of [batch, parts size, columns]: [batch, outer, 2 count, columns]. */
  forward(value: string, axis: AxisSize, parts: 1 | 2, count: string, columns: string): string {
    const { outer, inner } = axis;
    const [first, second] = this.matrices(axis, parts, count);
    const rows = this.reshape(value, -1, parts === 1 ? outer : this.times(outer, this.two), this.times(inner, columns));
    const added = this.node("MatMul", first, rows);
    return this.node("MatMul", second, this.reshape(added, -1, outer, this.times(inner, this.two), columns));
  }

  /** The adjoint of {@link forward}: from [batch, outer, 2 count, columns] to [batch, parts outer, inner columns]. */
  adjoint(value: string, axis: AxisSize, parts: 1 | 2, count: string, columns: string): string {
    const { outer, inner } = axis;
    const [first, second] = this.matrices(axis, parts, count);
    const added = this.node("MatMul", this.transpose(second, 0, 2, 1), value);
    const rows = this.reshape(added, -1, this.times(outer, this.two), this.times(inner, columns));
    return this.node("MatMul", this.transpose(first, 1, 0), rows);
  }
}

/** The number of b along an axis of which only the first `half` frequencies are wanted. */
function countOf(t: Transforms, { outer }: AxisSize, half: string): string {
  return t.node("Add", t.node("Div", t.node("Sub", half, t.one), outer), t.one);
}

export const fft: Lowering<"fft"> = (builder, [x]) => {
  const t = new Transforms(builder);
  const [n, c, h, w] = x.dims;
  const channels = c as number;
  const source = builder.as(x, "float");
  const [down, across] = [t.axis(source, "h"), t.axis(source, "w")];
  const half = t.half(across.size);
  const count = countOf(t, across, half);
  // Without their mean, which only the first coefficient has, flat images have coefficients of exactly 0, and others lose less to rounding.
  const mean = builder.writer.node("ReduceMean", [builder.cast(source, "double"), builder.ints(2, 3)], { keepdims: 1 });
  const centred = t.node("Sub", source, builder.cast(mean, "float"));
  const columns = t.reshape(t.transpose(centred, 0, 1, 3, 2), -1, across.size, down.size);
  const waves = t.reshape(t.forward(columns, across, 1, count, down.size), -1, across.outer, 2, count, down.size);
  const inOrder = t.reshape(t.transpose(waves, 0, 2, 3, 1, 4), -1, t.times(count, across.outer), down.size);
  const wanted = t.node("Slice", inOrder, builder.ints(0), half, builder.ints(1));
  const rows = t.transpose(wanted, 0, 2, 1);
  const both = t.reshape(t.forward(rows, down, 2, down.inner, half), -1, channels, down.outer, 2, down.inner, half);
  const spectrum = t.reshape(t.transpose(both, 0, 3, 1, 4, 2, 5), -1);
  // The first coefficient of each channel is what all pixels add up to.
  const pixels = t.times(down.size, across.size);
  const total = t.reshape(builder.cast(t.node("Mul", mean, builder.cast(pixels, "double")), "float"), -1);
  const plane = t.times(down.size, half);
  const images = t.range(t.node("Gather", t.node("Shape", source), builder.ints(0)));
  const image = t.node("Mul", t.unsqueeze(images, 1), t.times(plane, builder.ints(2 * channels)));
  const first = t.node("Add", image, t.node("Mul", t.range(builder.ints(channels)), plane));
  const whole = t.node("ScatterND", spectrum, t.reshape(first, -1, 1), total);
  return {
    name: t.reshape(whole, -1, 2 * channels, down.size, half),
    type: "float",
    dims: [n, 2 * channels, h, w === undefined ? undefined : Math.floor(w / 2) + 1],
  };
};

export const fftAdjoint: Lowering<"fftAdjoint"> = (builder, [g, like]) => {
  const t = new Transforms(builder);
  const channels = (g.dims[1] as number) / 2;
  const source = builder.as(g, "float");
  const [down, across] = [t.axis(source, "h"), t.axis(like.name, "w")];
  const half = builder.sizes(source, ["w"]);
  const count = countOf(t, across, half);
  const apart = t.reshape(source, -1, 2, channels, down.inner, down.outer, half);
  const both = t.reshape(t.transpose(apart, 0, 2, 4, 1, 3, 5), -1, down.outer, t.times(down.inner, t.two), half);
  const rows = t.reshape(t.adjoint(both, down, 2, down.inner, half), -1, down.size, half);
  const padded = t.times(count, across.outer);
  const inOrder = builder.pad(t.transpose(rows, 0, 2, 1), 3, { 1: [0, t.node("Sub", padded, half)] });
  const waves = t.transpose(t.reshape(inOrder, -1, 2, count, across.outer, down.size), 0, 3, 1, 2, 4);
  const byOuter = t.reshape(waves, -1, across.outer, t.times(count, t.two), down.size);
  const columns = t.reshape(t.adjoint(byOuter, across, 1, count, down.size), -1, channels, across.size, down.size);
  return {
    name: t.transpose(columns, 0, 1, 3, 2),
    type: "float",
    dims: [g.dims[0], channels, like.dims[2], like.dims[3]],
  };
};
