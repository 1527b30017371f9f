import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { installed, npm } from "./setup.ts";

const published = inject("published");

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);

const scriptsOf = (tarball: string) =>
  JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" })).scripts ?? {};

test.each(["core", "reconloss"] as const)("packages/%s runs nothing when it is installed", (name) => {
  const run = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];
  expect(Object.keys(scriptsOf(published[name])).filter((script) => run.includes(script))).toEqual([]);
});

describe("npm install @reconloss/core alone", () => {
  const folder = mkdtempSync(join(published.scratch, "alone-"));

  test("brings no other package and less than 5 MB", () => {
    // --offline: nothing but the tarball is there to be had.
    installed(folder, [published.core], ["--offline"]);
    const { dependencies } = JSON.parse(npm(["ls", "--all", "--json"], folder));
    expect(Object.keys(dependencies)).toEqual(["@reconloss/core"]);
    // The optional peers are listed, without a version, since they are not there.
    const peers: { version?: string }[] = Object.values(dependencies["@reconloss/core"].dependencies ?? {});
    expect(peers.filter(({ version }) => version !== undefined)).toEqual([]);
    expect(sizeOf(join(folder, "node_modules"))).toBeLessThan(5_000_000);
  });

  test("gives value and gradient of pixel losses", () => {
    const program = `
      import { parseLoss, Tensor } from "@reconloss/core";
      const [output, target] = [0.25, 0.75].map((x) => Tensor.full([1, 3, 32, 32], x));
      const { value, grad } = await parseLoss("l1 + 0.1*ssim").valueAndGrad(output, target);
      console.log(JSON.stringify([value, grad.shape]));
    `;
    writeFileSync(join(folder, "alone.mjs"), program);
    const printed = execFileSync(process.execPath, ["alone.mjs"], { cwd: folder, encoding: "utf8" });
    // Of constant images ssim is (2ab + c1) / (a^2 + b^2 + c1), c1 = 0.01^2.
    const ssim = (2 * 0.25 * 0.75 + 1e-4) / (0.25 ** 2 + 0.75 ** 2 + 1e-4);
    const [value, shape] = JSON.parse(printed);
    expect(value).toBeCloseTo(0.5 + 0.1 * (1 - ssim), 5);
    expect(shape).toEqual([1, 3, 32, 32]);
  });
});
