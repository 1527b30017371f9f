import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { firstPages, mostPages } from "../packages/core/src/kernels/memory.ts";

/**
 * Writes `packages/core/src/kernels/generated/`: both WebAssembly builds as base64 text and the worker's program as a string. As ordinary modules they
 * load the same way in Node, in browsers, through any bundler and from source, with no file to fetch and no path to resolve.
 */
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const kernels = join(root, "packages", "core", "src", "kernels");
const assembly = join(kernels, "assembly");
const generated = join(kernels, "generated");

const header = "// Written by scripts/build-kernels.ts; not kept in version control.\n";

function compileAssembly(relaxed: boolean, folder: string): string {
  const file = join(folder, relaxed ? "relaxed.wasm" : "plain.wasm");
  const compiler = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--outFile", file];
  // Memory comes from outside, so that it can hold the caller's tensors.
  options.push("--importMemory", "--initialMemory", String(firstPages), "--maximumMemory", String(mostPages));
  if (relaxed) options.push("--enable", "relaxed-simd");
  execFileSync(process.execPath, [compiler, join(assembly, "index.ts"), ...options], { cwd: root, stdio: "inherit" });
  return readFileSync(file).toString("base64");
}

async function bundleWorker(): Promise<string> {
  const bundle = await rolldown({ input: join(kernels, "worker.ts"), platform: "neutral", external: /^node:/ });
  const { output } = await bundle.generate({ format: "iife", minify: true });
  await bundle.close();
  return output[0].code;
}

/** What the generated files were made from, so that an unchanged tree builds nothing. */
function fingerprint(): string {
  const hash = createHash("sha256");
  const folders = [assembly, kernels, dirname(kernels)];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(folder, entry.name)),
  );
  for (const file of [...files.sort(), fileURLToPath(import.meta.url)]) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

const stamp = join(generated, "fingerprint");
const current = fingerprint();
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== current) {
  mkdirSync(generated, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "kernels-"));
  try {
    const modules = [false, true].map(
      (relaxed) => `export const ${relaxed ? "relaxed" : "plain"} =\n  "${compileAssembly(relaxed, folder)}";\n`,
    );
    writeFileSync(join(generated, "modules.ts"), header + modules.join(""));
    writeFileSync(
      join(generated, "worker-source.ts"),
      `${header}export const workerSource = ${JSON.stringify(await bundleWorker())};\n`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  writeFileSync(stamp, current);
}
