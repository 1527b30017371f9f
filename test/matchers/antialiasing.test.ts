import { describe, expect, it } from "vitest";
import { type PreparedImage, Tensor, toImageSync } from "../../packages/core/src/index.ts";
import { withoutAntialiasing } from "../../packages/reconloss/src/matchers/antialiasing.ts";

const size = 32;

/** The part of each pixel that lies inside of a shape, from 16 x 16 places in it: what anti-aliasing stands for. */
function coverage(inside: (x: number, y: number) => boolean): number[] {
  const parts = 16;
  return Array.from({ length: size * size }, (_, i) => {
    let count = 0;
    for (let k = 0; k < parts * parts; k++) {
      if (
        inside((i % size) + ((k % parts) + 0.5) / parts, Math.floor(i / size) + (Math.floor(k / parts) + 0.5) / parts)
      )
        count++;
    }
    return count / parts / parts;
  });
}

const dark = [20, 40, 90];
const light = [250, 240, 200];

const imageOf = (data: Uint8Array | Uint16Array) => toImageSync({ data, width: size, height: size });

/** A shape in one colour on another, as RGBA of 8 bits. */
function bytesOf(shape: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: 4 * size * size }, (_, at) => {
    const [pixel, c] = [Math.floor(at / 4), at % 4];
    return c === 3 ? 255 : Math.round(light[c] + shape[pixel] * (dark[c] - light[c]));
  });
}

const drawn = (shape: readonly number[]) => imageOf(bytesOf(shape));

const disc = (x: number, y: number) => drawn(coverage((u, v) => Math.hypot(u - x, v - y) < 9));
const slope = (shift: number) => drawn(coverage((u, v) => v > 0.3 * u + 8 + shift));

function differing(a: PreparedImage, b: PreparedImage): number {
  const [x, y] = [a.tensor.data, b.tensor.data];
  const area = size * size;
  return Array.from({ length: area }, (_, i) => i).filter((i) =>
    [0, 1, 2].some((c) => x[c * area + i] !== y[c * area + i]),
  ).length;
}

/** The number of pixels that differ, before and after anti-aliasing was ignored. */
function left(output: PreparedImage, target: PreparedImage): [before: number, after: number] {
  const { images, count } = withoutAntialiasing({ output, target });
  const [before, after] = [differing(output, target), differing(images.output, images.target)];
  expect(count).toBe(before - after);
  return [before, after];
}

describe("withoutAntialiasing", () => {
  it.each([
    ["an edge that moved by 0.1", slope(0), slope(0.1)],
    ["an edge that moved by 0.4", slope(0), slope(0.4)],
    ["a disc that moved by a quarter", disc(16, 16), disc(16.25, 16)],
    ["a disc that moved by 0.2 both ways", disc(16, 16), disc(15.8, 16.2)],
  ])("ignores %s of a pixel", (_, a, b) => {
    const [before, after] = left(a, b);
    expect(before).toBeGreaterThan(20);
    // Where the outline runs along the pixels, the border of the picture cuts it, or its soft part touches no flat area, the detector finds no edge.
    expect(after).toBeLessThanOrEqual(0.05 * before);
  });

  it.each([
    ["an edge", slope(0), slope(1)],
    ["an edge between pixels", slope(0.5), slope(1.5)],
    ["a disc", disc(16, 16), disc(17, 16)],
    ["a disc, obliquely", disc(16, 16), disc(16.7, 16.7)],
  ])("keeps the difference of %s that moved by a whole pixel", (_, a, b) => {
    const [, after] = left(a, b);
    // Along the whole outline, one pixel in every row or column at least.
    expect(after).toBeGreaterThan(15);
  });

  it("keeps differences that no edge explains: a missing line, another colour, noise", () => {
    const plain = drawn(coverage(() => false));
    const line = drawn(coverage((_, v) => v > 10 && v < 11));
    expect(left(line, plain)).toEqual([32, 32]);
    const shape = coverage((u, v) => Math.hypot(u - 16, v - 16) < 9);
    const other = imageOf(bytesOf(shape).map((value, i) => (i % 4 === 0 ? value ^ 1 : value)));
    const flat = shape.filter((part) => part === 0 || part === 1).length;
    expect(left(other, drawn(shape))[1]).toBeGreaterThanOrEqual(flat);
    const noise = imageOf(
      Uint8Array.from({ length: 4 * size * size }, (_, i) => (i % 4 === 3 ? 255 : (i * 2654435761) >>> 24)),
    );
    const [before, after] = left(noise, plain);
    expect([before, after]).toEqual([1024, 1024]);
  });

  it("gives the same result in grey, RGB, 16 bits and floating point", () => {
    const [a, b] = [disc(16, 16), disc(16.25, 16)];
    const { count } = withoutAntialiasing({ output: a, target: b });
    const as = (make: (image: PreparedImage) => PreparedImage) =>
      withoutAntialiasing({ output: make(a), target: make(b) });
    const bytes = (image: PreparedImage) => image.pixels?.data as Uint8Array;
    const rgb = as((image) => {
      const data = bytes(image).filter((_, i) => i % 4 !== 3);
      return imageOf(data);
    });
    const deep = as((image) => {
      const data = Uint16Array.from(bytes(image), (value) => value * 257);
      return imageOf(data);
    });
    const planes = as((image) => toImageSync(new Tensor(image.tensor.data.slice(), image.shape)));
    for (const { images, count: found } of [rgb, deep, planes]) {
      expect(found).toBe(count);
      expect(differing(images.output, images.target)).toBe(differing(a, b) - count);
    }
    // Grey has other levels, so that its edges are compared with themselves.
    const grey = as((image) => {
      const data = bytes(image).filter((_, i) => i % 4 === 1);
      return imageOf(data);
    });
    expect(grey.count).toBeGreaterThan(20);
  });

  it("uses the target's pixel, and modifies neither input", () => {
    const [output, target] = [disc(16, 16), disc(16.25, 16)];
    const before = Array.from(output.pixels?.data ?? []);
    const { images } = withoutAntialiasing({ output, target });
    expect(Array.from(output.pixels?.data ?? [])).toEqual(before);
    expect(images.target).toBe(target);
    const [x, y, z] = [output, target, images.output].map(({ pixels }) => pixels?.data ?? []);
    for (let i = 0; i < x.length; i++) expect([x[i], y[i]]).toContain(z[i]);
    const same = withoutAntialiasing({ output, target: output });
    expect(same.images.output).toBe(output);
  });
});
