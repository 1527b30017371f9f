import { type Content, html } from "../html.ts";
import { ticksWithin } from "../report/chart.ts";

const [width, height, left, right, top, bottom] = [1040, 190, 60, 12, 10, 164];

/** A number of every frame. */
export interface PlottedFrames {
  readonly title: string;
  /** Places along the axis, rising: seconds or numbers of frames. */
  readonly places: readonly number[];
  readonly values: readonly number[];
  /** The unit of places: `s`, or nothing. */
  readonly unit: string;
  /** Of which frames dots are drawn, and what each links to. */
  readonly marks: readonly { readonly index: number; readonly href: string; readonly text: string }[];
}

/** The numbers of frames over time as SVG: a line, or where there are more frames than points across, the band from the least to the greatest of those that share one, so that no dip is lost. */
export function framePlot({ title, places, values, unit, marks }: PlottedFrames): Content {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const [least, most] = finite.reduce(
    ([low, high], x) => [Math.min(low, x), Math.max(high, x)],
    [finite[0], finite[0]],
  );
  const slack = 0.05 * (most - least) || Math.abs(most) * 0.05 || 1;
  const [low, high] = [least - slack, most + slack];
  const [first, last] = [places[0], Math.max(places[places.length - 1], places[0] + 1e-9)];
  const x = (place: number) => left + ((width - left - right) * (place - first)) / (last - first);
  const y = (value: number) => bottom - ((bottom - top) * (value - low)) / (high - low);
  const columns = new Map<number, { low: number; high: number }>();
  for (const [index, value] of values.entries()) {
    if (!Number.isFinite(value)) continue;
    const column = Math.round(x(places[index]) * 2) / 2;
    const before = columns.get(column);
    columns.set(column, { low: Math.min(value, before?.low ?? value), high: Math.max(value, before?.high ?? value) });
  }
  const path = [...columns].map(([at, { low, high }]) => {
    const points = low === high ? [low] : [high, low];
    return points.map((value) => `${at} ${y(value).toFixed(1)}`).join("L");
  });
  return html`<figure class="plot"><figcaption>${title}</figcaption>
  <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title} over frames">
    ${ticksWithin(low, high).map((tick) => {
      const at = y(tick).toFixed(1);
      return html`<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text class="y" x="${left - 6}" y="${at}">${Number(tick.toPrecision(4))}</text>`;
    })}
    ${ticksWithin(first, last).map((tick) => html`<text class="x" x="${x(tick).toFixed(1)}" y="${bottom + 16}">${Number(tick.toPrecision(4))}${unit ? ` ${unit}` : ""}</text>`)}
    <path class="line" d="M${path.join("L")}"/>
    ${marks
      .filter(({ index }) => Number.isFinite(values[index]))
      .map(
        ({ index, href, text }) =>
          html`<a href="${href}"><circle cx="${x(places[index]).toFixed(1)}" cy="${y(values[index]).toFixed(1)}" r="4"><title>${text}</title></circle></a>`,
      )}
  </svg></figure>`;
}
