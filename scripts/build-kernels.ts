import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { rolldown } from "rolldown";
import { firstPages, mostPages, pageBytes } from "../packages/core/src/kernels/memory.ts";

/**
 * Writes `packages/core/src/kernels/generated/`: for each file of `assembly/modules/` a WebAssembly module in two builds as base64 text, and the worker's program as a string. As ordinary modules they
 * load the same way in Node, in browsers, through any bundler and from source, with no file to fetch and no path to resolve, and a program has only those that its losses import.
 */
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const kernels = join(root, "packages", "core", "src", "kernels");
const assembly = join(kernels, "assembly");
const generated = join(kernels, "generated");

const header = "// Written by scripts/build-kernels.ts; not kept in version control.\n";

/** Compiles a module whose own numbers lie in memory from `memoryBase` on. */
async function compileAssembly(entry: string, relaxed: boolean, memoryBase: number, folder: string): Promise<Buffer> {
  const file = join(folder, relaxed ? "relaxed.wasm" : "plain.wasm");
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--outFile", file];
  // Memory comes from outside, so that it can hold the caller's tensors.
  options.push("--importMemory", "--initialMemory", String(firstPages), "--maximumMemory", String(mostPages));
  options.push("--memoryBase", String(memoryBase));
  if (relaxed) options.push("--enable", "relaxed-simd");
  const { error, stderr } = await main([relative(root, entry), "--baseDir", root, ...options]);
  if (error) throw new Error(`${relative(root, entry)}: ${error.message}\n${stderr}`);
  return readFileSync(file);
}

/** The first address that is free after a module's own numbers. */
function endOf(wasm: Buffer): number {
  const memory = new WebAssembly.Memory({ initial: firstPages, maximum: mostPages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(wasm)), { env: { memory } });
  return (exports.heapBase as () => number)();
}

/** Compiles all modules, which share a memory: each has its numbers where those of the one before end. */
async function compileModules(folder: string): Promise<void> {
  let end = 0;
  for (const file of readdirSync(join(assembly, "modules")).toSorted()) {
    const entry = join(assembly, "modules", file);
    const [plain, relaxed] = [
      await compileAssembly(entry, false, end, folder),
      await compileAssembly(entry, true, end, folder),
    ];
    const name = basename(file, ".ts");
    for (const [build, wasm] of Object.entries({ plain, relaxed })) {
      writeFileSync(
        join(generated, "code", `${name}-${build}.ts`),
        `${header}export const text = "${wasm.toString("base64")}";\n`,
      );
    }
    const texts = ["plain", "relaxed"].map((build) => `${build}: () => import("./code/${name}-${build}.ts")`);
    const made = `kernelModule("${name}", { ${texts.join(", ")} })`;
    const source = `import { kernelModule } from "../modules.ts";\n\nexport const module = ${made};\n`;
    writeFileSync(join(generated, file), header + source);
    end = Math.ceil(endOf(plain) / 64) * 64;
  }
  if (end > firstPages * pageBytes)
    throw new Error(`the kernels' own numbers take ${end} bytes, more than the first page`);
  writeFileSync(
    join(generated, "layout.ts"),
    `${header}/** The first address after the modules' own numbers. */\nexport const heapBase = ${end};\n`,
  );
}

async function bundleWorker(): Promise<string> {
  const bundle = await rolldown({ input: join(kernels, "worker.ts"), platform: "neutral", external: /^node:/ });
  const { output } = await bundle.generate({ format: "iife", minify: true });
  await bundle.close();
  return output[0].code;
}

/** A hash of the sources of the generated files, so that an unchanged tree builds nothing. */
function fingerprint(): string {
  const hash = createHash("sha256");
  const folders = [join(assembly, "modules"), assembly, join(kernels, "strips"), kernels, dirname(kernels)];
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
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(join(generated, "code"), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "kernels-"));
  try {
    await compileModules(folder);
    writeFileSync(
      join(generated, "worker-source.ts"),
      `${header}export const workerSource = ${JSON.stringify(await bundleWorker())};\n`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  writeFileSync(stamp, current);
}
