import type { Tensor } from "../tensor.ts";
import { type ProgramOutput, type SessionShare, sessionOptions } from "./runtime.ts";

/** The program of a thread: it makes sessions from models and runs them, each under a number. */
const threadSource = `
const { parentPort, workerData } = require("node:worker_threads");
const { env, InferenceSession, Tensor } = require(workerData.runtime);
env.logLevel = "fatal";
const sessions = new Map();
const tasks = {
  create: async ({ session, model, options }) => {
    sessions.set(session, await InferenceSession.create(model, options));
    return {};
  },
  run: async ({ session, inputs }) => {
    const feeds = Object.entries(inputs).map(([name, { data, shape }]) => [name, new Tensor("float32", data, shape)]);
    const results = Object.entries(await sessions.get(session).run(Object.fromEntries(feeds)));
    return Object.fromEntries(results.map(([name, { data, dims }]) => [name, { data, shape: dims }]));
  },
  release: async ({ session }) => {
    await sessions.get(session)?.release();
    sessions.delete(session);
    return {};
  },
};
let last = Promise.resolve();
parentPort.on("message", ({ task, ...message }) => {
  last = last.then(() => tasks[task](message)).then(
    (result) => parentPort.postMessage({ result }),
    (error) => parentPort.postMessage({ failure: String(error?.message ?? error) }),
  );
});
`;

type Message =
  | { task: "create"; session: number; model: Uint8Array; options: object }
  | { task: "run"; session: number; inputs: Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>> }
  | { task: "release"; session: number };

type Reply = { result: Record<string, ProgramOutput> } | { failure: string };

interface Waiting {
  resolve(result: Record<string, ProgramOutput>): void;
  reject(reason: Error): void;
}

/** The little of Node's modules that is used. */
interface NodeModules {
  "node:worker_threads": {
    Worker: new (source: string, options: { eval: true; execArgv: string[]; workerData: object }) => NodeWorker;
  };
  "node:module": { createRequire(url: string): { resolve(name: string): string } };
}

interface NodeWorker {
  on(event: "message", listener: (reply: Reply) => void): void;
  on(event: "error", listener: (reason: Error) => void): void;
  on(event: "exit", listener: () => void): void;
  postMessage(message: Message): void;
  ref(): void;
  unref(): void;
}

/** The builtin modules of Node that this needs; elsewhere there are no threads. */
interface Builtins {
  getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name];
}

const builtins = (globalThis as { process?: Builtins }).process;

/** A thread that runs sessions one after the other, in the order in which they are asked for. */
class SessionThread {
  readonly #worker: NodeWorker;
  readonly #waiting: Waiting[] = [];
  #ended?: Error;

  constructor(onEnd: () => void) {
    const { Worker } = builtins!.getBuiltinModule!("node:worker_threads");
    const { createRequire } = builtins!.getBuiltinModule!("node:module");
    const runtime = createRequire(import.meta.url).resolve("onnxruntime-node");
    this.#worker = new Worker(threadSource, { eval: true, execArgv: [], workerData: { runtime } });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => {
      const waiting = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#worker.unref();
      if ("failure" in reply) waiting?.reject(new Error(reply.failure));
      else waiting?.resolve(reply.result);
    });
    const end = (reason: Error) => {
      this.#ended ??= reason;
      onEnd();
      while (this.#waiting.length > 0) this.#waiting.shift()?.reject(reason);
    };
    this.#worker.on("error", end);
    this.#worker.on("exit", () => end(new Error("the thread ended")));
  }

  ask(message: Message): Promise<Record<string, ProgramOutput>> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      // A thread with something to do keeps the process alive.
      this.#worker.ref();
      this.#worker.postMessage(message);
    });
  }
}

const threads: (SessionThread | undefined)[] = [];
let sessions = 0;

/** Sessions that nobody can ask any more give their memory back. */
const forgotten = new FinalizationRegistry<{ thread: SessionThread; session: number }>(({ thread, session }) => {
  thread.ask({ task: "release", session }).catch(() => {});
});

/** A session in another thread. */
export interface ThreadSession {
  /** Data of inputs is copied as it is asked, results are as {@link ProgramOutput}. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, ProgramOutput>>;
}

/**
 * A session in a thread beside the calling one, on the CPU.
 *
 * @param number - of the thread, from 0; it is started when it is first needed
 */
export async function createThreadSession(
  number: number,
  model: Uint8Array,
  share: SessionShare,
): Promise<ThreadSession> {
  threads[number] ??= new SessionThread(() => {
    threads[number] = undefined;
  });
  const thread = threads[number];
  const session = sessions++;
  await thread.ask({ task: "create", session, model, options: sessionOptions(share) });
  const handle: ThreadSession = {
    run: (inputs) => thread.ask({ task: "run", session, inputs: plain(inputs) }),
  };
  forgotten.register(handle, { thread, session });
  return handle;
}

/** Tensors as messages carry them: a part of a longer array goes without the rest of it, and shared memory is copied, since ONNX Runtime takes none. */
function plain(inputs: Readonly<Record<string, Tensor>>) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => {
      const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
      return [name, { data: whole ? data : data.slice(), shape }] as const;
    }),
  );
}
