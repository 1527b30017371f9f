import { InvalidArgumentError, type Option } from "commander";
import type { FigureBox, FigureImage } from "../figure/index.ts";
import { RepeatableOption } from "./repeated.ts";

/** Names of the colours that boxes are drawn in most. */
const colours: Readonly<Record<string, string>> = {
  red: "#d62728",
  green: "#2ca02c",
  blue: "#1f77b4",
  orange: "#ff7f0e",
  yellow: "#ffdd00",
  cyan: "#17becf",
  magenta: "#e377c2",
  white: "#ffffff",
  black: "#000000",
};

/** A box as it is typed: `x,y,width,height`, or with a colour behind. */
export function parseBox(text: string): FigureBox {
  const [x, y, width, height, colour, ...rest] = text.split(",").map((part) => part.trim());
  const numbers = [x, y, width, height];
  const isWhole = numbers.every((part) => part !== undefined && /^\d+$/.test(part));
  const hex = colour === undefined ? undefined : (colours[colour.toLowerCase()] ?? colour);
  if (!isWhole || rest.length > 0 || (hex !== undefined && !/^#[0-9a-f]{6}$/i.test(hex))) {
    const names = Object.keys(colours).join(", ");
    throw new InvalidArgumentError(
      `It is written x,y,width,height in whole pixels, optionally followed by a colour: #rrggbb, or one of ${names}.`,
    );
  }
  const [left, top, wide, high] = numbers.map(Number);
  return { x: left, y: top, width: wide, height: high, ...(hex === undefined ? {} : { colour: hex }) };
}

/** Points in a unit: CSS's inch has 96 pixels. */
const units: Readonly<Record<string, number>> = { pt: 1, px: 0.75, in: 72, cm: 72 / 2.54, mm: 72 / 25.4 };
/** The density at which a width in pixels has that many. */
export const pixelDensity = 96;

/** A width in points, and whether it was said in pixels. */
export interface Length {
  readonly points: number;
  readonly inPixels: boolean;
}

/** `496`, `496pt`, `1200px`, `17.5cm`. */
export function parseLength(text: string): Length {
  const { number, unit = "pt" } = /^(?<number>\d+(?:\.\d+)?)(?<unit>[a-z]+)?$/.exec(text.trim())?.groups ?? {};
  if (number === undefined || !(unit in units)) {
    throw new InvalidArgumentError(`It is a number followed by pt, px, in, cm or mm; a plain number is in points.`);
  }
  return { points: Number(number) * units[unit], inPixels: unit === "px" };
}

/** `64x48`. */
export function parseSize(text: string): [width: number, height: number] {
  const { width, height } = /^(?<width>[1-9]\d*)x(?<height>[1-9]\d*)$/.exec(text.trim())?.groups ?? {};
  if (width === undefined) throw new InvalidArgumentError("It is written WIDTHxHEIGHT.");
  return [Number(width), Number(height)];
}

/** The images and boxes of `--image` and `--box`, in their order: a box is of the image before it, one before all images of every image. */
export class RequestedImages {
  readonly #images: { name: string; boxes: FigureBox[] }[] = [];
  readonly #ofAll: FigureBox[] = [];

  addImage(name: string): void {
    this.#images.push({ name, boxes: [] });
  }

  addBox(box: FigureBox): void {
    (this.#images.at(-1)?.boxes ?? this.#ofAll).push(box);
  }

  /** Boxes that are of whatever image is chosen. */
  get boxes(): readonly FigureBox[] | undefined {
    return this.#ofAll.length > 0 ? this.#ofAll : undefined;
  }

  /** The images; undefined where none is named. */
  get images(): FigureImage[] | undefined {
    if (this.#images.length === 0) return undefined;
    return this.#images.map(({ name, boxes }) => {
      const all = [...this.#ofAll, ...boxes];
      return { name, ...(all.length > 0 ? { boxes: all } : {}) };
    });
  }
}

/** `--image` and `--box`, which fill what is wanted. */
export function imageOptions(wanted: RequestedImages): Option[] {
  return [
    new RepeatableOption(
      "--image <name>",
      "the image to show; repeatable; default: the image on which methods differ most by the first metric",
    ).argParser((name: string) => wanted.addImage(name)),
    new RepeatableOption(
      "--box <x,y,w,h>",
      "a region to enlarge, in pixels, optionally followed by a colour: 40,30,64,48,red; repeatable; applies to the --image before it; default: where methods differ most",
    ).argParser((text: string) => wanted.addBox(parseBox(text))),
  ];
}
