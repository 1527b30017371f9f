import type { DecodedPixels } from "./decoder.ts";

/** a x b / 255, rounded, as Pillow has it in whole numbers. */
function multiply(a: number, b: number): number {
  const product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/** RGB from CMYK inks of 8 bits by Pillow's rule: (255 - k) x (255 - ink) / 255. It knows no profile. */
export function cmykToRgb(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let i = 0, j = 0; i < inks.length; i += 4, j += 3) {
    const light = 255 - inks[i + 3];
    for (let c = 0; c < 3; c++) rgb[j + c] = light - multiply(inks[i + c], light);
  }
  return rgb;
}

/** The conversion of 16 bits to 8, by kind of file: grey of one channel is limited to 255, where `isClipped`; others keep their high byte, or are rounded. */
function narrow(data: Uint16Array | Float32Array, rule: "clip" | "high-byte" | "round"): Uint8Array {
  const by = {
    clip: (value: number) => Math.min(255, Math.max(0, value)),
    "high-byte": (value: number) => value >> 8,
    round: (value: number) => Math.round(value / 257),
  }[rule];
  return Uint8Array.from(data, by);
}

/**
 * Pixels as Pillow's `Image.open(path).convert("RGB")` makes them of the same samples, in 8 bits and without alpha: transparency is dropped, not
 * composited, and shows whatever colour is stored under it; 16-bit grey and floating point are cut off at 255; 16-bit colour keeps its high byte, and
 * is rounded where it comes from a PPM. Grey stays one channel.
 *
 * @param isGrey16 - whether the file holds 16-bit grey without alpha, though a colour may be declared transparent
 */
export function asPillow(
  pixels: DecodedPixels,
  { isGrey16, isPnm }: { isGrey16: boolean; isPnm: boolean },
): DecodedPixels {
  const { data, width, height, channels } = pixels;
  const isClipped = data instanceof Float32Array || isGrey16;
  const bytes =
    data instanceof Uint16Array || data instanceof Float32Array
      ? narrow(data, isClipped ? "clip" : isPnm ? "round" : "high-byte")
      : data;
  if (channels % 2 === 1) return { data: bytes, width, height, channels };
  return {
    data: bytes.filter((_, i) => i % channels !== channels - 1),
    width,
    height,
    channels: channels === 2 ? 1 : 3,
  };
}
