import { ReconlossError } from "../errors.ts";

/** A colour in [0, 1]: red, green, blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/**
 * The background of transparent pixels: a colour as numbers in [0, 1]; as text, a name of CSS (`black`, `grey`, `navy` ...), `#rrggbb` or `#rgb`; or
 * `"checker"`, squares of 8 pixels in white and light grey (#ccc), the top left one white.
 */
export type Background = Rgb | string;

/** The colours of CSS 2.1, with the other names of some of them. */
const namedColours: Readonly<Record<string, string>> = {
  black: "#000000",
  silver: "#c0c0c0",
  gray: "#808080",
  grey: "#808080",
  white: "#ffffff",
  maroon: "#800000",
  red: "#ff0000",
  purple: "#800080",
  fuchsia: "#ff00ff",
  magenta: "#ff00ff",
  green: "#008000",
  lime: "#00ff00",
  olive: "#808000",
  yellow: "#ffff00",
  orange: "#ffa500",
  navy: "#000080",
  blue: "#0000ff",
  teal: "#008080",
  aqua: "#00ffff",
  cyan: "#00ffff",
};

/** The sides of the squares of a checkerboard in pixels, and their greys. */
const square = 8;
const squareGreys = [1, 0.8] as const;

/** The values of a background, by channel and place. */
export interface Backdrop {
  /** Whether red, green and blue are equal everywhere. */
  readonly isGrey: boolean;
  /** In [0, 1]. */
  at(channel: number, x: number, y: number): number;
}

/**
 * Understands a background.
 *
 * @throws {ReconlossError} `invalid-argument` for what is none, under the name that the error begins with
 */
export function backdropOf(caller: string, background: Background): Backdrop {
  const fail = (): never => {
    const got = typeof background === "string" ? `"${background}"` : `[${background.join(", ")}]`;
    const names = Object.keys(namedColours).join(", ");
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: background must be [red, green, blue] in [0, 1], "#rrggbb", "checker" or one of ${names}, got ${got}`,
    );
  };
  if (typeof background !== "string") {
    if (background.length !== 3 || !background.every((level) => level >= 0 && level <= 1)) return fail();
    return plain(background);
  }
  const text = background.trim().toLowerCase();
  if (text === "checker") {
    const isSecond = (x: number, y: number) => (Math.floor(x / square) + Math.floor(y / square)) % 2;
    return { isGrey: true, at: (_, x, y) => squareGreys[isSecond(x, y)] };
  }
  const hex = Object.hasOwn(namedColours, text) ? namedColours[text] : text;
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/.exec(hex)?.[1] ?? fail();
  const size = digits.length / 3;
  const level = (channel: number) =>
    Number.parseInt(digits.slice(channel * size, (channel + 1) * size).repeat(2 / size), 16) / 255;
  return plain([level(0), level(1), level(2)]);
}

function plain(colour: Rgb): Backdrop {
  return { isGrey: colour.every((level) => level === colour[0]), at: (channel) => colour[channel] };
}
