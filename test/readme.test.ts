import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lossFactories } from "../packages/core/src/losses/registry.ts";

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

test("the README's table has every loss", () => {
  const named = rows.flatMap(({ names }) => names);
  for (const { info } of lossFactories) expect(named).toContain(info.name);
});

test("every implementation that the README's table names is held by official numbers or a test of its losses", () => {
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

test("every page and heading that the README links to is there", () => {
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
