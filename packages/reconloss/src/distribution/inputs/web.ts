import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { Recent } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import type { Dispatcher, Response } from "undici";
import {
  networkReason,
  openConnections,
  request,
  Transient,
  transientStatus,
  withoutSecrets,
  withRetries,
} from "../../http.ts";
import { fileSource } from "../../weights/open.ts";

/** Files are asked for in blocks of so many bytes, of which some are kept, since what is read in order lies side by side. */
const blockBytes = 2 ** 20;
const keptBlocks = 32;
/** Reads of more blocks than this are one request, and are not kept. */
const mostBlocks = 4;

/** The options of fetching files. */
export interface WebOptions {
  /** Default `process.env`, whose proxies are used. */
  env?: Readonly<Record<string, string | undefined>>;
  /** The most bytes of a file that is downloaded whole, because its server gives no parts of files; default 1 GiB. */
  limitDownload?: number;
  /** Tries in a row; default 5. */
  attempts?: number;
  /** Milliseconds before the second try, doubled for each further one; default 500. */
  retryDelay?: number;
  /** Milliseconds of silence after which a server counts as lost; default 30000. A block may take four times as long. */
  stallTimeout?: number;
}

/** Makes the error of an address that does not give what it should. */
type Refusal = (name: string, problem: string, cause?: unknown) => ReconlossError;

/** The properties of a file after the first answer, which must hold for all others. */
interface RemoteFile {
  readonly url: string;
  readonly size: number;
  /** ETag or date, which change when the file does. */
  readonly validator: string | undefined;
}

/** Files at addresses, read by ranges, with what was read last in memory. */
export class Web {
  readonly #options: Required<WebOptions>;
  #connections: Promise<Dispatcher> | undefined;
  readonly #blocks = new Recent<Uint8Array>(keptBlocks);
  /** Removes what was downloaded whole. */
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor({
    env = process.env,
    limitDownload = 2 ** 30,
    attempts = 5,
    retryDelay = 500,
    stallTimeout = 30_000,
  }: WebOptions = {}) {
    this.#options = { env, limitDownload, attempts, retryDelay, stallTimeout };
  }

  /**
   * A file at an address as a byte source: by ranges, or downloaded whole to a temporary file where the server gives none.
   *
   * @throws {ReconlossError} `download` where it cannot be had
   */
  async open(url: string): Promise<ByteSource> {
    const name = withoutSecrets(url);
    const opened = await this.#withRetries(url, async () => {
      const response = await this.#request(url, { range: `bytes=0-${blockBytes - 1}` });
      if (response.status === 416) {
        await response.body?.cancel();
        return { url, size: 0, validator: undefined };
      }
      if (response.status !== 206) return this.#downloadWhole(name, response);
      const { size, validator } = rangeOf(name, response, 0);
      const first = await bodyOf(response, Math.min(blockBytes, size));
      await this.#blocks.get(`0 ${url}`, async () => first);
      return { url, size, validator };
    });
    if ("read" in opened) return opened;
    return {
      name,
      size: opened.size,
      read: (offset, length) => this.#read(opened, offset, length),
      close: async () => {},
    };
  }

  /**
   * All bytes of a file at an address.
   *
   * @param refuse - makes the error for what is no fault of the network: the server has no such file, or it has more than `most` bytes
   * @throws {ReconlossError} `download` where the server cannot be reached or fails
   */
  fetch(url: string, most: number, refuse: Refusal): Promise<Uint8Array> {
    const tooLarge = (size: string) => refuse(withoutSecrets(url), `it has ${size}, and at most ${most} are read`);
    return this.#withRetries(url, async () => {
      const response = await this.#request(url, {}, refuse);
      const length = lengthOf(response);
      if (length !== undefined && length > most) {
        await response.body?.cancel();
        throw tooLarge(`${length} bytes`);
      }
      const bytes = await bodyOf(response, length, most);
      if (bytes.length > most) throw tooLarge("more");
      return bytes;
    });
  }

  async close(): Promise<void> {
    this.#blocks.clear();
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
    await (await this.#connections)?.destroy();
    this.#connections = undefined;
  }

  #withRetries<T>(url: string, work: () => Promise<T>): Promise<T> {
    return withRetries(this.#options, work, ({ message, cause }, tries) =>
      failure(url, `${message}${tries > 1 ? ` (tried ${tries} times)` : ""}`, cause),
    );
  }

  /** An answer that has a body: anything else is an error, one that another try may not meet a {@link Transient}. */
  async #request(url: string, headers: Readonly<Record<string, string>>, refuse: Refusal = failure): Promise<Response> {
    const { env, stallTimeout } = this.#options;
    this.#connections ??= openConnections(env, stallTimeout);
    const { address, authorization } = credentialsIn(url, refuse);
    const response = await request(address, await this.#connections, AbortSignal.timeout(4 * stallTimeout), {
      ...headers,
      ...authorization,
    });
    if (response.status === 200 || response.status === 206 || response.status === 416) return response;
    await response.body?.cancel();
    throw transientStatus(response) ?? refuse(withoutSecrets(url), `HTTP ${response.status}`);
  }

  async #read(file: RemoteFile, offset: number, length: number): Promise<Uint8Array> {
    const [first, last] = [Math.floor(offset / blockBytes), Math.floor((offset + length - 1) / blockBytes)];
    if (last - first >= mostBlocks) return this.#fetchRange(file, offset, length);
    const numbers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    const blocks = await Promise.all(numbers.map((number) => this.#block(file, number)));
    const bytes = new Uint8Array(length);
    for (const [i, block] of blocks.entries()) {
      const start = numbers[i] * blockBytes;
      const part = block.subarray(Math.max(0, offset - start), offset + length - start);
      bytes.set(part, Math.max(0, start - offset));
    }
    return bytes;
  }

  #block(file: RemoteFile, number: number): Promise<Uint8Array> {
    const start = number * blockBytes;
    const length = Math.min(blockBytes, file.size - start);
    return this.#blocks.get(`${number} ${file.url}`, () => this.#fetchRange(file, start, length));
  }

  #fetchRange({ url, size, validator }: RemoteFile, offset: number, length: number): Promise<Uint8Array> {
    const name = withoutSecrets(url);
    return this.#withRetries(url, async () => {
      const response = await this.#request(url, { range: `bytes=${offset}-${offset + length - 1}` });
      if (response.status !== 206) {
        await response.body?.cancel();
        throw new Transient("the server no longer supports range requests");
      }
      const now = rangeOf(name, response, offset);
      if (now.size !== size || now.validator !== validator) {
        await response.body?.cancel();
        throw failure(url, "was changed while it was read");
      }
      return bodyOf(response, length);
    });
  }

  async #downloadWhole(name: string, response: Response): Promise<ByteSource> {
    const { limitDownload } = this.#options;
    const length = lengthOf(response);
    const refuse = (size: string) =>
      failure(
        name,
        `its server does not support range requests, and the file of ${size} bytes exceeds the download limit of ${limitDownload}; ` +
          "raise limitDownload (--limit-download), or download it",
      );
    if (length !== undefined && length > limitDownload) {
      await response.body?.cancel();
      throw refuse(String(length));
    }
    const folder = await mkdtemp(join(tmpdir(), "reconloss-download-"));
    const cleanup = () => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, "file");
      const file = await open(path, "wx");
      try {
        await saveBody(response, length, limitDownload, file, () => refuse(`more than ${limitDownload}`));
      } finally {
        await file.close();
      }
      const source = await fileSource(path);
      this.#cleanups.push(() => source.close().then(cleanup));
      return { ...source, name, close: async () => {} };
    } catch (error) {
      await cleanup();
      throw error;
    }
  }
}

const failure: Refusal = (url, problem, cause) =>
  new ReconlossError("download", `${withoutSecrets(url)}: ${problem}`, { cause });

/** The length that an answer says its body has. */
function lengthOf({ headers }: Response): number | undefined {
  const text = headers.get("content-length");
  return text === null || headers.get("content-encoding") !== null ? undefined : Number(text);
}

/** The properties of a file by an answer with a part of it, which must begin where it was asked to. */
function rangeOf(name: string, { headers }: Response, start: number): Omit<RemoteFile, "url"> {
  const [, from, , size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (Number(from) !== start || !Number.isSafeInteger(Number(size))) {
    const range = headers.get("content-range") ?? "nothing";
    throw failure(name, `the server was asked for bytes from ${start} on, but returned ${range}`);
  }
  return { size: Number(size), validator: headers.get("etag") ?? headers.get("last-modified") ?? undefined };
}

/** The pieces of a body; a connection that fails is a {@link Transient}. */
async function* piecesOf({ body }: Response, length: number | undefined): AsyncGenerator<Uint8Array> {
  let received = 0;
  const of = length === undefined ? "" : ` of ${length}`;
  try {
    for await (const piece of body ?? []) {
      received += piece.length;
      if (length !== undefined && received > length) throw new Transient(`it continues after ${length} bytes`);
      yield piece;
    }
  } catch (error) {
    if (error instanceof Transient || error instanceof ReconlossError) throw error;
    throw new Transient(`it stopped after ${received}${of} bytes: ${networkReason(error)}`, { cause: error });
  }
  if (length !== undefined && received < length) throw new Transient(`it ended after ${received}${of} bytes`);
}

/** A body of so many bytes, or of at most one more than `most`. */
async function bodyOf(response: Response, length: number | undefined, most = length ?? 0): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of piecesOf(response, length)) {
    pieces.push(piece);
    size += piece.length;
    if (size > most) break;
  }
  return Buffer.concat(pieces);
}

async function saveBody(
  response: Response,
  length: number | undefined,
  most: number,
  file: FileHandle,
  tooMany: () => Error,
): Promise<void> {
  let size = 0;
  for await (const piece of piecesOf(response, length)) {
    size += piece.length;
    if (size > most) throw tooMany();
    await file.appendFile(piece).catch((cause) => {
      throw new ReconlossError("file", `the download cannot be saved: ${cause.message}`, { cause });
    });
  }
}

/** Name and password of an address as a header, since fetch takes none in addresses. */
function credentialsIn(url: string, refuse: Refusal): { address: string; authorization?: { authorization: string } } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw refuse(withoutSecrets(url), "it is not a URL", cause);
  }
  const { username, password } = parsed;
  if (username === "" && password === "") return { address: url };
  parsed.username = "";
  parsed.password = "";
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address: parsed.href, authorization: { authorization: `Basic ${Buffer.from(text).toString("base64")}` } };
}
