import { type Content, html } from "../html.ts";
import { ticksWithin } from "./chart.ts";

/** A number that changed from step to step. */
export interface Curve {
  readonly title: string;
  /** In the order of steps. */
  readonly points: readonly { readonly step: number; readonly value: number }[];
  /** A level to compare with, and what it is called. */
  readonly level?: { readonly name: string; readonly value: number };
  /** Whether single values jump about, so that a running mean says more. */
  readonly noisy?: boolean;
}

const [width, height, left, right, top, bottom] = [560, 200, 56, 8, 10, 176];
/** More points than the chart has room for are put together. */
const mostPoints = 280;
/** The share of all points over which a noisy curve is averaged. */
const window = 0.04;
/** From this ratio of the largest to the least value on, the axis is logarithmic. */
const wide = 20;

interface Point {
  readonly step: number;
  readonly value: number;
}

/** Means over as many stretches of equal length as there is room for. */
function thinned(points: readonly Point[]): Point[] {
  const size = Math.max(1, Math.ceil(points.length / mostPoints));
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const some = points.slice(index * size, (index + 1) * size);
    const mean = (of: (point: Point) => number) => some.reduce((sum, point) => sum + of(point), 0) / some.length;
    return { step: mean(({ step }) => step), value: mean(({ value }) => value) };
  });
}

/** Each value averaged with its neighbours on both sides. */
function smoothed(points: readonly Point[]): Point[] {
  const reach = Math.floor((points.length * window) / 2);
  const sums = [0];
  for (const { value } of points) sums.push(sums[sums.length - 1] + value);
  return points.map(({ step }, index) => {
    const [from, to] = [Math.max(0, index - reach), Math.min(points.length, index + reach + 1)];
    return { step, value: (sums[to] - sums[from]) / (to - from) };
  });
}

/** The level below which a share of some numbers lies. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.round(share * (sorted.length - 1))];
}

/** Round numbers on a logarithmic axis: powers of ten, and their doubles and halves where there are few. */
function decadesWithin(low: number, high: number): number[] {
  const powers = Array.from({ length: 40 }, (_, index) => 10 ** (index - 20));
  const round = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const inside = (all: readonly number[]) => all.filter((tick) => tick >= low && tick <= high);
  return inside(powers).length >= 3 ? inside(powers) : inside(round);
}

/** About four significant digits, without zeros that say nothing. */
function label(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/**
 * A curve over steps as SVG; values that are not finite are left out. A wide range of positive values has a logarithmic axis.
 */
export function curve({ title, points, level, noisy = false }: Curve): Content {
  const finite = points.filter(({ value }) => Number.isFinite(value));
  const last = finite.at(-1);
  if (last === undefined) return undefined;
  const sorted = [...finite.map(({ value }) => value), ...(level ? [level.value] : [])].sort((a, b) => a - b);
  // A few wild values shall not flatten the rest.
  const [lowest, highest] = noisy
    ? [quantile(sorted, 0.005), quantile(sorted, 0.995)]
    : [sorted[0], sorted.at(-1) as number];
  const isLogarithmic = lowest > 0 && highest / lowest > wide;
  const scaled = (value: number) => (isLogarithmic ? Math.log(value) : value);
  const slack = 0.04 * (scaled(highest) - scaled(lowest)) || Math.abs(highest) * 0.05 || 1;
  const [low, high] = [scaled(lowest) - slack, scaled(highest) + slack];
  const [firstStep, lastStep] = [finite[0].step, Math.max(last.step, finite[0].step + 1)];
  const x = (step: number) => left + ((width - left - right) * (step - firstStep)) / (lastStep - firstStep);
  const y = (value: number) => {
    const place = (scaled(Math.max(value, isLogarithmic ? lowest / 2 : value)) - low) / (high - low);
    return bottom - (bottom - top) * Math.min(1.02, Math.max(-0.02, place));
  };
  const path = (line: readonly Point[]) =>
    `M${line.map(({ step, value }) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
  const ticks = isLogarithmic ? decadesWithin(Math.exp(low), Math.exp(high)) : ticksWithin(low, high);
  const steps = ticksWithin(firstStep, lastStep).filter(Number.isInteger);
  const raw = thinned(finite);
  return html`<figure class="curve"><figcaption><b>${title}</b> <span>${label(last.value)}</span>${level ? html` <i>${level.name} ${label(level.value)}</i>` : undefined}</figcaption>
  <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title} over steps">
    ${ticks.map((tick) => {
      const at = y(tick).toFixed(1);
      return html`<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text class="y" x="${left - 6}" y="${at}">${label(tick)}</text>`;
    })}
    ${steps.map((step) => html`<text class="x" x="${x(step).toFixed(1)}" y="${bottom + 16}">${step}</text>`)}
    ${level ? html`<line class="level" x1="${left}" x2="${width - right}" y1="${y(level.value).toFixed(1)}" y2="${y(level.value).toFixed(1)}"><title>${level.name} ${level.value}</title></line>` : undefined}
    ${noisy ? html`<path class="raw" d="${path(raw)}"/><path class="line" d="${path(thinned(smoothed(finite)))}"/>` : html`<path class="line" d="${path(raw)}"/>${raw.length < 40 ? raw.map(({ step, value }) => html`<circle cx="${x(step).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3"><title>step ${step}: ${value}</title></circle>`) : undefined}`}
  </svg></figure>`;
}
