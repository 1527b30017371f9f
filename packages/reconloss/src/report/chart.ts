import type { Loss } from "@reconloss/core";
import { formatNumber, type PairResult } from "../compare/index.ts";
import { type Content, html } from "../html.ts";
import type { Ranking } from "./statistics.ts";

/** The place where the page shows a pair. */
export interface Link {
  /** Its number on the page. */
  id: number;
  href: string;
}

const width = 520;
const left = 8;
const right = width - 8;
const axis = 50;
/** Beyond this many pairs, bars say more than dots. */
export const mostDots = 120;
const radius = 5;

/** About four round numbers within a range. */
export function ticksWithin(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) as number;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
}

/** Dots side by side where they would cover each other: as low as they can stand, in the order of the axis. */
function heights(positions: readonly number[]): number[] {
  const placed: { x: number; y: number }[] = [];
  return positions.map((x) => {
    let y = axis - radius - 3;
    const near = placed.filter((dot) => Math.abs(dot.x - x) < 2 * radius);
    while (y > radius && near.some((dot) => Math.hypot(dot.x - x, dot.y - y) < 2 * radius - 0.5)) y -= 1.5;
    placed.push({ x, y });
    return y;
  });
}

function dots(
  pairs: readonly PairResult[],
  place: (pair: PairResult) => number,
  title: (pair: PairResult) => string,
  linkOf: (pair: PairResult) => Link,
): Content {
  const positions = pairs.map(place);
  const ys = heights(positions);
  return pairs.map((pair, index) => {
    const { id, href } = linkOf(pair);
    const [x, y] = [positions[index].toFixed(1), ys[index].toFixed(1)];
    return html`<a class="dot" href="${href}" data-pair="${id}"><circle cx="${x}" cy="${y}" r="${radius - 0.5}"><title>${title(pair)}</title></circle></a>`;
  });
}

function bars(positions: readonly number[]): Content {
  const bins = Math.min(48, Math.ceil(2 * Math.sqrt(positions.length)));
  const counts = new Array<number>(bins).fill(0);
  for (const x of positions) counts[Math.min(bins - 1, Math.floor(((x - left) / (right - left)) * bins))]++;
  const most = Math.max(...counts);
  const step = (right - left) / bins;
  return counts.map((count, bin) => {
    const height = (count / most) * (axis - 8);
    return html`<rect class="bar" x="${(left + bin * step + 0.5).toFixed(1)}" y="${(axis - height).toFixed(1)}" width="${(step - 1).toFixed(1)}" height="${height.toFixed(1)}"><title>${count} pairs</title></rect>`;
  });
}

function meanLine(x: string, mean: string): Content {
  return html`<line class="mean" x1="${x}" x2="${x}" y1="6" y2="${axis + 4}"><title>mean ${mean}</title></line>`;
}

/**
 * The distribution of a loss over the pairs, as SVG: a dot for each pair, or bars where there are many; better is to the right. Of a prior, what is
 * drawn is the distance from the target's own value: better is nearer to 0, where a line stands. The short line is the mean. Empty where fewer than two values are finite.
 *
 * @param mean - of what is drawn
 * @param linkOf - where the page shows a pair
 */
export function distribution(
  { label, better, decimals }: Loss,
  ranking: Ranking,
  mean: number,
  linkOf: (pair: PairResult) => Link,
): Content {
  const isPrior = better === "target";
  const numberOf = ({ values, targetValues }: PairResult) =>
    isPrior ? values[label] - (targetValues?.[label] ?? Number.NaN) : values[label];
  const finite = ranking.pairs.filter((pair) => Number.isFinite(numberOf(pair)));
  const values = finite.map(numberOf);
  const ends = isPrior ? [...values, 0] : values;
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (finite.length < 2 || low === high) return undefined;
  const margin = (high - low) * 0.04;
  const position = (value: number) => {
    const fraction = (value - low + margin) / (high - low + 2 * margin);
    return left + (right - left) * (better === "lower" ? 1 - fraction : fraction);
  };
  const place = (pair: PairResult) => position(numberOf(pair));
  const title = (pair: PairResult) => `${pair.name}: ${formatNumber(numberOf(pair), decimals)}`;
  const ticks = ticksWithin(low, high);
  const tickDecimals = Math.min(decimals, Math.max(0, Math.ceil(-Math.log10(ticks[1] - ticks[0] || 1) - 1e-9)));
  const others = ranking.pairs.length - finite.length;
  return html`<svg class="distribution" viewBox="0 0 ${width} 72" role="img" aria-label="distribution of ${isPrior ? `${label} less the target's` : label} over ${ranking.pairs.length} pairs">
    <line class="axis" x1="${left}" x2="${right}" y1="${axis}" y2="${axis}"/>
    ${ticks.map((tick) => {
      const x = position(tick).toFixed(1);
      const label = html`<text x="${x}" y="${axis + 16}">${formatNumber(tick, tickDecimals)}</text>`;
      return html`<line class="tick" x1="${x}" x2="${x}" y1="${axis}" y2="${axis + 4}"/>${label}`;
    })}
    ${finite.length > mostDots ? bars(finite.map(place)) : dots(finite, place, title, linkOf)}
    ${isPrior ? html`<line class="tick" x1="${position(0).toFixed(1)}" x2="${position(0).toFixed(1)}" y1="2" y2="${axis}"><title>as the target</title></line>` : undefined}
    ${Number.isFinite(mean) ? meanLine(position(mean).toFixed(1), formatNumber(mean, decimals)) : undefined}
  </svg>${others > 0 ? html`<p class="aside">${others} more without a finite number</p>` : undefined}`;
}
