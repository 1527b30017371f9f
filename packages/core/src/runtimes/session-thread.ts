import { mapValues } from "../records.ts";
import { elementType, placed } from "./onnxruntime.ts";
import type { Session, TensorInput, TensorOutput, ValueInfo } from "./session.ts";

/** The program of a thread: it makes sessions from models and runs them, each under a number. */
const threadSource = `
const { parentPort, workerData } = require("node:worker_threads");
const { env, InferenceSession, Tensor } = require(workerData.runtime);
env.logLevel = "fatal";
const sessions = new Map();
const tasks = {
  create: async ({ session, model, options }) => {
    const created = await InferenceSession.create(model, options);
    sessions.set(session, created);
    const infos = (values) => values.map(({ name, type, shape }) => ({ name, type, dims: shape }));
    return { inputs: infos(created.inputMetadata), outputs: infos(created.outputMetadata) };
  },
  run: async ({ session, feeds, wanted }) => {
    const inputs = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]);
    const results = Object.entries(await sessions.get(session).run(Object.fromEntries(inputs), wanted));
    return Object.fromEntries(results.map(([name, { type, data, dims }]) => [name, { type, data, dims }]));
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
  | { task: "run"; session: number; feeds: Readonly<Record<string, TensorOutput>>; wanted: readonly string[] }
  | { task: "release"; session: number };

type Reply = { result: unknown } | { failure: string };

interface Waiting {
  resolve(result: unknown): void;
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

  ask(message: Message): Promise<unknown> {
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

/**
 * A session of onnxruntime-node in a thread beside the calling one. What it is given is copied, and so are its results.
 *
 * @param number - of the thread, from 0; it is started when it is first needed
 */
export async function createThreadSession(number: number, model: Uint8Array, options: object): Promise<Session> {
  threads[number] ??= new SessionThread(() => {
    threads[number] = undefined;
  });
  const thread = threads[number];
  const session = sessions++;
  const created = await thread.ask({ task: "create", session, model, options });
  const { inputs, outputs } = created as Record<"inputs" | "outputs", ValueInfo[]>;
  const handle: Session = {
    inputs,
    outputs,
    run: async (feeds, wanted = outputs.map(({ name }) => name), into = {}) => {
      const message = { task: "run", session, feeds: mapValues(feeds, plain), wanted } as const;
      const results = (await thread.ask(message)) as Record<string, TensorOutput>;
      return mapValues(results, (result, name) => placed(result, into[name]));
    },
    release: async () => {
      forgotten.unregister(handle);
      await thread.ask({ task: "release", session });
    },
  };
  forgotten.register(handle, { thread, session }, handle);
  return handle;
}

/** A tensor as messages carry it: a part of a longer array goes without the rest of it, and shared memory is copied, since ONNX Runtime takes none. */
function plain({ data, dims }: TensorInput): TensorOutput {
  const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return { type: elementType(data), data: whole ? data : data.slice(), dims };
}
