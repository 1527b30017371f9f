/** A process of its own that reads one file after the other, so that whoever asks sees what hangs or ends it. */
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { kinds } from "./kinds.ts";

/** A request to the process: to read a file as one of a kind. */
export interface Request {
  readonly kind: string;
  readonly path: string;
}

/** The result of the request. */
export interface Answer {
  /** The error's code, `result` where there was none, `other` for an error of another class. */
  readonly outcome: string;
  readonly message?: string;
  /** The most memory that the process has had, in bytes. */
  readonly peak: number;
}

async function answer({ kind, path }: Request): Promise<Omit<Answer, "peak">> {
  try {
    await kinds.find(({ name }) => name === kind)?.read(path);
    return { outcome: "result" };
  } catch (error) {
    if (error instanceof ReconlossError && error.code) return { outcome: error.code, message: error.message };
    return { outcome: "other", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", async (request: Request) => {
  const result = await answer(request);
  process.send?.({ ...result, peak: 1024 * process.resourceUsage().maxRSS } satisfies Answer);
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
