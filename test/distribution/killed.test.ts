import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { signalAt, startScript } from "../program.ts";
import { randomTensor } from "../random.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];
const script = fileURLToPath(new URL("./run.ts", import.meta.url));

/** The results of a run at its end. */
async function run(cache: string) {
  const { ended, lines, errors } = startScript(script, [outputs, reals, network, cache]);
  expect(await ended, errors()).toBe(0);
  const { outputs: o, reals: r, ...rest } = JSON.parse(lines()[0]);
  return { ...rest, computed: o.computed + r.computed };
}

test("resumes after being killed again and again, and ends with the same bits", async () => {
  await writeFile(network, tinyModel());
  for (let i = 0; i < 120; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 24, 24], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 24, 24], 1000 + i, 0, 0.9));
  }
  const whole = await run(join(folder, "cache-whole"));

  const cache = join(folder, "cache");
  // After a batch of 3, half a batch later, and among the second set's, each time with the second half of a write lost.
  for (const write of [3, 2, 50]) {
    const { ended } = startScript(script, [outputs, reals, network, cache], signalAt(".features", write));
    expect(await ended).toBe("SIGKILL");
  }
  const resumed = await run(cache);
  expect(resumed.computed).toBeGreaterThan(0);
  expect(resumed.computed).toBeLessThan(240);
  expect(resumed.results).toEqual(whole.results);
});
