import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const plugin = join(folder, "brightness.mjs");
const [output, target, photographs] = [join(folder, "o.png"), join(folder, "t.png"), join(folder, "photographs")];

beforeAll(async () => {
  const reconloss = fileURLToPath(new URL("../../packages/reconloss/src/index.ts", import.meta.url));
  await writeFile(
    plugin,
    `import { defineLoss } from ${JSON.stringify(reconloss)};
    export const brightness = defineLoss({
      name: "brightness",
      summary: "difference of the mean values",
      better: "lower",
      source: "a test",
      options: {},
      define: () => ({ score: (o, { output, target }) => o.abs(o.mean(o.sub(output, target), "chw")) }),
    });
    export const unrelated = 5;`,
  );
  await writeImage(output, Tensor.full([1, 3, 16, 16], 0.2));
  await writeImage(target, Tensor.full([1, 3, 16, 16], 0.6));
  for (let i = 0; i < 4; i++) await writeImage(join(photographs, `${i}.png`), randomTensor([1, 3, 160, 160], i));
});

describe("user-defined losses through --plugin", () => {
  it("are measured by compare, alone, in sums and in conditions", async () => {
    const args = ["compare", output, target, "--plugin", plugin, "--json", "-m", "brightness, l1 + 2*Brightness"];
    const { code, stdout, stderr } = await run([...args, "--fail", "brightness>0.3"]);
    expect(stderr).toMatch(/brightness/);
    expect(code).toBe(1);
    // By the definition, of images 0.2 and 0.6.
    expect(JSON.parse(stdout).mean.brightness).toBeCloseTo(0.4, 6);
    expect(JSON.parse(stdout).mean["l1 + 2*Brightness"]).toBeCloseTo(1.2, 6);
  });

  it("are listed by losses, and written by export", async () => {
    expect((await run(["losses", "--plugin", plugin])).stdout).toContain("difference of the mean values");
    const file = join(folder, "loss.onnx");
    expect((await run(["export", "l1 + brightness", "--plugin", plugin, "--grad", "-o", file])).code).toBe(0);
    expect((await readFile(file)).length).toBeGreaterThan(100);
  });

  it("are minimised by train, which resumes where they are named again", async () => {
    const out = join(folder, "trained");
    const sizes = ["--batch", "1", "--patch", "16", "--no-progress"];
    const begin = ["train", "deblur", "--data", photographs, "--loss", "l1 + 0.1*brightness", "--steps", "1", ...sizes];
    expect(await run([...begin, "-o", out])).toEqual(
      expect.objectContaining({ code: 2, stderr: expect.stringMatching(/no loss "brightness"/) }),
    );
    expect(await run([...begin, "-o", out, "--plugin", plugin])).toMatchObject({ code: 0 });
    const log = await readFile(join(out, "log.jsonl"), "utf8");
    expect(Object.keys(JSON.parse(log.split("\n")[0]).terms)).toEqual(["l1", "brightness"]);
    const resume = ["train", "--resume", "--steps", "2", "--no-progress", "-o", out];
    expect(await run(resume)).toEqual(
      expect.objectContaining({ code: 2, stderr: expect.stringMatching(/no loss "brightness"/) }),
    );
    expect((await run([...resume, "--plugin", plugin])).code).toBe(0);
  });

  it.each([
    ["missing.mjs", undefined, /missing\.mjs cannot be read/],
    ["broken.mjs", "export const = ;", /broken\.mjs cannot be loaded/],
    ["thrown.mjs", "throw new Error('no luck')", /thrown\.mjs cannot be loaded: no luck/],
    [
      "empty.mjs",
      "export const l1 = { info: { name: 'l1' } };",
      /empty\.mjs exports no loss; losses are made by defineLoss/,
    ],
  ])("are refused with a clear message: %s", async (name, text, message) => {
    const file = join(folder, name);
    if (text !== undefined) await writeFile(file, text);
    const { code, stderr } = await run(["compare", output, target, "--plugin", file]);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
  });

  it("refuse a name that is taken", async () => {
    const file = join(folder, "taken.mjs");
    const text = await readFile(plugin, "utf8");
    await writeFile(file, text.replace('name: "brightness"', 'name: "MAE"'));
    const { code, stderr } = await run(["compare", output, target, "--plugin", file]);
    expect({ code, stderr }).toEqual(
      expect.objectContaining({
        code: 2,
        stderr: expect.stringMatching(/cannot be named "MAE": "mae" exists already/),
      }),
    );
  });

  it("compare refuses gan, which is for training", async () => {
    const { code, stderr } = await run(["compare", output, target, "-m", "gan"]);
    expect({ code, stderr }).toEqual(
      expect.objectContaining({
        code: 2,
        stderr: expect.stringMatching(/no loss "gan" here; it is a network that learns/),
      }),
    );
  });
});
