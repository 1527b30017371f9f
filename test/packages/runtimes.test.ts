import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseLoss, Tensor } from "@reconloss/core";
import { describe, expect, inject, test } from "vitest";

// Where `npm ci --prefix test/packages/runtimes` puts them; they are too large to come with every `npm ci`.
const folder = fileURLToPath(new URL("runtimes/node_modules", import.meta.url));
const { app } = inject("published");

const runtimes = [
  { name: "Node 20", path: "node-20/bin/node", args: [] },
  { name: "Node 22", path: "node-22/bin/node", args: [] },
  { name: "Node 24", path: "node-24/bin/node", args: [] },
  { name: "Bun", path: "@oven/bun-linux-x64/bin/bun", args: [] },
  // Its permissions are asked for one by one, so that core asks for no more than it needs.
  { name: "Deno", path: "@deno/linux-x64-glibc/deno", args: ["run", "--allow-read", "--allow-env", "--no-prompt"] },
];

const specs = ["l1", "ssim", "deltaE", "lpips(net=tiny)", "l1 + 0.1*ssim + 0.1*lpips(net=tiny)"];
const shape: readonly [number, number, number, number] = [1, 3, 64, 72];

const program = `
import { parseLoss, Tensor } from "@reconloss/core";
const numbers = (k) => Float32Array.from({ length: ${shape.reduce((product, size) => product * size, 1)} }, (_, i) => ((i * k) % 251) / 250);
const [output, target] = [3, 7].map((k) => new Tensor(numbers(k), ${JSON.stringify(shape)}));
const results = {};
for (const spec of ${JSON.stringify(specs)}) {
  const { value, grad } = await parseLoss(spec).valueAndGrad(output, target);
  results[spec] = { value, grad: [...grad.data] };
}
console.log(JSON.stringify(results));
`;

describe.each(runtimes)("$name", ({ name, path, args }) => {
  const executable = join(folder, path);
  const absent = !existsSync(executable);
  if (absent) console.log(`${name} skipped: not at ${executable} (npm ci --prefix test/packages/runtimes)`);

  test.skipIf(absent)("core gives the values and gradients of Node", async () => {
    const file = join(app, "runtime.mjs");
    writeFileSync(file, program);
    const printed = execFileSync(executable, [...args, file], { cwd: app, encoding: "utf8", maxBuffer: 2 ** 28 });
    const results: Record<string, { value: number; grad: number[] }> = JSON.parse(printed);
    const numbers = (k: number) =>
      Float32Array.from(
        { length: shape.reduce((product, size) => product * size, 1) },
        (_, i) => ((i * k) % 251) / 250,
      );
    const [output, target] = [3, 7].map((k) => new Tensor(numbers(k), shape));
    for (const spec of specs) {
      const { value, grad } = await parseLoss(spec).valueAndGrad(output, target);
      expect(Math.abs(results[spec].value - value) / Math.abs(value), spec).toBeLessThan(1e-4);
      const largest = grad.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const error = grad.data.reduce((most, x, i) => Math.max(most, Math.abs(x - results[spec].grad[i])), 0);
      expect(error / largest, spec).toBeLessThan(1e-4);
    }
  });
});
