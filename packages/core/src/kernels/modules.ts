/** A WebAssembly module of kernels: some of `KernelExports`, in both builds. */
export interface KernelModule {
  readonly name: string;
  /** The code of a build as base64, loaded when it is compiled: a program fetches one build, of the modules that it uses. */
  text(build: Build): Promise<string>;
}

/** Plain SIMD, or with fused multiply-add where the host has relaxed SIMD. */
export type Build = "plain" | "relaxed";

const modules: KernelModule[] = [];

/** A module; a program has those that its losses import. */
export function kernelModule(
  name: string,
  texts: Readonly<Record<Build, () => Promise<{ text: string }>>>,
): KernelModule {
  const module = { name, text: async (build: Build) => (await texts[build]()).text };
  modules.push(module);
  return module;
}

/** All modules that the program has. */
export function allModules(): readonly KernelModule[] {
  return modules;
}
