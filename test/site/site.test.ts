import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSite } from "../../site/build.ts";
import { launch, withoutChromium } from "../browser.ts";
import { type Site, serve } from "../packages/serve.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Axe {
  readonly axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
}

describe.skipIf(withoutChromium)("the documentation site in Chromium, served from a subfolder", () => {
  const folder = mkdtempSync(join(tmpdir(), "site-"));
  const base = join("some", "base");
  let site: Site;
  let browser: { context: BrowserContext; close(): Promise<void> };
  let page: Page;
  const complaints: string[] = [];
  const asked: string[] = [];
  const address = (path: string) => `${site.url}some/base/${path}`;

  beforeAll(async () => {
    // The maps of two losses stand for all; the playground has tests of its own, and `npm run site` checks the reference's links.
    await buildSite(join(folder, base), {
      playground: false,
      api: false,
      pictures: (name) => ["ssim", "tv"].includes(name),
    });
    site = await serve(folder);
    browser = await launch();
    page = await browser.context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("request", (request) => asked.push(request.url()));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the search finds the page of a loss by keyboard alone", async () => {
    await page.goto(address("conventions.html"));
    await page.locator("body").press("/");
    await page.keyboard.type("ssim");
    const first = page.getByRole("option").first();
    await first.waitFor();
    expect(await first.locator("strong").textContent()).toBe("ssim");
    await page.getByRole("combobox").press("Enter");
    await page.waitForURL(address("losses/ssim.html"));
    // A part of a word, and a word of a page's text.
    await page.getByRole("combobox").fill("leaderboard baseline zzzz");
    await page.getByText("Nothing found").waitFor();
    await page.getByRole("combobox").fill("junit");
    await page.getByRole("option", { name: "Testing images in a build" }).first().waitFor();
  });

  test("the page of a loss shows its map, formula, options and presets", async () => {
    await page.goto(address("losses/ssim.html"));
    const map = page.locator('img[src="maps/ssim.webp"]');
    await map.scrollIntoViewIfNeeded();
    expect(await map.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBe(256);
    expect(await page.locator("h1").textContent()).toBe("ssim");
    expect(await page.getByRole("cell", { name: "preset=skimage", exact: true }).count()).toBe(1);
    // Of identical images SSIM is 1 by its formula.
    expect(await page.getByRole("row", { name: /^Identical images/ }).textContent()).toContain("1.0000");
  });

  test("the dark theme is kept from page to page", async () => {
    await page.goto(address("index.html"));
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const before = await ground();
    await page.getByRole("button", { name: "Dark colours" }).click();
    const after = await ground();
    expect(after).not.toBe(before);
    await page.goto(address("choosing.html"));
    expect(await ground()).toBe(after);
    await page.getByRole("button", { name: "Dark colours" }).click();
  });

  test("fits the width of a phone, with the pages in a menu", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of ["index.html", "losses/ssim.html", "metrics/index.html", "performance.html"]) {
      await page.goto(address(path));
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
    }
    const menu = page.getByRole("button", { name: "Menu" });
    await menu.click();
    await page.getByRole("link", { name: "All losses" }).click();
    await page.waitForURL(address("losses/index.html"));
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test.each([
    ["losses/ssim.html", "light"],
    ["index.html", "dark"],
  ] as const)("axe finds no violations on %s in %s colours", async (path, colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await page.goto(address(path));
    await page.getByRole("combobox").fill("gradient");
    await page.getByRole("option").first().waitFor();
    // The site's policy allows no scripts but its own in the page; the browser's own hands are free.
    const { violations } = (await page.evaluate(`${axe}; axe.run()`)) as Awaited<ReturnType<Axe["axe"]["run"]>>;
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
  });

  test("the build refuses a folder with other files", async () => {
    await expect(buildSite(folder, { playground: false, api: false, pictures: () => false })).rejects.toThrow(
      /is not empty and holds no site/,
    );
    expect(existsSync(join(folder, base, "index.html"))).toBe(true);
  });

  test("the search says when its index cannot be loaded", async () => {
    const before = complaints.length;
    await page.route("**/search-index.js", (route) => route.abort());
    await page.goto(address("index.html"));
    await page.getByRole("combobox").fill("ssim");
    await page.getByText("No search").waitFor();
    await page.unroute("**/search-index.js");
    // The browser says on the console what was not loaded.
    complaints.splice(before);
  });

  test("no page requests another host or a missing file", async () => {
    // All pages: what they name is what they may ask for.
    const pages = readdirSync(join(folder, base), { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".html"),
    );
    expect(pages.length).toBeGreaterThan(80);
    const loaded = pages.flatMap((path) => {
      const html = readFileSync(join(folder, base, path), "utf8");
      return [...html.matchAll(/<(?:script|img|source|iframe|link)\b[^>]*?\b(?:src|href)="([^"]+)"/g)].map(
        ([, url]) => url,
      );
    });
    expect(loaded.filter((url) => /^([a-z]+:)?\/\//.test(url))).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(site.url) && !url.startsWith("data:"))).toEqual([]);
    expect(site.missing).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
