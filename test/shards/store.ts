import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { quietPort } from "../ports.ts";

/** The faults of the next requests of a kind, in their order. */
export type Fault = "500" | "413" | "dies" | "keeps half" | "half";

/** An HTTP store of a test's own: it takes PUT, gives GET (with ranges), HEAD, and fails as it is told. */
export class HttpStore {
  readonly files = new Map<string, Buffer>();
  /** Every request, as METHOD path. */
  readonly requests: string[] = [];
  readonly faults: Record<string, Fault[]> = { PUT: [], GET: [], HEAD: [] };
  hasRanges = true;
  /** The header that a request must have; others are answered 401. */
  authorization: string | undefined;
  query: string | undefined;
  /** The address that every request is redirected to. */
  redirect: string | undefined;
  readonly #server: Server;
  readonly port = quietPort();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<HttpStore> {
    for (;;) {
      const store = new HttpStore();
      // Where another program listens there, another one is tried.
      const isListening = await store.listen().then(
        () => true,
        () => false,
      );
      if (isListening) return store;
    }
  }

  async listen(): Promise<void> {
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/parts/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url as string, this.url);
    const method = request.method as string;
    this.requests.push(`${method} ${pathname}`);
    const answer = (status: number, headers: Record<string, string | number> = {}, body?: Buffer) => {
      request.resume();
      response.writeHead(status, headers).end(body);
    };
    if (this.redirect !== undefined) return answer(307, { location: this.redirect });
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) return answer(401);
    if (this.query !== undefined && search !== this.query) return answer(403);
    const fault = this.faults[method]?.shift();
    if (fault === "500" || fault === "413") return answer(Number(fault));
    if (method === "PUT") {
      const pieces: Buffer[] = [];
      for await (const piece of request) {
        pieces.push(piece);
        // What has arrived so far stays: the worst that a server may do.
        if (fault === "dies") {
          this.files.set(pathname, Buffer.concat(pieces).subarray(0, 100));
          request.destroy();
          return;
        }
      }
      const body = Buffer.concat(pieces);
      this.files.set(pathname, fault === "keeps half" ? body.subarray(0, body.length / 2) : body);
      return answer(201);
    }
    const file = this.files.get(pathname);
    if (file === undefined) return answer(404);
    if (method === "HEAD") return answer(200, { "content-length": file.length });
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const isRange = this.hasRanges && from !== undefined;
    const [start, end] = isRange ? [Number(from), Math.min(Number(to) + 1, file.length)] : [0, file.length];
    const body = file.subarray(start, end);
    const range = isRange ? { "content-range": `bytes ${start}-${end - 1}/${file.length}` } : {};
    response.writeHead(isRange ? 206 : 200, { "content-length": body.length, ...range });
    if (fault !== "half" && fault !== "dies") return void response.end(body);
    response.write(body.subarray(0, body.length / 2), () => response.destroy());
  }
}
