/** Markers without a length: those of restarts, the start of the image, and the one that stands for nothing. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
const startOfScan = 0xda;

/**
 * A JPEG without the bytes between its segments that belong to none, as webcams leave them; up to its first scan, from where on only a decoder knows
 * what belongs to it.
 */
export function withoutExtraBytes(jpeg: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= jpeg.length) {
    const marker = jpeg[at + 1];
    if (jpeg[at] !== 0xff || marker === 0 || marker === 0xff) {
      at++;
      continue;
    }
    const end = at + 2 + (isBare(marker) ? 0 : (jpeg[at + 2] << 8) | jpeg[at + 3]);
    parts.push(jpeg.subarray(at, end));
    at = end;
    if (marker === startOfScan) break;
  }
  return Buffer.concat([...parts, jpeg.subarray(at)]);
}
