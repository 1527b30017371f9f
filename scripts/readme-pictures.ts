/**
 * `npx tsx scripts/readme-pictures.ts [FOLDER]`: the pictures of README.md in docs/readme/: pages that the commands of the README write, as Chromium shows them. The photographs are those of `photographs.ts`.
 * Inputs and pages stay in FOLDER; a training that is finished there is not repeated (four minutes of two cores).
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { chromiumPath } from "../test/browser.ts";
import { type PhotographName, photographNames, photographPath } from "./photographs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), "reconloss-readme-")));
const pictures = join(root, "docs", "readme");
/** Pixels of the page around what is shown, and to each of its own pixels. */
const [margin, density] = [16, 1.5];

function reconloss(...args: string[]): void {
  const program = join(root, "packages/reconloss/src/cli/main.ts");
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") };
  const tsx = import.meta.resolve("tsx");
  execFileSync(process.execPath, ["--import", tsx, program, ...args], { cwd: folder, env, stdio: "inherit" });
}

/** What a picture shows of the photographs, and how its output is made. */
const pairs: readonly {
  name: string;
  of: PhotographName;
  left: number;
  top: number;
  degrade: (image: Sharp) => Sharp;
}[] = [
  { name: "flower", of: "flower", left: 40, top: 60, degrade: (image) => image.jpeg({ quality: 10 }) },
  { name: "husk", of: "flower", left: 40, top: 510, degrade: (image) => image.blur(1.5).png() },
  { name: "cat", of: "cat", left: 20, top: 20, degrade: (image) => image.webp({ quality: 5 }) },
];

async function writePairs(): Promise<void> {
  for (const path of ["outputs", "targets", "photos"]) await mkdir(join(folder, path), { recursive: true });
  for (const name of photographNames)
    await sharp(photographPath(name))
      .png()
      .toFile(join(folder, "photos", `${name}.png`));
  for (const { name, of, left, top, degrade } of pairs) {
    const target = sharp(photographPath(of)).extract({ left, top, width: 720, height: 450 });
    await target
      .clone()
      .png()
      .toFile(join(folder, "targets", `${name}.png`));
    await sharp(await degrade(target.clone()).toBuffer())
      .png()
      .toFile(join(folder, "outputs", `${name}.png`));
  }
}

/** Returns a page that a command wrote, when all that is to be shown is there. */
async function open(browser: Browser, path: string, width: number): Promise<Page> {
  const page = await browser.newPage({ deviceScaleFactor: density, viewport: { width, height: 1500 } });
  await page.emulateMedia({ reducedMotion: "reduce", colorScheme: "light" });
  await page.goto(pathToFileURL(join(folder, path)).href);
  return page;
}

/** Returns what a page shows, over its whole width, from one element to another. */
async function strip(page: Page, first: Locator, last = first): Promise<Buffer> {
  await first.scrollIntoViewIfNeeded();
  const [from, to] = [await first.boundingBox(), await last.boundingBox()];
  if (from === null || to === null) throw new Error(`${page.url()} does not show ${first} and ${last}`);
  const [scroll, width] = await page.evaluate(() => [window.scrollY, window.innerWidth]);
  const clip = { x: 0, y: from.y + scroll - margin, width, height: to.y + to.height - from.y + 2 * margin };
  return page.screenshot({ clip, fullPage: true });
}

/** Writes strips of a width, one below the other, as a WebP file. */
async function write(name: string, strips: readonly Buffer[]): Promise<void> {
  const sizes = await Promise.all(strips.map((strip) => sharp(strip).metadata()));
  const tops = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, { height }) => sum + height, 0));
  const size = { width: sizes[0].width, height: sizes.reduce((sum, { height }) => sum + height, 0) };
  await sharp({ create: { ...size, channels: 3, background: "white" } })
    .composite(strips.map((input, index) => ({ input, left: 0, top: tops[index] })))
    .webp({ quality: 82, effort: 6 })
    .toFile(join(pictures, `${name}.webp`));
}

await mkdir(pictures, { recursive: true });
// The figure of docs/figures.md, with a border for readers with a dark background.
await sharp(join(root, "docs", "figure.png"))
  .extend({ top: margin, bottom: margin, left: margin, right: margin, background: "white" })
  .webp({ quality: 90, effort: 6 })
  .toFile(join(pictures, "figure.webp"));
await writePairs();
reconloss("compare", "outputs/", "targets/", "--report", "report.html");
if (!existsSync(join(folder, "x2", "model.onnx")))
  reconloss(
    "train",
    "super-resolution",
    "--data",
    "photos/",
    "--loss",
    "l1 + 0.1*ssim",
    "--steps",
    "1000",
    "-o",
    "x2/",
  );

const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
try {
  const report = await open(browser, "report.html", 1000);
  const card = report.locator("article.pair", { hasText: "flower.png" });
  await card.scrollIntoViewIfNeeded();
  // A map is drawn when its card is in sight, and has its scale then.
  await card.locator(".bar-high", { hasText: /./ }).waitFor();
  await card
    .locator("img")
    .first()
    .evaluate((image: HTMLImageElement) => image.decode());
  await write("compare", [await strip(report, card)]);

  const training = await open(browser, "x2/report.html", 1000);
  const curves = training.locator(".curves").first().locator(".curve");
  // Of the samples, the one with the finest texture.
  const sample = training.locator(".sample", { hasText: "flower.png (3)" });
  await write("train", [await strip(training, curves.first()), await strip(training, sample)]);
} finally {
  await browser.close();
}
process.stdout.write(`docs/readme/ of ${folder}\n`);
