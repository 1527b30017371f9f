import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { expect, it } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { exportCommand } from "../../packages/reconloss/src/cli/export.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();

async function run(...args: string[]): Promise<string> {
  let printed = "";
  const sink = { write: (text: string) => void (printed += text) };
  const command = exportCommand({ stdout: sink, stderr: sink, env: {} }).exitOverride().configureOutput({
    writeErr: sink.write,
  });
  await command.parseAsync(args, { from: "user" });
  return printed;
}

it("writes a file that runs, and says how large it is", async () => {
  const file = join(folder, "deep", "loss.onnx");
  expect(await run("l1 + 0.1*ssim(size=3)", "--grad", "--channels", "1", "-o", file)).toMatch(
    /^note: the folder .*deep does not exist and will be created\n.*loss\.onnx {2}\d+ kB\n$/,
  );
  const session = await InferenceSession.create(new Uint8Array(await readFile(file)), { logSeverityLevel: 3 });
  const [output, target] = [randomTensor([1, 1, 9, 8], 1), randomTensor([1, 1, 9, 8], 2)];
  const feed = (x: typeof output) => new OrtTensor("float32", x.data, x.shape);
  const { value, grad } = await session.run({ output: feed(output), target: feed(target) });
  const expected = await parseLoss("l1 + 0.1*ssim(size=3)").value(output, target);
  expect((value.data as Float64Array)[0]).toBeCloseTo(expected, 6);
  expect(grad.dims).toEqual([1, 1, 9, 8]);
});

it("takes a size for losses that need one", async () => {
  const file = join(folder, "ms-ssim.onnx");
  await expect(run("ms-ssim", "-o", file)).rejects.toThrow("give size");
  await run("ms-ssim(size=3)", "--size", "40x48", "-o", file);
  const session = await InferenceSession.create(new Uint8Array(await readFile(file)), { logSeverityLevel: 3 });
  expect(session.inputNames).toEqual(["output", "target"]);
});

it.each([
  [["l1"], "-o, --output"],
  [["l1", "-o", "x.onnx", "--channels", "none"], "whole number above 0"],
  [["l1", "-o", "x.onnx", "--size", "40"], "HEIGHTxWIDTH"],
  [["l7", "-o", "x.onnx"], 'there is no loss "l7"'],
] as const)("%j is refused", async (args, message) => {
  await expect(run(...args)).rejects.toThrow(message);
});
