import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
/**
 * Magma at 17 even steps, dark to bright, even in how different neighbours look: every 16th row of matplotlib's table (S. van der Walt and
 * N. Smith, 2015; CC0).
 */
export const magma: readonly string[] = [
  ...["#000004", "#0a0822", "#1d1147", "#36106b", "#51127c", "#6a1c81", "#832681", "#9c2e7f", "#b73779"],
  ...["#d0416f", "#e75263", "#f56b5c", "#fc8961", "#fea772", "#fec488", "#fde2a3", "#fcfdbf"],
];

function channelsOf(hex: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
}

/** The colours of 256 levels, red, green and blue in turn, 0 to 255: straight lines between the steps. */
export function colourTable(steps: readonly string[] = magma): Uint8Array {
  checkArguments("colourTable", { steps: [steps, "texts?"] });
  if (steps.length === 0) throw new ReconlossError("invalid-argument", "colourTable: steps must not be empty");
  const colours = steps.map(channelsOf);
  return Uint8Array.from({ length: 256 * 3 }, (_, index) => {
    const position = (Math.floor(index / 3) / 255) * (colours.length - 1);
    const below = Math.min(Math.floor(position), colours.length - 2);
    const channel = index % 3;
    const [a, b] = [colours[below][channel], colours[below + 1][channel]];
    return Math.round(a + (position - below) * (b - a));
  });
}
