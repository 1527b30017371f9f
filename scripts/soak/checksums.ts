import { crc32 } from "node:zlib";

/** Makes the checksums of a mutated file right where its structure can still be followed, so that readers look behind them. */
export type Repair = (bytes: Buffer) => void;

/** The CRC-32 of each PNG chunk. */
export const repairPng: Repair = (bytes) => {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) return;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end)), end);
    at = end + 4;
  }
};

const [centralHeader, localHeader] = [0x02014b50, 0x04034b50];

/** The CRC-32 of each entry of a zip archive that is stored and not packed, in the directory. */
export const repairZip: Repair = (bytes) => {
  for (let at = bytes.length - 46; at >= 0; at--) {
    if (bytes.readUInt32LE(at) !== centralHeader || bytes.readUInt16LE(at + 10) !== 0) continue;
    const [size, header] = [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 42)];
    if (header + 30 > bytes.length || bytes.readUInt32LE(header) !== localHeader) continue;
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    bytes.writeUInt32LE(crc32(bytes.subarray(start, start + size)), at + 16);
  }
};

/** The sum of each header of a tar archive, as far as sizes lead from one to the next. */
export const repairTar: Repair = (bytes) => {
  for (let at = 0; at + 512 <= bytes.length; ) {
    const header = bytes.subarray(at, at + 512);
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    if (header[0] === 0 || !(size >= 0)) return;
    header.write("        ", 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    at += 512 + Math.ceil(size / 512) * 512;
  }
};
