import { crc32, deflateRawSync } from "node:zlib";

/** A member of an archive that a test writes. */
export interface TestMember {
  name: string;
  data?: Uint8Array | string;
  /** Type flag of tar; default "0", a file. */
  type?: string;
  /** The size that the header tells, where that is not the data's. */
  size?: number | string;
  /** POSIX's `prefix`, before the name. */
  prefix?: string;
  /** The magic; default POSIX's. */
  magic?: string;
}

const bytesOf = (data: Uint8Array | string = "") => (typeof data === "string" ? Buffer.from(data) : data);

/** A tar archive by POSIX.1-2001's table of its header: names at 0, size at 124, sum at 148, type at 156, magic at 257, prefix at 345. */
export function tarOf(members: readonly TestMember[], { end = 2 }: { end?: number } = {}): Buffer {
  const blocks = members.flatMap(({ name, data, type = "0", size, prefix = "", magic = "ustar\u000000" }) => {
    const bytes = bytesOf(data);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000644\0", 100);
    header.write(
      typeof size === "string" ? size : `${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`,
      124,
      "latin1",
    );
    header.write("        ", 148);
    header.write(type, 156);
    header.write(magic, 257);
    header.write(prefix, 345);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(512 * end)]);
}

/** An extended header (`x`) of pax for the member after it: "length key=value" lines, the length counting itself. */
export function paxOf(attributes: Readonly<Record<string, string>>): TestMember {
  const lines = Object.entries(attributes).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length++;
    return `${length} ${key}=${value}\n`;
  });
  return { name: "PaxHeader", type: "x", data: lines.join("") };
}

/** An entry of a zip archive that a test writes. */
export interface TestEntry {
  name: string;
  data?: Uint8Array | string;
  /** 0 stored (default), 8 deflated, or one that nobody knows. */
  method?: number;
  flags?: number;
  /** Sizes and places in the zip64 fields. */
  wide?: boolean;
  /** Unix's mode. */
  mode?: number;
  /** False values for both headers. */
  size?: number;
  crc?: number;
}

/** A zip archive by PKWARE's APPNOTE 6.3: local headers (4.3.7), directory (4.3.12), its end (4.3.14 to 4.3.16). */
export function zipOf(entries: readonly TestEntry[], { wide = false }: { wide?: boolean } = {}): Buffer {
  const [files, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const entry of entries) {
    const content = bytesOf(entry.data);
    const { method = 0, flags = 0x800, mode = 0o100644, size = content.length } = entry;
    const packed = method === 8 ? deflateRawSync(content) : Buffer.from(content);
    const name = Buffer.from(entry.name);
    const isWide = entry.wide ?? false;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(45, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(entry.crc ?? crc32(content), 10);
    common.writeUInt32LE(isWide ? 0xffffffff : packed.length, 14);
    common.writeUInt32LE(isWide ? 0xffffffff : size, 18);
    common.writeUInt16LE(name.length, 22);
    const extra = Buffer.alloc(isWide ? 28 : 0);
    if (isWide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      for (const [i, value] of [size, packed.length, offset].entries())
        extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
    }
    common.writeUInt16LE(extra.length, 24);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, extra, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(isWide ? 0xffffffff : offset, 10);
    directory.push(Buffer.from("PK\x01\x02"), Buffer.from([45, 3]), common, rest, name, extra);
    files.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = wide ? 0xffff : entries.length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(wide ? 0xffffffff : listed.length, 8);
  end.writeUInt32LE(wide ? 0xffffffff : offset, 12);
  const record = Buffer.alloc(wide ? 76 : 0);
  if (wide) {
    record.write("PK\x06\x06", 0, "latin1");
    record.writeBigUInt64LE(44n, 4);
    for (const [i, value] of [entries.length, entries.length, listed.length, offset].entries()) {
      record.writeBigUInt64LE(BigInt(value), 24 + 8 * i);
    }
    record.write("PK\x06\x07", 56, "latin1");
    record.writeBigUInt64LE(BigInt(offset + listed.length), 64);
    record.writeUInt32LE(1, 72);
  }
  return Buffer.concat([...files, listed, record, Buffer.from("PK\x05\x06"), end]);
}
