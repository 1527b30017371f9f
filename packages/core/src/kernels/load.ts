import type { Arena } from "./arena.ts";
import { plain, relaxed } from "./generated/modules.ts";
import { forSharedMemory } from "./memory.ts";
import { Kernels } from "./module.ts";

/** Which build of the kernels runs here: with fused multiply-add where the host has relaxed SIMD. */
export type Build = "plain" | "relaxed";

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
 * Compiles one build of the kernels.
 *
 * @param shared - whether for memories that threads share
 */
export function compileKernels(build: Build = bestBuild(), shared = false): Promise<WebAssembly.Module> {
  const bytes = decodeBase64(build === "relaxed" ? relaxed : plain);
  return WebAssembly.compile(shared ? forSharedMemory(bytes) : bytes);
}

/** The compiled kernels and this thread's instance of them. */
interface Loaded {
  readonly module: WebAssembly.Module;
  readonly kernels: Kernels;
}

let loading: Promise<Loaded> | undefined;
let loaded: Loaded | undefined;

/** The compiled kernels and this thread's instance of them, made when first needed. */
export function loadKernels(): Promise<Loaded> {
  loading ??= compileKernels().then((module) => {
    loaded = { module, kernels: new Kernels(module) };
    return loaded;
  });
  return loading;
}

/** This thread's instance of the kernels, where they are loaded. */
export function loadedKernels(): Kernels | undefined {
  return loaded?.kernels;
}

/**
 * Loads what losses need to be evaluated at once, without a promise: the kernels of pixel losses. A second call costs nothing.
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
  await loadKernels();
}

let sharedModule: Promise<WebAssembly.Module> | undefined;
const inArenas = new WeakMap<Arena, Kernels>();

/** The kernels compiled for an arena, and this thread's instance in it. */
export async function loadKernelsIn(arena: Arena): Promise<{ module: WebAssembly.Module; kernels: Kernels }> {
  sharedModule ??= compileKernels(undefined, true);
  const module = await (arena.shared ? sharedModule : loadKernels().then(({ module }) => module));
  const known = inArenas.get(arena);
  if (known) return { module, kernels: known };
  const kernels = new Kernels(module, arena.memory, arena.scratch(0));
  inArenas.set(arena, kernels);
  return { module, kernels };
}
