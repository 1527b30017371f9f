import { ReconlossError } from "../errors.ts";
import { type OnnxRuntimeOnGpu, openGpuSession } from "./gpu-session.ts";
import { commonOptions, gpuProviders, openSession } from "./onnxruntime.ts";
import type { Device, Runtime, RuntimeOptions } from "./session.ts";
import { type Turns, turns } from "./turns.ts";

/** The globals of a page or a worker that this module uses. */
interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<object | null> };
  };
  readonly location?: { readonly href: string; readonly origin: string };
  readonly Worker: new (url: string, options: { type: "module" }) => ThreadWorker;
  fetch(url: string, options: { method: "HEAD" }): Promise<Answer>;
  setTimeout(callback: () => void, milliseconds: number): unknown;
}

interface ThreadWorker {
  onerror?: () => void;
  terminate(): void;
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

const host = globalThis as unknown as Host;

/** onnxruntime-web, with what is set before its first session. */
interface WebRuntime extends OnnxRuntimeOnGpu {
  readonly env: OnnxRuntimeOnGpu["env"] & {
    readonly wasm: { numThreads?: number; wasmPaths?: { mjs?: string; wasm: string } };
  };
}

type UrlClass = new (url: string, base: string) => { readonly href: string };

/** The program of its threads, and its WebAssembly. */
type FileKind = "threads" | "binary";

/** A build of onnxruntime-web: its module, and the program that its threads run and the WebAssembly that all of it is. */
interface Build {
  readonly name: string;
  load(): Promise<unknown>;
  /**
   * The addresses to which bundlers put these files: they replace the expression `new URL("...", import.meta.url)`, which has to be written out in each. Webpack, which would stop where the
   * package is not installed, replaces only the global `URL`, and finds the files for onnxruntime-web itself. Undefined for a program from a `blob:`, which is in no place.
   */
  files(URL: UrlClass): Record<FileKind, { readonly href: string }> | undefined;
}

const builds: Readonly<Record<Device, Build>> = {
  cpu: {
    name: "ort-wasm-simd-threaded",
    // In `try`, so that bundlers go on where the package is not installed.
    load: async () => {
      try {
        return await import("onnxruntime-web/wasm");
      } catch (cause) {
        throw notInstalled(cause);
      }
    },
    files: (URL) => {
      try {
        return {
          threads: new URL("onnxruntime-web/ort-wasm-simd-threaded.mjs", import.meta.url),
          binary: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url),
        };
      } catch {
        return undefined;
      }
    },
  },
  webgpu: {
    name: "ort-wasm-simd-threaded.asyncify",
    load: async () => {
      try {
        return await import("onnxruntime-web/webgpu");
      } catch (cause) {
        throw notInstalled(cause);
      }
    },
    files: (URL) => {
      try {
        return {
          threads: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs", import.meta.url),
          binary: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm", import.meta.url),
        };
      } catch {
        return undefined;
      }
    },
  },
};

function notInstalled(cause: unknown): ReconlossError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ReconlossError(
    "missing-dependency",
    `ONNX Runtime did not load (${reason}); install it with: npm install onnxruntime-web`,
    { cause },
  );
}

/**
 * The runtime of pages and workers: onnxruntime-web, in WebAssembly with threads where the page is cross-origin isolated, or on WebGPU.
 *
 * @throws {ReconlossError} `missing-dependency` where onnxruntime-web is not installed, or its files are not served
 */
export async function openRuntime({ files }: RuntimeOptions = {}): Promise<Runtime> {
  const opened = new Map<Device, Promise<OpenBuild>>();
  const open = (device: Device) => {
    const build = opened.get(device) ?? openBuild(builds[device], files);
    opened.set(device, build);
    build.catch(() => opened.delete(device));
    return build;
  };
  const { env } = (await open("cpu")).ort;
  const createSession: Runtime["createSession"] = async (model, { device = "cpu", cpuNodes = [] } = {}) => {
    if (device === "webgpu") await checkGpu();
    const { ort, inTurn, asked } = await open(device);
    const executionProviders = device === "cpu" ? ["wasm"] : gpuProviders("wasm", cpuNodes);
    const options = { ...commonOptions, executionProviders };
    const session = await inTurn(() => openSession(ort, model, options, false)).catch(explain(builds[device], asked));
    return serialized(inTurn, session);
  };
  const createGpuSession: Runtime["createGpuSession"] = async (model, options) => {
    const { ort, inTurn, asked } = await open("webgpu");
    const session = await inTurn(() => openGpuSession(ort, model, options)).catch(explain(builds.webgpu, asked));
    return serialized(inTurn, session);
  };
  return {
    name: "onnxruntime-web",
    version: env.versions.common,
    parallel: 1,
    ...(threads() > 1 && env.wasm.numThreads === 1 ? { note: oneThread(builds.cpu) } : {}),
    // The build for WebGPU has no float64, not even on the CPU.
    hasFloat64: (device) => device === "cpu",
    createSession,
    createGpuSession,
    createParallelSessions: (models) => Promise.all(models.map((model) => createSession(model))),
  };
}

/** A session that runs when what was asked for before is done. */
function serialized<
  Given extends unknown[],
  R,
  S extends { run(...given: Given): Promise<R>; release(): Promise<void> },
>(inTurn: Turns, session: S & { run(...given: Given): Promise<R> }): S {
  return {
    ...session,
    run: (...given: Given) => inTurn(() => session.run(...given)),
    release: () => inTurn(() => session.release()),
  };
}

/** Says of a build that was not found where it was looked for. */
function explain(build: Build, asked: readonly string[]) {
  return (cause: unknown): never => {
    throw `${cause}`.includes("no available backend") ? notServed(build, asked, cause) : cause;
  };
}

/** Half of the logical processors, of which two share a core, but from 2 to 8; 1 where pages share no memory with their threads. */
function threads(): number {
  if (!host.crossOriginIsolated) return 1;
  const logical = host.navigator?.hardwareConcurrency ?? 1;
  return Math.min(logical, 8, Math.max(2, Math.floor(logical / 2)));
}

function oneThread(build: Build): string {
  const reason = `${build.name}.mjs is not served, or the page's content security policy has no worker-src for it`;
  return `networks run in one thread, because ${reason}; ${advice(build)}`;
}

function advice({ name }: Build): string {
  const copy = `cp node_modules/onnxruntime-web/dist/${name}.{mjs,wasm} FOLDER/onnxruntime-web/`;
  return `${copy}, where FOLDER is that of the program, puts the files where they are looked for; loadRuntime({ files }) says that they are elsewhere`;
}

async function checkGpu(): Promise<void> {
  const adapter = await host.navigator?.gpu?.requestAdapter();
  if (!adapter) {
    const problem = host.navigator?.gpu ? "there is no GPU that it can use" : "this browser has no WebGPU";
    throw new ReconlossError("missing-dependency", `device webgpu is not available: ${problem}`);
  }
}

/** A build that is loaded. What it is asked for waits for what it was asked for before: on WebGPU it cannot do two things at once. */
interface OpenBuild {
  readonly ort: WebRuntime;
  readonly inTurn: Turns;
  /** The addresses at which its WebAssembly was looked for. */
  readonly asked: readonly string[];
}

function notServed(build: Build, asked: readonly string[], cause: unknown): ReconlossError {
  const looked = asked.length > 0 ? `asked for ${asked.join(", ")}` : `${cause}`;
  const problem = `${build.name}.wasm of onnxruntime-web is not served, or does not load (${looked}); ${advice(build)}`;
  return new ReconlossError("missing-dependency", problem, { cause });
}

async function openBuild(build: Build, files: RuntimeOptions["files"]): Promise<OpenBuild> {
  const wanted = threads();
  // Bundlers that say of modules where they were on disk find the files for onnxruntime-web too, and give it a program for threads.
  const byBundler = files === undefined && import.meta.url.startsWith("file:");
  const asked = byBundler ? [] : places(build, "binary", files);
  const [ort, binary, program] = await Promise.all([
    build.load() as Promise<WebRuntime>,
    firstServed(asked),
    wanted > 1 && !byBundler ? firstStarted(places(build, "threads", files)) : undefined,
  ]);
  // Its errors are thrown, so that they need not be on the console too.
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = byBundler || program !== undefined ? wanted : 1;
  // Where they are in none of these places, it looks itself.
  if (binary !== undefined)
    ort.env.wasm.wasmPaths = { wasm: binary, ...(program === undefined ? {} : { mjs: program }) };
  return { ort, inTurn: turns(), asked };
}

/** The addresses at which a file of a build may be, the likeliest first. */
function places(build: Build, kind: FileKind, files: RuntimeOptions["files"]): string[] {
  const name = `${build.name}${kind === "binary" ? ".wasm" : ".mjs"}`;
  const base = host.location?.href;
  const folder = typeof files === "object" ? files.href : files;
  if (folder !== undefined) return [new URL(name, new URL(folder.replace(/\/?$/, "/"), base).href).href];
  const bundled = build.files(URL)?.[kind].href;
  if (bundled === undefined) return base === undefined ? [] : [new URL(`/onnxruntime-web/${name}`, base).href];
  // Vite's development server serves packages from where they are, without moving files that they ask for.
  const packages = bundled.lastIndexOf("/node_modules/");
  const installed = packages < 0 ? [] : [`${bundled.slice(0, packages)}/node_modules/onnxruntime-web/dist/${name}`];
  const program = import.meta.url;
  return [...installed, bundled, new URL(name, program).href];
}

/** One after the other, because browsers tell of each that is not there. */
async function firstServed(urls: readonly string[]): Promise<string | undefined> {
  for (const url of urls) if (await isServed(url)) return url;
  return undefined;
}

/** The first that is served, where threads can be started. */
async function firstStarted(urls: readonly string[]): Promise<string | undefined> {
  const url = await firstServed(urls);
  return url !== undefined && (await canStart(url)) ? url : undefined;
}

/** The time in which browsers refuse workers that a page's policy forbids, in milliseconds. */
const refusal = 50;

/** Whether a thread can be started: ONNX Runtime would wait for one that cannot for ever. A program of another origin it copies before. */
function canStart(url: string): Promise<boolean> {
  if (!url.startsWith(`${host.location?.origin}/`)) return Promise.resolve(true);
  return new Promise((resolve) => {
    try {
      const worker = new host.Worker(url, { type: "module" });
      const end = (started: boolean) => {
        worker.terminate();
        resolve(started);
      };
      worker.onerror = () => end(false);
      host.setTimeout(() => end(true), refusal);
    } catch {
      resolve(false);
    }
  });
}

/** Whether there is a file at a URL; servers of single-page applications answer any question with their page. */
async function isServed(url: string): Promise<boolean> {
  try {
    const { ok, status, headers } = await host.fetch(url, { method: "HEAD" });
    return (ok && !/^text\/html/.test(headers.get("content-type") ?? "")) || status === 405;
  } catch {
    return false;
  }
}
