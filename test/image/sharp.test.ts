import { expect, test } from "vitest";
import { loadSharp } from "../../packages/reconloss/src/image/sharp.ts";

test("without sharp the error says what to install, and a later try can succeed", async () => {
  const missing = loadSharp(() => Promise.reject(new Error("Cannot find package 'sharp'")));
  await expect(missing).rejects.toMatchObject({
    code: "missing-dependency",
    message: expect.stringMatching(/need sharp.*Cannot find package.*npm install sharp/),
  });
  expect(typeof (await loadSharp())).toBe("function");
});
