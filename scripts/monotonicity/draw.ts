import type { DistortionName } from "../distortions/index.ts";
import { distortionNames } from "./measure.ts";

/** One loss's row. */
export interface Row {
  readonly spec: string;
  /** Share of photographs on which the loss is monotone, by distortion. */
  readonly shares: Readonly<Record<DistortionName, number>>;
  readonly correlation: number;
}

const cell = 16;
const left = 230;
const top = 120;

/** From orange (no photograph) over white to blue (all). */
function colourOf(share: number): string {
  const to = share < 0.5 ? [213, 94, 0] : [0, 90, 160];
  const amount = Math.abs(share - 0.5) * 2;
  return `rgb(${to.map((value) => Math.round(255 + amount * (value - 255))).join(",")})`;
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A picture of all shares: losses are rows, distortions columns. */
export function drawShares(rows: readonly Row[]): string {
  const [width, height] = [left + cell * distortionNames.length + 20, top + cell * rows.length + 50];
  const columns = distortionNames.map((name, i) => {
    const [x, y] = [left + cell * (i + 0.7), top - 6];
    return `<text x="${x}" y="${y}" transform="rotate(-55 ${x} ${y})">${name}</text>`;
  });
  const bodies = rows.map((row, j) => {
    const y = top + cell * j;
    const cells = distortionNames.map((name, i) => {
      const share = row.shares[name];
      const title = `<title>${escaped(row.spec)}, ${name}: ${Math.round(100 * share)} %</title>`;
      return `<rect x="${left + cell * i}" y="${y}" width="15" height="15" fill="${colourOf(share)}">${title}</rect>`;
    });
    return `<text x="${left - 6}" y="${y + 12}" text-anchor="end">${escaped(row.spec)}</text>${cells.join("")}`;
  });
  const key = [0, 0.25, 0.5, 0.75, 1].map((share, i) => {
    const [x, y] = [left + 90 * i, top + cell * rows.length + 20];
    const box = `<rect x="${x}" y="${y}" width="15" height="15" fill="${colourOf(share)}" stroke="#999"/>`;
    return `${box}<text x="${x + 20}" y="${y + 12}">${100 * share} %</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...columns,
    ...bodies,
    ...key,
    "</svg>",
    "",
  ].join("\n");
}
