import type { Lowering, OnnxBuilder } from "./onnx-builder.ts";

/**
 * Fourier transforms as two products with matrices of cosines and sines, which ONNX Runtime computes three times as fast as its own DFT (1.30, 1080p, and 256x256), and which run wherever
 * products do.
 */

/** The names of two matrices [size, frequencies]. */
interface Waves {
  cosine: string;
  sine: string;
}

/** How many there are of an axis, as an int64 of no axes. */
function sizeOf(builder: OnnxBuilder, name: string, axis: "h" | "w"): string {
  return builder.writer.node("Squeeze", [builder.sizes(name, [axis])]);
}

/** The cosines and sines of 2 pi position frequency / size. */
function waves(builder: OnnxBuilder, size: string, frequencies: string): Waves {
  const { writer } = builder;
  const node = (opType: string, ...operands: string[]) => writer.node(opType, operands);
  const range = (count: string) =>
    node("Range", writer.constant("int64", [], [0]), count, writer.constant("int64", [], [1]));
  const double = (value: number) => writer.constant("double", [], [value]);
  const position = node("Unsqueeze", range(size), builder.ints(1));
  const turns = node("Mod", node("Mul", position, node("Unsqueeze", range(frequencies), builder.ints(0))), size);
  const turn = node("Div", double(2 * Math.PI), builder.cast(size, "double"));
  const angle = node("Mul", builder.cast(range(size), "double"), turn);
  // What rounding leaves at quarter turns would give coefficients that are 0 a sign.
  const table = (values: string) => {
    const isZero = node("Less", node("Abs", values), double(1e-9));
    return node("Gather", builder.cast(node("Where", isZero, double(0), values), "float"), turns);
  };
  return {
    cosine: table(node("Sin", node("Add", angle, double(Math.PI / 2)))),
    sine: table(node("Sin", angle)),
  };
}

/** Matrices of rows and columns of blocks as one. */
function blocks(builder: OnnxBuilder, rows: readonly (readonly string[])[]): string {
  const { writer } = builder;
  const joined = rows.map((row) => writer.node("Concat", row, { axis: 1 }));
  return writer.node("Concat", joined, { axis: 0 });
}

/** The transform along h of what lies one below the other, real and imaginary parts: turned back by its adjoint. */
function alongColumns(builder: OnnxBuilder, { cosine, sine }: Waves, parts: string, adjoint: boolean): string {
  const negative = builder.writer.node("Neg", [sine]);
  const [upper, lower] = adjoint ? [negative, sine] : [sine, negative];
  const matrix = blocks(builder, [
    [cosine, upper],
    [lower, cosine],
  ]);
  return builder.writer.node("MatMul", [matrix, parts]);
}

export const fft: Lowering<"fft"> = (builder, [x]) => {
  const { writer } = builder;
  const [n, c, h, w] = x.dims;
  const channels = c as number;
  const source = builder.as(x, "float");
  const [height, width] = [sizeOf(builder, source, "h"), sizeOf(builder, source, "w")];
  const two = writer.constant("int64", [], [2]);
  const half = writer.node("Add", [writer.node("Div", [width, two]), writer.constant("int64", [], [1])]);
  const rows = waves(builder, width, half);
  const real = writer.node("MatMul", [source, rows.cosine]);
  const imaginary = writer.node("MatMul", [source, writer.node("Neg", [rows.sine])]);
  const parts = writer.node("Concat", [real, imaginary], { axis: 2 });
  const spectrum = alongColumns(builder, waves(builder, height, height), parts, false);
  const size = builder.sizes(real, ["h", "w"]);
  const shaped = (...dims: number[]) => writer.node("Concat", [builder.ints(...dims), size], { axis: 0 });
  const apart = writer.node("Reshape", [spectrum, shaped(0, channels, 2)]);
  const turned = writer.node("Transpose", [apart], { perm: [0, 2, 1, 3, 4] });
  return {
    name: writer.node("Reshape", [turned, shaped(0, 2 * channels)]),
    type: "float",
    dims: [n, 2 * channels, h, w === undefined ? undefined : Math.floor(w / 2) + 1],
  };
};

export const fftAdjoint: Lowering<"fftAdjoint"> = (builder, [g, like]) => {
  const { writer } = builder;
  const channels = (g.dims[1] as number) / 2;
  const source = builder.as(g, "float");
  const [height, half] = [sizeOf(builder, source, "h"), sizeOf(builder, source, "w")];
  const columns = waves(builder, height, height);
  const rows = waves(builder, sizeOf(builder, like.name, "w"), half);
  const size = builder.sizes(source, ["h", "w"]);
  const apart = writer.node("Reshape", [
    source,
    writer.node("Concat", [builder.ints(0, 2, channels), size], { axis: 0 }),
  ]);
  const turned = writer.node("Transpose", [apart], { perm: [0, 2, 1, 3, 4] });
  const below = writer.node("Concat", [builder.ints(0, channels, -1), builder.sizes(source, ["w"])], { axis: 0 });
  const parts = alongColumns(builder, columns, writer.node("Reshape", [turned, below]), true);
  const real = writer.node("Split", [parts], { axis: 2, num_outputs: 2 });
  const imaginary = writer.secondOutput(real);
  const back = (part: string, matrix: string) =>
    writer.node("MatMul", [part, writer.node("Transpose", [matrix], { perm: [1, 0] })]);
  return {
    name: writer.node("Sub", [back(real, rows.cosine), back(imaginary, rows.sine)]),
    type: "float",
    dims: [g.dims[0], channels, like.dims[2], like.dims[3]],
  };
};
