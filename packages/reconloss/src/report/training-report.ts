import type { Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { arrowOf, formatNumber, isWorse } from "../compare/index.ts";
import { writeFileAtomically } from "../files.ts";
import { type Content, documentHead, html } from "../html.ts";
import { toPixels } from "../image/index.ts";
import { loadSharp } from "../image/sharp.ts";
import { describeCoverage, type Sample, type TrainingProgress } from "../tasks/index.ts";
import { type Curve, curve } from "./curve.ts";
import { style } from "./style.ts";
import { webpUri } from "./webp.ts";

/** The page of a training that goes on is loaded anew so often, in seconds. */
const refresh = 15;
/** The least side of images on the page: smaller ones are enlarged by whole factors, so that their pixels can be seen. */
const leastSide = 192;
const filesListed = 20;

/**
 * Writes where a training stands as one HTML file that needs nothing else: curves of the loss and its terms, what held-out photographs score against what there is
 * without the network, samples, settings. A page of a training that goes on loads itself anew.
 *
 * @throws {ReconlossError} `file` when the page cannot be written
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { writeTrainingReport } from "reconloss/report";
 * import { completeSettings, runTraining } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (let i = 0; i < 10; i++) await writeImage(join(folder, "photos", `${i}.png`), Tensor.full([1, 3, 48, 48], i / 10));
 * const settings = completeSettings({ task: "enhance", data: join(folder, "photos"), steps: 1, batch: 1, patch: 16 });
 * await runTraining(settings, join(folder, "out"), {
 *   onSaved: (progress) => writeTrainingReport(join(folder, "out", "report.html"), progress),
 * });
 * ```
 */
export async function writeTrainingReport(path: string, progress: TrainingProgress): Promise<void> {
  checkArguments("writeTrainingReport", {
    path: [path, "text"],
    progress: [progress, "object", ["settings", "samples", "log"]],
  });
  const samples: Content[] = [];
  for (const sample of progress.samples) samples.push(await sampleCard(sample, progress));
  await writeFileAtomically(path, page(progress, samples));
}

/** An image as a data URI, losslessly. */
async function encode(tensor: Tensor): Promise<string> {
  const sharp = await loadSharp();
  const { data, width, height, channels } = toPixels(tensor);
  const factor = Math.max(1, Math.ceil(leastSide / Math.max(width, height)));
  const image = sharp(data as Uint8Array, { raw: { width, height, channels } })
    .toColourspace("srgb")
    .resize({ width: width * factor, height: height * factor, kernel: "nearest" });
  return webpUri(image, { lossless: true, effort: 2 });
}

async function sampleCard(sample: Sample, { task }: TrainingProgress): Promise<Content> {
  const { name, input, baseline, output, target } = sample;
  // An input of the target's size is its own baseline.
  const isOwn = task.restoration?.scale !== 1;
  const shown: [string, Tensor | undefined][] = [
    ["input", isOwn ? input : undefined],
    [task.restoration?.baseline.name ?? "", baseline],
    ["output", output],
    ["target", target],
  ];
  const figures: Content[] = [];
  for (const [title, image] of shown) {
    if (image === undefined) continue;
    figures.push(
      html`<figure><img src="${await encode(image)}" alt="${title} of ${name}"><figcaption>${title}</figcaption></figure>`,
    );
  }
  const isAlone = figures.length === 1;
  return isAlone
    ? figures[0]
    : html`<section class="sample"><h3>${name}</h3><div class="row">${figures}</div></section>`;
}

const ownStyle = `
.bar { height: .5rem; max-width: 46rem; border-radius: .3rem; background: var(--well); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); gap: 1.2rem; }
.curve { margin: 0; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; }
.curve figcaption { display: flex; justify-content: start; gap: .8rem; min-height: 0; margin: 0 0 .4rem; font-size: .9rem; }
.curve figcaption i { font-style: normal; color: var(--soft); }
.curve svg { display: block; width: 100%; overflow: visible; }
.curve path { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.curve .raw { opacity: .3; stroke-width: 1; }
.curve circle { fill: var(--accent); }
.curve .grid { stroke: var(--line); }
.curve .level { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }
.curve text { fill: var(--soft); font-size: 11px; }
.curve .y { text-anchor: end; dominant-baseline: middle; }
.curve .x { text-anchor: middle; }
.sample { margin: 1.6rem 0; }
.row, .grid-of { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .8rem; margin-top: .5rem; }
.row figure, .grid-of figure { margin: 0; }
.row img, .grid-of img { display: block; width: 100%; border-radius: .4rem; image-rendering: pixelated; }
.row figcaption { min-height: 0; margin-top: .3rem; color: var(--soft); }
.grid-of { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); }
.grid-of figcaption { display: none; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; font-size: .9rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.better { color: var(--accent-ink); font-weight: 600; }
.problem { color: var(--bad); max-width: 60rem; }
`;

function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`;
}

function headline({ status, steps, settings, imagesPerSecond, secondsLeft }: TrainingProgress): string {
  const rate = imagesPerSecond === undefined ? "" : ` · ${imagesPerSecond.toPrecision(3)} images/s`;
  const left = status === "running" && secondsLeft !== undefined ? ` · ${duration(secondsLeft)} left` : "";
  return `${status} · step ${steps} of ${settings.steps}${rate}${left}`;
}

function lossCurves({ log, settings }: TrainingProgress): Content {
  if (log.length === 0) return undefined;
  const names = [...new Set(log.flatMap(({ terms }) => Object.keys(terms)))];
  const of = (title: string, value: (record: TrainingProgress["log"][number]) => number | undefined): Curve => ({
    title,
    noisy: true,
    points: log.flatMap((record) => {
      const y = value(record);
      return y === undefined ? [] : [{ step: record.step, value: y }];
    }),
  });
  const whole = of(settings.loss, ({ value }) => value);
  // A single term is the whole.
  const parts = (names.length > 1 ? names : []).map((name) => of(name, ({ terms }) => terms[name]));
  return html`<section><h2>Loss</h2><p class="lead">What is minimised, and its terms before their weights. The strong line is a running mean.</p>
    <div class="curves">${[whole, ...parts].map(curve)}</div></section>`;
}

const pairsLead =
  "What the network makes of photographs that it has not learnt from, as 8-bit files, against what there is without it: means over ";
const setsLead =
  "How far generated images are, as a set, from photographs that were not learnt from: a kernel distance in the features of a fixed network with random weights, so it says how this training goes and is no number to compare with published ones.";

function validationSection({
  validation,
  baseline: { name, scores: baseline },
  measures,
  task,
  coverage,
  notes,
}: TrainingProgress): Content {
  const last = validation.at(-1);
  if (last === undefined) return undefined;
  const rows = measures.map(({ spec, better, decimals }) => {
    const values = validation.flatMap(({ scores }) => scores[spec] ?? []);
    const best = values.reduce((best, value) => (isWorse(better, best, value) ? value : best), values[0]);
    const gain = last.scores[spec] - baseline[spec];
    const isBetter = isWorse(better, baseline[spec], last.scores[spec]);
    const number = (value: number | undefined) => formatNumber(value, decimals);
    return html`<tr><th scope="row">${spec} ${arrowOf(better)}</th><td>${number(baseline[spec])}</td><td>${number(values[0])}</td><td>${number(best)}</td>
      <td class="${isBetter ? "better" : ""}">${number(last.scores[spec])}</td><td class="${isBetter ? "better" : ""}">${gain > 0 ? "+" : ""}${number(gain)}</td></tr>`;
  });
  const curves = measures.map(({ spec }) =>
    curve({
      title: spec,
      points: validation.map(({ step, scores }) => ({ step, value: scores[spec] })),
      level: { name, value: baseline[spec] },
    }),
  );
  return html`<section><h2>Held-out photographs</h2>
    <p class="lead">${task.latent === undefined ? `${pairsLead}${describeCoverage(coverage)}.` : setsLead}</p>
    <div class="scroll"><table><thead><tr><th></th><th>${name}</th><th>at first</th><th>best</th><th>step ${last.step}</th><th>against ${name}</th></tr></thead><tbody>${rows}</tbody></table></div>
    ${notes.map((note) => html`<p class="aside">${note}.</p>`)}
    <div class="curves" style="margin-top: 1.5rem">${curves}</div></section>`;
}

function samplesSection(samples: readonly Content[], { task, steps }: TrainingProgress): Content {
  if (samples.length === 0) return undefined;
  const lead = task.latent === undefined ? "Held-out photographs" : "Images from the same random numbers each time";
  return html`<section><h2>Samples</h2><p class="lead">${lead}, step ${steps}.</p>
    <div class="${task.latent === undefined ? "" : "grid-of"}">${samples}</div></section>`;
}

function settingsSection({ settings, parameters, photographs, task, skipped }: TrainingProgress): Content {
  const facts = {
    ...settings,
    validationAll: settings.validationAll ? "yes" : undefined,
    network: `${task.model().name}, ${parameters.toLocaleString("en")} parameters`,
    photographs: `${photographs.training} for training, ${photographs.validation} held out`,
  };
  const listed = skipped.slice(0, filesListed).map(({ path, reason }) => html`<li>${path}: ${reason}</li>`);
  const more = skipped.length - listed.length;
  return html`<section><h2>Settings</h2><dl class="facts">${Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>
    ${listed.length > 0 ? html`<section class="failed"><h2>Not used</h2><ul>${listed}${more > 0 ? html`<li>${more} more</li>` : undefined}</ul></section>` : undefined}`;
}

/** The whole page; it loads nothing and runs no script. */
function page(progress: TrainingProgress, samples: readonly Content[]): string {
  const { task, settings, status, steps, problem } = progress;
  const again = status === "running" ? html`<meta http-equiv="refresh" content="${refresh}">` : undefined;
  return html`${documentHead({ title: `${task.name}: ${steps} of ${settings.steps}`, style: style + ownStyle, more: again })}
<body>
<header class="top">
  <p class="brand">reconloss</p>
  <h1>${task.name} by ${settings.loss}</h1>
  <p class="count">${headline(progress)}</p>
  <div class="bar"><i style="width: ${((100 * steps) / settings.steps).toFixed(1)}%"></i></div>
  ${problem === undefined ? undefined : html`<p class="problem">${problem}</p>`}
</header>
<main>
${validationSection(progress)}
${samplesSection(samples, progress)}
${lossCurves(progress)}
${settingsSection(progress)}
</main>
</body>
</html>
`.text;
}
