import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadFonts } from "../../packages/reconloss/src/figure/font.ts";

const fonts = await loadFonts();

/** Widths of Adobe's own Helvetica by letter, of 1000 to the size: the metrics file that pdfkit comes with. */
function adobeWidths(name: string): [letter: string, width: number][] {
  const home = dirname(createRequire(import.meta.url).resolve("pdfkit"));
  const text = readFileSync(join(home, "data", `${name}.afm`), "latin1");
  const rows = [...text.matchAll(/^C (\d+) ; WX (\d+) ; N (\w+)/gm)];
  // The first 127 codes of Adobe's standard encoding are those of ASCII, but for the two quotes.
  const ascii = rows.filter(([, code, , glyph]) => Number(code) < 127 && !glyph.startsWith("quote"));
  return ascii.map(([, code, width]) => [String.fromCharCode(Number(code)), Number(width)]);
}

describe.each([
  ["regular", "Helvetica"],
  ["bold", "Helvetica-Bold"],
] as const)("the %s letters of figures", (weight, name) => {
  const font = fonts[weight];

  test("are as wide as those of Helvetica, which SVG files name", () => {
    const widths = adobeWidths(name);
    expect(widths.length).toBeGreaterThan(85);
    for (const [letter, width] of widths) {
      expect({ letter, width: Math.abs(font.widthOf(letter, 1000) - width) < 1 }).toEqual({ letter, width: true });
    }
  });

  test("cover Latin, Greek, Cyrillic and the signs of tables", () => {
    expect(font.missing("Bicubic é ß ø ő αβΔμσ Жя 0.123 × ± − ≈ ≤ ≥ ∞ ↑ ↓ → – — “…” †")).toEqual([]);
    expect(font.missing("漢 x 漢")).toEqual(["漢"]);
  });

  test("are closed outlines, with accents above their letters", () => {
    const contours = (text: string) => font.outline(text, 0, 0, 100).split("M").slice(1);
    expect(["l", "i", "o", "%", "é", " "].map((text) => contours(text).length)).toEqual([1, 2, 2, 5, 3, 0]);
    for (const contour of contours("Ré%g")) expect(contour.endsWith("Z")).toBe(true);
    const ys = (contour: string) => [...contour.matchAll(/ (-?[\d.]+)/g)].map(([, y]) => Number(y));
    const [letter, accent] = [contours("e")[0], contours("é").at(-1) as string];
    expect(Math.max(...ys(accent))).toBeLessThan(Math.min(...ys(letter)));
    // Letters stand on the baseline, and H is as high as capitals of Helvetica, 0.72 of the size, within a twentieth.
    const high = ys(contours("H")[0]);
    expect([Math.max(...high), Math.min(...high) / -100]).toEqual([0, expect.closeTo(0.72, 1)]);
  });

  test("are placed side by side", () => {
    const width = font.widthOf("ab", 10);
    expect(width).toBeCloseTo(font.widthOf("a", 10) + font.widthOf("b", 10), 9);
    expect(font.outline("ab", 0, 0, 10)).toBe(
      font.outline("a", 0, 0, 10) + font.outline("b", font.widthOf("a", 10), 0, 10),
    );
  });
});
