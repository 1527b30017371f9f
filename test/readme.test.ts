import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ssim } from "../packages/core/src/losses/index.ts";
import { lossFactories } from "../packages/core/src/losses/registry.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";
import { photographPath } from "../scripts/photographs.ts";
import { bundleForPage, launch, serve, withoutBrowser } from "./browser.ts";
import { writePicture } from "./write-picture.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** The rows of the README's table of losses: names, and the implementations whose numbers they claim to equal. */
const rows = read("README.md")
  .split("\n")
  .filter((line) => /^\| `[a-z]/i.test(line) && line.split("|").length === 5)
  .map((line) => {
    const [, names, , equals] = line.split("|");
    return {
      names: [...names.matchAll(/`([^`(]+)/g)].map(([, name]) => name),
      // What stands in brackets says which part of a peer, not whose.
      peers: equals
        .replaceAll(/\([^)]*\)/g, "")
        .split(",")
        .map((peer) => peer.trim())
        .filter((peer) => peer !== ""),
    };
  });

/** The names of peers in the official numbers and in the tests, where these differ. */
const otherNames: Record<string, RegExp> = {
  "Wang's `ssim.m`": /ssim\.m/,
  "Wang's `msssim.m`": /msssim\.m/,
  "richzhang's `lpips`": /richzhang/,
  "kornia `MS_SSIMLoss`": /kornia/i,
  "scikit-image's SSIM": /scikit-image/,
  "Sharma's table": /Sharma/,
  CDC: /Component-Divide-and-Conquer/,
  PyTorch: /"torch \d/,
  "IQA-PyTorch": /IQA-PyTorch|pyiqa/i,
  "PyTorch's `rfft2`": /rfft2/,
  "the authors' `GMSD.m`": /GMSD.*N - 1|authorsFigure/,
  "the authors' `FeatureSIM.m`": /fsimc-matlab/,
  "the authors' `SR_SIM.m`": /matlab\/srsim/,
  "the authors' `iwssim.m`": /matlab\/iw-ssim/,
  "the authors' MATLAB codes": /authorsFigure/,
  "NVlabs' LDR-FLIP": /LDRFLIPLoss/,
  "cloudinary's program 2.1": /cloudinary/i,
  "pytorch-msssim": /pytorch[-_]msssim/i,
};

/** Families of official numbers, by loss; other losses are the tests' alone. */
const families: Record<string, string[]> = {
  l1: ["pixel"],
  mse: ["pixel"],
  charbonnier: ["pixel"],
  ...Object.fromEntries(
    ["huber", "smooth-l1", "log-cosh", "cauchy", "geman-mcclure", "welsch", "barron", "psnr-loss", "cosine"].map(
      (name) => [name, ["robust"]],
    ),
  ),
  ...Object.fromEntries(["edge", "sobel", "gradient-weighted"].map((name) => [name, ["edges"]])),
  psnr: ["psnr"],
  ssim: ["ssim"],
  dssim: ["ssim"],
  "ms-ssim": ["ms-ssim"],
  deltaE: ["deltae"],
  fft: ["frequency"],
  "focal-frequency": ["frequency"],
  tv: ["tv"],
  exposure: ["priors"],
  niqe: ["priors"],
  perceptual: ["perceptual"],
  lpips: ["lpips"],
  gan: ["gan", "deep2"],
  gmsd: ["iqa"],
  "ms-gmsd": ["iqa"],
  mdsi: ["iqa"],
  haarpsi: ["iqa"],
  vif: ["iqa"],
  uqi: ["iqa"],
  sam: ["iqa"],
  ergas: ["iqa"],
  scc: ["iqa"],
  dists: ["deep2"],
  fsim: ["iqa"],
  contextual: ["deep2"],
  "sr-sim": ["iqa"],
  dss: ["iqa"],
  vsi: ["iqa"],
  "iw-ssim": ["iqa"],
  flip: ["iqa"],
  ssimulacra2: ["ssimulacra2"],
};

test("the README's table lists every loss", () => {
  const named = rows.flatMap(({ names }) => names);
  for (const { info } of lossFactories) expect(named).toContain(info.name);
});

test("every implementation in the README's table has official numbers or a test of its losses", () => {
  const folder = new URL("test/losses/", root);
  const tests = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  const claims = rows.flatMap(({ names, peers }) => peers.map((peer) => ({ names, peer })));
  expect(claims.length).toBeGreaterThan(25);
  for (const { names, peer } of claims) {
    const called = otherNames[peer] ?? new RegExp(peer.replaceAll(/[^\w-]/g, "."), "i");
    const official = names
      .flatMap((name) => families[name] ?? [])
      .some((family) => called.test(read(`test/goldens/expected/${family}.json`)));
    const tested = tests.some((file) => {
      const text = read(`test/losses/${file}`);
      return called.test(text) && names.some((name) => text.includes(name) || text.includes(name.replace("-", "")));
    });
    expect(official || tested, `${names.join(", ")} equals ${peer}`).toBe(true);
  }
});

test("every page and heading that the README links to exists", () => {
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-");
  const links = [...read("README.md").matchAll(/\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)/g)];
  expect(links.length).toBeGreaterThan(5);
  for (const [, path, heading] of links) {
    expect(existsSync(new URL(path, root)), path).toBe(true);
    const headings = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, text]) => anchor(text));
    if (heading) expect(headings, `${path}#${heading}`).toContain(heading);
  }
});

test("lines of the README are at most 120 letters wide, outside its table", () => {
  const wide = read("README.md")
    .split("\n")
    .filter((line) => !line.startsWith("|") && line.length > 120);
  expect(wide).toEqual([]);
});

test("the README has the commands that show and test a clone, each on a line of its own", () => {
  const lines = read("README.md").split("\n");
  for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) expect(lines).toContain(command);
});

/** The blocks of the README in a language. */
const blocks = (language: string): string[] =>
  [...read("README.md").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, body]) => body);

describe("what the README shows is what its code gives", () => {
  const folder = mkdtempSync(join(tmpdir(), "reconloss-readme-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Images under all names that the README has. */
  beforeAll(async () => {
    const write = (path: string, image: Sharp) => writePicture(folder, path, image);
    for (const [name, left] of [
      ["cat.png", 100],
      ["grass.png", 400],
    ] as const) {
      const place = { left, top: 100, width: 96, height: 96 };
      const target = await sharp(photographPath("cat")).extract(place).png().toBuffer();
      const output = await sharp(target).jpeg({ quality: 60 }).toBuffer();
      await write(`outputs/${name}`, sharp(output));
      for (const set of ["targets", "HR", "reals"]) await write(`${set}/${name}`, sharp(target));
      // Methods differ, or a figure would not know where to look.
      for (const [index, method] of ["nearest", "bicubic", "Lanczos", "sharpened", "ours"].entries()) {
        const quality = 50 + 10 * index;
        await write(`out/${method}/${name}`, sharp(await sharp(target).jpeg({ quality }).toBuffer()));
      }
      if (name === "cat.png") {
        for (const path of ["photo.png", "target.png"]) await write(path, sharp(target));
        await write("output.png", sharp(output));
      }
    }
    for (const name of ["cat.png", "dog.png"]) await write(`photos/${name}`, sharp(photographPath("cat")).resize(320));
  });

  const main = fileURLToPath(new URL("packages/reconloss/src/cli/main.ts", root));
  /** Runs the command line in the folder, with nothing to download. */
  const run = (args: readonly string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const env = {
        ...process.env,
        RECONLOSS_OFFLINE: "1",
        RECONLOSS_HOME: join(folder, "home"),
        RECONLOSS_WEIGHTS: "",
      };
      const tsx = import.meta.resolve("tsx");
      execFile(process.execPath, ["--import", tsx, main, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      });
    });

  const commands = blocks("sh")
    .flatMap((block) =>
      block
        .replaceAll(/\\\n\s*/g, "")
        .trim()
        .split("\n"),
    )
    .filter((line) => line.startsWith("npx reconloss"));

  test("commands are compare, figure, train, distribution and quality", () => {
    const subcommands = commands.map((line) => line.split(" ")[2]);
    expect(new Set(subcommands)).toEqual(new Set(["compare", "figure", "train", "distribution", "quality"]));
  });

  test.each(commands.filter((line) => !line.includes(".mp4")))("%s", async (line) => {
    const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word).slice(2);
    if (args[0] === "train") args[args.indexOf("--steps") + 1] = "1";
    const { code, output } = await run(args);
    // FID is of weights that would be downloaded here.
    const expected = args[0] === "distribution" ? { code: 3, output: /inception-fid/ } : { code: 0, output: /./ };
    expect({ code, output }).toEqual({ code: expected.code, output: expect.stringMatching(expected.output) });
    const written = args.filter((_, i) => ["-o", "--report", "--json", "--latex"].includes(args[i - 1]));
    for (const path of written) expect(existsSync(join(folder, path)), path).toBe(true);
  });

  test.skipIf(withoutBrowser)("its page has the value that Node has of the same files", async () => {
    const [page] = blocks("html");
    const script = /<script type="module">([\s\S]*?)<\/script>/;
    const bundle = await bundleForPage(script.exec(page)?.[1] ?? "");
    const site = await serve((path) => {
      if (path === "/") return page.replace(script, '<script type="module" src="program.js"></script>');
      return bundle.get(path.slice(1)) ?? (path.endsWith(".png") ? readFileSync(join(folder, path)) : undefined);
    });
    const browser = await launch();
    try {
      const opened = await browser.context.newPage();
      await opened.goto(site.url);
      await opened.waitForFunction(() => document.querySelector("output")?.textContent !== "");
      const shown = await opened.textContent("output");
      const [output, target] = await Promise.all(
        ["output.png", "target.png"].map((name) => readImage(join(folder, name))),
      );
      expect(shown).toBe((await ssim().value(output, target)).toFixed(4));
    } finally {
      await browser.close();
      site.close();
    }
  });
});
