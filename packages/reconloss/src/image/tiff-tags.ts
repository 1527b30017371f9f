/** The values of a tag of whole numbers in the first directory of a TIFF or BigTIFF file; empty where it is absent or the file ends before. */
export function tiffTag(bytes: Uint8Array, tag: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const u16 = (at: number) => view.getUint16(at, little);
  const u32 = (at: number) => view.getUint32(at, little);
  const u64 = (at: number) => Number(view.getBigUint64(at, little));
  try {
    const isBig = u16(2) === 43;
    const word = isBig ? u64 : u32;
    const [countSize, entrySize, wordSize] = isBig ? [8, 20, 8] : [2, 12, 4];
    const directory = word(isBig ? 8 : 4);
    const entries = isBig ? u64(directory) : u16(directory);
    for (let entry = directory + countSize, i = 0; i < entries; i++, entry += entrySize) {
      if (u16(entry) !== tag) continue;
      const read = { 3: { size: 2, at: u16 }, 4: { size: 4, at: u32 } }[u16(entry + 2)];
      if (read === undefined) return [];
      const count = word(entry + 4);
      const inline = entry + 4 + wordSize;
      const start = count * read.size <= wordSize ? inline : word(inline);
      return Array.from({ length: Math.min(count, 64) }, (_, index) => read.at(start + index * read.size));
    }
  } catch (error) {
    // What lies outside the file: whoever decodes it says so.
    if (!(error instanceof RangeError)) throw error;
  }
  return [];
}
