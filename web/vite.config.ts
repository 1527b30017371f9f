import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const fromRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The page may load and run nothing but its own files. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "media-src blob:",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
    ],
  };
}

/** A service worker that keeps the page's files, so that it works without a network after the first load. The runtime for networks is kept once it was used. */
function offline(): Plugin {
  return {
    name: "offline",
    apply: "build",
    enforce: "post",
    generateBundle(_, bundle) {
      const files = Object.keys(bundle).filter((name) => !/\.(map|wasm)$|\/ort[-.]|tiny-first/.test(name));
      const hash = createHash("sha256");
      for (const name of files.toSorted()) {
        const file = bundle[name];
        hash.update(name).update(file.type === "asset" ? file.source : file.code);
      }
      this.emitFile({
        type: "asset",
        fileName: "offline.js",
        source: `const name = ${JSON.stringify(`reconloss ${hash.digest("hex").slice(0, 12)}`)};
const files = ${JSON.stringify(["./", "./icon.svg", ...files.map((file) => `./${file}`).filter((file) => file !== "./index.html")])};
addEventListener("install", (event) => event.waitUntil(caches.open(name).then((cache) => cache.addAll(files)).then(() => skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(caches.keys().then((keys) => Promise.all(keys.filter((key) => key !== name && key.startsWith("reconloss ")).map((key) => caches.delete(key)))).then(() => clients.claim())));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(caches.open(name).then(async (cache) => {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  }));
});
`,
      });
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [contentSecurityPolicy(), offline()],
  resolve: {
    alias: [
      { find: "#runtime", replacement: fromRoot("packages/core/src/runtimes/web.ts") },
      { find: /^@reconloss\/core$/, replacement: fromRoot("packages/core/src/index.ts") },
      { find: /^@reconloss\/core\/internal$/, replacement: fromRoot("packages/core/src/internal.ts") },
      { find: /^@reconloss\/core\/([\w-]+)$/, replacement: fromRoot("packages/core/src/$1/index.ts") },
    ],
  },
  worker: { format: "es" },
  build: { outDir: "dist", emptyOutDir: true, target: "es2022" },
  server: { fs: { allow: [fromRoot("."), fileURLToPath(new URL(".", import.meta.url))] } },
});
