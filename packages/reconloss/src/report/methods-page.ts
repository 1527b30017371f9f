import type { Loss } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { arrowOf, formatNumber } from "../compare/index.ts";
import { boxColours } from "../figure/index.ts";
import { spreadOf } from "../figure/spread.ts";
import { type Content, Html, html } from "../html.ts";
import { bestOf } from "../judge/best.ts";
import { type JudgedImage, type Judgement, judgementTable, type TableCell } from "../judge/index.ts";
import { allImages, notSignificantMark, spansOf } from "../judge/table.ts";
import { magma } from "./colour-map.ts";
import { interactivePage } from "./interactive-page.ts";
import { type MethodsData, methodsClient } from "./methods-client.ts";
import { methodsStyle } from "./methods-style.ts";
import type { PageText } from "./page.ts";
import { type ImagePictures, imageSide, losslessBytes, type MapPicture, mapSide, sharedTops } from "./pictures.ts";

/** A number with its interval and its place. */
function judgedCell({ text, interval, place, isNotSignificant }: TableCell): Content {
  const ends = interval && html`<small>${interval[0]} to ${interval[1]}</small>`;
  return html`<td class="${place ?? ""}"><b>${text}</b>${isNotSignificant ? html`<sup>${notSignificantMark}</sup>` : undefined}${ends}</td>`;
}

function tableSection(judgement: Judgement): Content {
  const { methods, columns, legend } = judgementTable(judgement);
  const above =
    judgement.groups.length > 0
      ? html`<tr><td></td>${spansOf(columns).map(({ group, count }) => html`<th colspan="${count}" scope="colgroup">${group ?? allImages}</th>`)}</tr>`
      : undefined;
  const heads = columns.map(({ label, arrow, target }) => {
    const own = target === "" ? undefined : html`<small>of the targets ${target}</small>`;
    return html`<th scope="col">${label} ${arrow}${own}</th>`;
  });
  const rows = methods.map(
    (name, index) => html`<tr><th scope="row">${name}</th>${columns.map(({ cells }) => judgedCell(cells[index]))}</tr>`,
  );
  return html`<section><h2>Methods</h2>
    <div class="scroll"><table class="judged"><thead>${above}<tr><td></td>${heads}</tr></thead><tbody>${rows}</tbody></table></div>
    ${legend.map((sentence) => html`<p class="aside">${sentence}</p>`)}
  </section>`;
}

function levels([loss, map]: [string, MapPicture]): Content {
  const { levels, top, zero, sign, border } = map;
  const [x, y] = border.map((part) => percent(part, 1));
  return html`<img class="levels" hidden alt="error map of ${loss}" src="${levels}" data-loss="${loss}" data-top="${top}" data-zero="${zero}" data-sign="${sign}" style="--border-x: ${x}; --border-y: ${y}" draggable="false">`;
}

/** The reason why a method has no picture of an image. */
function missingOf({ failed }: Judgement, method: string, { target }: JudgedImage): string {
  return failed.find((failure) => failure.method === method && failure.target === target)?.error ?? "no output";
}

function tiles(judgement: Judgement, pictures: ImagePictures): Content {
  const { image, target, outputs, regions } = pictures;
  const { methods, losses } = judgement;
  const outlines = regions.map(
    ({ x, y, width, height }, index) =>
      html`<i class="outline" style="--region: ${boxColours[index % boxColours.length]}; left: ${percent(x, pictures.width)}; top: ${percent(y, pictures.height)}; width: ${percent(width, pictures.width)}; height: ${percent(height, pictures.height)}"></i>`,
  );
  const own = html`<figure class="tile target"><div class="stage"><div class="plane"><img src="${target.uri}" alt="target" decoding="async" draggable="false">${outlines}</div></div><figcaption><h4>Target</h4></figcaption></figure>`;
  const best = new Map(losses.map((loss) => [loss, bestOf(loss, image)]));
  return [
    own,
    ...methods.map(({ name }, index) => {
      const output = outputs[index];
      const pair = image.pairs[index];
      const shown = output
        ? html`<div class="plane"><img src="${output.picture.uri}" alt="${name}" decoding="async" draggable="false">${Object.entries(output.maps).map(levels)}</div>`
        : html`<p class="none">${missingOf(judgement, name, image)}</p>`;
      const numbers = losses.map((loss) => {
        const text = formatNumber(pair?.values[loss.label], loss.decimals);
        return html`<li class="${pair && best.get(loss) === text ? "best" : ""}">${loss.label} <b>${text}</b></li>`;
      });
      return html`<figure class="tile"><div class="stage">${shown}</div><figcaption><h4>${name}</h4><ul>${numbers}</ul></figcaption></figure>`;
    }),
  ];
}

/** Views side by side: more are too small to see anything. */
const mostColumns = 4;

const percent = (part: number, whole: number) => `${Math.round((part / whole) * 1e6) / 1e4}%`;

/** The number of views side by side: lines of them are as full as each other. */
const columnsOf = (count: number) => Math.ceil(count / Math.ceil(count / mostColumns));

function card(judgement: Judgement, pictures: ImagePictures, id: number): Content {
  const { image, width, height, target, outputs, regions } = pictures;
  const names = ["Target", ...judgement.methods.map(({ name }) => name)];
  const labels = [...new Set(outputs.flatMap((output) => Object.keys(output?.maps ?? {})))];
  const isExact = target.exact && outputs.every((output) => output?.picture.exact !== false);
  const there = outputs.flatMap((output, index) => (output ? [index + 1] : []));
  const [first = 0, second = 0] = there.length > 1 ? [there[0], there[there.length - 1]] : [there[0], 0];
  const choose = (side: "a" | "b", chosen: number) =>
    html`<select class="${side}" aria-label="${side === "a" ? "left" : "right"}">${names.map((name, index) => html`<option value="${index}"${index === chosen ? new Html(" selected") : undefined}>${name}</option>`)}</select>`;
  const mode = (name: string, text: string, key: string) =>
    html`<button class="mode" data-mode="${name}" aria-pressed="${name === "grid" ? "true" : "false"}" title="key ${key}">${text}</button>`;
  const places = regions.map(({ x, y, width, height }, index) => {
    const colour = boxColours[index % boxColours.length];
    return html`<button class="region" style="--region: ${colour}" data-box="${x} ${y} ${width} ${height}" aria-pressed="false" title="where the methods differ most: --box ${x},${y},${width},${height}">${x}, ${y}</button>`;
  });
  return html`<article class="image" id="image-${id}" data-image="${id}" data-mode="grid" data-map="" data-width="${width}" data-height="${height}" tabindex="0" style="--ratio: ${width} / ${height}; --number-ratio: ${Math.round((width / height) * 1000) / 1000}; --columns: ${columnsOf(names.length)}">
    <header><h3>${image.name}</h3><span class="aside">${width} × ${height}${isExact ? undefined : ", shown compressed"}</span>
      <div class="tools"><button class="zoom-out" title="zoom out (-)" aria-label="zoom out">−</button><button class="zoom-in" title="zoom in (+)" aria-label="zoom in">+</button><button class="whole" title="the whole image" aria-label="the whole image">1</button><button class="large" title="fill the window (Esc to leave)" aria-label="fill the window">⤢</button></div>
    </header>
    <div class="controls">
      <div class="segments">${mode("grid", "side by side", "S")}${mode("slide", "slider", "D")}${mode("blink", "blink", "B")}</div>
      <div class="segments of-blink">${names.map((name, index) => html`<button class="pick" data-tile="${index}" aria-pressed="false" title="key ${index}">${name}</button>`)}<button class="play" aria-pressed="false" title="one after the other (B)">▶</button></div>
      <span class="of-slide">${choose("a", first)} ${choose("b", second)}</span>
      ${labels.length > 0 ? html`<div class="segments"><button class="map-tab" data-loss="" aria-pressed="true" title="next by key E">images</button>${labels.map((label) => html`<button class="map-tab" data-loss="${label}" aria-pressed="false">${label} errors</button>`)}</div>` : undefined}
      <div class="scale" hidden><span class="bar-low"></span><span class="colour-bar"></span><span class="bar-high"></span></div>
      ${places.length > 0 ? html`<div class="regions"><span title="next by key R">differ most at</span>${places}</div>` : undefined}
    </div>
    <div class="tiles">${tiles(judgement, pictures)}<div class="track of-slide"><div class="handle" role="slider" tabindex="0" aria-label="one method to the left, the other to the right" aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div></div></div>
  </article>`;
}

function imagesSection(
  judgement: Judgement,
  pictures: readonly ImagePictures[],
  ids: ReadonlyMap<JudgedImage, number>,
): Content {
  if (pictures.length === 0) return undefined;
  const { images, losses } = judgement;
  const some =
    pictures.length < images.length
      ? `The ${pictures.length} of ${images.length} images on which methods differ most, taken by each metric in turn, are shown here. `
      : "";
  return html`<section>
    <h2>Images</h2>
    <p class="lead">${some}All views of an image zoom and move together: double click or <kbd>Ctrl</kbd> and wheel to zoom, drag to move. With the pointer on an image, <kbd>0</kbd> to <kbd>9</kbd> show the target or a method alone, <kbd>B</kbd> blinks, <kbd>D</kbd> slides, <kbd>S</kbd> sets side by side, <kbd>E</kbd> goes through the error maps, <kbd>R</kbd> through the places where methods differ most; <kbd>F</kbd> shows the target while it is held. Pictures of up to ${losslessBytes.picture / 1024} KiB are shown at 8 bits without loss; larger ones are reduced to ${imageSide} pixels, and maps to ${mapSide}, on their longer side, and compressed. The numbers come from the files themselves.</p>
    <div class="toolbar">
      <label>Sort by how far methods differ in <select id="sort">${losses.map(({ label }) => html`<option value="${label}">${label}</option>`)}<option value="name">– by name</option></select></label>
      <label class="check"><input type="checkbox" id="shared-scale" checked> one colour scale for all images</label>
    </div>
    <div id="images">${pictures.map((each) => card(judgement, each, ids.get(each.image) as number))}</div>
  </section>`;
}

function numbersSection(
  judgement: Judgement,
  shown: ReadonlySet<JudgedImage>,
  ids: ReadonlyMap<JudgedImage, number>,
): Content {
  const { methods, losses, images } = judgement;
  const table = (loss: Loss, index: number) => {
    const rows = images.map((image) => {
      const best = bestOf(loss, image);
      const id = ids.get(image) as number;
      const name = shown.has(image) ? html`<a href="#image-${id}">${image.name}</a>` : image.name;
      const cells = image.pairs.map((pair) => {
        const text = formatNumber(pair?.values[loss.label], loss.decimals);
        return html`<td>${pair && text === best ? html`<b>${text}</b>` : text}</td>`;
      });
      return html`<tr data-image="${id}"><th scope="row">${name}</th>${cells}</tr>`;
    });
    return html`<details class="numbers"${index === 0 ? new Html(" open") : undefined}><summary>${loss.label} ${arrowOf(loss.better)}</summary>
      <div class="scroll"><table><thead><tr><th></th>${methods.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody class="rows">${rows}</tbody></table></div></details>`;
  };
  return html`<section><h2>All numbers</h2>${losses.map(table)}</section>`;
}

function failedSection({ failed, notes }: Judgement): Content {
  const failures = failed.map(
    ({ method, output, target, loss, error }) =>
      html`<li><b>${method}: ${output ?? target ?? ""}</b>${loss ? html` <code>${loss}</code>` : undefined}<br>${error}</li>`,
  );
  const counts = new Map<string, { text: string; count: number }>();
  for (const { method, kind, loss, text } of notes) {
    const key = `${method} ${kind === "left-out" ? loss : text}`;
    const items = kind === "left-out" ? `${method}: ${loss} is left out: ${text}` : `${method}: ${text}`;
    counts.set(key, { text: items, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const items = [...counts.values()].map(
    ({ text, count }) => html`<li>${counted(count, "pair", "pairs")}: ${text}</li>`,
  );
  return [
    failures.length > 0 ? html`<section class="failed"><h2>Failed</h2><ul>${failures}</ul></section>` : undefined,
    items.length > 0 ? html`<section class="notes"><h2>Notes</h2><ul>${items}</ul></section>` : undefined,
  ];
}

function dataOf({ images, losses }: Judgement, pictures: readonly ImagePictures[]): MethodsData {
  return {
    tops: sharedTops(pictures.flatMap(({ outputs }) => outputs.map((output) => output?.maps ?? {}))),
    images: images.map((image) => ({
      name: image.name,
      spread: Object.fromEntries(losses.map((loss) => [loss.label, spreadOf(loss, image)])),
    })),
  };
}

/** Grey levels as colours, by an SVG filter. */
function colourFilter(): Html {
  const channel = (name: string, at: number) => {
    const values = magma.map((hex) => (Number.parseInt(hex.slice(at, at + 2), 16) / 255).toFixed(4));
    return html`<feFunc${name} type="table" tableValues="${values.join(" ")}"/>`;
  };
  return html`<svg width="0" height="0" style="position: absolute" aria-hidden="true"><filter id="magma" color-interpolation-filters="sRGB"><feComponentTransfer>${channel("R", 1)}${channel("G", 3)}${channel("B", 5)}</feComponentTransfer></filter></svg>`;
}

/** The whole page. */
export function methodsPage(
  judgement: Judgement,
  pictures: readonly ImagePictures[],
  { title, introduction = [] }: PageText = {},
): string {
  const { methods, images, losses, failed } = judgement;
  const ids = new Map(images.map((image, index) => [image, index]));
  const shown = new Set(pictures.map(({ image }) => image));
  const count = `${counted(methods.length, "method", "methods")} · ${counted(images.length, "image", "images")} · ${counted(losses.length, "loss", "losses")}${failed.length > 0 ? ` · ${failed.length} failed` : ""}`;
  return interactivePage({
    ...{ count, introduction },
    title: title ?? methods.map(({ name }) => name).join(", "),
    sections: [
      failedSection(judgement),
      tableSection(judgement),
      imagesSection(judgement, pictures, ids),
      numbersSection(judgement, shown, ids),
    ],
    script: methodsClient,
    data: dataOf(judgement, pictures),
    ownStyle: methodsStyle,
    definitions: html`\n${colourFilter()}`,
  });
}
