import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Dispatcher, Response } from "undici";

/** The variables of a process's environment. */
type Environment = Readonly<Record<string, string | undefined>>;

/** A failure that another try may not meet. */
export class Transient extends Error {
  /** Milliseconds that the server asks to wait before the next try. */
  readonly wait: number;

  constructor(message: string, options: ErrorOptions & { wait?: number } = {}) {
    super(message, options);
    this.wait = options.wait ?? 0;
  }

  /** The number of tries that may be worth it: few where the server cannot be reached at all, as on a machine without network. */
  get worth(): number {
    const { code, message = "" } = ((this.cause as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
    if (code === undefined && /redirect|scheme|bad port/i.test(message)) return 1;
    return code !== undefined && offline.has(code) ? offlineAttempts : Number.POSITIVE_INFINITY;
  }
}

const offline: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ECONNREFUSED",
]);
/** Tries where the server cannot be reached at all. */
const offlineAttempts = 2;
/** The longest that a server's wish to be left alone is heeded, in milliseconds. */
const longestWait = 60_000;

/** The number of tries of a request, and the waits between them. */
export interface RetryOptions {
  /** Tries in a row that may fail without one new byte; 2 at the most where the network or the server's name cannot be reached. */
  readonly attempts: number;
  /** Wait before the second try in milliseconds, doubled for each further one. */
  readonly retryDelay: number;
  readonly signal?: AbortSignal;
}

/** Whether a path is an address of the web. */
export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path);

/**
 * Addresses without what may be secret in them: the user's name, password, and the query, in which signatures are. Paths are as they were; several stand
 * with `::` between them.
 */
export function withoutSecrets(paths: string): string {
  const visible = (path: string) =>
    isUrl(path) ? path.replace(/[?#].*$/s, "").replace(/^([a-z]+:\/\/)[^/]*@/i, "$1") : path;
  return paths.split("::").map(visible).join("::");
}

/** Connections by the proxies that the environment names; a server that is silent for `stallTimeout` milliseconds counts as lost. */
export async function openConnections(env: Environment, stallTimeout: number): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import("undici");
  return new EnvHttpProxyAgent({
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? "",
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? "",
    noProxy: env.no_proxy ?? env.NO_PROXY ?? "",
    proxyTunnel: false,
    connect: { timeout: stallTimeout },
    headersTimeout: stallTimeout,
    bodyTimeout: stallTimeout,
  });
}

/**
 * One request.
 *
 * @throws {Transient} where no answer comes
 */
export async function request(
  url: string,
  dispatcher: Dispatcher,
  signal: AbortSignal | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { fetch } = await import("undici");
  try {
    // A compressed body would neither have the file's length nor be resumable.
    return await fetch(url, { dispatcher, signal, headers: { "accept-encoding": "identity", ...headers } });
  } catch (cause) {
    throw new Transient(networkReason(cause), { cause });
  }
}

/** Connections that {@link openConnections} made. */
export type Connections = Dispatcher;

/** An answer whose body is read as it comes. */
export type Answer = Dispatcher.ResponseData;

/** A request of any kind, whose answer is taken as it is: redirections are not followed, so that what its headers say goes to this server alone. */
export interface Exchange {
  readonly method: "GET" | "HEAD" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable;
}

/**
 * Sends one {@link Exchange}.
 *
 * @throws {Transient} where no answer comes
 */
export async function exchange(url: string, dispatcher: Connections, what: Exchange): Promise<Answer> {
  const undici = await import("undici");
  try {
    return await undici.request(url, { ...what, dispatcher });
  } catch (cause) {
    throw new Transient(networkReason(cause), { cause: new Error((cause as Error).message, { cause }) });
  }
}

/** The part of an answer that tells whether another try may do. */
interface Status {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** The failure that an HTTP status stands for where another try may not meet it: the server is in trouble, or asks to wait. */
export function transientStatus({ status, headers }: Status): Transient | undefined {
  if (status < 500 && status !== 408 && status !== 429) return undefined;
  const seconds = Number(headers.get("retry-after") ?? 0);
  return new Transient(`HTTP ${status}`, {
    wait: Number.isFinite(seconds) ? Math.min(1000 * seconds, longestWait) : 0,
  });
}

/** The network's message, which fetch hides in the cause of its error. */
export function networkReason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? cause.message : message;
}

/**
 * Tries until it works: a failure that is not transient is thrown at once; waits double.
 *
 * @param progress - how far the work is; a try that got further does not count against the attempts
 * @param failed - makes the error of the last of too many tries
 */
export async function withRetries<T>(
  { attempts, retryDelay, signal }: RetryOptions,
  work: () => Promise<T>,
  failed: (error: Transient, tries: number) => Error,
  progress: () => Promise<number> | number = () => 0,
): Promise<T> {
  let furthest = await progress();
  for (let failures = 0; ; ) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Transient) || signal?.aborted) throw error;
      const reached = await progress();
      failures = reached > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, reached);
      if (failures >= Math.min(attempts, error.worth)) throw failed(error, failures);
      const wait = Math.max(retryDelay * 2 ** (failures - 1), error.wait);
      await delay(wait, undefined, { signal }).catch(() => {});
    }
  }
}
