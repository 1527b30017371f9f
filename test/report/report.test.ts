import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineLoss, parseLosses } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { comparePairs, type Outcome, summarise } from "../../packages/reconloss/src/compare/index.ts";
import { type ImagePair, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { writeReport } from "../../packages/reconloss/src/report/index.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { launch, withoutBrowser } from "../browser.ts";
import { temporaryFolder } from "../folder.ts";
import { type OpenReport, openReport } from "./open-report.ts";

const folder = await temporaryFolder();
const evil = `</script><script>document.title = "owned"</script><img src=x onerror="document.title = 'owned'">.png`;
const path = join(folder, "report.html");

const ownLoss = defineLoss({
  name: "own",
  summary: "how grey it is",
  better: "lower",
  source: "a test",
  options: {},
  define: () => ({ score: (o, { output }) => o.mean(output, "chw") }),
});

/** A slope from black to white and its noisy copies, noisier one by one; "pair 2" among 10, under a name that tries to run. */
async function makeReport(): Promise<void> {
  const [h, w] = [48, 64];
  const slope = Tensor.from(
    Array.from({ length: 3 * h * w }, (_, index) => (index % w) / w),
    [1, 3, h, w],
  );
  const target = join(folder, "target.png");
  await writeImage(target, slope);
  const pairs: ImagePair[] = [];
  for (let index = 0; index < 10; index++) {
    const output = join(folder, `${index}.png`);
    await writeImage(output, noise(slope, 0.01 * (index + 1), index));
    pairs.push({ name: index === 2 ? evil : `pair ${index}`, output, target });
  }
  const losses = parseLosses("psnr, ssim(preset=skimage), ms-ssim, l1, tv");
  const outcomes: Outcome[] = [];
  const optional = new Set(["ms-ssim"]);
  for await (const outcome of comparePairs(pairs, losses, { optional })) outcomes.push(outcome);
  const failed = [{ output: `${evil}2`, target: null, error: `no <b>target</b>` }];
  const comparison = summarise(losses, outcomes, failed, optional);
  await writeReport(path, comparison, { title: "A <test>", introduction: ["One & two."], mostPairs: 6 });
}

beforeAll(makeReport);

describe("the file", () => {
  it("holds every number with its protocol, and the images of the worst pairs", async () => {
    const text = await readFile(path, "utf8");
    const has = (part: string) => expect({ part, found: text.includes(part) }).toEqual({ part, found: true });
    has("<title>A &lt;test&gt;</title>");
    has("One &amp; two.");
    has('<li class="set"><code>preset=skimage</code></li>');
    has("<code>k1=0.01</code>");
    expect(text.split('<article class="pair"')).toHaveLength(7);
    expect(text.split('<tr id="row-')).toHaveLength(11);
    has("The 6 worst of 10 pairs");
    has("ms-ssim is left out of 10 pairs");
    const shown = text.slice(0, text.lastIndexOf("<script>")).replace(/data:image[^"]*/g, "");
    expect(shown.match(/undefined|NaN|\[object/g)).toBeNull();
  });

  it("shows how many pairs each mean covers, and the distribution of its numbers", async () => {
    const losses = [...parseLosses("psnr, l1 + 0.1*tv, lpips(net=alex)"), ownLoss()];
    const pair = (index: number, values: Record<string, number>) => {
      const result = { name: `${index}`, output: target, target, width: 64, height: 48, values };
      return { result, failures: [], notes: [], maps: {} };
    };
    const target = join(folder, "target.png");
    const outcomes = [20, 24, Number.POSITIVE_INFINITY].map((psnr, index) =>
      pair(index, { psnr, "l1 + 0.1*tv": 0.5, own: 1 + index, ...(index === 0 ? { "lpips(net=alex)": 0.25 } : {}) }),
    );
    const file = join(folder, "counts.html");
    await writeReport(file, summarise(losses, outcomes), { mostPairs: 0 });
    const text = await readFile(file, "utf8");
    expect(text).toContain('mean of 2 of 3 pairs</p><p class="aside">median 22.00, std 2.00, 20.00 to 24.00');
    expect(text).toContain("mean of 1 of 3 pairs");
    expect(text).toContain('mean of 3 pairs</p><p class="aside">median 2.0000');
    expect(text).toMatch(/pairs in it<\/th><td>2<\/td><td>3<\/td><td>1<\/td><td>3<\/td>/);
    // Under the name that was typed, and described in the loss's own words.
    expect(text).toContain("<h3>lpips(net=alex)</h3>");
    expect(text).toContain("<p>how grey it is</p>");
  });

  it("shows a prior beside the target's own value", async () => {
    const text = await readFile(path, "utf8");
    expect(text).toContain("≈ closer to the target&#39;s is better");
    expect(text).toMatch(/mean of 10 pairs; targets 0\.\d{4}/);
    expect(text).toMatch(/<td[^>]*>0\.\d{4} \(target 0\.\d{4}\)<\/td>/);
  });

  it("refers to nothing outside itself", async () => {
    const text = await readFile(path, "utf8");
    expect(text.match(/(?:src|href)="(?!data:|#)[^"]{0,80}/g)).toBeNull();
    expect(text.match(/url\(|@import/g)).toBeNull();
  });
});

describe.skipIf(withoutBrowser)("in a browser", () => {
  let browser: Awaited<ReturnType<typeof launch>>;
  let report: OpenReport;
  let page: Page;

  beforeAll(async () => {
    browser = await launch("--disable-gpu");
    report = await openReport(browser.context, path);
    page = report.page;
  });
  afterAll(() => browser?.close());

  const namesOf = (selector: string) => page.locator(selector).allTextContents();

  it("shows names as text and runs no script in them", async () => {
    expect(await page.title()).toBe("A <test>");
    expect(await namesOf("#rows th")).toContain(evil);
    expect(await namesOf(".failed b")).toEqual([`${evil}2`]);
  });

  it("first shows a map that reveals failures, not the squared error of the first loss", async () => {
    await page.locator(".pair").first().scrollIntoViewIfNeeded();
    await page.waitForSelector('canvas[data-painted="ssim(preset=skimage)"]');
    expect(await page.inputValue("#sort")).toBe("psnr");
    expect(await page.locator(".pair .map-tab[aria-pressed=true]").allTextContents()).toEqual(
      new Array(6).fill("ssim(preset=skimage)"),
    );
  });

  it("sorts cards and table worst first, and by any loss in both directions", async () => {
    const before = await namesOf(".pair h3");
    expect(before).toEqual([9, 8, 7, 6, 5, 4].map((index) => `pair ${index}`));
    expect((await namesOf("#rows th"))[0]).toBe("pair 9");
    await page.click("#reverse");
    expect(await namesOf(".pair h3")).toEqual(before.toReversed());
    expect((await namesOf("#rows th"))[0]).toBe("pair 0");
    await page.click("th[data-key=name] button");
    expect((await namesOf("#rows th")).slice(0, 3)).toEqual([evil, "pair 0", "pair 1"]);
    await page.selectOption("#sort", "l1");
    expect((await namesOf(".pair h3"))[0]).toBe("pair 9");
    expect(await page.getAttribute("th[data-key=l1]", "aria-sort")).toBe("ascending");
  });

  it("shows the map of the sorting loss, where it has one", async () => {
    const shown = () => page.locator(".pair").first().getAttribute("data-loss");
    for (const [key, map] of [
      ["psnr", "psnr"],
      ["name", "psnr"],
      ["l1", "l1"],
    ]) {
      await page.selectOption("#sort", key);
      expect([key, await shown()]).toEqual([key, map]);
    }
    await page.click("th[data-key=psnr] button");
    expect(await shown()).toBe("psnr");
    await page.waitForSelector("canvas[data-painted=psnr]");
  });

  it("moves the slider with the pointer and with keys", async () => {
    const stage = page.locator(".pair .compare .stage").first();
    const box = (await stage.boundingBox()) as { width: number; height: number };
    await stage.hover({ position: { x: box.width * 0.25, y: box.height / 2 } });
    const split = () =>
      stage.evaluate((element) => Number.parseFloat((element as HTMLElement).style.getPropertyValue("--split")));
    expect(await split()).toBeCloseTo(25, 0);
    const handle = page.locator(".pair .handle").first();
    await handle.focus();
    await page.keyboard.press("ArrowRight");
    expect(await split()).toBeCloseTo(27, 0);
    await page.keyboard.press("End");
    expect(await handle.getAttribute("aria-valuenow")).toBe("100");
  });

  it("flips with the button and with a key", async () => {
    const card = page.locator(".pair").first();
    const output = card.locator(".layer.output");
    const seen = () => output.evaluate((element) => getComputedStyle(element).visibility);
    await card.locator(".compare .stage").hover();
    expect(await seen()).toBe("visible");
    await page.keyboard.down("f");
    expect(await seen()).toBe("hidden");
    await page.keyboard.up("f");
    expect(await seen()).toBe("visible");
    await card.locator(".mode[data-mode=target]").click();
    expect(await seen()).toBe("hidden");
    await card.locator(".mode[data-mode=slide]").click();
    expect(await seen()).toBe("visible");
  });

  it("paints the error map of the loss that is chosen, with its scale", async () => {
    const card = page.locator(".pair").first();
    const canvas = card.locator("canvas");
    await card.locator(".map-tab[data-loss=psnr]").click();
    await page.waitForSelector("canvas[data-painted=psnr]");
    const pixels = () =>
      canvas.evaluate((element) => {
        const { width, height } = element as HTMLCanvasElement;
        const copy = Object.assign(document.createElement("canvas"), { width, height });
        const context = copy.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
        context.drawImage(element as HTMLCanvasElement, 0, 0);
        const { data } = context.getImageData(0, 0, width, height);
        return { width, height, corner: data[3], colours: new Set(new Uint32Array(data.buffer)).size };
      });
    expect(await pixels()).toMatchObject({ width: 64, height: 48, corner: 255 });
    expect((await pixels()).colours).toBeGreaterThan(20);
    await card.locator('.map-tab[data-loss="ssim(preset=skimage)"]').click();
    await page.waitForSelector('canvas[data-painted="ssim(preset=skimage)"]');
    // The window of 7 leaves a border of 3, which stays empty.
    expect(await pixels()).toMatchObject({ width: 64, height: 48, corner: 0 });
    expect(await card.locator(".bar-low").textContent()).toBe("1");
    expect(await card.locator(".bar-high").textContent()).toMatch(/^≤ /);
    await card.locator(".map .stage").hover();
    await expect.poll(() => card.locator(".readout").textContent()).toMatch(/^-?0?\.?\d/);
  });

  it("zooms both views together", async () => {
    const card = page.locator(".pair").first();
    await card.locator(".zoom-in").click();
    const width = async (selector: string) => (await card.locator(selector).boundingBox())?.width as number;
    const stage = await width(".compare .stage");
    expect((await width(".layer.target img")) / stage).toBeCloseTo(2, 2);
    expect((await width("canvas")) / stage).toBeCloseTo(2, 2);
    await card.locator(".zoom-out").click();
    expect((await width(".layer.target img")) / stage).toBeCloseTo(1, 2);
    await card.locator(".large").click();
    expect(await width(".views")).toBeGreaterThan(1200);
    await page.keyboard.press("Escape");
    expect(await card.getAttribute("class")).not.toContain("enlarged");
  });

  it("shows picture and map level with each other, in the page and full-window", async () => {
    const card = page.locator(".pair").first();
    const measured = async (selector: string) => {
      const boxes = await Promise.all((await card.locator(selector).all()).map((element) => element.boundingBox()));
      return boxes.map((box) => ({ top: box?.y, height: box?.height }));
    };
    for (const width of [1300, 900]) {
      await page.setViewportSize({ width, height: 900 });
      for (const isLarge of [false, true]) {
        if (isLarge) await card.locator(".large").click();
        const [picture, map] = await measured(".stage");
        expect(map).toEqual(picture);
        expect(picture.height).toBeGreaterThan(200);
        // At 900 pixels the names of the maps and their scale take more lines than the buttons of the picture.
        const [buttons, names] = await measured("figcaption");
        if (width === 900 && !isLarge) expect(names.height).toBeGreaterThan(buttons.height as number);
        if (isLarge) await page.keyboard.press("Escape");
      }
    }
    await page.setViewportSize({ width: 1300, height: 900 });
  });

  it("is light or dark", async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await background();
    await page.click("#theme");
    expect(await background()).not.toBe(before);
  });

  it("makes no request and logs no error", () => {
    expect(report.requests()).toEqual([]);
    expect(report.trouble).toEqual([]);
  });
});
