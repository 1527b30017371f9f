import { basename } from "node:path";
import type { Loss } from "@reconloss/core";
import { checkArguments, counted } from "@reconloss/core/internal";
import { arrowOf, formatNumber } from "../compare/index.ts";
import { writeFileAtomically } from "../files.ts";
import { type Content, documentHead, html } from "../html.ts";
import { style } from "../report/style.ts";
import type { FrameResult, VideoComparison } from "./compare.ts";
import { type FramePictures, framePictures, pictureSide } from "./pictures.ts";
import { framePlot } from "./plot.ts";
import type { FrameStatistics } from "./statistics.ts";
import { worstFrames } from "./worst.ts";

/** The number of the worst frames that a page shows. */
const framesShown = 8;

/** The number of a frame, and when it is seen. */
export function frameName({ frame, time, name }: FrameResult): string {
  return name ?? (time === undefined ? `frame ${frame}` : `frame ${frame} at ${time.toFixed(2)} s`);
}

/** The loss that a key of `values` is of. */
export function lossOf(losses: readonly Loss[], key: string): Loss | undefined {
  return losses.find(({ label }) => label === key) ?? losses.find(({ label }) => key.startsWith(`${label}.`));
}

/** The percentile that the worst frames lie beyond: below the fifth where higher is better. */
export function worstPercentile({ better }: Loss): "p5" | "p95" {
  return better === "higher" ? "p5" : "p95";
}

/**
 * Writes what came of two videos as one HTML file that needs nothing else: statistics, every number over time, and the worst frames with what differs in them. Videos are decoded a second time
 * for the pictures.
 *
 * @throws {ReconlossError} `file` when the page cannot be written
 *
 * @example
 * ```ts
 * import { ssim } from "reconloss";
 * import { compareVideos, writeVideoReport } from "reconloss/video";
 * const report = async (output: string, target: string) =>
 *   writeVideoReport("report.html", await compareVideos(output, target, [ssim()]));
 * ```
 */
export async function writeVideoReport(path: string, comparison: VideoComparison): Promise<void> {
  checkArguments("writeVideoReport", {
    path: [path, "text"],
    comparison: [comparison, "object", ["paths", "frames", "losses", "statistics", "failed", "notes"]],
  });
  const worst = worstFrames(comparison, framesShown);
  const pictures: FramePictures[] = [];
  for await (const one of framePictures(comparison, worst)) pictures.push(one);
  await writeFileAtomically(path, page(comparison, pictures));
}

const ownStyle = `
.plot { margin: 0 0 1rem; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; }
.plot figcaption { display: block; min-height: 0; margin: 0 0 .4rem; font-size: .9rem; font-weight: 600; }
.plot svg { display: block; width: 100%; overflow: visible; }
.plot .line { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
.plot circle { fill: var(--bad); }
.plot .grid { stroke: var(--line); }
.plot text { fill: var(--soft); font-size: 11px; }
.plot .x { text-anchor: middle; } .plot .y { text-anchor: end; dominant-baseline: middle; }
.frame { margin: 0 0 1.6rem; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; }
.frame .three { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .8rem; margin-top: .6rem; }
.frame figure { margin: 0; } .frame img { width: 100%; display: block; border-radius: .4rem; } .frame figcaption { font-size: .82rem; color: var(--soft); }
`;

function page(comparison: VideoComparison, pictures: readonly FramePictures[]): string {
  const { paths, videos, frames, width, height, losses, statistics, failed, notes } = comparison;
  const title = `${basename(paths.output)} against ${basename(paths.target)}`;
  const rate = videos ? `, ${Number(videos.output.rate.toFixed(3))} a second` : "";
  const keys = Object.keys(statistics);
  const shown = new Map(pictures.map(({ frame }) => [frame.frame, frame]));
  const isTimed = frames[0]?.time !== undefined;
  const plots = keys.map((key) => {
    const loss = lossOf(losses, key);
    return framePlot({
      title: `${key}${loss ? ` ${arrowOf(loss.better)}` : ""}`,
      places: frames.map(({ frame, time }) => time ?? frame),
      values: frames.map(({ values }) => values[key] ?? Number.NaN),
      unit: isTimed ? "s" : "",
      marks: [...shown.values()].map((frame) => ({
        index: frame.frame,
        href: `#frame-${frame.frame}`,
        text: `${frameName(frame)}: ${formatNumber(frame.values[key], loss?.decimals ?? 4)}`,
      })),
    });
  });
  return html`${documentHead({ title, style: style + ownStyle })}
<body><header class="top"><p class="brand">reconloss</p><h1>${title}</h1>
<p class="count">${counted(frames.length, "frame", "frames")} of ${width} × ${height}${rate}</p></header>
<main>
${failed.length > 0 ? html`<section class="failed"><h2>Failed</h2><ul>${failed.map((text) => html`<li>${text}</li>`)}</ul></section>` : undefined}
<section><h2>All frames</h2><div class="scroll"><table><thead><tr><th></th><th>mean</th><th>harmonic mean</th><th>worst 5 %</th><th>median</th><th>std</th><th>min</th><th>max</th><th>frames</th></tr></thead>
<tbody>${keys.map((key) => statisticsRow(key, statistics[key], lossOf(losses, key), frames.length))}</tbody></table></div>
<p class="aside">The worst 5 %: the fifth percentile where higher is better, the 95th elsewhere. The harmonic mean is of x + 1, less 1. Infinite numbers, as the PSNR of identical frames, are in none.</p></section>
<section><h2>Over time</h2>${plots}</section>
${pictures.length > 0 ? worstSection(pictures, keys, losses) : undefined}
${notes.length > 0 ? html`<section class="notes"><h2>Notes</h2><ul>${notes.map((text) => html`<li>${text}</li>`)}</ul></section>` : undefined}
</main></body></html>
`.text;
}

function worstSection(pictures: readonly FramePictures[], keys: readonly string[], losses: readonly Loss[]): Content {
  return html`<section><h2>Worst frames</h2><p class="lead">The worst by each metric in turn, in order of time. Pictures are compressed, and reduced to ${pictureSide} pixels on their longer side; differences are absolute, in false colour, each on its own scale. The numbers come from the frames themselves.</p>
${pictures.map((one) => frameCard(one, keys, losses))}</section>`;
}

function statisticsRow(key: string, of: FrameStatistics, loss: Loss | undefined, count: number): Content {
  const number = (value: number | undefined) => formatNumber(value, loss?.decimals ?? 4);
  const worst = loss ? of[worstPercentile(loss)] : of.p5;
  const numbers = [of.mean, of.harmonicMean, worst, of.median, of.std, of.min, of.max];
  const measured = of.n === count ? String(of.n) : `${of.n} of ${count}`;
  return html`<tr><th scope="row">${key}${loss ? ` ${arrowOf(loss.better)}` : ""}</th>${numbers.map((value) => html`<td>${number(value)}</td>`)}<td>${measured}</td></tr>`;
}

function frameCard(
  { frame, output, target, difference }: FramePictures,
  keys: readonly string[],
  losses: readonly Loss[],
): Content {
  const values = keys.map(
    (key) =>
      html`<li><span>${key}</span><b>${formatNumber(frame.values[key], lossOf(losses, key)?.decimals ?? 4)}</b></li>`,
  );
  const figure = (uri: string, text: string) =>
    html`<figure><img src="${uri}" alt="${text} of ${frameName(frame)}" decoding="async"><figcaption>${text}</figcaption></figure>`;
  return html`<article class="frame" id="frame-${frame.frame}"><h3>${frameName(frame)}</h3><ul class="values">${values}</ul>
<div class="three">${figure(output, "output")}${figure(target, "target")}${figure(difference, "difference")}</div></article>`;
}
