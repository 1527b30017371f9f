import type { Arena } from "./arena.ts";
import { module as base } from "./generated/base.ts";
import { forSharedMemory } from "./memory.ts";
import { type CompiledModules, Kernels } from "./module.ts";
import { allModules, type Build, type KernelModule } from "./modules.ts";

// A module of one function that returns a relaxed multiply-add: valid only where relaxed SIMD exists.
const relaxedProbe = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b],
);

/** The best build that this host can run. */
export function bestBuild(): Build {
  return WebAssembly.validate(relaxedProbe) ? "relaxed" : "plain";
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * Compiles modules, in one build of them.
 *
 * @param shared - whether for memories that threads share
 */
export async function compileModules(
  modules: readonly KernelModule[],
  build: Build = bestBuild(),
  shared = false,
): Promise<CompiledModules> {
  const compiled = modules.map(async (module) => {
    const bytes = decodeBase64(await module.text(build));
    return [module.name, await WebAssembly.compile(shared ? forSharedMemory(bytes) : bytes)] as const;
  });
  return Object.fromEntries(await Promise.all(compiled));
}

/** This thread's kernels in a memory of their own. */
let own: Kernels | undefined;
const loading = new Map<KernelModule, Promise<CompiledModules>>();
const loaded = new Set<KernelModule>();

/** Compiles a module, once. */
function compileOnce(compiled: Map<KernelModule, Promise<CompiledModules>>, module: KernelModule, shared: boolean) {
  const known = compiled.get(module) ?? compileModules([module], undefined, shared);
  compiled.set(module, known);
  return known;
}

/** This thread's kernels with these modules, and what every kernel needs: compiled when first asked for. */
export async function loadKernels(modules: readonly KernelModule[] = []): Promise<Kernels> {
  own ??= new Kernels();
  const kernels = own;
  const all = [base, ...modules];
  const compiled = await Promise.all(all.map((module) => compileOnce(loading, module, false)));
  for (const [index, module] of all.entries()) {
    kernels.add(compiled[index]);
    loaded.add(module);
  }
  return kernels;
}

/** This thread's kernels, where these modules are loaded. */
export function loadedKernels(modules: readonly KernelModule[] = []): Kernels | undefined {
  return [base, ...modules].every((module) => loaded.has(module)) ? own : undefined;
}

/**
 * Loads what losses need to be evaluated at once, without a promise: the kernels of the pixel losses that the program has. A second call costs nothing.
 *
 * @example
 * ```ts
 * import { ready, ssim, Tensor } from "reconloss";
 * await ready();
 * const image = Tensor.full([1, 3, 16, 16], 0.5);
 * ssim().valueSync(image, image); // 1
 * ```
 */
export async function ready(): Promise<void> {
  await loadKernels(allModules());
}

const forSharing = new Map<KernelModule, Promise<CompiledModules>>();
const inArenas = new WeakMap<Arena, Kernels>();

/** This thread's kernels in an arena, with all modules that are loaded. */
export async function loadKernelsIn(arena: Arena): Promise<Kernels> {
  const kernels = inArenas.get(arena) ?? new Kernels(arena.memory, arena.scratch(0));
  inArenas.set(arena, kernels);
  const of = arena.shared ? forSharing : loading;
  for (const modules of await Promise.all([...loaded].map((module) => compileOnce(of, module, arena.shared)))) {
    kernels.add(modules);
  }
  return kernels;
}
