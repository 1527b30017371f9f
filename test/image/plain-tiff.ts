/** An uncompressed little-endian TIFF with one strip: tags of whole numbers, one value or several each. */
export function plainTiff(tags: Readonly<Record<number, number | readonly number[]>>, strip: Uint8Array): Buffer {
  const all: Record<number, number | readonly number[]> = { 259: 1, ...tags, 273: 0, 279: strip.length };
  const entries = Object.entries(all).map(([tag, values]) => ({
    tag: Number(tag),
    values: [values].flat() as number[],
  }));
  const head = Buffer.alloc(8 + 2 + entries.length * 12 + 4);
  head.write("II*\0");
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(entries.length, 8);
  const behind: Buffer[] = [];
  let end = head.length;
  const put = (content: Buffer) => {
    behind.push(content);
    end += content.length;
  };
  for (const [i, { tag, values }] of entries.entries()) {
    const at = 10 + i * 12;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(3, at + 2);
    head.writeUInt32LE(values.length, at + 4);
    const content = Buffer.from(Uint16Array.from(values).buffer);
    if (content.length <= 4) {
      content.copy(head, at + 8);
    } else {
      head.writeUInt32LE(end, at + 8);
      put(content);
    }
  }
  const start = 10 + 12 * entries.findIndex(({ tag }) => tag === 273) + 8;
  head.writeUInt16LE(end, start);
  return Buffer.concat([head, ...behind, strip]);
}
