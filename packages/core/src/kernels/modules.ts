/** A WebAssembly module of kernels: some of `KernelExports`, in both builds. */
export interface KernelModule {
  readonly name: string;
  /** Base64; a function, since nobody wants to read it where a definition is printed. */
  text(build: Build): string;
}

/** Plain SIMD, or with fused multiply-add where the host has relaxed SIMD. */
export type Build = "plain" | "relaxed";

const modules: KernelModule[] = [];

/** A module; a program has those that its losses import. */
export function kernelModule(name: string, texts: Readonly<Record<Build, string>>): KernelModule {
  const module = { name, text: (build: Build) => texts[build] };
  modules.push(module);
  return module;
}

/** All modules that the program has. */
export function allModules(): readonly KernelModule[] {
  return modules;
}
