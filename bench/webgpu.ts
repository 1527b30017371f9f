import { cpus } from "node:os";
import { bundleForPage, launch, ortFile, serve } from "../test/browser.ts";
import { cases, described, line, specs } from "./frameworks/cases.ts";
import type { bench, FrameworkName } from "./frameworks/page.ts";

// npx tsx bench/webgpu.ts: one training step on WebGPU in Chromium, on the software GPU that it brings, with the loss inside the framework, and with a loss beside it.
// A part of it: npx tsx bench/webgpu.ts TensorFlow.js

const rounds = 7;
const frameworks: FrameworkName[] = ["TensorFlow.js", "jax-js"];

const program = `import ${JSON.stringify(new URL("frameworks/page.ts", import.meta.url).pathname)};`;
const bundled = await bundleForPage(program);
const site = await serve((path) =>
  path === "/"
    ? "<!doctype html><title>page</title><script type=module src=program.js></script>"
    : (bundled.get(path.slice(1)) ?? ortFile(path.slice(path.lastIndexOf("/") + 1))),
);
const { context, close } = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
try {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(site.url);
  await page.waitForFunction(() => "bench" in globalThis);
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Chromium, SwiftShader; median of ${rounds}`);
  for (const framework of frameworks.filter((name) => (process.argv[2] ?? name) === name))
    for (const given of cases)
      for (const spec of specs) {
        const times = await page.evaluate(
          ([framework, spec, given, rounds]) =>
            (globalThis as unknown as { bench: typeof bench }).bench(framework, spec, given, rounds),
          [framework, spec, given, rounds] as const,
        );
        console.log(line(`${framework}, ${spec}, ${described(given)}`, times));
      }
} finally {
  await close();
  site.close();
}
