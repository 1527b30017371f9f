import type { OnnxBuilder } from "./onnx-builder.ts";
import type { Dims, WindowAttributes } from "./primitives.ts";

/** Windows side by side, as many as fit into an image of known size: what they leave over at its ends is no window's. */
export interface Tiles {
  readonly channels: number;
  /** Their number. */
  readonly count: readonly [down: number, across: number];
  /** Their size. */
  readonly size: readonly [h: number, w: number];
  /** Whether the image holds nothing else. */
  readonly whole: boolean;
}

/** The tiles that windows are, or `undefined` where they overlap, leave gaps or go beyond the border, or where the image's size is not known. */
export function tilesOf(
  [, c, h, w]: Dims,
  [kh, kw]: readonly number[],
  { stride, padding, dilation = [1, 1] }: WindowAttributes & { dilation?: readonly number[] },
): Tiles | undefined {
  if (c === undefined || h === undefined || w === undefined) return undefined;
  const apart = kh !== stride[0] || kw !== stride[1] || dilation.some((by) => by !== 1);
  if (apart || Object.values(padding).some((by) => by !== 0)) return undefined;
  const count = [Math.floor(h / kh), Math.floor(w / kw)] as const;
  return { channels: c, count, size: [kh, kw], whole: count[0] * kh === h && count[1] * kw === w };
}

/** The mean of every tile, first down, then across: ONNX Runtime takes two to four times as long for its own means of windows. */
export function meansOfTiles(builder: OnnxBuilder, image: string, { channels, count, size, whole }: Tiles): string {
  const { writer } = builder;
  const [[rows, columns], [kh, kw]] = [count, size];
  const inner = whole
    ? image
    : writer.node("Slice", [image, builder.ints(0, 0), builder.ints(rows * kh, columns * kw), builder.ints(2, 3)]);
  const mean = (name: string) => writer.node("ReduceMean", [name, builder.ints(1)], { keepdims: 0 });
  const down = mean(builder.reshape(inner, [-1, kh, columns * kw]));
  return builder.reshape(mean(builder.reshape(down, [-1, kw])), [-1, channels, rows, columns]);
}

/** The image whose tiles hold the values of another, one each, and 0 beside them. */
export function fillTiles(builder: OnnxBuilder, values: string, tiles: Tiles, [, , h, w]: Dims): string {
  const { writer } = builder;
  const { channels, count, size, whole } = tiles;
  const [[rows, columns], [kh, kw]] = [count, size];
  const ones = writer.constant("float", [1, kw], Array(kw).fill(1));
  const across = writer.node("MatMul", [builder.reshape(values, [-1, 1]), ones]);
  const filled = writer.node("Expand", [builder.reshape(across, [-1, 1, columns * kw]), builder.ints(1, kh, 1)]);
  const image = builder.reshape(filled, [-1, channels, rows * kh, columns * kw]);
  if (whole) return image;
  return builder.pad(image, 4, { 2: [0, (h as number) - rows * kh], 3: [0, (w as number) - columns * kw] });
}
