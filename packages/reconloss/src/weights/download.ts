import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, lstat, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, counted } from "@reconloss/core/internal";
import type { DownloadProgress, WeightsEntry } from "@reconloss/core/weights";
import type { Dispatcher, Response } from "undici";
import { fileSize, makeFolder } from "../files.ts";
import { networkReason, openConnections, request, Transient, transientStatus, withRetries } from "../http.ts";
import { type LockHolder, withLock } from "../lock.ts";
import type { Environment } from "./folders.ts";
import { openCheckpoint } from "./open.ts";

/** Options of {@link downloadWeights}. */
export interface DownloadOptions {
  /**
   * Default `process.env`. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say how to get out; `RECONLOSS_MIRROR` is the address of a folder
   * that holds the files under their upstream names.
   */
  env?: Environment;
  /** Called after each piece that arrives. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Stops the download; what has arrived is kept. */
  signal?: AbortSignal;
  /** Tries in a row that may fail without one new byte; default 5, and 2 where the network or the server's name cannot be reached. */
  attempts?: number;
  /** Wait before the second try in milliseconds, doubled for each further one; default 500. */
  retryDelay?: number;
  /** Milliseconds of silence after which a connection counts as lost; default 30000. */
  stallTimeout?: number;
  /** Milliseconds without a sign of life after which another process's claim on the file counts as abandoned; default 30000. */
  staleLock?: number;
  /** Called once, when another process has claimed the file and is waited for. */
  onWait?: (name: string, holder: LockHolder | undefined) => void;
}

/** The record beside a partial file, which tells whether it can be continued. */
interface PartialNote {
  url: string;
  /** An ETag or a date that changes when the file does. */
  validator: string;
}

/** The address that a file is fetched from. */
export function downloadUrl(entry: WeightsEntry, env: Environment = process.env): string {
  return env.RECONLOSS_MIRROR ? `${env.RECONLOSS_MIRROR.replace(/\/+$/, "")}/${entry.file}` : entry.url;
}

/** SHA-256 of a file in hexadecimal digits, read in pieces. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece);
  return hash.digest("hex");
}

/**
 * Brings a weights file to `destination`, which appears only when it is complete and verified. An interrupted download is continued; two
 * processes that want the same file share one download.
 *
 * @throws {ReconlossError} `download` when the server refuses, fails again and again, or gives other bytes than upstream's; `file` when the
 * disk does not take them. What has arrived is kept for the next try unless it is wrong.
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { downloadWeights, weightsEntry } from "reconloss/weights";
 *
 * const options = { env: { RECONLOSS_MIRROR: "http://127.0.0.1:9" }, attempts: 1 };
 * const destination = join(mkdtempSync(join(tmpdir(), "weights-")), "alex.pth");
 * const error = await downloadWeights(weightsEntry("lpips-alex"), destination, options).catch((caught) => caught);
 * error.code; // "download"
 * ```
 */
export async function downloadWeights(
  entry: WeightsEntry,
  destination: string,
  options: DownloadOptions = {},
): Promise<void> {
  checkArguments("downloadWeights", {
    entry: [entry, "object"],
    destination: [destination, "text"],
    options: [options, "object?"],
  });
  try {
    await makeFolder(dirname(destination));
    const { staleLock, signal, onWait } = options;
    const waiting = { staleLock, signal, onWait: (holder?: LockHolder) => onWait?.(entry.name, holder) };
    await withLock(`${destination}.lock`, waiting, async () => {
      if (await fileSize(destination)) return;
      const partial = `${destination}.partial`;
      for (const path of [partial, notePath(partial)]) await removeUnlessFile(path);
      await fetchWithRetries(entry, partial, options);
      await verify(entry, partial, downloadUrl(entry, options.env));
      await rename(partial, destination);
      await rm(notePath(partial), { force: true });
    });
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    if (options.signal?.aborted)
      throw new ReconlossError("download", `${entry.name}: the download was stopped`, { cause });
    throw new ReconlossError("file", `${destination}: cannot be written (${(cause as Error).message})`, { cause });
  }
}

/** Removes what stands in a file's place without being one: a link would be followed to wherever it leads, a pipe waited for. */
async function removeUnlessFile(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats && !stats.isFile()) await rm(path, { force: true });
}

/** The most bytes of a file whose size is published nowhere. */
const largestUnknown = 2 ** 30;

const notePath = (partial: string) => `${partial}.json`;

/** Tries until the file is complete; only tries that bring nothing new count against `attempts`. */
async function fetchWithRetries(entry: WeightsEntry, partial: string, options: DownloadOptions): Promise<void> {
  const { env = process.env, attempts = 5, retryDelay = 500, stallTimeout = 30_000, signal } = options;
  const url = downloadUrl(entry, env);
  const dispatcher = await openConnections(env, stallTimeout);
  try {
    await withRetries(
      { attempts, retryDelay, signal },
      () => fetchOnce(entry, url, partial, dispatcher, options),
      ({ message, cause }, tries) =>
        new ReconlossError("download", `${entry.name}: ${url}: ${message} (tried ${counted(tries, "time", "times")})`, {
          cause,
        }),
      () => fileSize(partial),
    );
  } catch (error) {
    if (signal?.aborted) throw new ReconlossError("download", `${entry.name}: the download was stopped`);
    throw error;
  } finally {
    await dispatcher.destroy();
  }
}

/** One request, which continues the partial file where that is safe. */
async function fetchOnce(
  entry: WeightsEntry,
  url: string,
  partial: string,
  dispatcher: Dispatcher,
  { onProgress, signal }: DownloadOptions,
): Promise<void> {
  const { validator, size } = await resumable(partial, url);
  if (size > 0 && size === entry.bytes) return;
  const response = await request(
    url,
    dispatcher,
    signal,
    validator ? { range: `bytes=${size}-`, "if-range": validator } : undefined,
  );
  const body = response.body;
  if (response.status >= 400 || body === null) {
    await body?.cancel();
    throw await refusal(entry, url, partial, response);
  }

  const start =
    response.status === 206 ? Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]) : 0;
  const length = response.headers.get("content-length");
  const total = length === null ? entry.bytes : start + Number(length);
  if (start !== 0 && start !== size) {
    await body.cancel();
    await discard(partial);
    throw new Transient("the server resumed from a different position than requested");
  }
  if (entry.bytes !== undefined && total !== entry.bytes) {
    await body.cancel();
    throw new ReconlossError("download", `${entry.name}: ${url} has ${total} bytes, expected ${entry.bytes}`);
  }
  const most = entry.bytes ?? entry.most ?? largestUnknown;
  const tooLarge = () => new ReconlossError("download", `${entry.name}: ${url} has more than ${most} bytes`);
  if (total !== undefined && total > most) {
    await body.cancel();
    throw tooLarge();
  }
  if (start === 0) await noteValidator(partial, url, response);

  const onSize = (count: number) => {
    if (count > most) throw tooLarge();
    onProgress?.({ name: entry.name, received: count, total });
  };
  const received = await save(partial, start, body, total, onSize).catch(async (error) => {
    if (error instanceof ReconlossError && error.code === "download") await discard(partial);
    throw error;
  });
  if (total !== undefined && received !== total) throw new Transient(`it ended after ${received} of ${total} bytes`);
}

async function refusal(entry: WeightsEntry, url: string, partial: string, response: Response): Promise<Error> {
  const { status } = response;
  if (status === 416) {
    await discard(partial);
    return new Transient("the file on the server is smaller than the partial download");
  }
  return transientStatus(response) ?? new ReconlossError("download", `${entry.name}: ${url}: HTTP ${status}`);
}

async function discard(partial: string): Promise<void> {
  await rm(partial, { force: true });
  await rm(notePath(partial), { force: true });
}

/** The size of a partial file and what proves that it is still the server's; nothing to continue without such a proof. */
async function resumable(partial: string, url: string): Promise<{ validator: string; size: number }> {
  try {
    const note: PartialNote = JSON.parse(await readFile(notePath(partial), "utf8"));
    const size = await fileSize(partial);
    if (note.url === url && note.validator && size > 0) return { validator: note.validator, size };
  } catch {
    // No note, or one that was cut short: the download starts anew.
  }
  return { validator: "", size: 0 };
}

async function noteValidator(partial: string, url: string, response: Response): Promise<void> {
  const etag = response.headers.get("etag");
  // A weak ETag does not promise equal bytes, so it cannot continue a file.
  const validator = etag && !etag.startsWith("W/") ? etag : (response.headers.get("last-modified") ?? "");
  const note: PartialNote = { url, validator };
  // First empty the file: a note must never vouch for bytes that came before it.
  await onDisk(partial, writeFile(partial, ""));
  await onDisk(partial, writeFile(notePath(partial), JSON.stringify(note)));
}

/** Work on the partial file, whose failure no other try will mend. */
async function onDisk<R>(partial: string, work: Promise<R>): Promise<R> {
  return work.catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === "ENOSPC" ? "the disk is full" : cause.message;
    throw new ReconlossError("file", `${partial}: cannot be written (${problem}); the download can be resumed`, {
      cause,
    });
  });
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Appends a body to the partial file from `start` on and returns the size reached. */
async function save(
  partial: string,
  start: number,
  body: AsyncIterable<Uint8Array>,
  total: number | undefined,
  onSize: (size: number) => void,
): Promise<number> {
  const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants;
  const flags = O_RDWR | O_NOFOLLOW | (start > 0 ? 0 : O_CREAT | O_TRUNC);
  const file = await onDisk(partial, open(partial, flags));
  let size = start;
  try {
    for await (const piece of body) {
      if (total !== undefined && size + piece.length > total) throw new Transient(`it continues after ${total} bytes`);
      await onDisk(partial, writeFully(file, piece, size));
      size += piece.length;
      onSize(size);
    }
    await onDisk(partial, file.sync());
    return size;
  } catch (error) {
    if (error instanceof ReconlossError || error instanceof Transient) throw error;
    throw new Transient(
      `it stopped after ${size}${total === undefined ? "" : ` of ${total}`} bytes: ${networkReason(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    await file.close();
  }
}

/** Upstream's bytes, or at least a checkpoint where upstream's hash is not known; anything else is deleted. */
async function verify(entry: WeightsEntry, partial: string, url: string): Promise<void> {
  try {
    if (entry.sha256 === undefined) {
      await (await openCheckpoint(partial)).close();
      return;
    }
    const found = await fileSha256(partial);
    if (found !== entry.sha256) throw new Error(`SHA-256 is ${found}, expected ${entry.sha256}`);
  } catch (cause) {
    await discard(partial);
    throw new ReconlossError("download", `${entry.name}: ${url}: not the published file: ${(cause as Error).message}`, {
      cause,
    });
  }
}
