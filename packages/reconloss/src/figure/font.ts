import { inflateRawSync } from "node:zlib";

/** A letter of a TrueType file: its outlines in whole numbers, `unitsPerEm` to the font's size. */
interface Glyph {
  readonly advance: number;
  readonly contours: readonly Contour[];
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly onCurve: boolean;
}

type Contour = readonly Point[];

/** Bits of the flags of a glyph's points, and of the parts that a glyph is put together from (OpenType 1.9, glyf). */
const pointBits = { onCurve: 1, xShort: 2, yShort: 4, repeat: 8, xSame: 16, ySame: 32 } as const;
const partBits = { words: 1, areOffsets: 2, scale: 8, more: 0x20, twoScales: 0x40, matrix: 0x80 } as const;

const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, onCurve: true });

/** A number of a path: two decimals are a hundredth of a point. */
const short = (value: number) => String(Math.round(value * 100) / 100);

/**
 * A TrueType font: how wide text is and what its letters look like, for pictures that must not depend on the fonts of the machine. Letters stand side by side as
 * their widths say, without kerning.
 */
export class Font {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #tables = new Map<string, number>();
  readonly #glyphs = new Map<number, Glyph>();
  readonly #codes: ReadonlyMap<number, number>;
  readonly #unitsPerEm: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 12; at < 12 + 16 * this.#view.getUint16(4); at += 16) {
      const tag = String.fromCharCode(...bytes.subarray(at, at + 4));
      this.#tables.set(tag, this.#view.getUint32(at + 8));
    }
    this.#unitsPerEm = this.#view.getUint16(this.#at("head") + 18);
    this.#codes = this.#readCodes();
  }

  /** Letters of a text that the font does not have, each once. */
  missing(text: string): string[] {
    return [...new Set(text)].filter((letter) => !this.#codes.has(letter.codePointAt(0) as number));
  }

  /** The width of a text, in the unit of the size. */
  widthOf(text: string, size: number): number {
    let width = 0;
    for (const letter of text) width += this.#glyphOf(letter).advance;
    return (width * size) / this.#unitsPerEm;
  }

  /** The outlines of a text as the data of an SVG path, its baseline beginning at (x, y); y goes down. */
  outline(text: string, x: number, y: number, size: number): string {
    const scale = size / this.#unitsPerEm;
    const parts: string[] = [];
    let left = x;
    for (const letter of text) {
      const { advance, contours } = this.#glyphOf(letter);
      const place = (point: Point) => `${short(left + point.x * scale)} ${short(y - point.y * scale)}`;
      for (const contour of contours) parts.push(pathOf(contour, place));
      left += advance * scale;
    }
    return parts.join("");
  }

  #at(table: string): number {
    const at = this.#tables.get(table);
    if (at === undefined) throw new Error(`the font has no table ${table}`);
    return at;
  }

  /** The numbers of glyphs by code point: the segments of cmap's format 4. */
  #readCodes(): Map<number, number> {
    const view = this.#view;
    const cmap = this.#at("cmap");
    const codes = new Map<number, number>();
    for (let record = 0; record < view.getUint16(cmap + 2); record++) {
      const at = cmap + view.getUint32(cmap + 4 + 8 * record + 4);
      if (view.getUint16(at) !== 4) continue;
      const twice = view.getUint16(at + 6);
      const [ends, starts, deltas, offsets] = [14, 16 + twice, 16 + 2 * twice, 16 + 3 * twice].map((by) => at + by);
      for (let segment = 0; segment < twice; segment += 2) {
        const [start, end] = [view.getUint16(starts + segment), view.getUint16(ends + segment)];
        const [delta, offset] = [view.getUint16(deltas + segment), view.getUint16(offsets + segment)];
        for (let code = start; code <= end && code < 0xffff; code++) {
          const own = offset === 0 ? code : view.getUint16(offsets + segment + offset + 2 * (code - start));
          const glyph = own === 0 ? 0 : (own + delta) & 0xffff;
          if (glyph !== 0) codes.set(code, glyph);
        }
      }
    }
    return codes;
  }

  #glyphOf(letter: string): Glyph {
    return this.#glyph(this.#codes.get(letter.codePointAt(0) as number) ?? 0);
  }

  #glyph(id: number): Glyph {
    const known = this.#glyphs.get(id);
    if (known !== undefined) return known;
    const measured = this.#view.getUint16(this.#at("hhea") + 34);
    const advance = this.#view.getUint16(this.#at("hmtx") + 4 * Math.min(id, measured - 1));
    const glyph = { advance, contours: this.#contours(id) };
    this.#glyphs.set(id, glyph);
    return glyph;
  }

  #contours(id: number): Contour[] {
    const view = this.#view;
    const isLong = view.getInt16(this.#at("head") + 50) === 1;
    const offsetOf = (glyph: number) =>
      isLong ? view.getUint32(this.#at("loca") + 4 * glyph) : 2 * view.getUint16(this.#at("loca") + 2 * glyph);
    const [start, end] = [offsetOf(id), offsetOf(id + 1)];
    if (start === end) return [];
    const at = this.#at("glyf") + start;
    const count = view.getInt16(at);
    return count < 0 ? this.#parts(at + 10) : this.#points(at + 10, count);
  }

  /** The contours of a glyph that has points of its own. */
  #points(start: number, contours: number): Contour[] {
    const view = this.#view;
    const ends = Array.from({ length: contours }, (_, index) => view.getUint16(start + 2 * index));
    const count = (ends.at(-1) ?? -1) + 1;
    let at = start + 2 * contours;
    at += 2 + view.getUint16(at);
    const flags: number[] = [];
    while (flags.length < count) {
      const flag = view.getUint8(at++);
      const times = flag & pointBits.repeat ? view.getUint8(at++) : 0;
      for (let time = 0; time <= times; time++) flags.push(flag);
    }
    const coordinates = (isShort: number, isSame: number) => {
      let value = 0;
      return flags.map((flag) => {
        if (flag & isShort) value += (flag & isSame ? 1 : -1) * view.getUint8(at++);
        else if (!(flag & isSame)) {
          value += view.getInt16(at);
          at += 2;
        }
        return value;
      });
    };
    const xs = coordinates(pointBits.xShort, pointBits.xSame);
    const ys = coordinates(pointBits.yShort, pointBits.ySame);
    return ends.map((end, index) => {
      const first = index === 0 ? 0 : ends[index - 1] + 1;
      return Array.from({ length: end - first + 1 }, (_, step) => {
        const point = first + step;
        return { x: xs[point], y: ys[point], onCurve: (flags[point] & pointBits.onCurve) !== 0 };
      });
    });
  }

  /** The contours of a glyph that others are put together to, as é is of e and its accent. */
  #parts(start: number): Contour[] {
    const view = this.#view;
    const contours: Contour[] = [];
    let [at, flags] = [start, 0];
    do {
      flags = view.getUint16(at);
      const glyph = view.getUint16(at + 2);
      at += 4;
      const isWord = (flags & partBits.words) !== 0;
      const [dx, dy] = isWord ? [view.getInt16(at), view.getInt16(at + 2)] : [view.getInt8(at), view.getInt8(at + 1)];
      if (!(flags & partBits.areOffsets)) throw new Error("parts of glyphs that are placed by points are not read");
      at += isWord ? 4 : 2;
      const scales = flags & partBits.scale ? 1 : flags & partBits.twoScales ? 2 : flags & partBits.matrix ? 4 : 0;
      const read = Array.from({ length: scales }, (_, index) => view.getInt16(at + 2 * index) / 2 ** 14);
      at += 2 * scales;
      const [a, b, c, d] = scales === 4 ? read : [read[0] ?? 1, 0, 0, read[1] ?? read[0] ?? 1];
      for (const contour of this.#contours(glyph)) {
        contours.push(contour.map(({ x, y, onCurve }) => ({ x: a * x + c * y + dx, y: b * x + d * y + dy, onCurve })));
      }
    } while (flags & partBits.more);
    return contours;
  }
}

/** A contour as a path: between two points off the curve lies one on it. */
function pathOf(contour: Contour, place: (point: Point) => string): string {
  const first = contour.findIndex(({ onCurve }) => onCurve);
  const start = first < 0 ? middle(contour[0], contour[contour.length - 1]) : contour[first];
  const turned = [...contour.slice(first + 1), ...contour.slice(0, first + 1)];
  let path = `M${place(start)}`;
  for (const [index, point] of turned.entries()) {
    if (point.onCurve) {
      if (turned[index - 1]?.onCurve !== false) path += `L${place(point)}`;
      continue;
    }
    const next = turned[index + 1] ?? start;
    path += `Q${place(point)} ${place(next.onCurve ? next : middle(point, next))}`;
  }
  return `${path}Z`;
}

/** The fonts of figures. */
export interface Fonts {
  readonly regular: Font;
  readonly bold: Font;
}

let loaded: Promise<Fonts> | undefined;

/** The fonts that come with the package. */
export function loadFonts(): Promise<Fonts> {
  loaded ??= import("./font-data.ts").then(({ regular, bold }) => {
    const [first, second] = [regular, bold].map((packed) => new Font(inflateRawSync(Buffer.from(packed, "base64"))));
    return { regular: first, bold: second };
  });
  return loaded;
}
