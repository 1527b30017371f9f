import type { ResizeAttributes } from "../graph/primitives.ts";
import type { Shape } from "../tensor.ts";
import { matrixOf, shapeOf, transposed, withAxes } from "./arrays.ts";
import type { JaxArray as A } from "./framework.ts";
import { resizeMatrix, waveMatrices } from "./matrices.ts";
import type { O, Table } from "./table.ts";

/** The matrices of an interpolation along both axes; `undefined` where it changes nothing. */
function interpolation(
  o: O,
  [, , h, w]: Shape,
  [, , height, width]: Shape,
  attributes: ResizeAttributes,
): [A, A] | undefined {
  if (h === height && w === width) return undefined;
  return [matrixOf(o, resizeMatrix(h, height, attributes)), matrixOf(o, resizeMatrix(w, width, attributes))];
}

/** The matrices of a Fourier transform of this size, along rows for the columns that are kept, and along columns. */
function wavesOf(o: O, [, , h, w]: Shape, kept: number) {
  const [rowCosines, rowSines] = waveMatrices(w, kept).map((matrix) => matrixOf(o, matrix));
  const [columnCosines, columnSines] = waveMatrices(h, h).map((matrix) => matrixOf(o, matrix));
  return { rowCosines, rowSines, columnCosines, columnSines };
}

/** Products with matrices: of planes, of channels, and those that resize and transform. */
export const products = {
  gram: ({ numpy }, [a, b]) => {
    const [[n, ca, h, w], [m, cb]] = [shapeOf(a), shapeOf(b)];
    const product = numpy.matmul(
      numpy.reshape(a, [n, ca, h * w]),
      numpy.transpose(numpy.reshape(b, [m, cb, h * w]), [0, 2, 1]),
    );
    return numpy.reshape(product, [Math.max(n, m), ca, cb, 1]);
  },
  mix: ({ numpy }, [m, x], { transpose: turned }) => {
    const [[k, rows, columns], [n, c, h, w]] = [shapeOf(m), shapeOf(x)];
    const matrix = numpy.reshape(m, [k, rows, columns]);
    const product = numpy.matmul(turned ? numpy.transpose(matrix, [0, 2, 1]) : matrix, numpy.reshape(x, [n, c, h * w]));
    return numpy.reshape(product, [Math.max(n, k), turned ? columns : rows, h, w]);
  },
  toRows: (o, [x]) => {
    const [n, c, h, w] = shapeOf(x);
    return o.numpy.reshape(o.numpy.transpose(withAxes(o, x), [0, 2, 3, 1]), [n, h * w, c, 1]);
  },
  fromRows: ({ numpy }, [m, like]) => {
    const [[n, , c], [, , h, w]] = [shapeOf(m), shapeOf(like)];
    return numpy.transpose(numpy.reshape(m, [n, h, w, c]), [0, 3, 1, 2]);
  },
  matmul: (o, [a, b], { transposeA, transposeB }) => {
    const turned = (x: A, turn: boolean) => (turn ? transposed(o, withAxes(o, x)) : withAxes(o, x));
    return o.numpy.matmul(turned(a, transposeA), turned(b, transposeB));
  },
  resize: (o, [x, like], attributes) => {
    const matrices = interpolation(o, shapeOf(x), shapeOf(like), attributes);
    return matrices ? o.numpy.matmul(matrices[0], o.numpy.matmul(withAxes(o, x), transposed(o, matrices[1]))) : x;
  },
  resizeAdjoint: (o, [g, like], attributes) => {
    const matrices = interpolation(o, shapeOf(like), shapeOf(g), attributes);
    return matrices ? o.numpy.matmul(transposed(o, matrices[0]), o.numpy.matmul(withAxes(o, g), matrices[1])) : g;
  },
  fft: (o, [x]) => {
    const shape = shapeOf(x);
    const { rowCosines, rowSines, columnCosines, columnSines } = wavesOf(o, shape, Math.floor(shape[3] / 2) + 1);
    const [cosine, sine] = [rowCosines, rowSines].map((waves) => o.numpy.matmul(withAxes(o, x), waves));
    // Of (cos - i sin) along both axes.
    const real = o.numpy.subtract(o.numpy.matmul(columnCosines, cosine), o.numpy.matmul(columnSines, sine));
    const imaginary = o.numpy.add(o.numpy.matmul(columnCosines, sine), o.numpy.matmul(columnSines, cosine));
    return o.numpy.concatenate([real, o.numpy.negative(imaginary)], 1);
  },
  fftAdjoint: (o, [g, like]) => {
    const [n, parts, h, kept] = shapeOf(g);
    const c = parts / 2;
    const { rowCosines, rowSines, columnCosines, columnSines } = wavesOf(o, shapeOf(like), kept);
    const part = (first: number) =>
      o.slice(g, [
        [0, n],
        [first, first + c],
        [0, h],
        [0, kept],
      ]);
    const [re, im] = [part(0), part(c)];
    const real = o.numpy.subtract(o.numpy.matmul(columnCosines, re), o.numpy.matmul(columnSines, im));
    const imaginary = o.numpy.add(o.numpy.matmul(columnSines, re), o.numpy.matmul(columnCosines, im));
    return o.numpy.subtract(
      o.numpy.matmul(real, transposed(o, rowCosines)),
      o.numpy.matmul(imaginary, transposed(o, rowSines)),
    );
  },
} satisfies Partial<Table>;
