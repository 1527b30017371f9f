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
