import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { setKernelThreads } from "../../packages/core/src/kernels/index.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { randomTensor } from "../random.ts";

// Large enough for several threads, so that work is under way at all of them when the memory goes.
const shape = [2, 3, 384, 384] as const;
const unhandled = vi.fn();

beforeAll(() => {
  setKernelThreads(4);
  process.on("unhandledRejection", unhandled);
});
afterAll(() => {
  process.off("unhandledRejection", unhandled);
  setKernelThreads(undefined);
});

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test.each([
  "ssim",
  "ssim(preset=torchmetrics)",
  "ms-ssim",
  "deltaE",
  "l1",
  "psnr(channels=y-bt601)",
  "lpips(net=tiny)",
  "l1 + ssim",
])("%s: transferring an input's memory during a call rejects once, or the call has already finished", async (spec) => {
  for (const argument of ["output", "target"] as const) {
    for (const turns of [0, 1, 2, 4]) {
      const images = { output: randomTensor(shape, 1), target: randomTensor(shape, 2) };
      const settled = parseLoss(spec)
        .valueAndGrad(images.output, images.target)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      structuredClone(0, { transfer: [images[argument].data.buffer as ArrayBuffer] });
      const error = await settled;
      if (turns > 0 && error === undefined) continue;
      expect(error).toBeInstanceOf(ReconlossError);
      expect((error as ReconlossError).message).toContain(
        `the memory of ${argument} (2x3x384x384) is no longer available`,
      );
    }
  }
  await nextTurn();
  expect(unhandled).not.toHaveBeenCalled();
});

test("rejects an input whose memory was transferred before the call, by name", async () => {
  const [output, target] = [randomTensor([1, 3, 8, 8], 1), randomTensor([1, 3, 8, 8], 2)];
  structuredClone(0, { transfer: [target.data.buffer as ArrayBuffer] });
  await expect(parseLoss("l1").value(output, target)).rejects.toThrow(
    /l1: the memory of target \(1x3x8x8\) is no longer available/,
  );
  await expect(parseLoss("lpips(net=tiny)").prepareTarget(target)).rejects.toThrow(/the memory of target/);
  expect(await parseLoss("tv").value(output, target)).toBeGreaterThan(0);
});
