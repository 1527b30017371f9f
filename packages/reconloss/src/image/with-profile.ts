import type { Pixels } from "@reconloss/core/pixels";

/** Types of TIFF's fields: 16 and 32 bits, and bytes of no meaning to TIFF. */
const [short, long, bytes] = [3, 4, 7];

/** 8-bit RGB pixels, with or without alpha, and their ICC profile as a TIFF file without compression, from which sharp takes both. */
export function tiffWithProfile({ data, width, height, channels }: Pixels, profile: Uint8Array): Uint8Array {
  const fields: (readonly [tag: number, type: number, values: readonly number[]])[] = [
    [256, long, [width]],
    [257, long, [height]],
    [258, short, Array(channels).fill(8)],
    // Not compressed, RGB.
    [259, short, [1]],
    [262, short, [2]],
    [273, long, [0]],
    [277, short, [channels]],
    [278, long, [height]],
    [279, long, [data.length]],
    // Alpha that the colours are not multiplied by.
    ...(channels === 4 ? ([[338, short, [2]]] as const) : []),
    [34675, bytes, [...profile]],
  ];
  const head = 8 + 2 + 12 * fields.length + 4;
  const sizes = fields.map(([, type, values]) => values.length * (type === short ? 2 : type === long ? 4 : 1));
  const outside = sizes.reduce((sum, size) => sum + (size > 4 ? size + (size & 1) : 0), 0);
  const file = new Uint8Array(head + outside + data.length);
  const view = new DataView(file.buffer);
  file.set([0x49, 0x49, 42, 0, 8]);
  view.setUint16(8, fields.length, true);
  let free = head;
  for (const [index, [tag, type, given]] of fields.entries()) {
    const at = 10 + 12 * index;
    const values = tag === 273 ? [head + outside] : given;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, values.length, true);
    let to = at + 8;
    if (sizes[index] > 4) {
      view.setUint32(at + 8, free, true);
      to = free;
      free += sizes[index] + (sizes[index] & 1);
    }
    for (const value of values) {
      if (type === short) view.setUint16(to, value, true);
      else if (type === long) view.setUint32(to, value, true);
      else file[to] = value;
      to += type === short ? 2 : type === long ? 4 : 1;
    }
  }
  file.set(data, head + outside);
  return file;
}
