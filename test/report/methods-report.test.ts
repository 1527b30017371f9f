import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { proposeRegions } from "../../packages/reconloss/src/figure/index.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { type Judgement, judge } from "../../packages/reconloss/src/judge/index.ts";
import { magma, writeMethodsReport } from "../../packages/reconloss/src/report/index.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { launch, withoutBrowser } from "../browser.ts";
import { temporaryFolder } from "../folder.ts";
import { type OpenReport, openReport } from "./open-report.ts";

const folder = await temporaryFolder();
const evil = `</script><script>document.title = "owned"</script>`;
const path = join(folder, "report.html");
const [height, width] = [48, 64];
let judgement: Judgement;

/** A slope from black to white; the first method is noisy everywhere, the second in a corner that moves with the image, the third is the target with a name that tries to run. */
beforeAll(async () => {
  const slope = Tensor.from(
    Array.from({ length: 3 * height * width }, (_, index) => (index % width) / width),
    [1, 3, height, width],
  );
  for (let image = 0; image < 5; image++) {
    const name = `${image}.png`;
    await writeImage(join(folder, "targets", name), slope);
    await writeImage(join(folder, "noisy", name), noise(slope, 0.01, image));
    const corner = noise(slope, 0.05 * (image + 1), 10 + image);
    for (let i = 0; i < corner.data.length; i++) {
      const [x, y] = [i % width, Math.floor(i / width) % height];
      if (x < 40 || y < 30) corner.data[i] = slope.data[i];
    }
    await writeImage(join(folder, "corner", name), corner);
    if (image !== 3) await writeImage(join(folder, "same", name), noise(slope, 0.003, 20 + image));
  }
  const methods = [
    { name: "noisy", outputs: join(folder, "noisy") },
    { name: "corner", outputs: join(folder, "corner") },
    { name: evil, outputs: join(folder, "same") },
  ];
  judgement = await judge({ methods, targets: join(folder, "targets"), metrics: "psnr, l1", resamples: 99 });
  await writeMethodsReport(path, judgement, { title: "A <test>", introduction: ["One & two."], mostImages: 4 });
});

describe("the file", () => {
  it("holds the table with intervals, every number, and the images on which methods differ most", async () => {
    const text = (await readFile(path, "utf8")).replace(/data:image[^"]*/g, "");
    expect(text).toContain("<title>A &lt;test&gt;</title>");
    expect(text).toContain("One &amp; two.");
    expect(text.split('<article class="image"')).toHaveLength(5);
    expect(text).toContain("The 4 of 5 images on which methods differ most");
    const [{ cells }] = judgement.columns;
    for (const { mean, interval, againstBest } of cells) {
      const mark = againstBest && !againstBest.isSignificant ? "<sup>†</sup>" : "";
      const [low, high] = (interval ?? []).map((end) => end.toFixed(2));
      expect(text.includes(`<b>${mean?.toFixed(2)}</b>${mark}<small>${low} to ${high}</small>`)).toBe(true);
    }
    expect(text.match(/<tr data-image="\d"/g)).toHaveLength(10);
    const shown = text.slice(0, text.lastIndexOf("<script>"));
    expect(shown.match(/undefined|NaN|\[object/g)).toBeNull();
    expect(text.match(/(?:src|href)="(?!"|#)[^"]{0,80}/g)).toBeNull();
    expect(shown.match(/url\((?!#magma)|@import/g)).toBeNull();
  });

  it("is also written for one method, one image and no metric with a map", async () => {
    const [outputs, targets] = ["noisy", "targets"].map((name) => join(folder, name, "0.png"));
    const small = await judge({ methods: { only: outputs }, targets, metrics: "ergas" });
    const file = join(folder, "small.html");
    await writeMethodsReport(file, small);
    const text = await readFile(file, "utf8");
    expect(text.split('<article class="image"')).toHaveLength(2);
    expect(text.includes('class="map-tab"')).toBe(false);
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
  const first = () => page.locator(".image").first();

  it("shows names as text and runs no script in them", async () => {
    expect(await page.title()).toBe("A <test>");
    expect(await namesOf(".judged tbody th")).toEqual(["noisy", "corner", evil]);
    expect(await namesOf(".failed b")).toEqual([expect.stringContaining(`${evil}: `)]);
  });

  it("sorts images and numbers by how far methods differ", async () => {
    // The noise in the corner grows with the image, and so does how far it is from the others.
    await page.selectOption("#sort", "l1");
    const cards = await namesOf(".image h3");
    expect(cards[0]).toBe("4.png");
    expect((await namesOf(".rows >> nth=1 >> th"))[0]).toBe("4.png");
    await page.selectOption("#sort", "name");
    expect(await namesOf(".image h3")).toEqual(cards.toSorted());
    await page.selectOption("#sort", "l1");
  });

  it("zooms and moves all views of an image together", async () => {
    const card = first();
    const boxes = async () =>
      Promise.all(
        (await card.locator(".tile").all()).map(async (tile) => {
          const [stage, plane] = [
            await tile.locator(".stage").boundingBox(),
            await tile.locator(".plane").boundingBox(),
          ];
          const at = (box: typeof stage) => box as { x: number; y: number; width: number };
          const scale = at(plane).width / at(stage).width;
          return [scale, (at(plane).x - at(stage).x) / at(stage).width, (at(plane).y - at(stage).y) / at(stage).width];
        }),
      );
    const isSame = (all: number[][]) => {
      for (const other of all) for (const [i, value] of other.entries()) expect(value).toBeCloseTo(all[0][i], 2);
    };
    await card.locator(".zoom-in").click();
    const before = await boxes();
    expect(before).toHaveLength(4);
    expect(before[0][0]).toBeCloseTo(2, 2);
    isSame(before);
    const stage = card.locator(".tile .stage").nth(1);
    const { x, y, width } = (await stage.boundingBox()) as { x: number; y: number; width: number };
    await page.mouse.move(x + width / 2, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + width / 4, y + 40);
    await page.mouse.up();
    const after = await boxes();
    isSame(after);
    expect(after[0][1] - before[0][1]).toBeCloseTo(0.25, 2);
    await card.locator(".whole").click();
    expect((await boxes())[2]).toEqual([1, 0, 0].map((value) => expect.closeTo(value, 3)));
  });

  it("goes to the regions where methods differ most with one click", async () => {
    const card = first();
    const paths = ["noisy", "corner", "same"].map((name) => join(folder, name, "4.png"));
    const outputs = await Promise.all(paths.map((file) => readImage(file)));
    const [region] = proposeRegions(outputs, await readImage(join(folder, "targets", "4.png")));
    const button = card.locator(".region").first();
    expect(await button.getAttribute("data-box")).toBe(`${region.x} ${region.y} ${region.width} ${region.height}`);
    expect(region.x).toBeGreaterThanOrEqual(30);
    await button.click();
    expect(await button.getAttribute("aria-pressed")).toBe("true");
    // Its middle is now in the middle of every view, unless the image ends before.
    const stage = (await card.locator(".stage").nth(1).boundingBox()) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    const plane = (await card.locator(".plane").nth(1).boundingBox()) as typeof stage;
    const scale = plane.width / width;
    expect(plane.x + region.x * scale).toBeGreaterThanOrEqual(stage.x - 1);
    expect(plane.x + (region.x + region.width) * scale).toBeLessThanOrEqual(stage.x + stage.width + 1);
    expect(plane.y + region.y * scale).toBeGreaterThanOrEqual(stage.y - 1);
    expect(plane.y + (region.y + region.height) * scale).toBeLessThanOrEqual(stage.y + stage.height + 1);
    await card.locator(".whole").click();
  });

  it("colours error maps of all methods on one scale, and shows it", async () => {
    const card = first();
    await card.locator('.map-tab[data-loss="l1"]').click();
    const maps = card.locator('.levels[data-loss="l1"]');
    const gains = () =>
      maps.evaluateAll((images) =>
        images.map((image) => Number((image as HTMLElement).style.getPropertyValue("--gain"))),
      );
    const tops = await maps.evaluateAll((images) => images.map((image) => Number((image as HTMLElement).dataset.top)));
    const most = Math.max(...tops);
    for (const [index, gain] of (await gains()).entries()) expect(gain).toBeCloseTo(tops[index] / most, 6);
    expect(await card.locator(".bar-low").textContent()).toBe("0");
    expect(await card.locator(".bar-high").textContent()).toBe(`≥ ${Number(most.toPrecision(3))}`);
    // What is equal to the target is black in the first colour of the scale.
    const pixel = await page.screenshot({ clip: await clipOf(card.locator(".stage").nth(2)) });
    const { default: sharp } = await import("sharp");
    const { data } = await sharp(pixel).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const black = [1, 3, 5].map((at) => Number.parseInt(magma[0].slice(at, at + 2), 16));
    for (const [channel, value] of black.entries()) expect(Math.abs(data[channel] - value)).toBeLessThanOrEqual(1);
    // An image of lesser errors has its own scale where it is asked for.
    const last = page.locator(".image").last();
    await last.scrollIntoViewIfNeeded();
    await last.locator('.map-tab[data-loss="l1"]').click();
    const high = () => last.locator(".bar-high").textContent();
    const shared = await high();
    await page.uncheck("#shared-scale");
    expect(await high()).not.toBe(shared);
    await page.check("#shared-scale");
    expect(await high()).toBe(shared);
    await last.locator('.map-tab[data-loss=""]').click();
    await card.locator('.map-tab[data-loss=""]').click();
    expect(await card.locator(".scale").isVisible()).toBe(false);
  });

  /** A square in the upper left corner of an element. */
  async function clipOf(element: ReturnType<Page["locator"]>) {
    await element.scrollIntoViewIfNeeded();
    const box = (await element.boundingBox()) as { x: number; y: number };
    return { x: box.x + 12, y: box.y + 12, width: 8, height: 8 };
  }

  it("slides between two of them, by pointer and by keys", async () => {
    const card = first();
    await card.locator('.mode[data-mode="slide"]').click();
    await card.locator("select.a").selectOption("0");
    await card.locator("select.b").selectOption("2");
    expect(await card.locator(".tile:visible h4").allTextContents()).toEqual(["Target", "corner"]);
    const stage = card.locator(".tile.b .stage");
    const { x, y, width, height } = (await stage.boundingBox()) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    await page.mouse.move(x + width / 4, y + height / 2);
    const handle = card.locator(".handle");
    expect(Number(await handle.getAttribute("aria-valuenow"))).toBeCloseTo(25, -0.5);
    await handle.focus();
    await page.keyboard.press("End");
    expect(await handle.getAttribute("aria-valuenow")).toBe("100");
    await card.locator('.mode[data-mode="grid"]').click();
    expect(await card.locator(".tile:visible").count()).toBe(4);
  });

  it("flips between views, by buttons and by keys", async () => {
    const card = first();
    await card.locator("h3").hover();
    await page.keyboard.press("2");
    const seen = () => card.locator(".tile:visible h4").allTextContents();
    expect(await seen()).toEqual(["corner"]);
    await page.keyboard.press("ArrowRight");
    expect(await seen()).toEqual([evil]);
    await page.keyboard.down("f");
    expect(await seen()).toEqual(["Target"]);
    await page.keyboard.up("f");
    await card.locator(".play").click();
    // It goes on by itself.
    await expect.poll(seen, { timeout: 20_000 }).toEqual(["Target"]);
    await card.locator(".play").click();
    await page.keyboard.press("s");
    expect((await seen()).length).toBe(4);
  });

  it("fills the window, is light or dark, and goes to an image from the table", async () => {
    const card = first();
    await card.locator(".large").click();
    expect(((await card.boundingBox()) as { width: number }).width).toBeGreaterThan(1250);
    await page.keyboard.press("Escape");
    expect(await card.getAttribute("class")).not.toContain("enlarged");
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await background();
    await page.click("#theme");
    expect(await background()).not.toBe(before);
    await page.locator(".rows a").first().click();
    expect(new URL(page.url()).hash).toMatch(/^#image-\d$/);
  });

  it("says why a picture is missing", async () => {
    // The third method lacks 3.png, on which the other two differ more than on 0.png.
    const card = page.locator(".image", { has: page.locator("h3", { hasText: "3.png" }) });
    expect(await card.locator(".none").allTextContents()).toEqual([expect.stringMatching(/^no output/)]);
  });

  it("makes no request and logs no error", () => {
    expect(report.requests()).toEqual([]);
    expect(report.trouble).toEqual([]);
  });
});
