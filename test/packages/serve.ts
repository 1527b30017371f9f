import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

/** The headers with which a page has SharedArrayBuffer, and kernels and ONNX Runtime have threads. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".jpg": "image/jpeg",
};

export interface Site {
  url: string;
  /** Every file that was asked for and there. */
  sent: Map<string, Uint8Array>;
  /** Every path that was asked for and not there. */
  missing: string[];
  close(): Promise<void>;
}

/** The size of files after gzip, each by itself. */
export function gzippedSize(files: Iterable<Uint8Array>): number {
  return [...files].reduce((sum, bytes) => sum + gzipSync(bytes).length, 0);
}

/** Serves the files of a folder, as any web server does. */
export async function serve(folder: string, headers: Record<string, string> = {}): Promise<Site> {
  const sent = new Map<string, Uint8Array>();
  const missing: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    try {
      const bytes = readFileSync(join(folder, path));
      sent.set(path, bytes);
      response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream", ...headers });
      response.end(bytes);
    } catch {
      if (path !== "/favicon.ico") missing.push(path);
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent,
    missing,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
