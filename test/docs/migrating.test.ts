import { existsSync, readdirSync } from "node:fs";
import { parseLoss, Tensor } from "@reconloss/core";
import { metricNames, parseMetric } from "@reconloss/core/metrics";
import { ssim as ssimJs } from "ssim.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { perceptual } from "../../packages/core/src/losses/perceptual.ts";
import { parseRequirements } from "../../packages/reconloss/src/matchers/requirements.ts";
import { run } from "../cli/run.ts";
import { goldenCases, readInput } from "../golden.ts";
import { perceptualOptions, qualitySpecs, rules } from "../losses/golden-rules.ts";
import { codeIn, readText, tableRows } from "./tables.ts";

/** Every row of docs/migrating: what is written here exists, and a number that is called equal is held by a test. */

const folder = new URL("../../docs/migrating/", import.meta.url);
const pages = readdirSync(folder).filter((name) => name !== "README.md");

interface Row {
  page: string;
  call: string;
  here: string[];
  number: string;
}

const rows: Row[] = pages.flatMap((page) =>
  tableRows(readText(`docs/migrating/${page}`)).map((row) => ({
    page,
    call: codeIn(Object.values(row)[0])[0],
    here: codeIn(row.here),
    number: row.number,
  })),
);

/** Names that the packages export, types aside. */
const exported = new Set(
  readText("test/exports/reconloss.txt")
    .split("\n")
    .map((line) => line.trim()),
);

/** The same with a discriminator of one feature, which is made at once. */
const withSmallNetwork = (spec: string) => spec.replace(/\bgan(\()?/, (_, open) => `gan(features=1${open ? "," : ")"}`);

/** Runs what is written in the second column as far as it can be without files: it throws where there is no such thing. */
async function checkWritten(code: string): Promise<void> {
  if (code.startsWith("reconloss ")) {
    const words = [...code.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);
    const paths = words.filter((word) => /\/$|\.(png|npz|onnx)$/.test(word));
    const { code: exit, stderr } = await run(words.slice(1));
    // Everything of the call is read before its files, which are not there, as the weights are not.
    const missing = [...paths.map((path) => path.replace(/\/$/, "")), "are not on this machine"];
    expect(exit === 2 || exit === 3, stderr).toBe(true);
    expect(
      missing.some((text) => stderr.includes(text)),
      stderr,
    ).toBe(true);
  } else if (/^[a-z]+[A-Z]\w*\(|^resize\(/.test(code)) {
    expect(exported).toContain(/^\w+/.exec(code)?.[0]);
    const [, conditions] = /^toMatchImage\("([^"]*)"/.exec(code) ?? [];
    if (conditions !== undefined) expect(parseRequirements(conditions).length).toBeGreaterThan(0);
  } else if (/[<>]/.test(code)) expect(parseRequirements(code).length).toBe(1);
  else if (metricNames.includes(/^[\w-]+/.exec(code)?.[0] as never)) parseMetric(code);
  else parseLoss(withSmallNetwork(code));
}

describe("the calls that the pages show in reconloss run:", () => {
  beforeAll(() => {
    process.env.RECONLOSS_OFFLINE = "1";
  });
  afterAll(() => {
    delete process.env.RECONLOSS_OFFLINE;
  });

  test.each(rows.flatMap(({ page, here }) => here.map((code) => [page, code] as const)))("%s: %s", async (_, code) => {
    await checkWritten(code);
  });

  test("are in every row except those of what reconloss lacks", () => {
    for (const { page, call, here, number } of rows) {
      expect(["equal", "same formula", "differs", "not here"], `${page}: ${call}`).toContain(number);
      expect(here.length > 0, `${page}: ${call}`).toBe(number !== "not here");
    }
  });
});

/** What the official numbers are that a specification is held against. */
interface Evidence {
  spec: string;
  /** Empty: a page's own preset is its name. */
  peers: string;
}

const peersOf = (family: string, id: RegExp) =>
  goldenCases(family)
    .filter((golden) => id.test(golden.id.slice(0, golden.id.lastIndexOf("/"))))
    .map(({ peer }) => peer)
    .join(" ");

const lpipsSpec = ({ net, version, heads, normalize }: Record<string, unknown>) =>
  `lpips(net=${net},version=${version === "0.0" ? "0.0" : "0.1"},heads=${heads === undefined},range=${normalize === false ? "signed" : "unit"})`;

const evidence: Evidence[] = [
  ...Object.entries(rules).flatMap(([family, list]) =>
    list.map(({ id, spec }) => ({ spec, peers: peersOf(family, id) })),
  ),
  ...Object.entries(qualitySpecs).map(([name, spec]) => ({
    spec,
    peers: peersOf("iqa", new RegExp(`^${name.replaceAll(".", "\\.")}$`)),
  })),
  ...Object.entries(perceptualOptions).map(([name, options]) => ({
    spec: perceptual(options).spec,
    peers: peersOf("perceptual", new RegExp(`^${name}$`)),
  })),
  ...goldenCases("lpips").map(({ options, peer }) => ({ spec: lpipsSpec(options), peers: peer })),
  { spec: "dists(preset=piq)", peers: peersOf("deep2", /^dists-piq$/) },
  ...JSON.parse(readText("test/goldens/octave/structural-similarity.json")).map(({ spec }: { spec: string }) => ({
    spec: spec.replace(/,?dataRange=255/, "").replace("()", ""),
    peers: "",
  })),
];

/** Whose official numbers a page is about. */
const peerOfPage: Record<string, RegExp> = {
  "piq.md": /photosynthesis-team\/piq/,
  "pyiqa.md": /IQA-PyTorch/,
  "torchmetrics.md": /torchmetrics/,
  "kornia.md": /kornia/,
  "basicsr.md": /BasicSR/,
  "lpips.md": /PerceptualSimilarity/,
  "pytorch-msssim.md": /pytorch-msssim/,
  "scikit-image.md": /scikit-image/,
};

/** Numbers that are held otherwise: the beginning of a call, or of what is written here, with the tests' file and a title in it. */
const heldBy: [page: RegExp, start: string, file: string, title: string][] = [
  [/pyiqa/, 'create_metric("niqe")', "test/losses/niqe.test.ts", "niqe(preset=pyiqa) equals IQA-PyTorch"],
  [/torchmetrics/, "psnr(pooling=channels)", "test/losses/psnr.test.ts", "pooling equals torchmetrics' dim"],
  [/torchmetrics/, "mifid", "test/metrics/goldens2.test.ts", "$metric equals $peer"],
  [/basicsr/, "GANLoss", "test/losses/adversarial/objectives.test.ts", "objectives on %s equal BasicSR's"],
  [/basicsr/, "ESRGANModel", "test/losses/adversarial/objectives.test.ts", "objectives on %s equal BasicSR's"],
  [/basicsr/, "UNetDiscriminatorSN", "test/nets/discriminators.test.ts", "unet-sn"],
  [/basicsr/, "VGGStyleDiscriminator", "test/nets/discriminators.test.ts", "vgg"],
  [/basicsr/, "r1_penalty", "test/losses/adversarial/penalties.test.ts", "the tiny discriminator on %s"],
  [/basicsr/, "calculate_niqe", "test/losses/niqe.test.ts", "niqe equals BasicSR"],
  [/basicsr/, "FocalFrequencyLoss", "test/losses/golden-rules.ts", "ffl"],
  [
    /lpips/,
    "python lpips_2",
    "test/losses/lpips.test.ts",
    "lpips with seeded weights equals the official implementation",
  ],
  [/fid|fidelity/, "calculate_frechet", "test/metrics/goldens.test.ts", "Frechet distances equal torch-fidelity's"],
  [/fid|fidelity/, "is(", "test/metrics/goldens.test.ts", "inception scores equal torch-fidelity's"],
  [/fid|fidelity/, "kid(", "test/metrics/goldens.test.ts", "kernel distances equal torch-fidelity's"],
  [/fid|fidelity/, "pr(", "test/metrics/goldens.test.ts", "precision and recall equal torch-fidelity's"],
  [/fid|fidelity/, "resize(", "test/pixels/imresize.test.ts", "imresize"],
  [
    /fid|fidelity/,
    "reconloss stats",
    "test/distribution/statistics-file.test.ts",
    "statistics files of other programs",
  ],
  [
    /fid|fidelity/,
    "reconloss distribution",
    "test/nets/inception.test.ts",
    "the FID network equals pytorch-fid's and torch-fidelity's with seeded weights",
  ],
];

/** What a specification sets, whatever it is called. */
function settingsOf(spec: string): string {
  const { name, options, spec: canonical } = parseLoss(spec);
  const { preset: _, ...rest } = options;
  return Object.keys(rest).length === 0 ? canonical : JSON.stringify([name, rest]);
}

const known = evidence.map(({ spec, peers }) => ({ settings: settingsOf(spec), peers }));

function isHeld({ page, call, here: [here] }: Row): boolean {
  for (const [pattern, start, file, title] of heldBy) {
    if (pattern.test(page) && (call.startsWith(start) || here.startsWith(start))) return readText(file).includes(title);
  }
  if (peerOfPage[page] === undefined) return false;
  const settings = settingsOf(here);
  return known.some(({ settings: of, peers }) => of === settings && (peers === "" || peerOfPage[page].test(peers)));
}

describe("a test holds each number that a page calls equal", () => {
  test.each(rows.filter(({ number }) => number === "equal").map((row) => [row.page, row.call, row] as const))(
    "%s: %s",
    (_, __, row) => expect(isHeld(row)).toBe(true),
  );
});

test("the index names every page", () => {
  const index = readText("docs/migrating/README.md");
  for (const page of pages) expect(index).toContain(`](${page})`);
  for (const [, , file] of heldBy) expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).toBe(true);
});

test("ssim.js differs from reconloss's SSIM as much as its page says", async () => {
  const crop = async (name: string) => {
    const { data, shape } = await readInput(`inputs/${name}.png`);
    const at = (c: number, y: number, x: number) => data[(c * shape[2] + y + 60) * shape[3] + x + 60];
    return Tensor.from(
      Array.from({ length: 3 * side * side }, (_, i) =>
        at(Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side),
      ),
      [1, 3, side, side],
    );
  };
  const side = 48;
  const pixels = ({ data }: Tensor) => {
    const at = (i: number) => (i % 4 === 3 ? 255 : Math.round(255 * data[(i % 4) * side * side + (i >> 2)]));
    return { data: Uint8ClampedArray.from({ length: 4 * side * side }, (_, i) => at(i)), width: side, height: side };
  };
  for (const name of ["scene_jpeg15", "scene_noise"]) {
    const [output, target] = [await crop(name), await crop("scene")];
    const options = { ssim: "fast", downsample: false, rgb2grayVersion: "original" } as const;
    const theirs = ssimJs(pixels(target), pixels(output), options).mssim;
    const ours = await parseLoss("ssim(channels=y-matlab)").value(output, target);
    expect(Math.abs(theirs - ours)).toBeLessThan(5e-4);
  }
});
