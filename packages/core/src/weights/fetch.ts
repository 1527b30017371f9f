import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { type HostResponse, host, type StopSignal } from "./host.ts";
import { sha256 } from "./sha256.ts";

/** The progress of a download. */
export interface DownloadProgress {
  /** The registry's name of the weights, or the address where there is none. */
  readonly name: string;
  /** Bytes so far, those of an earlier try included. */
  readonly received: number;
  /** Bytes in all, where they are known. */
  readonly total?: number;
}

/** The options of fetching files. */
export interface FetchOptions {
  /** Called after each piece that arrives, and once for a file that was kept from before. */
  onProgress?: (progress: DownloadProgress) => void;
  /** An `AbortSignal` that stops the download. */
  signal?: StopSignal;
  /** The most bytes that are read of one file; default 1 GiB. */
  most?: number;
  /** Keep verified files in the browser's Cache API, under `reconloss-weights`, where there is one. Default true. */
  keep?: boolean;
}

/** Refuses options of other kinds. */
export function checkFetchOptions(name: string, options: FetchOptions): void {
  checkArguments(name, { options: [options, "object"] });
  const { onProgress, signal, most, keep } = options;
  checkArguments(name, {
    onProgress: [onProgress, "function?"],
    signal: [signal, "object?", ["aborted"]],
    most: [most, "count?"],
    keep: [keep, "flag?"],
  });
}

const gigabyte = 2 ** 30;
const cacheName = "reconloss-weights";

/** Whether there is a page, or a worker of one, that addresses can be relative to. */
export const hasPage = () => (host.document?.baseURI ?? host.location?.href) !== undefined;

/** The address as a whole, relative ones from the page's (a worker's from its own script's). */
export function absoluteUrl(url: string): string {
  const { document, location } = host;
  const own = document?.baseURI ?? location?.href;
  // A worker made from a blob has an address that nothing is relative to.
  const base = own?.startsWith("blob:") ? location?.origin : own;
  try {
    return new URL(url, base).href;
  } catch (cause) {
    const advice = base === undefined ? "; without a page it must begin with https:// or the like" : "";
    throw new ReconlossError("invalid-argument", `weights: ${JSON.stringify(url)} is not a URL${advice}`, { cause });
  }
}

/** Describes why a request failed, as far as hosts report it. */
function failureOf(url: string, cause: unknown): string {
  const { message, cause: inner } = cause as Error;
  const reason = inner instanceof Error && inner.message ? inner.message : message;
  const { location } = host;
  const isElsewhere = location !== undefined && new URL(url).origin !== location.origin;
  // Pages are not told which of the two it is; elsewhere the reason says it.
  const meaning = isElsewhere
    ? `: the server does not answer, or does not let pages of ${location.origin} read it (Access-Control-Allow-Origin)`
    : "";
  return `cannot be fetched (${reason})${meaning}`;
}

/** The expected size and digest of a file, as far as they are known. */
interface ExpectedFile {
  readonly bytes?: number;
  readonly sha256?: string;
}

/** The beginning of a message about an address. */
const about = (name: string, url: string) => (name === url ? url : `weights ${name}: ${url}`);

const isPage = (start: Uint8Array) =>
  /^\s*<(!doctype|html|head|body|\?xml)/i.test(new TextDecoder("latin1").decode(start.subarray(0, 64)));

/**
 * The bytes at an address, read no further than `expected` and `most` allow.
 *
 * @param name - what messages and progress call it
 * @throws {ReconlossError} `missing-weights` where the server has no such file, or answers with a web page; `download` for any other failure
 */
export async function readUrl(
  name: string,
  url: string,
  expected: ExpectedFile,
  options: FetchOptions,
): Promise<Uint8Array> {
  const { onProgress, signal, most = gigabyte, keep = true } = options;
  const refuse = (problem: string, cause?: unknown) =>
    new ReconlossError("download", `${about(name, url)}: ${problem}`, { cause });
  const stopped = (cause?: unknown) => refuse("the download was stopped", cause);
  if (host.fetch === undefined) throw refuse("there is no fetch here");
  if (signal?.aborted) throw stopped(signal.reason);
  if ((expected.bytes ?? 0) > most) throw refuse(`has ${expected.bytes} bytes, and at most ${most} are read`);

  let response: HostResponse;
  try {
    // What is kept here need not be kept by the browser a second time; what is not kept must not be stale.
    response = await host.fetch(url, { signal, cache: keep && host.caches ? "no-store" : "no-cache" });
  } catch (cause) {
    if (signal?.aborted) throw stopped(cause);
    throw refuse(failureOf(url, cause), cause);
  }
  const reader = response.body?.getReader();
  const giveUp = async (error: ReconlossError): Promise<never> => {
    await reader?.cancel().catch(() => {});
    throw error;
  };
  if (!response.ok) {
    const isAbsent = response.status === 404 || response.status === 410;
    return giveUp(
      new ReconlossError(isAbsent ? "missing-weights" : "download", `${about(name, url)}: HTTP ${response.status}`),
    );
  }
  const limit = expected.bytes ?? most;
  // What a compressed answer declares is the compressed length, which is no more than the file's.
  const declared = Number(response.headers.get("content-length") ?? 0);
  const total = expected.bytes ?? (response.headers.get("content-encoding") ? undefined : declared || undefined);
  if (declared > most) return giveUp(refuse(`has ${declared} bytes, and at most ${most} are read`));

  const pieces: Uint8Array[] = [];
  let received = 0;
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done || value === undefined) break;
      if (received === 0 && isPage(value)) {
        const problem = "is a web page, as some servers answer for what they do not have";
        await giveUp(new ReconlossError("missing-weights", `${about(name, url)}: ${problem}`));
      }
      received += value.length;
      if (received > limit) await giveUp(refuse(`has more than ${limit} bytes`));
      pieces.push(value);
      onProgress?.({ name, received, total });
    }
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    if (signal?.aborted) throw stopped(cause);
    throw refuse(`stopped after ${received}${total ? ` of ${total}` : ""} bytes (${(cause as Error).message})`, cause);
  }
  if (expected.bytes !== undefined && received !== expected.bytes) {
    throw refuse(`ended after ${received} of ${expected.bytes} bytes`);
  }
  return joined(pieces, received);
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The browser's store of files; none where it has none, or does not give it to this page (private windows, insecure addresses). */
async function openCache(keep: boolean | undefined) {
  if (keep === false) return undefined;
  return host.caches?.open(cacheName).catch(() => undefined);
}

/** The bytes kept of an address, if they are those expected; others are removed. */
async function keptBytes(
  url: string,
  expected: ExpectedFile,
  keep: boolean | undefined,
): Promise<Uint8Array | undefined> {
  const cache = await openCache(keep);
  try {
    const response = await cache?.match(url);
    const reader = response?.body?.getReader();
    if (reader === undefined) return undefined;
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (let next = await reader.read(); !next.done && next.value; next = await reader.read()) {
      pieces.push(next.value);
      size += next.value.length;
    }
    const bytes = joined(pieces, size);
    if (expected.sha256 === undefined || (await sha256(bytes)) === expected.sha256) return bytes;
    await cache?.delete(url);
  } catch {
    // A store that fails is as good as an empty one: the file is fetched.
  }
  return undefined;
}

async function keepBytes(url: string, bytes: Uint8Array, keep: boolean | undefined): Promise<void> {
  const cache = await openCache(keep);
  // Without room the file is used and not kept.
  await cache
    ?.put(url, new host.Response(bytes, { headers: { "content-length": String(bytes.length) } }))
    .catch(() => {});
}

/**
 * A file whose hash is known: kept from before, or fetched, verified and kept.
 *
 * @throws {ReconlossError} as {@link readUrl}, and `download` for other bytes than those expected
 */
export async function fetchVerified(
  name: string,
  url: string,
  expected: ExpectedFile & { readonly sha256: string },
  options: FetchOptions,
): Promise<Uint8Array> {
  const kept = await keptBytes(url, expected, options.keep);
  if (kept !== undefined) {
    options.onProgress?.({ name, received: kept.length, total: kept.length });
    return kept;
  }
  const bytes = await readUrl(name, url, expected, options);
  const found = await sha256(bytes);
  if (found !== expected.sha256) {
    throw new ReconlossError(
      "download",
      `${about(name, url)}: SHA-256 is ${found}, expected ${expected.sha256}: it is another file, or was changed in transit`,
    );
  }
  await keepBytes(url, bytes, options.keep);
  return bytes;
}

/**
 * The newest text at an address; where the server does not answer, the one kept from before.
 *
 * @throws {ReconlossError} as {@link readUrl}
 */
export async function fetchText(name: string, url: string, options: FetchOptions): Promise<string> {
  const { signal, keep, most } = options;
  try {
    const bytes = await readUrl(name, url, {}, { signal, keep, most });
    await keepBytes(url, bytes, keep);
    return new TextDecoder().decode(bytes);
  } catch (error) {
    const isUnanswered = error instanceof ReconlossError && error.cause !== undefined && !signal?.aborted;
    const kept = isUnanswered ? await keptBytes(url, {}, keep) : undefined;
    if (kept === undefined) throw error;
    return new TextDecoder().decode(kept);
  }
}

/** Options of {@link fetchWeights}. */
export interface FetchWeightsOptions extends FetchOptions {
  /** The file's SHA-256 in hexadecimal digits. Default: none is asked for, and nothing is kept. */
  sha256?: string;
}

/**
 * The bytes of one weights file at an address, as a loss takes them in place of the published file. With `sha256` they are verified, and kept in the Cache
 * API where there is one.
 *
 * @param url - relative addresses are those of the page
 * @throws {ReconlossError} `missing-weights` where the server has no such file, or answers with a web page; `download` for any other failure, for too many
 * bytes, for others than expected and for a download that was stopped; `invalid-argument` for what is no address
 * @example
 * ```ts
 * import { fetchWeights } from "reconloss/weights";
 *
 * const error = await fetchWeights("http://127.0.0.1:9/alexnet.safetensors").catch((caught) => caught);
 * error.code; // "download"
 * ```
 */
export async function fetchWeights(
  url: string | { readonly href: string },
  options: FetchWeightsOptions = {},
): Promise<Uint8Array> {
  checkArguments("fetchWeights", { url: [typeof url === "object" ? url?.href : url, "text"] });
  checkFetchOptions("fetchWeights", options);
  const address = absoluteUrl(typeof url === "string" ? url : url.href);
  const { sha256: expected, ...rest } = options;
  if (expected === undefined) return readUrl(address, address, {}, rest);
  if (!/^[0-9a-f]{64}$/i.test(expected)) {
    throw new ReconlossError(
      "invalid-argument",
      `fetchWeights: sha256 must be 64 hexadecimal digits, got ${described(expected)}`,
    );
  }
  return fetchVerified(address, address, { sha256: expected.toLowerCase() }, rest);
}
