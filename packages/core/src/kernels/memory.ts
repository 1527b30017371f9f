/** Bytes of a page of WebAssembly memory. */
export const pageBytes = 65536;

/** The pages that the compiled kernels' own numbers lie in, and that a memory for them has at least; the build sees to it. */
export const firstPages = 1;

/** The most pages that the compiled kernels may be given. */
export const mostPages = 65536;

/** A memory of its own for an instance: as much as it needs, and it can grow. */
export function ownMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: firstPages, maximum: mostPages });
}

/** The bytes of a module that import the memory, up to the byte that says what memories fit. */
const importOfMemory = [3, ...new TextEncoder().encode("env"), 6, ...new TextEncoder().encode("memory"), 2];
/** That byte: a memory with a maximum, of one thread or of several. */
const [oneThread, severalThreads] = [1, 3];

/** The same kernels for a memory that threads share: the modules differ in one bit. */
export function forSharedMemory(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = module.findIndex((_, start) => importOfMemory.every((byte, index) => module[start + index] === byte));
  const limits = at + importOfMemory.length;
  if (at < 0 || module[limits] !== oneThread) throw new Error("the kernels import no memory with a maximum");
  const shared = module.slice();
  shared[limits] = severalThreads;
  return shared;
}
