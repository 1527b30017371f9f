/** The little of Node's modules that is asked. */
interface NodeModules {
  "node:os": { availableParallelism(): number };
  "node:fs": { readFileSync(path: string, encoding: "utf8"): string };
}

interface Process {
  getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name];
}

const builtinModule = (globalThis as { process?: Process }).process?.getBuiltinModule;

/** How many threads can run at once; 1 where there are no threads. */
export function hostThreads(): number {
  return builtinModule?.("node:os").availableParallelism() ?? 1;
}

/**
 * How many cores there are, as Linux tells of x86 processors. ONNX Runtime finds out by itself, but where `/sys` is closed to it, as in sandboxes, takes
 * half of them. `undefined` where Linux does not tell, and elsewhere.
 */
export function linuxCores(): number | undefined {
  try {
    const text = builtinModule?.("node:fs").readFileSync("/proc/cpuinfo", "utf8") ?? "";
    const number = (name: string) => Number(new RegExp(`^${name}\\s*:\\s*(\\d+)`, "m").exec(text)?.[1]);
    const threadsPerCore = number("siblings") / number("cpu cores");
    return threadsPerCore >= 1 ? Math.max(1, Math.floor(hostThreads() / threadsPerCore)) : undefined;
  } catch {
    return undefined;
  }
}
