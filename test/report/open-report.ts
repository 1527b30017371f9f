import { pathToFileURL } from "node:url";
import type { BrowserContext, Page } from "playwright-core";

/** A report in a browser. */
export interface OpenReport {
  page: Page;
  /** Messages and errors of the page so far. */
  trouble: string[];
  /** The addresses that it has asked for, besides its own and data within it. */
  requests(): string[];
}

/** Opens a report, and waits until its script has run. */
export async function openReport(context: BrowserContext, path: string): Promise<OpenReport> {
  const page = await context.newPage();
  const [trouble, requests]: string[][] = [[], []];
  await page.setViewportSize({ width: 1300, height: 900 });
  await page.emulateMedia({ reducedMotion: "reduce" });
  page.on("console", (message) => trouble.push(message.text()));
  page.on("pageerror", (error) => trouble.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  const { href } = pathToFileURL(path);
  await page.goto(href);
  await page.waitForSelector("html.ready");
  return { page, trouble, requests: () => requests.filter((url) => !url.startsWith("data:") && url !== href) };
}
