import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { installed, npm } from "./setup.ts";

const published = inject("published");

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(new URL(`../../packages/${name}/package.json`, import.meta.url), "utf8")).version;

const scriptsOf = (tarball: string) =>
  JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" })).scripts ?? {};

test.each(["core", "reconloss"] as const)("packages/%s runs no install script", (name) => {
  const run = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];
  expect(Object.keys(scriptsOf(published[name])).filter((script) => run.includes(script))).toEqual([]);
});

test.each(["README.md", "CHANGELOG.md"])(
  "%s in the package links to the repository by address, since its files are not in the package",
  (name) => {
    const text = execFileSync("tar", ["-xzOf", published.reconloss, `package/${name}`], { encoding: "utf8" });
    const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, address]) => address);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((address) => !/^(https:\/\/|#)/.test(address))).toEqual([]);
    expect(links).toContain(`https://github.com/reconloss/reconloss/blob/v${versionOf("reconloss")}/docs/errors.md`);
  },
);

describe("npm install @reconloss/core alone", () => {
  const folder = mkdtempSync(join(published.scratch, "alone-"));

  test("installs no other package and less than 5 MB", () => {
    // --offline: nothing but the tarball is there to be had.
    installed(folder, [published.core], ["--offline"]);
    const { dependencies } = JSON.parse(npm(["ls", "--all", "--json"], folder));
    expect(Object.keys(dependencies)).toEqual(["@reconloss/core"]);
    // The optional peers are listed, without a version, since they are not there.
    const peers: { version?: string }[] = Object.values(dependencies["@reconloss/core"].dependencies ?? {});
    expect(peers.filter(({ version }) => version !== undefined)).toEqual([]);
    expect(sizeOf(join(folder, "node_modules"))).toBeLessThan(5_000_000);
  });

  test("computes value and gradient of pixel losses", () => {
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

  const dist = join(folder, "node_modules/@reconloss/core/dist");

  test("has every module once in the build for Node, except data shared with the build for bundlers", () => {
    const chunks = readdirSync(join(dist, "node"));
    const texts = chunks.map((name) => readFileSync(join(dist, "node", name), "utf8"));
    const modules = texts.flatMap((text) => [...text.matchAll(/^\/\/#region (.*)$/gm)].map(([, path]) => path));
    expect(modules).toContain("src/errors.ts");
    expect(modules.filter((path, index) => modules.indexOf(path) < index && !path.startsWith("\\0"))).toEqual([]);
    const outside = texts.flatMap((text) => [...text.matchAll(/["'](\.\.\/[^"']+\.js)["']/g)].map(([, path]) => path));
    expect(outside.length).toBeGreaterThan(10);
    for (const path of outside) {
      // Nothing but a text: it has no state, and imports nothing.
      const lines = readFileSync(join(dist, "node", path), "utf8").split("\n");
      const code = lines.filter((line) => line !== "" && !/^(\/\/|\/\*| \*)/.test(line));
      expect(code, path).toEqual([
        expect.stringMatching(/^const \w+ = (["'`]).*\1;$/),
        expect.stringMatching(/^export \{ \w+ \};$/),
      ]);
    }
  });

  test("shares classes and state between all entries", () => {
    const { exports } = JSON.parse(readFileSync(join(dist, "../package.json"), "utf8"));
    const entries = Object.keys(exports).filter((key) => exports[key].types !== undefined);
    // jax-js is not installed here.
    const names = entries.filter((key) => key !== "./jax").map((key) => key.replace(".", "@reconloss/core"));
    const program = `
      const entries = await Promise.all(${JSON.stringify(names)}.map((name) => import(name)));
      const found = new Map();
      const shared = [];
      for (const [key, value] of entries.flatMap((entry) => Object.entries(entry))) {
        if (found.has(key)) shared.push([key, found.get(key) === value]);
        found.set(key, value);
      }
      const { l1, ReconlossError, ready, Tensor } = await import("@reconloss/core");
      const { compile } = await import("@reconloss/core/graph");
      const error = await compile({}, 1).catch((caught) => caught);
      await ready();
      const image = Tensor.full([1, 3, 16, 16], 0.5);
      console.log(JSON.stringify({ shared, isOne: error instanceof ReconlossError, value: l1().valueSync(image, image) }));
    `;
    writeFileSync(join(folder, "entries.mjs"), program);
    const printed = execFileSync(process.execPath, ["entries.mjs"], { cwd: folder, encoding: "utf8" });
    const { shared, isOne, value } = JSON.parse(printed);
    expect(shared.length).toBeGreaterThan(0);
    // parseLoss of internal is the losses' alone, that of the main entry knows gan, too.
    expect(shared.filter(([key, same]: [string, boolean]) => !same && !key.startsWith("parseLoss"))).toEqual([]);
    expect([isOne, value]).toEqual([true, 0]);
  });
});
