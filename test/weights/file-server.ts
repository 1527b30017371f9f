import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server on this machine whose answers a test decides. */
export class FileServer {
  /** Paths and Range headers of all requests. */
  readonly requests: { path: string; range?: string; proxied: boolean }[] = [];
  handler: Handler;
  readonly #server: Server;

  private constructor(handler: Handler) {
    this.handler = handler;
    this.#server = createServer((request, response) => {
      const proxied = request.url?.startsWith("http://") ?? false;
      this.requests.push({ path: request.url ?? "", range: request.headers.range, proxied });
      this.handler(request, response);
    });
  }

  static async start(handler: Handler): Promise<FileServer> {
    const server = new FileServer(handler);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Serves bytes as a good server does: with a length, an ETag and ranges. */
export function serve(bytes: Uint8Array, etag = '"one"'): Handler {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.setHeader("etag", etag);
    if (start >= bytes.length && start > 0) {
      response.writeHead(416).end();
    } else if (start > 0 && request.headers["if-range"] === etag) {
      const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { "content-range": range, "content-length": bytes.length - start });
      response.end(bytes.subarray(start));
    } else {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    }
  };
}

/**
 * Promises the whole file, sends its next `count` bytes and then falls silent, or hangs up.
 *
 * @param then - how much of the file the client has, by which it is told when to hang up: what a client has not read when the connection closes is lost to it
 */
export function serveStart(
  bytes: Uint8Array,
  count: number,
  then: "fall silent" | (() => number),
  etag = '"one"',
): Handler {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const sent = bytes.subarray(start, start + count);
    const headers = { etag, "content-length": bytes.length - start };
    if (start > 0)
      response.writeHead(206, { ...headers, "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
    else response.writeHead(200, headers);
    response.write(sent);
    if (then === "fall silent") return;
    const looking = setInterval(() => then() >= start + sent.length && response.destroy(), 5);
    response.on("close", () => clearInterval(looking));
  };
}
