import type { Stepwise } from "../stepwise.ts";
import { Tensor } from "../tensor.ts";
import type { StripTask, TiledResult } from "./tiled.ts";
import type { Planes } from "./types.ts";

/** Memory of planes that nobody reads any more: the system takes longer to give new memory, page by page, than most passes take. */
const free: SharedArrayBuffer[] = [];

/** The most bytes that are kept. */
const mostFree = 2 ** 26;

/** The memory that the work which runs at this moment has taken, to be freed when it has ended. */
let taken: SharedArrayBuffer[] | undefined;

/** Free memory for so many bytes, and at most for twice as many. */
function takeFree(bytes: number): SharedArrayBuffer | undefined {
  const at = free.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= 2 * bytes);
  return at < 0 ? undefined : free.splice(at, 1)[0];
}

/**
 * So many planes in memory that all threads see where the host has it: what one pass writes and another reads is not copied for them.
 *
 * @param asZeros - whether they are zeros; else a pass writes all of them
 */
export function sharedPlanes([channels, height, width]: Planes, asZeros = true): Tensor {
  const count = channels * height * width;
  const shape = [1, channels, height, width] as const;
  if (typeof SharedArrayBuffer === "undefined") return new Tensor(new Float32Array(count), shape);
  const bytes = count * Float32Array.BYTES_PER_ELEMENT;
  const known = takeFree(bytes);
  const buffer = known ?? new SharedArrayBuffer(bytes);
  taken?.push(buffer);
  const data = new Float32Array(buffer, 0, count);
  return new Tensor(known && asZeros ? data.fill(0) : data, shape);
}

/** Work whose planes are free for other work when it has ended; its result holds none of them. */
export function* freeingPlanes<Result>(
  work: Stepwise<StripTask, TiledResult, Result>,
): Stepwise<StripTask, TiledResult, Result> {
  const own: SharedArrayBuffer[] = [];
  const step = (done?: TiledResult) => {
    taken = own;
    try {
      // What the first step is given counts for nothing.
      return work.next(done as TiledResult);
    } finally {
      taken = undefined;
    }
  };
  let state = step();
  while (!state.done) state = step(yield state.value);
  let kept = free.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (const buffer of own) {
    if (kept + buffer.byteLength > mostFree) continue;
    kept += buffer.byteLength;
    free.push(buffer);
  }
  return state.value;
}
