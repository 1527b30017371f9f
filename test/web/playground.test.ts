import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLosses } from "../../packages/core/src/index.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { launch, withoutChromium } from "../browser.ts";
import { gzippedSize, isolation, type Site, serve } from "../packages/serve.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Axe {
  readonly axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
}

describe.skipIf(withoutChromium)("the playground in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "playground-"));
  let site: Site;
  let browser: { context: BrowserContext; close(): Promise<void> };
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const outDir = join(folder, "site");
    // By a process of its own: Vite builds for production by NODE_ENV, which is `test` here.
    const { NODE_ENV: _, ...env } = process.env;
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const vite = join(root, "node_modules/vite/bin/vite.js");
    execFileSync(
      process.execPath,
      [vite, "build", "--config", "web/vite.config.ts", "--logLevel", "error", "--outDir", outDir],
      {
        cwd: root,
        env,
      },
    );
    site = await serve(outDir, isolation);
    browser = await launch();
    page = await browser.context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The numbers of the table by specification, once all are there. */
  async function numbers(): Promise<Record<string, string>> {
    await page.waitForFunction(() => {
      const cells = [...document.querySelectorAll("tbody td:nth-child(2)")];
      return cells.length > 0 && cells.every((cell) => cell.textContent !== "…");
    });
    const rows = await page.locator("tbody tr").all();
    const entries = rows.map(async (row) => [
      (await row.locator("th").textContent()) ?? "",
      (await row.locator("td").first().textContent()) ?? "",
    ]);
    return Object.fromEntries(await Promise.all(entries));
  }

  test("two images that are picked have the values that Node gives", async () => {
    const specs = "psnr, ssim, gmsd, deltaE(formula=76), tv, lpips(net=tiny)";
    const random = (seed: number) =>
      Uint8Array.from({ length: 3 * 90 * 70 }, (_, i) => (i * i * seed + (i % 97)) % 256);
    const paths = [join(folder, "output.png"), join(folder, "target.png")];
    for (const [i, path] of paths.entries()) {
      await sharp(random(i + 3), { raw: { width: 90, height: 70, channels: 3 } })
        .blur(2)
        .png()
        .toFile(path);
    }
    await page.goto(`${site.url}#compare?m=${encodeURIComponent(specs)}&show=ssim`);
    await page.getByRole("button", { name: "Output choose an image" }).setInputFiles(paths[0]);
    await page.getByRole("button", { name: "Target choose an image" }).setInputFiles(paths[1]);
    await page.getByText("target.png, 90x70").waitFor();
    await page.getByText("output.png, 90x70").waitFor();
    const shown = await numbers();
    const [output, target] = [await readImage(paths[0]), await readImage(paths[1])];
    const losses = parseLosses(specs);
    expect(Object.keys(shown)).toEqual(losses.map(({ label }) => label));
    for (const loss of losses) {
      const expected = (await loss.value(output, target)).toFixed(loss.decimals);
      // The network runs in another runtime: the last digit may differ.
      const difference = Math.abs(Number.parseFloat(shown[loss.label]) - Number(expected));
      expect(difference, loss.label).toBeLessThanOrEqual(loss.name === "lpips" ? 1.01 * 10 ** -loss.decimals : 0);
    }
  });

  test("an option makes another specification, in the table and in the link", async () => {
    await page.getByLabel("channels", { exact: true }).selectOption("y-bt601");
    await page.getByRole("button", { name: "ssim(channels=y-bt601)", exact: true }).waitFor();
    const shown = await numbers();
    expect(shown["ssim(channels=y-bt601)"]).toMatch(/^0\.\d{4}|^-0\.\d{4}/);
    expect(decodeURIComponent(page.url())).toContain("show=ssim(channels=y-bt601)");
    await page.getByLabel("size", { exact: true }).fill("4000");
    await page.getByLabel("size", { exact: true }).press("Enter");
    // What cannot be computed says why, and the others stay.
    expect((await numbers())["ssim(size=4000,channels=y-bt601)"] ?? JSON.stringify(await numbers())).toMatch(/4000/);
    expect((await numbers()).psnr).toMatch(/^\d+\.\d\d/);
  });

  test("the error map has a colour bar, and every view can be had", async () => {
    await page.getByRole("button", { name: "gmsd", exact: true }).click();
    await page.getByRole("button", { name: "error map" }).click();
    await page.locator(".scale canvas").waitFor();
    for (const view of ["slider", "blink", "side by side"]) {
      await page.getByRole("button", { name: view }).click();
      expect(await page.locator(".stage canvas").count()).toBe(2);
    }
    const transform = () =>
      page
        .locator(".stage > div")
        .first()
        .evaluate((element) => element.style.transform);
    const before = await transform();
    await page.locator(".stage").first().press("+");
    await expect.poll(transform).not.toBe(before);
  });

  test("curves rise with the strength of a blur, to which total variation is blind", async () => {
    await page.goto(`${site.url}#distort?distortion=blur&strength=0.5&m=${encodeURIComponent("l1, ssim, tv")}`);
    const points = (spec: string) =>
      page
        .locator(".curve", { hasText: spec })
        .locator("path")
        .evaluate((path) =>
          [...(path.getAttribute("d") ?? "").matchAll(/[ML]\S+ (\S+)/g)].map((match) => Number(match[1])),
        );
    for (const spec of ["l1", "ssim", "tv"]) {
      await expect.poll(async () => (await points(spec)).length).toBe(9);
      // Upwards is worse, and y counts downwards.
      const ys = await points(spec);
      expect(ys.every((y, i) => i === 0 || y <= ys[i - 1])).toBe(true);
      expect(ys[8]).toBeLessThan(1);
    }
    await page.getByLabel(/^strength/).fill("0.9");
    await expect.poll(() => page.url()).toContain("strength=0.9");
  });

  test("pixels descend to the target under a loss, and an impossible loss says why", async () => {
    await page.goto(`${site.url}#descend?loss=mse&rate=0.05`);
    await page.getByRole("button", { name: "descend" }).click();
    const range = page.locator(".curve figcaption");
    await expect
      .poll(async () => {
        const [, most, least] = /from (\S+) to (\S+)/.exec((await range.textContent().catch(() => "")) ?? "") ?? [];
        return Number(least) / Number(most);
      })
      .toBeLessThan(0.02);
    await page.getByRole("button", { name: "stop" }).click();
    await page.getByLabel("loss", { exact: true }).fill("l1 + nonsense");
    await page.getByRole("button", { name: "descend" }).click();
    await expect.poll(() => page.getByRole("alert").textContent()).toMatch(/nonsense/);
  });

  test.each(["light", "dark"] as const)("no violation of accessibility in any room, %s", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    for (const room of ["compare", "distort", "descend"]) {
      await page.goto(`${site.url}#${room}`);
      await page.locator("main section").first().waitFor();
      // Not by a script of the page, which its policy would not run.
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as Axe;
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
      });
      expect(violations, room).toEqual([]);
    }
  });

  test("it fits a phone's width", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const room of ["compare", "distort", "descend"]) {
      await page.goto(`${site.url}#${room}`);
      await page.locator("main section").first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), room).toBeLessThanOrEqual(360);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("after the first load it works without a network", async () => {
    await page.goto(`${site.url}#compare`);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await browser.context.setOffline(true);
    await page.goto(`${site.url}#compare?m=psnr&demo=cat`);
    await page.reload();
    expect((await numbers()).psnr).toMatch(/^\d+\.\d\d/);
    await browser.context.setOffline(false);
  });

  test("all that is loaded is less than 1.5 MB, without the runtime for networks", () => {
    const runtime = /\/ort[-.]/;
    const files = [...site.sent].filter(([path]) => !runtime.test(path)).map(([, bytes]) => bytes);
    expect(gzippedSize(files)).toBeLessThan(1.5e6);
    expect([...site.sent.keys()].some((path) => runtime.test(path))).toBe(true);
    expect(site.missing).toEqual([]);
  });

  test("nothing was complained of", () => {
    expect(complaints).toEqual([]);
  });
});
