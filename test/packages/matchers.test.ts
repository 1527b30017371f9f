import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPixels } from "reconloss/image";
import { beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, withoutChromium } from "../browser.ts";
import { project, run, start } from "./project.ts";

// The matchers in the runners themselves, each as a process of its own, in a project that has the packages as they are built. Jest and Bun are where `npm ci --prefix test/packages/runtimes` puts
// them.
const root = fileURLToPath(new URL("../..", import.meta.url));
const runtimes = join(root, "test/packages/runtimes/node_modules");

/** The images that tests compare: 40x30 pixels, of which some change where CHANGED is set. */
const image = `
export function image(changes) {
  const data = new Uint8Array(4 * 40 * 30).fill(200).map((value, i) => (i % 4 === 3 ? 255 : value));
  if (changes && process.env.CHANGED) for (let x = 10; x < 20; x++) data.set([255, 0, 0], 4 * (40 * 12 + x));
  return { data, width: 40, height: 30 };
}
`;

/** Whether a picture of the differences is bright where the image changed, and black elsewhere. */
async function expectDiff(path: string): Promise<void> {
  const { data, width, height, channels } = await readPixels(path);
  expect([width, height]).toEqual([40, 30]);
  for (let i = 0; i < width * height; i++) {
    const isChanged = Math.floor(i / 40) === 12 && i % 40 >= 10 && i % 40 < 20;
    expect(data[i * channels] + data[i * channels + 1], `pixel ${i}`)[isChanged ? "toBeGreaterThan" : "toBeLessThan"](
      isChanged ? 400 : 10,
    );
  }
}

describe("toMatchImage in Vitest", () => {
  const vitest = "vitest/vitest.mjs";
  let folder: string;
  const snapshot = (name: string) => join(folder, "__image_snapshots__", "page.test.mjs", name);
  const go = (args: readonly string[], env?: Record<string, string>) => run(folder, vitest, ["run", ...args], env);

  beforeAll(() => {
    folder = project("vitest", {
      "image.mjs": image,
      "page.test.mjs": `
import { expect, test } from "vitest";
import { toMatchImage } from "reconloss/matchers";
import { image } from "./image.mjs";
expect.extend({ toMatchImage });
test("same", async () => { await expect(image(false)).toMatchImage("ssim>0.99, deltaE.p99<2"); });
test("changes", async () => { await expect(image(true)).toMatchImage(); });
test("loads no ONNX Runtime", () => {
  expect(process.report.getReport().sharedObjects.filter((path) => path.includes("onnxruntime"))).toEqual([]);
});
`,
    });
  });

  test("fails without snapshots in CI, writes them elsewhere, compares, and rewrites them with -u", async () => {
    const ci = await go([], { CI: "true" });
    expect(ci.code, ci.output).toBe(1);
    expect(ci.output).toContain("there is no snapshot __image_snapshots__/page.test.mjs/same_1.png");
    expect(existsSync(snapshot("same_1.png"))).toBe(false);
    const first = await go([]);
    expect(first.code, first.output).toBe(0);
    expect(existsSync(snapshot("same_1.png"))).toBe(true);

    const changed = await go([], { CHANGED: "1" });
    expect(changed.code, changed.output).toBe(1);
    expect(changed.output).toMatch(/1 failed \| 2 passed/);
    expect(changed.output).toContain(
      "the image does not match its snapshot __image_snapshots__/page.test.mjs/changes_1.png",
    );
    expect(changed.output).toMatch(/not met: deltaE\.max<1, it is \d+/);
    await expectDiff(snapshot("changes_1.diff.png"));

    const updated = await go(["-u"], { CHANGED: "1" });
    expect(updated.code, updated.output).toBe(0);
    const { data, channels } = await readPixels(snapshot("changes_1.png"));
    expect([...data.slice(channels * (40 * 12 + 10)).slice(0, 3)]).toEqual([255, 0, 0]);
    expect(existsSync(snapshot("changes_1.diff.png"))).toBe(false);
  });
});

/** The runners that have `expect.extend` and snapshots as Jest has them, and how each is called. */
const others = [
  {
    name: "Jest",
    module: "@jest/globals",
    path: join(runtimes, "jest/bin/jest.js"),
    go: (folder: string, path: string, update: boolean, env: Record<string, string>) => {
      const args = [
        "--experimental-vm-modules",
        path,
        "--rootDir",
        folder,
        "--testMatch",
        "**/*.test.mjs",
        "--transform",
        "{}",
      ];
      return start(
        folder,
        process.execPath,
        [...args, ...(env.CI ? ["--ci"] : ["--ci=false"]), ...(update ? ["-u"] : [])],
        env,
      );
    },
  },
  {
    name: "Bun",
    module: "bun:test",
    path: join(runtimes, "@oven/bun-linux-x64/bin/bun"),
    go: (folder: string, path: string, update: boolean, env: Record<string, string>) =>
      start(folder, path, ["test", ...(update ? ["--update-snapshots"] : []), "./page.test.mjs"], env),
  },
];

describe.each(others)("toMatchImage in $name", ({ name, module, path, go }) => {
  const absent = !existsSync(path);
  if (absent) console.log(`${name} skipped: not at ${path} (npm ci --prefix test/packages/runtimes)`);

  test.skipIf(absent)("fails without snapshots in CI, writes them elsewhere, compares, and rewrites them", async () => {
    const folder = project(name.toLowerCase(), {
      "image.mjs": image,
      "page.test.mjs": `
import { expect, test } from "${module}";
import { toMatchImage } from "reconloss/matchers";
import { image } from "./image.mjs";
expect.extend({ toMatchImage });
test("same", async () => { await expect(image(false)).toMatchImage("ssim>0.99", { name: "same" }); });
test("changes", async () => { await expect(image(true)).toMatchImage({ name: "changes" }); });
`,
    });
    if (name === "Jest") symlinkSync(join(runtimes, "@jest"), join(folder, "node_modules/@jest"), "junction");
    const snapshot = (file: string) => join(folder, "__image_snapshots__", "page.test.mjs", file);
    const ci = await go(folder, path, false, { CI: "true" });
    expect(ci.code, ci.output).toBe(1);
    expect(existsSync(snapshot("same.png"))).toBe(false);
    const first = await go(folder, path, false, {});
    expect(first.code, first.output).toBe(0);
    const changed = await go(folder, path, false, { CHANGED: "1" });
    expect(changed.code, changed.output).toBe(1);
    expect(changed.output).toMatch(/not met: deltaE\.max<1, it is \d+/);
    await expectDiff(snapshot("changes.diff.png"));
    const updated = await go(folder, path, true, { CHANGED: "1" });
    expect(updated.code, updated.output).toBe(0);
    const { data, channels } = await readPixels(snapshot("changes.png"));
    expect([...data.slice(channels * (40 * 12 + 10)).slice(0, 3)]).toEqual([255, 0, 0]);
  });
});

describe.skipIf(withoutChromium)("comparator in Vitest's browser mode", () => {
  test("decides toMatchScreenshot, and draws the picture that Vitest writes", async () => {
    const folder = project("vitest-browser", {
      "vitest.config.mjs": `
import { playwright } from "@vitest/browser-playwright";
import { comparator } from "reconloss/vitest";
import { defineConfig } from "vitest/config";
export default defineConfig({
  server: { fs: { strict: false } },
  define: { CHANGED: JSON.stringify(process.env.CHANGED ?? "") },
  test: {
    testTimeout: 0,
    browser: {
      enabled: true,
      headless: true,
      // What is larger than the window is scaled.
      viewport: { width: 200, height: 200 },
      provider: playwright({ launchOptions: { executablePath: ${JSON.stringify(chromiumPath)}, args: ["--no-sandbox"] } }),
      instances: [{ browser: "chromium" }],
      expect: {
        toMatchScreenshot: {
          timeout: 0,
          comparators: { reconloss: comparator },
          comparatorName: "reconloss",
          comparatorOptions: { conditions: "deltaE.max<1" },
        },
      },
    },
  },
});
`,
      "page.test.mjs": `
import { expect, test } from "vitest";
import { page } from "vitest/browser";
const box = (colour) => {
  document.body.innerHTML = '<div data-testid="box" style="width:40px;height:30px;background:rgb(200,200,200);position:relative">' +
    '<i style="position:absolute;left:10px;top:12px;width:10px;height:1px;background:' + colour + '"></i></div>';
  return page.getByTestId("box");
};
// 200 against 201 is a colour difference of about 0.2; a red line is one of 40.
test("same", async () => { await expect(box(CHANGED ? "rgb(201,200,200)" : "transparent")).toMatchScreenshot("same"); });
test("changes", async () => {
  await expect(box(CHANGED ? "rgb(255,0,0)" : "transparent")).toMatchScreenshot("changes");
});
`,
    });
    const go = (args: readonly string[], env?: Record<string, string>) =>
      run(folder, "vitest/vitest.mjs", ["run", ...args], env);
    const first = await go(["-u"]);
    expect(first.code, first.output).toBe(0);
    const changed = await go([], { CHANGED: "1" });
    expect(changed.code, changed.output).toBe(1);
    expect(changed.output).toMatch(/1 failed \| 1 passed/);
    expect(changed.output).toMatch(
      /Screenshot does not match the stored reference\.\s+not met: deltaE\.max<1, it is \d+/,
    );
    const files = readdirSync(join(folder, ".vitest-attachments"), { recursive: true, encoding: "utf8" });
    const [diff, ...others] = files.filter((name) => /changes-diff.*\.png$/.test(name));
    expect(others).toEqual([]);
    await expectDiff(join(folder, ".vitest-attachments", diff));
  });
});

describe("toMatchImage in Playwright's runner", () => {
  test("writes, compares, attaches pictures to the report, and rewrites with --update-snapshots", async () => {
    const page = withoutChromium
      ? ""
      : `
test.use({ launchOptions: { executablePath: ${JSON.stringify(chromiumPath)}, args: ["--no-sandbox"] }, viewport: { width: 64, height: 48 } });
test("page", async ({ page }) => {
  await page.setContent("<body style='background:teal'>");
  await expect(await page.screenshot()).toMatchImage("ssim>0.99", { name: "home" });
});
`;
    const folder = project("playwright", {
      "playwright.config.mjs": `export default { testDir: ".", timeout: 0, workers: 1, reporter: [["list"], ["json", { outputFile: "report.json" }]] };`,
      "image.mjs": image,
      "page.spec.mjs": `
import { expect as base, test } from "@playwright/test";
import { toMatchImage } from "reconloss/matchers";
import { image } from "./image.mjs";
const expect = base.extend({ toMatchImage });
test("same", async () => { await expect(image(false)).toMatchImage("ssim>0.99"); });
test("changes", async () => { await expect(image(true)).toMatchImage(["deltaE.max<1", "psnr>40"]); });
${page}`,
    });
    const count = withoutChromium ? 2 : 3;
    const go = (args: readonly string[], env?: Record<string, string>) =>
      run(folder, "@playwright/test/cli.js", ["test", ...args], env);
    const snapshots = join(folder, "page.spec.mjs-snapshots");
    const first = await go([]);
    expect(first.code, first.output).toBe(1);
    expect(first.output).toMatch(new RegExp(`${count} failed`));
    expect(first.output).toContain("it was written, and nothing was compared");
    expect(readdirSync(snapshots)).toHaveLength(count);

    const changed = await go([], { CHANGED: "1" });
    expect(changed.code, changed.output).toBe(1);
    expect(changed.output).toMatch(new RegExp(`1 failed[\\s\\S]*${count - 1} passed`));
    expect(changed.output).toMatch(/not met: deltaE\.max<1, it is \d+[\s\S]*not met: psnr>40, it is \d+/);
    const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8"));
    const results = report.suites[0].specs.flatMap((spec: { tests: { results: object[] }[] }) => spec.tests[0].results);
    const attached = results.flatMap((result: { attachments: { name: string; path: string }[] }) => result.attachments);
    const names = attached.map(({ name }: { name: string }) => name).filter((name: string) => name.endsWith(".png"));
    expect(names).toEqual(["changes_1-expected.png", "changes_1-actual.png", "changes_1-diff.png"]);
    await expectDiff(attached.find(({ name }: { name: string }) => name.endsWith("-diff.png")).path);

    const updated = await go(["--update-snapshots"], { CHANGED: "1" });
    expect(updated.code, updated.output).toBe(0);
  });
});
