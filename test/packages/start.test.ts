import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";
import { expect, test } from "vitest";
import { photographPath } from "../../scripts/photographs.ts";
import { launch, withoutBrowser } from "../browser.ts";
import { writePicture } from "../write-picture.ts";
import { project, run } from "./project.ts";
import { serve } from "./serve.ts";

/** The pages of docs/start as a newcomer follows them: files as they are shown, commands as they are typed, with the packages as they are built. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const programs: Record<string, string> = {
  reconloss: "reconloss/dist/cli/main.js",
  vitest: "vitest/vitest.mjs",
  vite: "vite/bin/vite.js",
};

/** What a page shows: a file, named in a line before the block, or commands. */
interface Step {
  file?: string;
  text: string;
}

function stepsOf(page: string): Step[] {
  const text = readFileSync(join(root, "docs/start", page), "utf8");
  const blocks = text.matchAll(/(?:^`([\w.]+)`:\n\n)?^```(\w*)\n([\s\S]*?)^```/gm);
  return [...blocks]
    .map(([, file, language, body]) => ({ file, language, text: body }))
    .filter(({ file, language }) => file !== undefined || language === "sh");
}

/** Photographs, outputs of two methods, and their targets. */
async function writePictures(folder: string): Promise<void> {
  const source = photographPath("cat");
  const write = (path: string, image: Sharp) => writePicture(folder, path, image);
  for (const [name, left] of [
    ["cat.png", 100],
    ["grass.png", 400],
  ] as const) {
    const target = await sharp(source).extract({ left, top: 100, width: 180, height: 180 }).png().toBuffer();
    await write(`targets/${name}`, sharp(target));
    await write(`outputs/${name}`, sharp(await sharp(target).jpeg({ quality: 60 }).toBuffer()));
    await write(`others/${name}`, sharp(await sharp(target).webp({ quality: 60 }).toBuffer()));
  }
  const photograph = await sharp(source).resize(320).jpeg().toBuffer();
  for (const name of ["cat.jpg", "dog.jpg"]) await write(`photos/${name}`, sharp(photograph));
}

const wordsOf = (line: string) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);

/** Runs a command of a page, and says what it printed; a training has one step, whatever it says, and a development server builds. */
async function follow(folder: string, line: string): Promise<string> {
  const [tool, name, ...args] = wordsOf(line);
  if (tool === "npm") {
    // What is to be installed is what this repository has.
    const packages = args.filter((word) => !word.startsWith("-"));
    for (const each of packages) expect(existsSync(join(folder, "node_modules", each)), each).toBe(true);
    return "";
  }
  expect([tool, Object.keys(programs).includes(name)], line).toEqual(["npx", true]);
  if (name === "vite") args.push("build");
  if (name === "reconloss" && args[0] === "train") args[args.indexOf("--steps") + 1] = "1";
  const { code, output } = await run(folder, programs[name], args, { RECONLOSS_HOME: join(folder, "home") });
  expect({ line, code, output: code === 0 ? "" : output }).toEqual({ line, code: 0, output: "" });
  return output;
}

test.each(["judge.md", "train.md", "guard.md"])("docs/start/%s works as written", async (page) => {
  const folder = project(page.replace(".md", ""), {});
  await writePictures(folder);
  const printed: string[] = [];
  for (const { file, text } of stepsOf(page)) {
    if (file !== undefined) writeFileSync(join(folder, file), text);
    else for (const line of text.trim().split("\n")) printed.push(await follow(folder, line));
  }
  const files = {
    "judge.md": ["report.html", "table.tex"],
    "train.md": ["x2/model.onnx", "x2/report.html", "large.png"],
    "guard.md": ["__image_snapshots__/chart.test.js/the_chart_1.png", "baseline.json", "junit.xml", "cat.webp"],
  }[page] as string[];
  for (const file of files) expect(existsSync(join(folder, file)), file).toBe(true);
  expect(printed.some((text) => text.length > 0)).toBe(true);
});

test.skipIf(withoutBrowser)("docs/start/page.md works as written, in a browser", async () => {
  const folder = project("page", {});
  for (const { file, text } of stepsOf("page.md")) {
    if (file !== undefined) writeFileSync(join(folder, file), text);
    else for (const line of text.trim().split("\n")) await follow(folder, line);
  }
  const site = await serve(join(folder, "dist"));
  const browser = await launch();
  try {
    const page = await browser.context.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => document.querySelector("#delta-e")?.textContent !== "");
    const texts = await page.$$eval("output", (outputs) => outputs.map(({ textContent }) => Number(textContent)));
    // Two discs of almost the same size: alike, not equal.
    expect(texts[0]).toBeGreaterThan(0.5);
    expect(texts[0]).toBeLessThan(1);
    expect(texts[1]).toBeGreaterThan(0);
    expect(await page.$eval("canvas", ({ width, height }) => [width, height])).toEqual([54, 54]);
  } finally {
    await browser.close();
    await site.close();
  }
});
