import { Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import type { SetResult } from "@reconloss/core/metrics";
import { arrowOf } from "../compare/index.ts";
import { countOf } from "../distribution/evaluate.ts";
import type { ImageSet } from "../distribution/image-set.ts";
import type { DistributionReport, Neighbour } from "../distribution/index.ts";
import { openSet } from "../distribution/inputs/open.ts";
import { parsePatches, placeIn } from "../distribution/patches.ts";
import { writeFileAtomically } from "../files.ts";
import { type Content, documentHead, html } from "../html.ts";
import { withoutSecrets } from "../http.ts";
import { fromPixels, type PixelOptions, toPixels } from "../image/index.ts";
import { type Box, cut } from "../onnx/fit.ts";
import { style } from "./style.ts";
import { reduced, webpUri } from "./webp.ts";

/** The longer side of images on the page, in pixels. */
const imageSide = 192;

/**
 * Writes the comparison of two sets as one HTML file that needs nothing else: the numbers with their protocol, the outputs nearest to and farthest from
 * the reals in feature space, each beside its nearest real image, and the spectra of both sets.
 *
 * @param report - of `evaluateDistribution` with `details: true`; without details, only the numbers are shown
 * @param options.outputs - where the outputs are read from, where that is an address whose name, password or query is secret; default: the report's path
 * @param options.reals - the same of the reals
 * @throws {ReconlossError} `image` when an image cannot be read any more, `file` when the page cannot be written
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { writeSetReport } from "reconloss/report";
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "report.html");
 * const outputs = { path: "outputs", images: 0, computed: 0, unreadable: [] };
 * await writeSetReport(path, { results: {}, protocol: { network: "mine" }, outputs, warnings: [] });
 * ```
 */
export async function writeSetReport(
  path: string,
  report: DistributionReport,
  options: PixelOptions & { readonly outputs?: string | undefined; readonly reals?: string | undefined } = {},
): Promise<void> {
  checkArguments("writeSetReport", {
    path: [path, "text"],
    report: [report, "object", ["results", "outputs"]],
    options: [options, "object?"],
  });
  const { outputs = report.outputs.path, reals = report.reals?.path, ...pixels } = options;
  const pictures =
    report.details && reals !== undefined ? await picturesOf(report, { outputs, reals }, pixels) : undefined;
  await writeFileAtomically(path, page(report, pictures));
}

/** Data URIs by side and name. */
type Pictures = Record<"output" | "real", Map<string, string>>;

async function picturesOf(
  report: DistributionReport,
  { outputs, reals }: { outputs: string; reals: string },
  options: PixelOptions,
): Promise<Pictures> {
  const neighbours = [...(report.details?.nearest ?? []), ...(report.details?.farthest ?? [])];
  const { size } = report.protocol.patches === undefined ? {} : parsePatches(String(report.protocol.patches));
  const encoded = (path: string, names: string[]) => encodeAll(path, new Set(names), size, options);
  return {
    output: await encoded(
      outputs,
      neighbours.map(({ output }) => output),
    ),
    real: await encoded(
      reals,
      neighbours.map(({ real }) => real),
    ),
  };
}

/** Pictures of images by name, or of patches of so many pixels each way. */
async function encodeAll(
  path: string,
  names: Set<string>,
  patch: number | undefined,
  options: PixelOptions,
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  /** Of each image, what of it is wanted. */
  const wanted = new Map<string, { name: string; box?: Box }[]>();
  for (const name of names) {
    const { image, left, top } = patch === undefined ? { image: name, left: 0, top: 0 } : placeIn(name);
    const box = patch === undefined ? undefined : { left, top, height: patch, width: patch };
    wanted.set(image, [...(wanted.get(image) ?? []), { name, box }]);
  }
  const source = await openSet(path, options);
  try {
    const images = await source.images?.();
    for (let index = 0; index < (images?.count ?? 0); index++) {
      for (const { name, box } of wanted.get((images as ImageSet).name(index)) ?? []) {
        pictures.set(name, await encode(images as ImageSet, index, box));
      }
    }
  } finally {
    await source.close();
  }
  return pictures;
}

async function encode(set: ImageSet, index: number, box: Box | undefined): Promise<string> {
  const { image: whole } = await (await set.load(index)).decode();
  const read = box ? cut(whole, box) : whole;
  const pixels = toPixels(read instanceof Tensor ? read : fromPixels(read));
  return webpUri(await reduced(pixels, imageSide), { quality: 88 });
}

const ownStyle = `
.numbers { width: 100%; border-collapse: collapse; }
.numbers th, .numbers td { padding: .8rem 1.5rem .8rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: baseline; font-weight: 400; }
.numbers .number { font: 400 1.7rem/1.1 var(--serif); white-space: nowrap; }
.numbers .aside { max-width: 40rem; }
.neighbours { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; margin-top: 1rem; }
.neighbours li { padding: .8rem; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; overflow-wrap: anywhere; font-size: .82rem; }
.neighbours .both { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; margin-bottom: .5rem; }
.neighbours img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--well); border-radius: .3rem; }
.spectra { display: block; width: 100%; max-width: 60rem; }
.spectra path { fill: none; stroke-width: 2; }
.spectra .output { stroke: var(--accent); }
.spectra .real { stroke: var(--soft); stroke-dasharray: 5 3; }
.spectra line { stroke: var(--line); }
.spectra text { fill: var(--soft); font-size: 11px; }
`;

function page(
  { results, protocol, outputs, reals, warnings, details }: DistributionReport,
  pictures?: Pictures,
): string {
  const title = "Outputs and reals";
  const sets = [outputs, ...(reals ? [reals] : [])];
  const failed = sets.flatMap(({ unreadable }) => unreadable);
  return html`${documentHead({ title, style: style + ownStyle })}
<body>
<header class="top">
  <p class="brand">reconloss</p>
  <h1>${title}</h1>
  <p class="count">${sets.map((set, i) => `${i > 0 ? " · " : ""}${withoutSecrets(set.path)}: ${countOf(set)}${set.decode ? ` (${set.decode})` : ""}`)}</p>
  <p class="lead">${Object.entries(protocol).map(([key, value], i) => `${i > 0 ? " · " : ""}${key} ${value}`)}</p>
</header>
<main>
<section><h2>Numbers</h2><table class="numbers">${Object.values(results).flatMap(numbersOf)}</table></section>
${list("Warnings", warnings)}
${list(
  "Images that could not be read",
  failed.map(({ name, reason }) => `${name}: ${reason}`),
)}
${details && pictures ? neighboursSection("Nearest to a real image", "A distance near 0 is a copy.", details.nearest, pictures) : undefined}
${details && pictures ? neighboursSection("Farthest from all real images", "No real image is similar.", details.farthest, pictures) : undefined}
${details ? spectraSection(details.spectra) : undefined}
</main>
</body>
</html>
`.text;
}

/** A row for each number that a result holds. */
function numbersOf({ numbers, protocol, hint }: SetResult): Content {
  const facts = Object.entries(protocol).map(([key, value]) => `${key} ${value}`);
  return numbers.map(({ name, value, better, std }) => {
    const spread = std === undefined ? "" : ` ± ${std.toPrecision(3)}`;
    return html`<tr><th>${name} ${arrowOf(better)}</th><td class="number">${value.toPrecision(6)}${spread}</td>
      <td class="aside">${hint}<br>${facts.join(" · ")}</td></tr>`;
  });
}

function list(title: string, entries: readonly string[]): Content {
  if (entries.length === 0) return undefined;
  return html`<section><h2>${title}</h2><ul>${entries.map((entry) => html`<li>${entry}</li>`)}</ul></section>`;
}

function neighboursSection(title: string, lead: string, neighbours: readonly Neighbour[], pictures: Pictures): Content {
  const image = (side: keyof Pictures, name: string) =>
    html`<img src="${pictures[side].get(name) ?? ""}" alt="${side} ${name}" title="${side} ${name}">`;
  const items = neighbours.map(
    ({ output, real, distance }) => html`<li><div class="both">${image("output", output)}${image("real", real)}</div>
      ${output}<br><span class="aside">nearest real ${real}, distance ${distance.toPrecision(4)}</span></li>`,
  );
  return html`<section><h2>${title}</h2><p class="lead">${lead} Outputs left, their nearest real image right.</p>
    <ul class="neighbours">${items}</ul></section>`;
}

const [width, height, left, bottom] = [720, 260, 52, 232];

/** Variances along the principal axes, both axes logarithmic; what is 10^9 times smaller than the largest is rounding. */
function spectraSection(spectra: Readonly<Record<"output" | "real", readonly number[]>>): Content {
  const count = Math.max(spectra.output.length, spectra.real.length);
  const largest = Math.max(...spectra.output.slice(0, 1), ...spectra.real.slice(0, 1));
  if (!(largest > 0) || count < 2) return undefined;
  const decades = 9;
  const x = (axis: number) => left + ((width - left - 8) * Math.log(axis)) / Math.log(count);
  const y = (variance: number) => 10 + ((bottom - 10) * Math.log10(largest / variance)) / decades;
  const line = (side: "output" | "real") => {
    const points = spectra[side]
      .map((variance, i) => [i + 1, variance] as const)
      .filter(([, variance]) => variance > largest * 10 ** -decades)
      .map(([axis, variance]) => `${x(axis).toFixed(1)} ${y(variance).toFixed(1)}`);
    return points.length < 2
      ? undefined
      : html`<path class="${side}" d="M${points.join("L")}"><title>${side}</title></path>`;
  };
  const ticks = [0, 3, 6, 9].map((power) => {
    const at = y(largest * 10 ** -power).toFixed(1);
    const label = (largest * 10 ** -power).toExponential(0);
    return html`<line x1="${left}" x2="${width - 8}" y1="${at}" y2="${at}"/><text x="4" y="${at}">${label}</text>`;
  });
  return html`<section><h2>Spectra</h2>
    <p class="lead">Variance along each principal axis of the features, largest first. Outputs as a line, reals dashed; a line that falls off earlier has less variety.</p>
    <svg class="spectra" viewBox="0 0 ${width} ${height}" role="img" aria-label="spectra of outputs and reals">${ticks}${line("output")}${line("real")}
    <text x="${left}" y="${height - 6}">axis 1</text><text x="${width - 60}" y="${height - 6}">axis ${count}</text></svg></section>`;
}
