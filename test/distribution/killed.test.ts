import { type ChildProcess, spawn } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];
const script = fileURLToPath(new URL("./run.ts", import.meta.url));

function start(cache: string): { child: ChildProcess; output: Promise<string> } {
  const child = spawn(process.execPath, ["--import", "tsx", script, outputs, reals, network, cache], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout?.on("data", (part: Buffer) => (text += part));
  return { child, output: new Promise((resolve) => child.on("close", () => resolve(text))) };
}

async function bytesIn(cache: string): Promise<number> {
  const files = await readdir(cache, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = files
    .filter((file) => file.isFile())
    .map(async (file) => (await stat(join(file.parentPath, file.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test("killed again and again, the next run goes on and ends with the same bits", async () => {
  await writeFile(network, tinyModel());
  for (let i = 0; i < 120; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 200, 200], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 200, 200], 1000 + i, 0, 0.9));
  }
  const whole = JSON.parse(await start(join(folder, "cache-whole")).output);

  const cache = join(folder, "cache");
  // After the first few records, and twice more a little later.
  for (const more of [100, 1100, 2100]) {
    const before = await bytesIn(cache);
    const { child, output } = start(cache);
    while ((await bytesIn(cache)) < before + more && child.exitCode === null) {
      await new Promise((done) => setTimeout(done, 2));
    }
    child.kill("SIGKILL");
    expect(await output).toBe("");
  }
  const { outputs: o, reals: r, ...resumed } = JSON.parse(await start(cache).output);
  expect(o.computed + r.computed).toBeGreaterThan(0);
  expect(o.computed + r.computed).toBeLessThan(240);
  expect(resumed.results).toEqual(whole.results);
}, 120_000);
