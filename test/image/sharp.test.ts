import { expect, test } from "vitest";
import { loadSharp } from "../../packages/reconloss/src/image/sharp.ts";

test("names the package to install where sharp is missing, and allows a later retry", async () => {
  const missing = loadSharp(() => Promise.reject(new Error("Cannot find package 'sharp'")));
  await expect(missing).rejects.toMatchObject({
    code: "missing-dependency",
    message: expect.stringMatching(/need sharp.*Cannot find package.*npm install sharp/),
  });
  expect(typeof (await loadSharp())).toBe("function");
});
