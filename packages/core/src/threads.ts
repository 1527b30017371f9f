import { ReconlossError } from "./errors.ts";

/** The little of Node's modules that is asked. */
interface NodeModules {
  "node:os": { availableParallelism(): number };
  "node:fs": { readFileSync(path: string, encoding: "utf8"): string };
}

interface Host {
  process?: {
    env?: Record<string, string | undefined>;
    getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name];
  };
  navigator?: { hardwareConcurrency?: number };
}

const host = globalThis as unknown as Host;
const builtinModule = host.process?.getBuiltinModule;

/** The environment variable that says how many threads a process may compute in, where several share a machine. */
export const threadsVariable = "RECONLOSS_THREADS";

/** The value of {@link threadsVariable}; `undefined` where it is not set. */
function threadLimit(): number | undefined {
  const text = host.process?.env?.[threadsVariable];
  if (text === undefined || text === "") return undefined;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw new ReconlossError("invalid-argument", `${threadsVariable} must be a whole number from 1, got ${text}`);
}

/** The number of threads that this process may compute in: those that the host runs at once, or what {@link threadsVariable} says where that is less. */
export function availableThreads(): number {
  return Math.min(hostThreads(), threadLimit() ?? Number.POSITIVE_INFINITY);
}

function hostThreads(): number {
  return builtinModule?.("node:os").availableParallelism() ?? host.navigator?.hardwareConcurrency ?? 1;
}

/**
 * The number of threads that a network computes in: one for each core, as Linux tells of x86 processors, or what {@link threadsVariable} says where that is less. ONNX Runtime
 * finds the cores out by itself, but where `/sys` is closed to it, as in sandboxes, takes half of them. `undefined` where neither tells.
 */
export function networkThreads(): number | undefined {
  const [limit, cores] = [threadLimit(), linuxCores()];
  if (limit === undefined) return cores;
  return Math.min(limit, cores ?? hostThreads());
}

function linuxCores(): number | undefined {
  try {
    const text = builtinModule?.("node:fs").readFileSync("/proc/cpuinfo", "utf8") ?? "";
    const number = (name: string) => Number(new RegExp(`^${name}\\s*:\\s*(\\d+)`, "m").exec(text)?.[1]);
    const threadsPerCore = number("siblings") / number("cpu cores");
    return threadsPerCore >= 1 ? Math.max(1, Math.floor(hostThreads() / threadsPerCore)) : undefined;
  } catch {
    return undefined;
  }
}
