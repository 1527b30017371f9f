import { ReconlossError } from "../errors.ts";
import { availableThreads, networkThreads } from "../threads.ts";
import { commonOptions, gpuProviders, type OnnxRuntime, openSession } from "./onnxruntime.ts";
import type { Runtime, SessionShare } from "./session.ts";
import { createThreadSession } from "./session-thread.ts";

/** The loaders of the packages of ONNX Runtime. */
export interface Packages {
  native(): Promise<OnnxRuntime>;
  web(): Promise<OnnxRuntime>;
}

/** Without its files for NVIDIA's GPUs, which are not used, and without which it cannot be installed where their server is out of reach. */
const installNative = "ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node";

/** The packages as they are installed. */
export const packages: Packages = {
  native: () => import("onnxruntime-node") as Promise<unknown> as Promise<OnnxRuntime>,
  web: () => import("onnxruntime-web") as Promise<unknown> as Promise<OnnxRuntime>,
};

/**
 * The runtime of Node, Deno and Bun: onnxruntime-node, or onnxruntime-web's WebAssembly where that does not load, as on Alpine.
 *
 * @throws {ReconlossError} `missing-dependency` where neither loads
 */
export async function openRuntime(_: object = {}, { native, web }: Packages = packages): Promise<Runtime> {
  let reason: string;
  try {
    return nativeRuntime(quiet(await native()));
  } catch (cause) {
    reason = reasonOf(cause);
  }
  try {
    return webRuntime(quiet(await web()), reason);
  } catch (cause) {
    throw new ReconlossError(
      "missing-dependency",
      `ONNX Runtime did not load (onnxruntime-node: ${reason}; onnxruntime-web: ${reasonOf(cause)}); install it with: ${installNative}, or where that does not run: npm install onnxruntime-web`,
      { cause },
    );
  }
}

function nativeRuntime(ort: OnnxRuntime): Runtime {
  const parallel = availableThreads();
  return {
    name: "onnxruntime-node",
    version: ort.env.versions.common,
    parallel,
    // On a GPU the nodes that have it are computed by the CPU.
    hasFloat64: () => true,
    createSession: (model, { device = "cpu", cpuNodes = [], share } = {}) => {
      const executionProviders = device === "cpu" ? ["cpu"] : gpuProviders("cpu", cpuNodes);
      return openSession(ort, model, { ...nativeOptions(share), executionProviders }, true);
    },
    createParallelSessions: (models) => {
      const options = nativeOptions({ cores: Math.max(1, Math.floor(parallel / models.length)), noSpinning: true });
      // The calling thread takes a part as well: it would only wait.
      return Promise.all(
        models.map((model, index) =>
          index === 0 ? openSession(ort, model, options, true) : createThreadSession(index - 1, model, options),
        ),
      );
    },
  };
}

/** The options of sessions of onnxruntime-node on the CPU. */
export function nativeOptions({ cores = networkThreads(), noSpinning = false }: SessionShare = {}) {
  return {
    ...commonOptions,
    executionProviders: ["cpu"],
    ...(cores === undefined ? {} : { intraOpNumThreads: cores }),
    ...(noSpinning ? { extra: { session: { intra_op: { allow_spinning: "0" } } } } : {}),
  };
}

function webRuntime(ort: OnnxRuntime, reason: string): Runtime {
  const createSession: Runtime["createSession"] = async (model, { device = "cpu" } = {}) => {
    if (device !== "cpu") {
      const problem = `onnxruntime-web runs on the CPU only outside of pages, and onnxruntime-node did not load (${reason})`;
      throw new ReconlossError("missing-dependency", `device ${device} is not available: ${problem}`);
    }
    return openSession(ort, model, { ...commonOptions, executionProviders: ["wasm"] }, false);
  };
  return {
    name: "onnxruntime-web",
    version: ort.env.versions.common,
    parallel: 1,
    note: `networks run on onnxruntime-web, several times slower than natively, because onnxruntime-node did not load (${reason}); install it with: ${installNative}`,
    hasFloat64: () => true,
    createSession,
    createParallelSessions: (models) => Promise.all(models.map((model) => createSession(model))),
  };
}

/** Its errors are thrown, so that they need not be on the terminal too. */
function quiet(ort: OnnxRuntime): OnnxRuntime {
  ort.env.logLevel = "fatal";
  return ort;
}

/** The first line of what went wrong. */
function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
}
