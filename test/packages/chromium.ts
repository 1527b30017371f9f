import { existsSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

export const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const missing = !existsSync(executablePath);
if (missing) console.log(`browser tests skipped: no Chromium at ${executablePath} (CHROMIUM names another)`);

const flags =
  "--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** Starts Chromium with a profile of its own; closing its context removes the profile. */
export async function openChromium(more: readonly string[] = ["--disable-gpu"]): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [...flags.split(" "), ...more],
  });
  // Chromium may write for a moment after it was closed.
  const options = { recursive: true, force: true, maxRetries: 50, retryDelay: 100 };
  context.on("close", () => void rm(profile, options).catch(() => {}));
  return context;
}
