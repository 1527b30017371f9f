import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lpips, niqe, parseLoss, parseLosses } from "../../packages/core/src/index.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { packWeights } from "../../packages/reconloss/src/weights/index.ts";
import { launch, withoutChromium } from "../browser.ts";
import { referenceFolder } from "../golden.ts";
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
      const cells = [...document.querySelectorAll(".values tbody td:nth-child(2)")];
      return cells.length > 0 && cells.every((cell) => cell.textContent !== "…");
    });
    const rows = await page.locator(".values tbody tr").all();
    const entries = rows.map(async (row) => [
      (await row.locator("th").textContent()) ?? "",
      (await row.locator("td").first().textContent()) ?? "",
    ]);
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Opens a room in a new page: where the hash alone changes, the room that was there stays for a moment, and takes what a test does. */
  async function openRoom(hash: string): Promise<void> {
    await page.goto("about:blank");
    await page.goto(`${site.url}${hash}`);
  }

  /** A picture of random smooth values. */
  async function writePicture(path: string, seed: number, width = 32, height = 24): Promise<string> {
    const samples = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * i * seed + (i % 97)) % 256);
    await sharp(samples, { raw: { width, height, channels: 3 } })
      .blur(2)
      .png()
      .toFile(path);
    return path;
  }

  test("two chosen images have the values that Node gives", async () => {
    const specs = "psnr, ssim, gmsd, deltaE(formula=76), tv, lpips(net=tiny)";
    const paths = [join(folder, "output.png"), join(folder, "target.png")];
    for (const [i, path] of paths.entries()) await writePicture(path, i + 3, 90, 70);
    await openRoom(`#compare?m=${encodeURIComponent(specs)}&show=ssim`);
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

  test("changing an option changes the specification in the table and in the link", async () => {
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

  test("the error map has a colour bar and all views", async () => {
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

  test("curves rise with the strength of a blur", async () => {
    await openRoom(`#distort?distortion=blur&strength=0.5&m=${encodeURIComponent("l1, ssim, tv")}`);
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

  test("pixels descend to the target under a loss, and an unusable loss is explained", async () => {
    await openRoom(`#descend?loss=mse&rate=0.05`);
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

  async function violations(page: Page): Promise<string[]> {
    // Not by a script of the page, which its policy would not run.
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const { axe } = globalThis as unknown as Axe;
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    });
  }

  test("pairs two folders by name, shows Node's value of every pair, their mean and the worst, and opens a pair by its name", async () => {
    const both = ["a 1.png", "sub/ü.png", "c.png", "same.png"];
    const names = { output: [...both, "alone.png"], target: both };
    for (const [side, seed] of [["output", 3] as const, ["target", 11] as const]) {
      mkdirSync(join(folder, side, "sub"), { recursive: true });
      for (const [i, name] of names[side].entries()) {
        await writePicture(join(folder, side, name), name === "same.png" ? 1 : seed + i);
      }
    }
    await openRoom(`#compare?m=${encodeURIComponent("psnr, l1")}&show=psnr`);
    await page.getByLabel("Output: choose a folder").setInputFiles(join(folder, "output"));
    await page.getByLabel("Target: choose a folder").setInputFiles(join(folder, "target"));
    const table = page.getByRole("group", { name: "table of the pairs" });
    const rows = () =>
      table
        .locator("tbody tr")
        .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
    await expect
      .poll(async () => (await rows()).flat().length === 18 && !(await rows()).flat().includes("…"))
      .toBe(true);
    await page.getByText("4 pairs of output and target; without a partner: 1, first alone.png").waitFor();

    const paired = ["a 1.png", "c.png", "same.png", "sub/ü.png"];
    const expected = await Promise.all(
      parseLosses("psnr, l1").map(async (loss) => {
        const values = await Promise.all(
          paired.map(async (name) => {
            const [output, target] = ["output", "target"].map((side) => readImage(join(folder, side, name)));
            return loss.value(await output, await target);
          }),
        );
        const worst = loss.better === "lower" ? Math.max(...values) : Math.min(...values);
        // The PSNR of the identical pair is infinite, and in no mean.
        const finite = values.filter(Number.isFinite);
        const mean = finite.reduce((sum, value) => sum + value) / finite.length;
        const texts = values.map((value) => (Number.isFinite(value) ? value.toFixed(loss.decimals) : "∞"));
        return [
          `${mean.toFixed(loss.decimals)}${finite.length < values.length ? ` of ${finite.length}` : ""}`,
          `${worst.toFixed(loss.decimals)} ${paired[values.indexOf(worst)]}`,
          ...texts,
        ];
      }),
    );
    const titles = ["mean", "worst", ...paired];
    expect(await rows()).toEqual(titles.map((title, row) => [title, ...expected.map((column) => column[row])]));

    await table.getByRole("rowheader").getByRole("button", { name: "c.png" }).click();
    await expect.poll(() => page.getByText("c.png, 32x24").count()).toBe(2);
    expect((await numbers()).psnr.split(" ")[0]).toBe(expected[0][3]);
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("accepts an image by drag and drop", async () => {
    const path = await writePicture(join(folder, "dropped.png"), 5);
    const transfer = await page.evaluateHandle(
      (bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(bytes)], "dropped.png", { type: "image/png" }));
        return transfer;
      },
      [...readFileSync(path)],
    );
    await page.locator(".drop").first().dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByText("dropped.png, 32x24").waitFor();
  });

  test("does not pair the demo's image with the user's, and reports different sizes once", async () => {
    await openRoom("#compare?m=l1");
    await page.getByText("flower, 807x1024").waitFor();
    const path = await writePicture(join(folder, "own.png"), 3);
    await page.getByRole("button", { name: "Output choose an image" }).setInputFiles(path);
    await page.getByText("own.png, 32x24").waitFor();
    await page.locator(".drop").nth(1).getByText("or drop or paste one here").waitFor();
    expect(await page.locator(".values tbody td").first().textContent()).toBe("…");
    const larger = await writePicture(join(folder, "larger.png"), 3, 48, 24);
    await page.getByRole("button", { name: "Target choose an image" }).setInputFiles(larger);
    await page.getByText("larger.png, 48x24").waitFor();
    await expect
      .poll(() => page.getByRole("alert").first().textContent())
      .toBe(
        "The output has 32x24 pixels and the target 48x24: most losses need the same size; crop or resize one of them.",
      );
  });

  test("refuses several files in one place, and stays open when a file is dropped beside the places", async () => {
    const transfer = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      for (const name of ["a.png", "b.png"]) transfer.items.add(new File(["a"], name, { type: "image/png" }));
      return transfer;
    });
    await page.locator(".drop").first().dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByText("2 files: one image is wanted here, or a folder of images").waitFor();
    // dispatchEvent returns false where the browser's own doing, opening the file, was prevented.
    for (const type of ["dragover", "drop"])
      expect(
        await page.evaluate(
          ([type, dataTransfer]) =>
            document.body.dispatchEvent(
              new DragEvent(type as string, {
                bubbles: true,
                cancelable: true,
                dataTransfer: dataTransfer as DataTransfer,
              }),
            ),
          [type, transfer] as const,
        ),
        type,
      ).toBe(false);
  });

  const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
  test.skipIf(!hasFfmpeg)("takes a frame of a video as an image", async () => {
    // Half a second of black, then of white.
    const video = join(folder, "two.webm");
    const sources = ["black", "white"].flatMap((colour) => ["-f", "lavfi", "-i", `color=${colour}:s=32x24:d=0.5:r=10`]);
    const filter = "[0][1]concat";
    execFileSync("ffmpeg", ["-v", "error", ...sources, "-filter_complex", filter, "-c:v", "libvpx", video]);
    const white = join(folder, "white.png");
    await sharp({ create: { width: 32, height: 24, channels: 3, background: "white" } }).toFile(white);
    await openRoom(`#compare?m=l1`);
    await page.getByRole("button", { name: "Target choose an image" }).setInputFiles(white);
    await page.getByText("white.png, 32x24").waitFor();
    await page.getByRole("button", { name: "Output choose an image" }).setInputFiles(video);
    await page.getByText("two.webm at 0.00 s, 32x24").waitFor();
    // Video has levels from 16 to 235, and codecs lose some.
    await expect.poll(async () => Number.parseFloat((await numbers()).l1)).toBeGreaterThan(0.95);
    await page.getByLabel(/^frame at/).fill("0.8");
    await page.getByText("two.webm at 0.80 s, 32x24").waitFor();
    await expect.poll(async () => Number.parseFloat((await numbers()).l1)).toBeLessThan(0.05);
  });

  test("identifies weights by their SHA-256, and refuses unknown files", async () => {
    await openRoom(`#compare`);
    await page.getByText("Weights of published networks").click();
    await page.getByLabel("choose weights files").setInputFiles(await writePicture(join(folder, "alex.pth"), 7));
    await page.getByText(/^none of the published files, .*: alex\.pth \(SHA-256/).waitFor();
  });

  const reference = fileURLToPath(new URL("weights/", referenceFolder));
  test.skipIf(!existsSync(reference))(
    "losses with chosen weights, published or packed, give Node's values",
    async () => {
      const [output, target] = [await writePicture(join(folder, "o.png"), 3, 200, 200), join(folder, "t.png")];
      await writePicture(target, 4, 200, 200);
      const specs = ["lpips(net=squeeze)", "niqe"];
      await openRoom(`#compare?m=${encodeURIComponent(specs.join(", "))}`);
      await page.getByRole("button", { name: "Output choose an image" }).setInputFiles(output);
      await page.getByRole("button", { name: "Target choose an image" }).setInputFiles(target);
      await page.getByText("t.png, 200x200").waitFor();
      await expect.poll(async () => (await numbers())[specs[0]]).toMatch(/squeezenet1_1/);
      await expect.poll(async () => (await numbers()).niqe).toMatch(/weights niqe/);

      const packed = join(folder, "packed");
      for (const name of ["squeezenet1_1", "lpips-squeeze"]) await packWeights(name, packed, { folder: reference });
      const model = join(reference, "niqe_pris_params.npz");
      const [trunk, heads] = ["squeezenet1_1", "lpips-squeeze"].map((name) => join(packed, `${name}.safetensors`));
      await page.getByText("Weights of published networks").click();
      await page.getByLabel("choose weights files").setInputFiles([model, trunk, heads, join(packed, "weights.json")]);
      const images = [await readImage(output), await readImage(target)] as const;
      const expected = [
        await lpips({ net: "squeeze" }, { trunk, heads }).value(...images),
        await niqe({}, { model }).value(...images),
      ];
      for (const [i, spec] of specs.entries()) {
        await expect.poll(async () => (await numbers())[spec]).toMatch(/^\d/);
        const difference = Math.abs(Number.parseFloat((await numbers())[spec]) - expected[i]);
        expect(difference, spec).toBeLessThanOrEqual(1.01 * 10 ** -parseLoss(spec).decimals);
        expect(await page.getByRole("option", { name: spec, exact: true }).isEnabled()).toBe(true);
      }
      await page.getByText(/^Networks run on the CPU: /).waitFor();
    },
  );

  test("runs networks on the GPU where there is one, and says so", async () => {
    const [output, target] = [
      await writePicture(join(folder, "g.png"), 3),
      await writePicture(join(folder, "h.png"), 4),
    ];
    const software = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
    try {
      const page = await software.context.newPage();
      // Without the pair of the demo, which takes minutes in software.
      await page.goto(`${site.url}#compare?demo=&m=${encodeURIComponent("lpips(net=tiny)")}`);
      await page.getByRole("button", { name: "Output choose an image" }).setInputFiles(output);
      await page.getByRole("button", { name: "Target choose an image" }).setInputFiles(target);
      await page.getByText("h.png, 32x24").waitFor();
      await page.getByText("Networks run on the GPU, by WebGPU.").waitFor();
      const expected = await parseLoss("lpips(net=tiny)").value(await readImage(output), await readImage(target));
      const shown = () => page.locator(".values tbody td").first().textContent();
      // Within 1e-3 of the CPU's, as of every loss on WebGPU, and rounded to four decimals.
      await expect
        .poll(async () => Math.abs(Number.parseFloat((await shown()) ?? "") - expected))
        .toBeLessThan(1e-3 * expected + 0.5e-4);
    } finally {
      await software.close();
    }
  });

  test.each(["light", "dark"] as const)("has no accessibility violations in any room, %s", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    for (const room of ["compare", "distort", "descend"]) {
      await openRoom(`#${room}`);
      await page.locator("main section").first().waitFor();
      expect(await violations(page), room).toEqual([]);
    }
  });

  test("fits the width of a phone", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const room of ["compare", "distort", "descend"]) {
      await openRoom(`#${room}`);
      await page.locator("main section").first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), room).toBeLessThanOrEqual(360);
      if (room !== "distort") continue;
      const tops = ["strength:", "l1"].map((text) => page.getByText(text).first().boundingBox());
      const [slider, curve] = await Promise.all(tops);
      expect(slider?.y, "the slider is above the curves").toBeLessThan(curve?.y ?? 0);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("works offline after the first load", async () => {
    await page.goto(`${site.url}#compare`);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await browser.context.setOffline(true);
    await page.goto(`${site.url}#compare?m=psnr&demo=cat`);
    await page.reload();
    expect((await numbers()).psnr).toMatch(/^\d+\.\d\d/);
    await browser.context.setOffline(false);
  });

  test("loads less than 1.5 MB, without the runtime for networks", () => {
    const runtime = /\/ort[-.]/;
    const files = [...site.sent].filter(([path]) => !runtime.test(path)).map(([, bytes]) => bytes);
    expect(gzippedSize(files)).toBeLessThan(1.5e6);
    expect([...site.sent.keys()].some((path) => runtime.test(path))).toBe(true);
    expect(site.missing).toEqual([]);
  });

  test("logs no errors to the console", () => {
    expect(complaints).toEqual([]);
  });
});
