import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";
import { firstPages, mostPages, pageBytes } from "./memory.ts";

/** Bytes for the bands of each thread: address space that costs nothing until it is used. */
const scratchBytes = 2 ** 25;
/** Threads that can work in one memory. */
const mostThreads = 8;
/** Tensors begin on a line of the cache and are that far apart, since vectors may reach past the end. */
const alignment = 64;

/** One memory of the kernels that holds tensors, and room for every thread that works on them. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  /** By which threads know it. */
  readonly id: number;
  /** Whether other threads can work in it. */
  readonly shared: boolean;
  /** The end of what was done in it last: work in one memory goes one after the other, since kernels keep numbers there. */
  last: Promise<unknown> = Promise.resolve();
  readonly #scratch: number;

  constructor(bytes: number) {
    this.#scratch = firstPages * pageBytes + bytes;
    const pages = Math.ceil((this.#scratch + mostThreads * scratchBytes) / pageBytes);
    if (pages > mostPages) {
      const most = (mostPages - firstPages) * pageBytes - mostThreads * scratchBytes;
      throw new ReconlossError(
        "invalid-argument",
        `sharedTensors: tensors of ${bytes} bytes do not fit into one memory, which has room for ${most}`,
      );
    }
    this.shared = typeof SharedArrayBuffer !== "undefined";
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: this.shared });
    this.id = arenas++;
  }

  /** The memory in which a thread may keep its bands; thread 0 is the calling one. Undefined: there are too many. */
  scratch(thread: number): readonly [start: number, end: number] | undefined {
    if (thread >= mostThreads) return undefined;
    const start = this.#scratch + thread * scratchBytes;
    return [start, start + scratchBytes];
  }
}

let arenas = 0;
const byBuffer = new WeakMap<ArrayBufferLike, Arena>();

/** The memory that all of these arrays lie in; undefined where there is none. */
export function arenaOf(arrays: readonly ArrayBufferView[]): Arena | undefined {
  const [first, ...rest] = arrays.map(({ buffer }) => byBuffer.get(buffer));
  return rest.every((arena) => arena === first) ? first : undefined;
}

/**
 * Tensors in the memory that kernels work in. Where the output, the target and the gradient (`into`) of a pixel loss are of one call, l1, mse, charbonnier, psnr, tv, sobel, edge,
 * ssim and deltaE read and write them where they are, on all threads; other tensors are copied there and back, which for the simplest losses takes longer than computing. They are zeros at first, can be
 * used wherever tensors can, and go when none of them is used any more.
 *
 * Other threads take part where `SharedArrayBuffer` exists: in Node, and in pages that are cross-origin isolated. Gradients are written in place where the
 * width is a multiple of 4; else everything is copied as for other tensors.
 *
 * @param shapes - of the tensors; together they may have 3.7 GiB
 * @throws {ReconlossError} `invalid-argument` for more than that; `shape` for sizes that are not whole numbers
 *
 * @example
 * ```ts
 * import { l1 } from "@reconloss/core";
 * import { sharedTensors } from "@reconloss/core/kernels";
 *
 * const shape = [1, 3, 64, 64] as const;
 * const [output, target, into] = sharedTensors(shape, shape, shape);
 * output.data.fill(0.75);
 * const { value, grad } = await l1().valueAndGrad(output, target, { into });
 * value; // 0.75
 * grad === into; // true
 * ```
 */
export function sharedTensors(...shapes: readonly Shape[]): Tensor[] {
  const sizes = shapes.map((shape) => {
    checkArguments("sharedTensors", { shape: [shape, "list"] });
    if (shape.length !== 4 || shape.some((size) => !Number.isInteger(size) || size < 0)) {
      throw new ReconlossError(
        "shape",
        `sharedTensors: ${formatShape(shape)} is not the shape of a batch [n, c, h, w]`,
      );
    }
    return Float32Array.BYTES_PER_ELEMENT * shape.reduce((product, size) => product * size);
  });
  const { buffer, starts } = roomsFor(sizes);
  return shapes.map((shape, index) => {
    const length = sizes[index] / Float32Array.BYTES_PER_ELEMENT;
    return new Tensor(new Float32Array(buffer, starts[index], length), shape);
  });
}

/** A new memory of kernels with room for so many bytes each. */
function roomsFor(sizes: readonly number[]): { buffer: ArrayBufferLike; starts: readonly number[] } {
  const starts: number[] = [];
  let bytes = 0;
  for (const size of sizes) {
    starts.push(firstPages * pageBytes + bytes);
    bytes += Math.ceil(size / alignment) * alignment + alignment;
  }
  const arena = new Arena(bytes);
  const { buffer } = arena.memory;
  byBuffer.set(buffer, arena);
  return { buffer, starts };
}

/** Arrays of `size` bytes in one memory of kernels, as {@link sharedTensors} are: for pixels that are read into them; arrays of their own where no memory has room for all. */
export function sharedBytes(count: number, size: number): Uint8Array[] {
  try {
    const { buffer, starts } = roomsFor(Array.from({ length: count }, () => size));
    return starts.map((start) => new Uint8Array(buffer, start, size));
  } catch {
    return Array.from({ length: count }, () => new Uint8Array(size));
  }
}
