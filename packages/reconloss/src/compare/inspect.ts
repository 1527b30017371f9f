import type { PreparedImage, Tensor } from "@reconloss/core";
import { whiteOf } from "@reconloss/core/internal";
import { decibels } from "./decibels.ts";
import type { Images } from "./measure.ts";
import { estimateShift, movedBack, type Shift, type Window } from "./shift.ts";
import { bestTone, type Tone } from "./tone.ts";
import type { InspectedKind, Note } from "./types.ts";

/** Windows along each axis, their side in pixels, and the least side of an image that is looked at. */
const [windowsAcross, side, leastSide] = [3, 64, 24];

/** The least cost of a difference that is noted, in dB of PSNR, so that blur, noise and compression are not taken for one. */
const least = { swap: 1, tone: 1 };

/** Whether a shift is one: by so many pixels, costing much, or less and most of what is left without the finest detail. */
const isShift = ({ x, y, cost, soft }: Shift) =>
  Math.hypot(x, y) >= 0.1 && (cost >= 1 || (cost >= 0.25 && soft >= 1.25));

/** A note on a pair, without the pair's name. */
export type Inspected = Omit<Note, "name"> & { kind: InspectedKind; cost: number };

/** The first pixels of windows along an axis. */
function starts(length: number): number[] {
  const size = Math.min(side, length);
  const count = Math.min(windowsAcross, Math.max(1, Math.floor(length / size)));
  if (count === 1) return [Math.floor((length - size) / 2)];
  return Array.from({ length: count }, (_, i) => Math.floor((i * (length - size)) / (count - 1)));
}

/** The first planes of a tensor in a window. */
function planesIn({ data, shape: [, , h, w] }: Tensor, count: number, { x, y, width, height }: Place): Float32Array {
  const planes = new Float32Array(count * width * height);
  for (let plane = 0; plane < count; plane++) {
    for (let row = 0; row < height; row++) {
      const from = (plane * h + y + row) * w + x;
      planes.set(data.subarray(from, from + width), (plane * height + row) * width);
    }
  }
  return planes;
}

/** The colours of a window, plane by plane, in [0, 1]. */
function coloursIn(image: PreparedImage, colours: number, place: Place): Float32Array {
  if (image.pixels === undefined) return planesIn(image.tensor, colours, place);
  const { x, y, width, height } = place;
  const area = width * height;
  const planes = new Float32Array(colours * area);
  const [, , , w] = image.shape;
  const { data, channels, step = channels } = image.pixels;
  const scale = 1 / whiteOf(data);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = ((y + row) * w + x + column) * step;
      for (let c = 0; c < colours; c++) planes[c * area + row * width + column] = data[from + c] * scale;
    }
  }
  return planes;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A window of both images, with its colours. */
interface Colours {
  readonly place: Place;
  readonly output: Float32Array;
  readonly target: Float32Array;
  /** The weight of each pixel; undefined where all count the same. */
  readonly weight?: Float32Array;
}

function coloursOf({ output, target }: Images, weight: Tensor | undefined, colours: number): Colours[] {
  const [, , h, w] = output.shape;
  const size = { width: Math.min(side, w), height: Math.min(side, h) };
  return starts(h).flatMap((y) =>
    starts(w).map((x) => {
      const place = { x, y, ...size };
      return {
        place,
        output: coloursIn(output, colours, place),
        target: coloursIn(target, colours, place),
        ...(weight === undefined ? {} : { weight: planesIn(weight, 1, place) }),
      };
    }),
  );
}

/** Whether windows differ in no pixel. */
const areEqual = (windows: readonly Colours[]) =>
  windows.every(({ output, target }) => output.every((value, i) => value === target[i]));

/** The gain by exchanging red and blue of the output, in dB. */
function swapGain(windows: readonly Colours[]): number {
  let [straight, swapped] = [0, 0];
  for (const { output, target, weight } of windows) {
    const area = output.length / 3;
    for (let i = 0; i < area; i++) {
      const counts = weight === undefined ? 1 : weight[i];
      const [red, green, blue] = [output[i], output[area + i], output[2 * area + i]];
      const same = (green - target[area + i]) ** 2;
      straight += counts * (same + (red - target[i]) ** 2 + (blue - target[2 * area + i]) ** 2);
      swapped += counts * (same + (blue - target[i]) ** 2 + (red - target[2 * area + i]) ** 2);
    }
  }
  return decibels(straight, swapped);
}

const luma = [0.299, 0.587, 0.114] as const;

function lumaOf(planes: Float32Array, colours: number, isSwapped = false): Float32Array {
  if (colours === 1) return planes;
  const area = planes.length / 3;
  const [first, second, third] = isSwapped ? luma.toReversed() : luma;
  const grey = new Float32Array(area);
  for (let i = 0; i < area; i++) {
    grey[i] = first * planes[i] + second * planes[area + i] + third * planes[2 * area + i];
  }
  return grey;
}

const signed = (value: number, digits: number) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(digits)}`;
const costs = (cost: number) => `which costs ${cost >= 100 ? "all of its" : `about ${cost.toFixed(1)} dB of`} PSNR`;

/**
 * Finds global differences between an output and its target: its red and blue exchanged, its brightness, contrast or gamma, its place; with what each costs in PSNR, of what is left by those before
 * it. Nine windows of 64 x 64 pixels are looked at, so that the time does not grow with the image. Differences that cost little, as blurred, noisy and compressed outputs have
 * them too, are none.
 *
 * @param images - of equal size and as many channels
 * @param weight - [1, 1, h, w]: how much each pixel counts
 */
export function inspect(images: Images, weight?: Tensor): Inspected[] {
  const [, channels, h, w] = images.output.shape;
  if (Math.min(h, w) < leastSide) return [];
  const colours = channels < 3 ? 1 : 3;
  const windows = coloursOf(images, weight, colours);
  if (areEqual(windows)) return [];
  const found: Inspected[] = [];
  const swap = colours === 3 ? swapGain(windows) : 0;
  const isSwapped = swap >= least.swap;
  if (isSwapped) {
    const text = `the output's red and blue are exchanged (BGR for RGB), ${costs(swap)}`;
    found.push({ kind: "swapped-channels", text, cost: swap });
  }
  const grey: Window[] = windows.map(({ place, output, target, weight: counts }) => ({
    ...place,
    output: lumaOf(output, colours, isSwapped),
    target: lumaOf(target, colours),
    ...(counts === undefined ? {} : { weight: counts }),
  }));
  return [
    ...found,
    ...inspectPlanes(
      windows.flatMap((window) => planesOf(window, isSwapped)),
      grey,
    ),
  ];
}

/** Each colour of a window by itself. */
function planesOf({ place, output, target, weight }: Colours, isSwapped: boolean): Window[] {
  const area = place.width * place.height;
  const count = output.length / area;
  const plane = (planes: Float32Array, c: number) => planes.subarray(c * area, (c + 1) * area);
  return Array.from({ length: count }, (_, c) => ({
    ...place,
    output: plane(output, isSwapped ? count - 1 - c : c),
    target: plane(target, c),
    ...(weight === undefined ? {} : { weight }),
  }));
}

/** Tone of all colours and place of their luma, the one that costs more first: what is left of the other is judged without it. */
function inspectPlanes(planes: readonly Window[], grey: readonly Window[]): Inspected[] {
  const [tone, shift] = [toneOf(planes), shiftOf(grey)];
  if (shift !== undefined && shift.cost > (tone?.cost ?? 0)) {
    return [noteOfShift(shift), ...noteOfTone(toneOf(planes.map((window) => movedBack(window, shift))))];
  }
  if (tone === undefined) return [];
  const undone = grey.map((window) => ({ ...window, output: window.output.map(tone.undone) }));
  return [...noteOfTone(tone), ...[shiftOf(undone)].flatMap((left) => (left === undefined ? [] : [noteOfShift(left)]))];
}

function toneOf(planes: readonly Window[]): Tone | undefined {
  const tone = bestTone(planes);
  return tone !== undefined && tone.cost >= least.tone ? tone : undefined;
}

function shiftOf(grey: readonly Window[]): Shift | undefined {
  const shift = estimateShift(grey);
  return shift !== undefined && isShift(shift) ? shift : undefined;
}

function noteOfTone(tone: Tone | undefined): Inspected[] {
  if (tone === undefined) return [];
  const { text, cost } = tone;
  return [{ kind: "other-tone", text: `the output is ${text}, ${costs(cost)}`, cost }];
}

function noteOfShift({ x, y, cost }: Shift): Inspected {
  const by = `${signed(x, 2)} pixels to the right and ${signed(y, 2)} down`;
  return { kind: "shifted", text: `the output is shifted relative to its target by ${by}, ${costs(cost)}`, cost };
}
