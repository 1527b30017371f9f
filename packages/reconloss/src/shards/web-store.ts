import { createReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { ReconlossError } from "@reconloss/core";
import { writePiecesAtomically } from "../files.ts";
import {
  type Answer,
  type Connections,
  exchange,
  networkReason,
  openConnections,
  Transient,
  transientStatus,
  withRetries,
} from "../http.ts";
import type { Manifest } from "./manifest.ts";
import {
  type Part,
  type PartError,
  type PartHeader,
  PartScan,
  readEnds,
  readPart,
  type WriteContent,
  writePart,
} from "./part.ts";
import { credentialsOf, type Environment } from "./place.ts";
import { checkHeader, type PartStore, partName, type StoredNames } from "./store.ts";

/** Tries of a request in a row, and milliseconds before the second, doubled for each further one. */
const retries = { attempts: 5, retryDelay: 500 };
/** Milliseconds of silence after which a server counts as lost; one that keeps what it was sent in several places takes its time. */
const stallTimeout = 60_000;
/** The most bytes of a part that are taken from a server. */
const mostPartBytes = 2 ** 36;
/** Bytes of the first request for a part's beginning. */
const firstBytes = 2 ** 12;

/** Parts under an address, which takes PUT and gives GET and HEAD; what is fetched, and what is on its way, lies in the folder of the work. */
export class WebStore implements PartStore {
  readonly #address: string;
  readonly #folder: string;
  readonly #manifest: Manifest;
  readonly #extension: string;
  readonly #env: Environment;
  readonly #credentials: ReturnType<typeof credentialsOf>;
  #connections: Promise<Connections> | undefined;
  /** Whether there is something of this store to put away: others of the same folder may be at work. */
  #hasFetched = false;

  constructor(address: string, folder: string, manifest: Manifest, extension: string, env: Environment = process.env) {
    this.#address = address;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#extension = extension;
    this.#env = env;
    this.#credentials = credentialsOf(env);
  }

  /** With the plan's hash, so that plans can share an address. */
  nameOf(shard: number): string {
    return `${this.#address}${this.#manifest.hash.slice(0, 16)}-${partName(shard, this.#extension)}`;
  }

  async names(): Promise<StoredNames> {
    return { unexpectedNames: [] };
  }

  look(shard: number, whole: boolean): Promise<PartHeader | undefined> {
    const refuse = this.#refusal(shard);
    return this.#withRetries(shard, async () => {
      const range = whole ? undefined : [0, firstBytes - 1];
      const answer = await this.#get(shard, range);
      if (answer === undefined) return undefined;
      if (answer.statusCode === 416) throw refuse("is not a part of a plan");
      if (answer.statusCode !== 206) {
        const scan = new PartScan(refuse);
        for await (const piece of piecesOf(answer)) scan.take(piece);
        return scan.end().header;
      }
      const [size, first] = [sizeIn(answer), await bytesOf(answer)];
      const read = async (position: number, length: number) => {
        if (position === 0 && length <= first.length) return first.subarray(0, length);
        const more = await this.#get(shard, [position, position + length - 1]);
        if (more?.statusCode !== 206) throw new Transient("the server no longer supports range requests");
        return bytesOf(more);
      };
      return (await readEnds(size, read, refuse)).header;
    });
  }

  async fetch(shard: number): Promise<Part | undefined> {
    this.#hasFetched = true;
    const path = this.#beside("fetched", shard);
    const before = await readPart(path, { whole: true }).catch(() => undefined);
    if (before?.header.work === this.#manifest.hash) return before;
    const refuse = this.#refusal(shard);
    return this.#withRetries(shard, async () => {
      const answer = await this.#get(shard);
      if (answer === undefined) return undefined;
      const scan = new PartScan(refuse);
      let found: Omit<Part, "path"> | undefined;
      await writePiecesAtomically(path, async (file) => {
        for await (const piece of piecesOf(answer)) {
          scan.take(piece);
          await file.appendFile(piece);
        }
        found = scan.end();
      }).catch((error) => {
        // Files tell of failures as theirs; that of the network is another.
        throw error.cause instanceof Transient ? error.cause : error;
      });
      return found && { path, ...(found as Omit<Part, "path">) };
    });
  }

  async write(header: Omit<PartHeader, "format">, content: (append: WriteContent) => Promise<void>): Promise<void> {
    const path = this.#beside("outgoing", header.shard);
    await writePart(path, header, content);
    await this.#put(header.shard, path);
  }

  async resend(shard: number): Promise<boolean> {
    const path = this.#beside("outgoing", shard);
    try {
      checkHeader((await readPart(path, { whole: true })).header, this.#manifest, shard, path);
    } catch {
      return false;
    }
    await this.#put(shard, path);
    return true;
  }

  async close(): Promise<void> {
    if (this.#hasFetched) await rm(join(this.#folder, "fetched"), { recursive: true, force: true }).catch(() => {});
    await (await this.#connections)?.destroy();
    this.#connections = undefined;
  }

  #beside(what: string, shard: number): string {
    return join(this.#folder, what, partName(shard, this.#extension));
  }

  #refusal(shard: number): PartError {
    return (problem) => new ReconlossError("content", `${this.nameOf(shard)} ${problem}`);
  }

  #withRetries<T>(shard: number, work: () => Promise<T>): Promise<T> {
    return withRetries(retries, work, ({ message, cause }, tries) =>
      this.#failure(shard, `${message}${tries > 1 ? ` (tried ${tries} times)` : ""}`, cause),
    );
  }

  #failure(shard: number, problem: string, cause?: unknown): ReconlossError {
    return new ReconlossError("download", `${this.nameOf(shard)}: ${problem}`, { cause });
  }

  /** A part or a range of it; undefined where there is none. */
  async #get(shard: number, range?: readonly number[]): Promise<Answer | undefined> {
    const answer = await this.#request(shard, "GET", range ? { range: `bytes=${range.join("-")}` } : {});
    const { statusCode } = answer;
    if (statusCode === 404 || statusCode === 410) return drained(answer, undefined);
    if (![200, 206, 416].includes(statusCode)) throw await this.#unexpected(shard, answer);
    const length = Number(answer.headers["content-length"] ?? 0);
    if (length > mostPartBytes) {
      throw await drained(
        answer,
        this.#failure(shard, `it has ${length} bytes, and at most ${mostPartBytes} are read`),
      );
    }
    return answer;
  }

  /** Sends a file and asks for its size, since a server may take half of a body for a whole; the file is removed when it is there. */
  async #put(shard: number, path: string): Promise<void> {
    const { size } = await stat(path);
    await this.#withRetries(shard, async () => {
      const headers = { "content-length": String(size), "content-type": "application/octet-stream" };
      const answer = await this.#request(shard, "PUT", headers, createReadStream(path));
      if (![200, 201, 204].includes(answer.statusCode)) throw await this.#unexpected(shard, answer);
      await answer.body.dump();
      const stored = await this.#request(shard, "HEAD");
      await stored.body.dump();
      const length = stored.headers["content-length"];
      if (stored.statusCode !== 200 || (length !== undefined && Number(length) !== size)) {
        throw new Transient(`${size} bytes were sent, and the server has ${length ?? `HTTP ${stored.statusCode}`}`);
      }
    });
    await rm(path, { force: true });
  }

  async #request(
    shard: number,
    method: "GET" | "HEAD" | "PUT",
    headers: Readonly<Record<string, string>> = {},
    body?: Readable,
  ): Promise<Answer> {
    this.#connections ??= openConnections(this.#env, stallTimeout);
    const { query, headers: own } = this.#credentials;
    return exchange(`${this.nameOf(shard)}${query ? `?${query}` : ""}`, await this.#connections, {
      method,
      headers: { "accept-encoding": "identity", ...own, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  async #unexpected(shard: number, answer: Answer): Promise<Error> {
    const { statusCode: status, headers } = answer;
    await answer.body.dump();
    const get = (name: string) => [headers[name] ?? []].flat()[0] ?? null;
    const refused = status === 401 || status === 403 ? "; see RECONLOSS_PARTS_... in docs/scale.md" : "";
    const moved = status >= 300 && status < 400 ? "; redirects are not followed" : "";
    return transientStatus({ status, headers: { get } }) ?? this.#failure(shard, `HTTP ${status}${refused}${moved}`);
  }
}

async function drained<T>({ body }: Answer, result: T): Promise<T> {
  await body.dump();
  return result;
}

/** The pieces of a body; one that ends too early is a {@link Transient}. */
async function* piecesOf({ body }: Answer): AsyncGenerator<Buffer> {
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.length;
      if (size > mostPartBytes) throw new Transient(`it continues after ${mostPartBytes} bytes`);
      yield piece;
    }
  } catch (error) {
    if (error instanceof Transient || error instanceof ReconlossError) throw error;
    throw new Transient(`it stopped after ${size} bytes: ${networkReason(error)}`, { cause: error });
  }
}

async function bytesOf(answer: Answer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of piecesOf(answer)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The size of the file that an answer gives a range of. */
function sizeIn({ headers }: Answer): number {
  const size = Number(/\/(\d+)$/.exec(String(headers["content-range"]))?.[1]);
  if (Number.isSafeInteger(size)) return size;
  throw new Transient("the server returned a range without the total size");
}
