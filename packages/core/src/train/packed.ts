import { elementCount, type Shape, Tensor } from "../tensor.ts";

type Tensors = Readonly<Record<string, Tensor>>;

/** The row that some tensors are in already, one after the other without gaps; undefined where they are not. */
export function rowAround(tensors: Tensors): Tensor | undefined {
  if (Object.values(tensors).some((tensor) => tensor === undefined)) return undefined;
  const [first, ...rest] = Object.values(tensors).map(({ data }) => data);
  let end = first.byteOffset + first.byteLength;
  for (const { buffer, byteOffset, byteLength } of rest) {
    if (buffer !== first.buffer || byteOffset !== end) return undefined;
    end += byteLength;
  }
  return rowOf(
    new Float32Array(first.buffer, first.byteOffset, (end - first.byteOffset) / Float32Array.BYTES_PER_ELEMENT),
  );
}

/** Tensors one after the other as one row: not copied where they lie so already. */
export function packed(tensors: Tensors): Tensor {
  return rowAround(tensors) ?? rowOf(joined(Object.values(tensors).map(({ data }) => data)));
}

/** Arrays of one kind one after the other in a new one. */
export function joined<A extends Float32Array | Float64Array>(parts: readonly A[]): A {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const row = new (parts[0].constructor as new (length: number) => A)(length);
  let start = 0;
  for (const part of parts) {
    row.set(part, start);
    start += part.length;
  }
  return row;
}

function rowOf(data: Float32Array): Tensor {
  return new Tensor(data, [1, 1, 1, data.length]);
}

/** The tensors of a row that {@link packed} made, by the names and in the order of their shapes; not copied. */
export function unpacked(row: Float32Array, shapes: Readonly<Record<string, Shape>>): Record<string, Tensor> {
  let start = 0;
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const end = start + elementCount(shape);
      const tensor = new Tensor(row.subarray(start, end), shape);
      start = end;
      return [name, tensor];
    }),
  );
}
