import type { Loss } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { protocolInWords, totalInWords } from "../compare/apply-protocol.ts";
import { arrowOf, badnessOf, type Comparison, formatNumber, type Note, type PairResult } from "../compare/index.ts";
import { type Content, html } from "../html.ts";
import { distribution, type Link, mostDots } from "./chart.ts";
import { client, type PageData } from "./client.ts";
import { colourTable } from "./colour-map.ts";
import { interactivePage } from "./interactive-page.ts";
import { imageSide, losslessBytes, type MapPicture, mapSide, type PairPictures, sharedTops } from "./pictures.ts";
import { type Ranking, rank } from "./statistics.ts";

/** The text of a page besides the numbers. */
export interface PageText {
  /** Default "Outputs and targets". */
  title?: string;
  /** Paragraphs under the title. */
  introduction?: readonly string[];
}

interface Page {
  comparison: Comparison;
  pictures: readonly PairPictures[];
  rankings: ReadonlyMap<Loss, Ranking>;
  linkOf(pair: PairResult): Link;
}

/** Every option of a loss; those that were said or set by a preset stand out. */
function protocol(loss: Loss): Content {
  const { info } = loss;
  const options = Object.entries(loss.options).map(([name, value]) => {
    const isDefault = String(info.options[name]?.default) === String(value);
    return html`<li${isDefault ? undefined : html` class="set"`}><code>${name}=${String(value)}</code></li>`;
  });
  return html`<details class="protocol"><summary>Protocol</summary><ul>${options}</ul><p class="source">${info.source}</p></details>`;
}

/** A pair's number; that of a prior with the target's own beside it. */
function numberOf({ label, better, decimals }: Loss, { values, targetValues }: PairResult): string {
  const number = formatNumber(values[label], decimals);
  return better === "target" ? `${number} (target ${formatNumber(targetValues?.[label], decimals)})` : number;
}

function link(page: Page, pair: PairResult | undefined, loss: Loss): Content {
  if (pair === undefined) return "–";
  const { id, href } = page.linkOf(pair);
  return html`<a href="${href}" data-pair="${id}">${pair.name}</a> <b>${numberOf(loss, pair)}</b>`;
}

/** The words beside the arrow. */
const directions = { higher: "higher is better", lower: "lower is better", target: "closer to the target's is better" };

/** The number of pairs that the mean of a loss is of: those with a finite number, or all that are pooled. */
function countOf({ label, definition }: Loss, { measured, statistics }: Comparison): number {
  return definition?.poolScores ? measured[label] : (statistics[label]?.n ?? 0);
}

/** The other statistics beside a mean, and how many pairs they are of. */
function statisticsOf(loss: Loss, comparison: Comparison): Content {
  const { label, decimals } = loss;
  const { pairs, statistics, targetMean } = comparison;
  const of = statistics[label];
  const measured = countOf(loss, comparison);
  const number = (value: number | undefined) => formatNumber(value, decimals);
  const target = targetMean[label] === undefined ? "" : `; targets ${number(targetMean[label])}`;
  const covered = measured === pairs.length ? `${measured} pairs` : `${measured} of ${pairs.length} pairs`;
  const spread = of && `median ${number(of.median)}, std ${number(of.std)}, ${number(of.min)} to ${number(of.max)}`;
  return [
    html`<p class="aside">mean of ${covered}${target}</p>`,
    spread ? html`<p class="aside">${spread}</p>` : undefined,
  ];
}

function lossRow(page: Page, loss: Loss): Content {
  const { label, better, decimals } = loss;
  const { mean, targetMean, pairs } = page.comparison;
  const ranking = page.rankings.get(loss) as Ranking;
  const several = ranking.pairs.length > 1;
  const worstAndBest = [ranking.pairs[0], ranking.pairs.at(-1)].map((pair) => link(page, pair, loss));
  return html`<section class="loss">
    <div class="loss-name">
      <h3>${label}</h3>
      <p>${loss.info.summary}</p>
      ${protocol(loss)}
    </div>
    <div class="loss-mean">
      <p class="number">${formatNumber(mean[label], decimals)}</p>
      ${pairs.length > 1 ? statisticsOf(loss, page.comparison) : undefined}
      <p class="aside">${arrowOf(better)} ${directions[better]}</p>
    </div>
    <div class="loss-spread">
      ${distribution(loss, ranking, mean[label] - (targetMean[label] ?? 0), page.linkOf)}
      ${several ? html`<dl><div><dt>worst</dt><dd>${worstAndBest[0]}</dd></div><div><dt>best</dt><dd>${worstAndBest[1]}</dd></div></dl>` : undefined}
    </div>
  </section>`;
}

function lossesSection(page: Page): Content {
  const { losses, pairs } = page.comparison;
  if (pairs.length === 0) return undefined;
  const lead =
    pairs.length > mostDots
      ? "Bars count pairs; to the right is better."
      : "Every dot is a pair; to the right is better. Point at one to see the same pair in the other losses.";
  return html`<section><h2>Losses</h2>
    ${pairs.length > 2 ? html`<p class="lead">${lead}</p>` : undefined}
    <div class="losses">${losses.map((loss) => lossRow(page, loss))}</div>
  </section>`;
}

function valuesOf(page: Page, pair: PairResult): Content {
  return page.comparison.losses.map((loss) => {
    const { pairs, rankOf } = page.rankings.get(loss) as Ranking;
    const place = rankOf(pair);
    const last = rankOf(pairs[pairs.length - 1]);
    // Where all are equal, none is worst.
    const ends: Record<number, string> = last === 1 ? {} : { [last ?? 0]: "best", 1: "worst" };
    const items = place === undefined ? undefined : ends[place];
    const rankText = place === undefined ? "not computed" : `${place} of ${pairs.length}, 1 is the worst`;
    return html`<li class="${items ?? ""}" title="${rankText}"><span>${loss.label}</span><b>${numberOf(loss, pair)}</b><i>${items}</i></li>`;
  });
}

function levels([loss, map]: [string, MapPicture]): Content {
  const { levels, top, zero, sign, border } = map;
  return html`<img class="levels" hidden alt="" src="${levels}" data-loss="${loss}" data-top="${top}" data-zero="${zero}" data-sign="${sign}" data-border="${border.join(" ")}">`;
}

/** The title of a map, which says where it is not of the loss itself. */
function mapTitle(page: Page, label: string): string {
  const loss = page.comparison.losses.find((candidate) => candidate.label === label);
  return loss?.definition?.mapsErrors ? `terms of ${label}, by position` : `${label} by place`;
}

/** Names of losses in whose maps failures are seen best, best first. */
const clearestMaps = ["ssim", "l1"];

/** The loss whose map is shown first; squared errors, in which only the largest are seen, come last. */
function firstMap({ comparison }: Page, labels: readonly string[]): string {
  const order = ({ name, definition }: Loss) => {
    if (clearestMaps.includes(name)) return clearestMaps.indexOf(name);
    return clearestMaps.length + Number(name === "mse" || definition?.mapsErrors === true);
  };
  const mapped = comparison.losses.filter(({ label }) => labels.includes(label));
  return mapped.toSorted((a, b) => order(a) - order(b))[0]?.label ?? "";
}

function card(page: Page, { pair, output, target, maps }: PairPictures): Content {
  const { id } = page.linkOf(pair);
  const labels = Object.keys(maps);
  const first = firstMap(page, labels);
  const mapView = html`<figure class="view map">
      <div class="stage" style="aspect-ratio: ${pair.width} / ${pair.height}"><div class="layer"><canvas aria-label="error map"></canvas></div><output class="readout"></output></div>
      ${Object.entries(maps).map(levels)}
      <figcaption>
        <div class="segments">${labels.map((label) => html`<button class="map-tab" data-loss="${label}" aria-pressed="${label === first ? "true" : "false"}" title="${mapTitle(page, label)}">${label}</button>`)}</div>
        <div class="scale"><span class="bar-low"></span><span class="colour-bar"></span><span class="bar-high"></span></div>
      </figcaption>
    </figure>`;
  return html`<article class="pair" id="pair-${id}" data-pair="${id}" data-loss="${first}">
    <header><h3>${pair.name}</h3><span class="aside">${pair.width} × ${pair.height}${output.exact && target.exact ? undefined : ", shown compressed"}</span>
      <div class="tools"><button class="zoom-out" title="zoom out" aria-label="zoom out">−</button><button class="zoom-in" title="zoom in" aria-label="zoom in">+</button><button class="large" title="fill the window (Esc to leave)" aria-label="fill the window">⤢</button></div>
    </header>
    <ul class="values">${valuesOf(page, pair)}</ul>
    <div class="views">
      <figure class="view compare">
        <div class="stage" data-mode="slide" style="aspect-ratio: ${pair.width} / ${pair.height}">
          <div class="layer target"><img src="${target.uri}" alt="target" decoding="async" draggable="false"></div>
          <div class="layer output"><img src="${output.uri}" alt="output" decoding="async" draggable="false"></div>
          <span class="badge of-output">output</span><span class="badge of-target">target</span>
          <div class="handle" role="slider" tabindex="0" aria-label="output to the left, target to the right" aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div>
        </div>
        <figcaption><div class="segments">
          <button class="mode" data-mode="slide" aria-pressed="true">slider</button><button class="mode" data-mode="flip" aria-pressed="false" title="the target while the pointer is on it">flip</button><button class="mode" data-mode="output" aria-pressed="false">output</button><button class="mode" data-mode="target" aria-pressed="false">target</button>
        </div></figcaption>
      </figure>
      ${labels.length > 0 ? mapView : undefined}
    </div>
  </article>`;
}

function pairsSection(page: Page): Content {
  const { losses, pairs } = page.comparison;
  const { length } = page.pictures;
  if (length === 0) return undefined;
  const some =
    length < pairs.length
      ? `The ${length} worst of ${pairs.length} pairs, taken by each loss in turn, are shown here; the table below has all. `
      : "";
  return html`<section>
    <h2>Pairs</h2>
    <p class="lead">${some}Move over an image to slide between output and target, hold <kbd>F</kbd> to flip. Double click to zoom in, drag to move; <kbd>Ctrl</kbd> and wheel zoom too. Pictures of up to ${losslessBytes.picture / 1024} KiB are shown at 8 bits without loss; larger ones are reduced to ${imageSide} pixels, and maps to ${mapSide}, on their longer side, and compressed. The numbers come from the files themselves.</p>
    <div class="toolbar">
      <label>Sort by <select id="sort">${losses.map(({ label }) => html`<option value="${label}">${label}</option>`)}<option value="name">name</option></select></label>
      <button id="reverse">worst first</button>
      <label class="check"><input type="checkbox" id="shared-scale" checked> one colour scale for all pairs</label>
    </div>
    <div id="pairs">${page.pictures.map((pictures) => card(page, pictures))}</div>
  </section>`;
}

/** The background of a cell: stronger, the nearer its value is to the worst of its column. */
function heat(page: Page, loss: Loss, pair: PairResult): Content {
  const { pairs, rankOf } = page.rankings.get(loss) as Ranking;
  const place = rankOf(pair);
  if (place === undefined || pairs.length < 2) return undefined;
  const badness = 1 - (place - 1) / (pairs.length - 1);
  return html` style="--heat: ${Math.round(badness * 100)}%"`;
}

function tableSection(page: Page): Content {
  const { losses, pairs, mean } = page.comparison;
  if (pairs.length < 2) return undefined;
  const header = (key: string, label: string) =>
    html`<th data-key="${key}" aria-sort="none" scope="col"><button>${label}</button></th>`;
  const row = (pair: PairResult) => {
    const { id, href } = page.linkOf(pair);
    const shown = href === `#pair-${id}`;
    const name = shown ? html`<a href="${href}">${pair.name}</a>` : pair.name;
    return html`<tr id="row-${id}" data-pair="${id}"><th scope="row">${name}</th>${losses.map((loss) => html`<td${heat(page, loss, pair)}>${numberOf(loss, pair)}</td>`)}</tr>`;
  };
  return html`<section>
    <h2>All numbers</h2>
    <div class="scroll"><table>
      <thead><tr>${header("name", "pair")}${losses.map(({ label, better }) => header(label, `${label} ${arrowOf(better)}`))}</tr></thead>
      <tbody id="rows">${pairs.map(row)}</tbody>
      <tfoot>
        <tr><th scope="row">mean</th>${losses.map(({ label, decimals }) => html`<td>${formatNumber(mean[label], decimals)}</td>`)}</tr>
        <tr><th scope="row">pairs in it</th>${losses.map((loss) => html`<td>${countOf(loss, page.comparison)}</td>`)}</tr>
      </tfoot>
    </table></div>
  </section>`;
}

function failedSection({ failed, notes }: Comparison): Content {
  const keyOf = ({ kind, loss, text }: Note) => (kind === "left-out" ? `${kind} ${loss}` : text);
  const kinds = new Map(notes.map((note) => [keyOf(note), note]));
  const count = (key: string) => notes.filter((note) => keyOf(note) === key).length;
  const items = Array.from(kinds, ([key, { kind, loss, text }]) => {
    const of = counted(count(key), "pair", "pairs");
    return html`<li>${kind === "left-out" ? `${loss} is left out of ${of}: ${text}` : `In ${of}, ${text}.`}</li>`;
  });
  const failures = failed.map(
    ({ output, target, loss, error }) =>
      html`<li><b>${output ?? target ?? ""}</b>${loss ? html` <code>${loss}</code>` : undefined}<br>${error}</li>`,
  );
  return [
    failed.length > 0 ? html`<section class="failed"><h2>Failed</h2><ul>${failures}</ul></section>` : undefined,
    notes.length > 0 ? html`<section class="notes"><h2>Notes</h2><ul>${items}</ul></section>` : undefined,
  ];
}

/** The protocol that the numbers were made by. */
function protocolSection({ protocol }: Comparison): Content {
  if (protocol === undefined) return undefined;
  const { title, summary, source, beside, total } = protocol;
  return html`<section class="notes"><h2>Protocol: ${title}</h2><ul>
    <li>${protocolInWords(protocol)}</li><li>${summary}</li><li>${source}</li>
    ${beside.length > 0 ? html`<li>measured beside it: ${beside.join(", ")}</li>` : undefined}
    ${total ? html`<li>${total.name}: <b>${totalInWords(total)}</b></li>` : undefined}
  </ul></section>`;
}

function dataOf({ comparison, pictures }: Page): PageData {
  const word = (value: number) => (Number.isFinite(value) ? value : String(value));
  return {
    colours: Array.from(colourTable()),
    tops: sharedTops(pictures.map(({ maps }) => maps)),
    pairs: comparison.pairs.map((pair) => ({
      name: pair.name,
      badness: Object.fromEntries(
        comparison.losses.flatMap((loss) => {
          const value = badnessOf(loss, pair);
          return value === undefined ? [] : [[loss.label, word(value)]];
        }),
      ),
    })),
  };
}

/** The whole page. */
export function page(
  comparison: Comparison,
  pictures: readonly PairPictures[],
  { title = "Outputs and targets", introduction = [] }: PageText = {},
): string {
  const { losses, pairs, failed, decode } = comparison;
  const ids = new Map(pairs.map((pair, index) => [pair, index]));
  const shown = new Set(pictures.map(({ pair }) => pair));
  const parts: Page = {
    comparison,
    pictures,
    rankings: new Map(losses.map((loss) => [loss, rank(loss, pairs)])),
    linkOf: (pair) => {
      const id = ids.get(pair) as number;
      return { id, href: `#${shown.has(pair) ? "pair" : "row"}-${id}` };
    },
  };
  const count = `${counted(pairs.length, "pair", "pairs")} · ${counted(losses.length, "loss", "losses")}${failed.length > 0 ? ` · ${failed.length} failed` : ""}${decode === undefined ? "" : ` · images: ${decode}`}`;
  return interactivePage({
    ...{ title, count, introduction },
    sections: [
      failedSection(comparison),
      protocolSection(comparison),
      lossesSection(parts),
      pairsSection(parts),
      tableSection(parts),
    ],
    script: client,
    data: dataOf(parts),
  });
}
