import type { Answer, Request } from "./messages.ts";

type Question = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

/** The worker that computes, so that the page never waits. */
class Evaluator {
  readonly #worker = new Worker(new URL("./evaluator.worker.ts", import.meta.url), { type: "module" });
  readonly #listeners = new Map<number, (answer: Answer) => void>();
  #last = 0;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#listeners.get(data.id)?.(data);
      if (data.kind === "done" || (data.kind === "failed" && data.spec === undefined)) this.#listeners.delete(data.id);
    };
  }

  /** Asks, and tells of each answer; returns what stops telling. */
  ask(question: Question, onAnswer: (answer: Answer) => void): () => void {
    const id = ++this.#last;
    this.#listeners.set(id, onAnswer);
    this.#worker.postMessage({ ...question, id });
    return () => this.#listeners.delete(id);
  }
}

export const evaluator = new Evaluator();
