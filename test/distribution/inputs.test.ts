import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parquetMetadata } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../packages/core/src/weights/npy.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import { computeStatistics, evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { expandBraces } from "../../packages/reconloss/src/distribution/inputs/braces.ts";
import { distinctNames } from "../../packages/reconloss/src/distribution/inputs/names.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { writeSetReport } from "../../packages/reconloss/src/report/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { paxOf, tarOf, zipOf } from "./archives.ts";
import { failureOf, hashesOf, ignoredFilesIn, labelsOf, namesOf, withSet } from "./open-sets.ts";

const folder = await temporaryFolder();
const images = join(folder, "images");
const names = Array.from({ length: 6 }, (_, i) => `${i}.png`);
const bytes: Uint8Array[] = [];

beforeAll(async () => {
  for (const [i, name] of names.entries()) {
    await writeImage(join(images, name), randomTensor([1, 3, 16, 16], i));
    bytes.push(await readFile(join(images, name)));
  }
});

const write = async (name: string, data: Uint8Array | string) => {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), data);
  return join(folder, name);
};

/** A set without images is the wrong path, as an empty folder is; what is damaged is content. */
const codeOf = (message: RegExp) => (/contains no images/.test(message.source) ? "file" : "content");

const samples = (from: number, to: number): { name: string; data: Uint8Array }[] =>
  names.slice(from, to).map((name, i) => ({ name, data: bytes[from + i] }));

describe("lists", () => {
  test("take relative and absolute paths, and skip blank lines", async () => {
    const list = await write("lists/all.txt", `\uFEFF../images/0.png\r\n\n${join(images, "1.png")}\n  ../images/2.png`);
    expect(await namesOf(list)).toEqual(["../images/0.png", join(images, "1.png"), "../images/2.png"]);
    expect(await hashesOf(list)).toEqual((await hashesOf(images)).slice(0, 3));
  });

  test("take classes from JSON lines", async () => {
    const lines = [
      { path: "images/0.png", label: "cat" },
      { file_name: "images/1.png", label: 7 },
      { path: "images/2.png" },
    ];
    const list = await write("list.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    expect(await hashesOf(list)).toEqual((await hashesOf(images)).slice(0, 3));
    expect(await labelsOf(list)).toEqual(["cat", "7", undefined]);
  });

  test("name the line that is invalid", async () => {
    for (const [line, message] of [
      ["{", /bad\.jsonl, line 2: is not JSON/],
      ["null", /bad\.jsonl, line 2: has no path/],
      ['{"label": 1}', /bad\.jsonl, line 2: has no path/],
      ['{"path": "s3://bucket/a.png"}', /bad\.jsonl, line 2: s3:\/\/bucket\/a\.png: only http and https/],
    ] as const) {
      const error = await failureOf(await write("bad.jsonl", `{"path": "images/0.png"}\n${line}`));
      expect([error.code, error.message]).toEqual(["content", expect.stringMatching(message)]);
    }
    expect((await failureOf(await write("binary.txt", Uint8Array.of(0xff, 0xfe, 0)))).message).toMatch(
      /is not UTF-8 text/,
    );
    expect((await failureOf(await write("empty.txt", "\n \n"))).message).toMatch(/empty\.txt contains no images/);
  });

  test("report missing images as unreadable, as folders do", async () => {
    await withSet(await write("gone.txt", "images/0.png\ngone.png\nimages"), async (set) => {
      await set.load(0);
      for (const index of [1, 2]) await expect(set.load(index)).rejects.toMatchObject({ code: "image" });
      await expect(set.load(1)).rejects.toThrow(/cannot read .*gone\.png: there is no such file/);
    });
  });

  test("take the images of archives that they name", async () => {
    await write("shards/a.tar", tarOf(samples(0, 2)));
    await write("shards/b.tar", tarOf(samples(2, 4)));
    const list = await write("shards.txt", "shards/a.tar\nshards/b.tar\n");
    expect(await namesOf(list)).toEqual(["a.tar#0.png", "a.tar#1.png", "b.tar#2.png", "b.tar#3.png"]);
    expect((await failureOf(await write("mixed.txt", "shards/a.tar\nimages/0.png"))).message).toMatch(
      /mixed\.txt, line 2: images\/0\.png is not an archive/,
    );
  });

  test("refuse a list that includes itself", async () => {
    expect((await failureOf(await write("self.txt", "self.txt"))).message).toMatch(
      /nested too deeply, in lists of lists/,
    );
  });
});

describe("tar", () => {
  test("reads the members' bytes, order and names as stored", async () => {
    const path = await write("plain.tar", tarOf(samples(0, 6)));
    expect(await namesOf(path)).toEqual(names.map((name) => `plain.tar#${name}`));
    expect(await hashesOf(path)).toEqual(await hashesOf(images));
  });

  test("reads what GNU tar writes in its own format, POSIX's and the older one, with long names", async () => {
    const long = `${"deep/".repeat(30)}${"n".repeat(90)}.png`;
    await mkdir(join(folder, "tree", dirname(long)), { recursive: true });
    for (const [i, name] of ["b.png", "a.png", long].entries()) await writeFile(join(folder, "tree", name), bytes[i]);
    for (const format of ["gnu", "pax", "oldgnu"]) {
      const path = join(folder, `${format}.tar`);
      execFileSync("tar", [
        "-c",
        `--format=${format}`,
        "-f",
        path,
        "-C",
        join(folder, "tree"),
        "b.png",
        "./a.png",
        long,
      ]);
      expect(await namesOf(path)).toEqual(["b.png", "a.png", long].map((name) => `${format}.tar#${name}`));
      expect(await hashesOf(path)).toEqual((await hashesOf(images)).slice(0, 3));
    }
  });

  test("reads names from POSIX's prefix, pax and GNU's long names, and sizes from pax and base 256", async () => {
    const wide = `\x80${"\0".repeat(9)}${String.fromCharCode(bytes[0].length >> 8, bytes[0].length & 255)}`;
    const path = await write(
      "names.tar",
      tarOf([
        { name: "pax_global_header", type: "g", data: "17 comment=hello\n" },
        { name: "0.png", prefix: "pre/fix", data: bytes[0] },
        { name: "././@LongLink", type: "L", data: "long.png\0" },
        { name: "short.png", data: bytes[1], magic: "ustar  \0", prefix: "times" },
        paxOf({ path: "größe.png", size: String(bytes[2].length), mtime: "1.5" }),
        { name: "x", data: bytes[2], size: bytes[2].length },
        { name: "3.png", data: bytes[0], size: wide },
        { name: "old.png", data: bytes[3], type: "\0", magic: "" },
      ]),
    );
    const expected = ["pre/fix/0.png", "long.png", "größe.png", "3.png", "old.png"];
    expect(await namesOf(path)).toEqual(expected.map((name) => `names.tar#${name}`));
    const all = await hashesOf(images);
    expect(await hashesOf(path)).toEqual([all[0], all[1], all[2], all[0], all[3]]);
  });

  test("ignores and counts other members as in folders, and takes images without an extension", async () => {
    const path = await write(
      "others.tar",
      tarOf([
        { name: "folder/", type: "5" },
        { name: "old-folder/", type: "0" },
        { name: "0.png", data: bytes[0] },
        { name: "0.json", data: "{}" },
        { name: "0.txt", data: "a caption" },
        { name: "1.txt", data: "another" },
        { name: "picture", data: bytes[1] },
        { name: "README", data: "text" },
        { name: ".DS_Store", data: "x" },
        { name: "__MACOSX/._0.png", data: "x" },
        { name: "link.png", type: "2", size: 100 },
        { name: "hard.png", type: "1" },
        { name: "pipe.png", type: "6" },
        { name: "zero.png", type: "3" },
        { name: "strange.png", type: "Z", data: "x" },
        paxOf({ "GNU.sparse.major": "1" }),
        { name: "GNUSparseFile.0/a.png", data: "1\n0\n4\n" },
        { name: "../../etc/2.png", data: bytes[2] },
        { name: "/root/3.png", data: bytes[3] },
      ]),
    );
    expect(await namesOf(path)).toEqual(
      ["0.png", "picture", "../../etc/2.png", "/root/3.png"].map((name) => `others.tar#${name}`),
    );
    expect(await ignoredFilesIn(path)).toEqual({
      ".json": 1,
      ".txt": 2,
      "without extension": 1,
      hidden: 2,
      link: 2,
      "named pipe": 1,
      device: 1,
      'member of type "Z"': 1,
      "sparse file": 1,
    });
  });

  test("takes classes from .cls, .json and folders, wherever they stand in the sample", async () => {
    const path = await write(
      "classes.tar",
      tarOf([
        { name: "a.cls", data: "3\n" },
        { name: "a.png", data: bytes[0] },
        { name: "b.png", data: bytes[1] },
        { name: "b.cls", data: "4" },
        { name: "b.json", data: '{"label": 9}' },
        { name: "c.json", data: '{"caption": "x", "cls": "dog"}' },
        { name: "c.left.png", data: bytes[2] },
        { name: "c.right.png", data: bytes[3] },
        { name: "n01440764/d.png", data: bytes[4] },
        { name: "e.png", data: bytes[5] },
      ]),
    );
    expect(await labelsOf(path)).toEqual(["3", "4", "dog", "dog", "n01440764", undefined]);
    const wrong = await write(
      "wrong.tar",
      tarOf([
        { name: "a.png", data: bytes[0] },
        { name: "a.json", data: "{" },
      ]),
    );
    await expect(labelsOf(wrong)).rejects.toThrow(/wrong\.tar#a\.json is not JSON/);
    await mkdir(join(folder, "classes", "cat"), { recursive: true });
    await writeFile(join(folder, "classes", "cat", "1.png"), bytes[0]);
    expect(await labelsOf(join(folder, "classes"))).toEqual(["cat"]);
  });

  test("reads archives without an end marker, concatenated ones and padded ones", async () => {
    const parts = [tarOf(samples(0, 2), { end: 0 }), tarOf(samples(2, 4), { end: 40 }), tarOf(samples(4, 6))];
    expect(await hashesOf(await write("joined.tar", Buffer.concat(parts)))).toEqual(await hashesOf(images));
    expect(await hashesOf(await write("endless.tar", tarOf(samples(0, 6), { end: 0 })))).toEqual(
      await hashesOf(images),
    );
  });

  test("refuses damaged archives, and says where the damage is", async () => {
    const whole = tarOf(samples(0, 3));
    for (const [name, data, message] of [
      ["cut.tar", whole.subarray(0, 900), /cut\.tar: is truncated: member 0\.png should have \d+ bytes, of which 388/],
      ["none.tar", Buffer.alloc(2048, "x"), /none\.tar: is not a tar archive/],
      ["empty.tar", Buffer.alloc(0), /empty\.tar contains no images/],
      ["zeros.tar", Buffer.alloc(10240), /zeros\.tar contains no images/],
      ["nothing.tar", tarOf([{ name: "a.txt", data: "x" }]), /nothing\.tar contains no images; ignored: 1 \.txt/],
      ["lie.tar", tarOf([{ name: "a.png", data: bytes[0], size: 2 ** 32 }]), /a\.png should have 4294967296 bytes/],
      ["nan.tar", tarOf([{ name: "a.png", data: bytes[0], size: "99999999999\0" }]), /member a\.png has no size/],
      ["pax.tar", tarOf([{ name: "p", type: "x", data: "99 path=a\n" }]), /the attributes at byte 0/],
      ["huge.tar", tarOf([paxOf({ size: "1e300" }), { name: "a.png", data: "x" }]), /member a\.png has no size/],
      [
        "middle.tar",
        Buffer.concat([tarOf(samples(0, 1), { end: 0 }), Buffer.alloc(600, "x")]),
        /at byte \d+ there is no header/,
      ],
      ["gzip.tar.gz", Buffer.from([0x1f, 0x8b, 8]), /gzip\.tar\.gz is compressed/],
    ] as const) {
      const error = await failureOf(await write(name, data));
      // A whole archive without images is no damaged one.
      expect([error.name, error.code, error.message]).toEqual([
        "ReconlossError",
        /contains no/.test(message.source) ? "file" : "content",
        expect.stringMatching(message),
      ]);
    }
  });

  test("is recognised by its content, and a folder named .tar is read as a folder", async () => {
    expect(await hashesOf(await write("archive.bin", tarOf(samples(0, 2))))).toHaveLength(2);
    await mkdir(join(folder, "folder.tar"));
    await writeFile(join(folder, "folder.tar", "0.png"), bytes[0]);
    expect(await namesOf(join(folder, "folder.tar"))).toEqual(["0.png"]);
    expect((await failureOf(await write("notes.md", "Nothing."))).message).toMatch(
      /notes\.md is not a set of images.*\.tar/,
    );
  });

  test("names the member when the file is truncated while it is read", async () => {
    const path = await write("changing.tar", tarOf(samples(0, 6)));
    await withSet(path, async (set) => {
      await writeFile(path, tarOf(samples(0, 1)));
      await expect(set.load(5)).rejects.toThrow(/changing\.tar was truncated by another program/);
    });
  });
});

test("synthetic shards are sets of small images with classes, the same bytes for the same seed", async () => {
  const script = fileURLToPath(new URL("../../scripts/synthetic-shards.ts", import.meta.url));
  const make = (output: string) => {
    const size = ["--images", "10", "--shard-size", "4", "--side", "16"];
    const printed2 = execFileSync(process.execPath, ["--import", "tsx", script, ...size, "-o", join(folder, output)]);
    return printed2.toString().trim();
  };
  const pattern = make("synthetic");
  expect(pattern).toBe(join(folder, "synthetic", "shard-{000000..000002}.tar"));
  expect(await namesOf(pattern)).toHaveLength(10);
  for (const label of await labelsOf(pattern)) expect(label).toMatch(/^\d$/);
  const { image } = await withSet(pattern, async (set) => (await set.load(9)).decode());
  expect(image).toMatchObject({ width: 16, height: 16, channels: 3 });
  expect(await hashesOf(make("again"))).toEqual(await hashesOf(pattern));
});

describe("zip", () => {
  test("reads stored and deflated members in the directory's order, with and without zip64", async () => {
    const entries = samples(0, 6).map((entry, i) => ({ ...entry, method: i % 2 ? 8 : 0, wide: i > 2 }));
    for (const wide of [false, true]) {
      const path = await write(`plain-${wide}.zip`, zipOf(entries, { wide }));
      expect(await namesOf(path)).toEqual(names.map((name) => `plain-${wide}.zip#${name}`));
      expect(await hashesOf(path)).toEqual(await hashesOf(images));
    }
  });

  test("takes classes, and ignores links and what is no image, as tar does", async () => {
    const path = await write(
      "others.zip",
      zipOf([
        { name: "cat/" },
        { name: "cat/0.png", data: bytes[0] },
        { name: "1.cls", data: "7" },
        { name: "1.png", data: bytes[1] },
        { name: "picture", data: bytes[2], method: 8 },
        { name: "notes", data: "text" },
        { name: "__MACOSX/._0.png", data: "x" },
        { name: "link.png", data: "/etc/passwd", mode: 0o120777 },
        { name: "../../3.png", data: bytes[3] },
      ]),
    );
    expect(await namesOf(path)).toEqual(
      ["cat/0.png", "1.png", "picture", "../../3.png"].map((name) => `others.zip#${name}`),
    );
    expect(await labelsOf(path)).toEqual(["cat", "7", undefined, ".."]);
    expect(await ignoredFilesIn(path)).toEqual({ ".cls": 1, "without extension": 1, hidden: 1, link: 1 });
  });

  test("reports damaged members one by one, and reads the others", async () => {
    const bomb = Buffer.alloc(2 ** 20);
    const path = await write(
      "damaged.zip",
      zipOf([
        { name: "0.png", data: bytes[0] },
        { name: "crc.png", data: bytes[1], crc: 1 },
        { name: "secret.png", data: bytes[1], flags: 0x801 },
        { name: "method.png", data: bytes[1], method: 97 },
        { name: "small.png", data: bomb, method: 8, size: 1000 },
        { name: "bomb.png", data: bomb, method: 8, size: 2 ** 31 },
        { name: "secret", data: bytes[1], flags: 0x801 },
        { name: "empty.png" },
        { name: "noise.png", data: "no image" },
      ]),
    );
    await withSet(path, async (set) => {
      expect(set.count).toBe(9);
      await (await set.load(0)).decode();
      const reasons = [];
      for (let index = 1; index < set.count; index++) {
        const error = await set
          .load(index)
          .then((image) => image.decode())
          .catch((caught) => caught);
        expect([error.name, error.code]).toEqual(["ReconlossError", "image"]);
        reasons.push(error.message.split("damaged.zip#")[1]);
      }
      expect(reasons).toEqual([
        expect.stringMatching(/^crc\.png: the zip entry crc\.png has the wrong CRC-32/),
        expect.stringMatching(/^secret\.png: .*is encrypted/),
        expect.stringMatching(/^method\.png: .*uses compression method 97/),
        expect.stringMatching(/^small\.png: the zip entry small\.png (does not unpack|has the wrong CRC-32)/),
        expect.stringMatching(/^bomb\.png: .*claims to unpack \d+ bytes to 2147483648/),
        expect.stringMatching(/^secret: .*is encrypted/),
        expect.stringMatching(/^empty\.png: the file is empty/),
        expect.stringMatching(/^noise\.png: its content is not an image/),
      ]);
    });
  });

  test("refuses damaged archives", async () => {
    const whole = zipOf(samples(0, 3));
    const lie = Buffer.from(whole);
    lie.writeUInt32LE(0xfffffff0, lie.length - 10);
    const overlap = zipOf([
      { name: "a.png", data: bytes[0], wide: true },
      { name: "b.png", data: bytes[1], wide: true },
    ]);
    const second = overlap.lastIndexOf("PK\x01\x02");
    overlap.writeBigUInt64LE(0n, overlap.indexOf("b.png", second) + 5 + 20);
    for (const [name, data, message] of [
      ["cut.zip", whole.subarray(0, -30), /no directory: the file is cut short/],
      ["none.zip", Buffer.from("PK and nothing else, but as long as an end would be"), /no directory/],
      ["empty.zip", zipOf([]), /empty\.zip contains no images/],
      ["lie.zip", lie, /the zip directory has 4294967280 bytes; at most/],
      ["overlap.zip", overlap, /runs into what follows it/],
    ] as const) {
      const error = await failureOf(await write(name, data));
      expect([error.name, error.code, error.message]).toEqual([
        "ReconlossError",
        codeOf(message),
        expect.stringMatching(message),
      ]);
    }
  });
});

describe("arrays", () => {
  const pixels = Uint8Array.from({ length: 3 * 4 * 5 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);

  test("reads .npy of [n, h, w, 3] as a set, with the same images as that array in .npz", async () => {
    const path = await write("samples.npy", writeNpy(pixels, [3, 4, 5, 3]));
    const archive = await write("samples.npz", writeNpz({ arr_0: { data: pixels, shape: [3, 4, 5, 3] } }));
    expect(await namesOf(path)).toEqual([0, 1, 2].map((i) => `samples.npy[${i}]`));
    expect(await hashesOf(path)).toEqual(await hashesOf(archive));
    await withSet(path, async (set) => {
      const { image } = await (await set.load(1)).decode();
      expect(image).toMatchObject({ width: 5, height: 4, channels: 3, data: pixels.subarray(60, 120) });
    });
  });

  test("refuses other shapes and types, and damaged files", async () => {
    const whole = writeNpy(pixels, [3, 4, 5, 3]);
    for (const [name, data, message] of [
      [
        "one.npy",
        writeNpy(pixels.subarray(0, 60), [4, 5, 3]),
        /one\.npy must be 8-bit images \[n, h, w, 3\], got uint8 4x5x3/,
      ],
      ["float.npy", writeNpy(new Float64Array(60), [1, 4, 5, 3]), /must be 8-bit images .*got float64 1x4x5x3/],
      ["none.npy", writeNpy(new Uint8Array(0), [0, 4, 5, 3]), /none\.npy contains no images/],
      ["thin.npy", writeNpy(new Uint8Array(0), [3, 0, 5, 3]), /thin\.npy contains no images/],
      ["cut.npy", whole.subarray(0, -1), /should be \d+ bytes/],
      ["huge.npy", whole.map((byte, i) => (i < 128 && byte === 51 ? 57 : byte)), /should be \d+ bytes/],
    ] as const) {
      const error = await failureOf(await write(name, data));
      expect([error.code, error.message]).toEqual([codeOf(message), expect.stringMatching(message)]);
    }
  });

  test("takes the classes of .npz samples from arr_1, as guided-diffusion writes it", async () => {
    const arr_0 = { data: pixels, shape: [3, 4, 5, 3] };
    const classes = { data: Float64Array.of(7, 0, 999), shape: [3] };
    expect(await labelsOf(await write("classes.npz", writeNpz({ arr_0, arr_1: classes })))).toEqual(["7", "0", "999"]);
    const other = { data: Float64Array.of(7, 0), shape: [2] };
    const path = await write("other.npz", writeNpz({ arr_0, arr_1: other }));
    expect(await labelsOf(path)).toEqual([undefined, undefined, undefined]);
  });
});

describe("parquet", () => {
  type Columns = Parameters<typeof parquetWriteBuffer>[0]["columnData"];
  const table = async (
    name: string,
    columnData: Columns,
    rowGroupSize = 4,
    codec: "SNAPPY" | "UNCOMPRESSED" = "SNAPPY",
  ) => write(name, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize, codec })));
  const encoded = () => ({ name: "jpg", data: bytes, type: "BYTE_ARRAY" as const });

  test("reads a column of bytes as images, over several row groups, and the column label as the class", async () => {
    const columns: Columns = [
      { name: "key", data: names, type: "STRING" },
      { name: "embedding", data: bytes.map(() => Uint8Array.of(1, 2, 3)), type: "BYTE_ARRAY" },
      encoded(),
      { name: "label", data: [3, 1, 4, 1, 5, 9], type: "INT32" },
    ];
    for (const codec of ["SNAPPY", "UNCOMPRESSED"] as const) {
      const path = await table(`bytes-${codec}.parquet`, columns, 4, codec);
      expect(await namesOf(path)).toEqual(names.map((_, i) => `bytes-${codec}.parquet#${i}`));
      expect(await hashesOf(path)).toEqual(await hashesOf(images));
      expect(await labelsOf(path)).toEqual(["3", "1", "4", "1", "5", "9"]);
    }
  });

  test("reads Hugging Face's {bytes, path} as a column of images, and reports rows without bytes", async () => {
    const data = bytes.map((each, i) =>
      i === 4 ? { bytes: null, path: "gone.png" } : { bytes: each, path: names[i] },
    );
    const schema = [
      { name: "root", num_children: 2 },
      { name: "image", repetition_type: "OPTIONAL" as const, num_children: 2 },
      { name: "bytes", type: "BYTE_ARRAY" as const, repetition_type: "OPTIONAL" as const },
      {
        name: "path",
        type: "BYTE_ARRAY" as const,
        converted_type: "UTF8" as const,
        repetition_type: "OPTIONAL" as const,
      },
      {
        name: "label",
        type: "BYTE_ARRAY" as const,
        converted_type: "UTF8" as const,
        repetition_type: "REQUIRED" as const,
      },
    ];
    const columnData = [
      { name: "image", data },
      { name: "label", data: ["a", "b", "c", "d", "e", "f"] },
    ];
    const buffer = parquetWriteBuffer({ columnData, schema, rowGroupSize: 4 });
    const path = await write("hf.parquet", new Uint8Array(buffer));
    await withSet(path, async (set) => {
      expect(await set.label?.(2)).toBe("c");
      expect((await set.load(3)).hash).toBe((await hashesOf(images))[3]);
      await expect(set.load(4)).rejects.toThrow(
        /cannot read .*hf\.parquet#4: the row holds no bytes, only the path gone\.png/,
      );
      expect((await set.load(5)).hash).toBe((await hashesOf(images))[5]);
    });
  });

  test("refuses files that are not Parquet, are damaged, or have no images", async () => {
    const path = await table("whole.parquet", [encoded()]);
    const whole = await readFile(path);
    const lie = Buffer.from(whole);
    lie.writeUInt32LE(2 ** 31, lie.length - 8);
    const noise = Buffer.from(whole);
    noise.fill(0xa5, noise.length - 100, noise.length - 8);
    for (const [name, data, message] of [
      ["cut.parquet", whole.subarray(0, -5), /is not a parquet file, or was truncated/],
      ["short.parquet", Buffer.from("PAR1"), /is not a parquet file/],
      ["lie.parquet", lie, /its metadata claim 2147483648 bytes/],
      ["noise.parquet", noise, /noise\.parquet/],
    ] as const) {
      const error = await failureOf(await write(name, data));
      expect([error.name, error.message]).toEqual(["ReconlossError", expect.stringMatching(message)]);
    }
    const text = await table("text.parquet", [{ name: "caption", data: ["a"], type: "STRING" }]);
    expect((await failureOf(text)).message).toMatch(
      /has no column of images \(bytes, or {bytes, path}\); it has: caption/,
    );
    const damaged = Buffer.from(whole).fill(0xff, 10, 60);
    const { code, message } = await failureOf(await write("damaged.parquet", damaged));
    expect([code, message]).toEqual(["image", expect.stringMatching(/damaged\.parquet#0: its row group is damaged/)]);
    const labelled = await readFile(
      await table("labelled.parquet", [encoded(), { name: "label", data: [3, 1, 4, 1, 5, 9], type: "INT32" }], 6),
    );
    const { row_groups } = parquetMetadata(
      labelled.buffer.slice(labelled.byteOffset, labelled.byteOffset + labelled.length),
    );
    const start = Number(row_groups[0].columns[1].meta_data?.data_page_offset);
    const wrong = await write("wrong.parquet", Buffer.from(labelled).fill(0xff, start, start + 20));
    await expect(labelsOf(wrong)).rejects.toMatchObject({
      code: "content",
      message: expect.stringMatching(/wrong\.parquet: the classes in column label are damaged/),
    });
  });
});

describe("several files as one set", () => {
  test("expand patterns as bash and webdataset do", () => {
    // What `printf '%s\n' PATTERN` of bash 5 prints.
    expect(expandBraces("s-{08..11}.tar")).toEqual(["s-08.tar", "s-09.tar", "s-10.tar", "s-11.tar"]);
    expect(expandBraces("{a,b}-{2..0}")).toEqual(["a-2", "a-1", "a-0", "b-2", "b-1", "b-0"]);
    expect(expandBraces("{9..11}")).toEqual(["9", "10", "11"]);
    expect(expandBraces("{000000..000199}.tar")).toHaveLength(200);
    expect(expandBraces("a::{b,c}::d{}e")).toEqual(["a", "b", "c", "d{}e"]);
    for (const pattern of ["{0..999999999}", "{0..999}{0..999}"]) {
      expect(() => expandBraces(pattern)).toThrow(/stands for \d+ files; at most 100000/);
    }
  });

  test("are one set in the order of the pattern, also with an empty shard among them", async () => {
    for (const i of [0, 1, 2]) await write(`data/s-${i}.tar`, tarOf(samples(2 * i, 2 * i + 2)));
    await write("data/s-3.tar", tarOf([{ name: "0.json", data: "{}" }]));
    const pattern = join(folder, "data/s-{0..3}.tar");
    expect(await namesOf(pattern)).toEqual(names.map((name, i) => `s-${i >> 1}.tar#${name}`));
    expect(await hashesOf(pattern)).toEqual(await hashesOf(images));
    expect(await ignoredFilesIn(pattern)).toEqual({ ".json": 1 });
    expect((await failureOf(join(folder, "data/s-{2..4}.tar"))).message).toMatch(/s-4\.tar does not exist/);
  });

  test("are told apart by their paths where they have the same name", async () => {
    const path = join(folder, "data/s-1.tar");
    const twice = `${path}::${images}::${await write("other/s-1.tar", tarOf(samples(0, 1)))}`;
    const expected = [`${path}#2.png`, `${path}#3.png`, ...names.map((name) => `${images}#${name}`)];
    expect(await namesOf(twice)).toEqual([...expected, `${join(folder, "other/s-1.tar")}#0.png`]);
  });

  test("take a path that exists literally, not as a pattern", async () => {
    const path = await write("{a,b}.tar", tarOf(samples(0, 1)));
    expect(await namesOf(path)).toEqual(["{a,b}.tar#0.png"]);
  });

  test("open known parts only when their images are needed, and check their number of images", async () => {
    const pattern = join(folder, "data/s-{0..2}.tar");
    const parts = await withSet(pattern, async (set) => set.parts);
    expect(parts).toEqual([0, 1, 2].map((i) => ({ path: join(folder, `data/s-${i}.tar`), count: 2 })));
    const all = await hashesOf(images);
    await write("data/s-0.tar", "no tar any more");
    await withSet(
      pattern,
      async (set) => {
        expect(set.count).toBe(6);
        expect((await set.load(3)).hash).toBe(all[3]);
        expect(set.name(3)).toBe("s-1.tar#3.png");
        await expect(set.load(0)).rejects.toThrow(/s-0\.tar: is not a tar archive/);
      },
      { parts },
    );
    await write("data/s-0.tar", tarOf(samples(0, 1)));
    await withSet(
      pattern,
      (set) => expect(set.load(0)).rejects.toThrow(/s-0\.tar has 1 image, but had 2 when the set was first opened/),
      { parts },
    );
    await expect(withSet(pattern, async () => {}, { parts: parts?.slice(1) })).rejects.toThrow(
      /the files of the set have changed since it was first opened/,
    );
  });

  test("can be more than the process may have open at a time", async () => {
    for (let i = 0; i < 150; i++) await write(`many/${i}.tar`, tarOf(samples(i % 6, (i % 6) + 1)));
    const all = await hashesOf(images);
    expect(await hashesOf(join(folder, "many/{0..149}.tar"))).toEqual(
      Array.from({ length: 150 }, (_, i) => all[i % 6]),
    );
  });
});

test("a set in shards has the same values as its images in a folder, and a report shows its members", async () => {
  const base = { network: "tiny", cache: false, details: true, metrics: ["frechet", "kid"] } as const;
  const shards = join(folder, "report-{0,1}.tar");
  await write("report-0.tar", tarOf(samples(0, 3)));
  await write("report-1.tar", tarOf([...samples(3, 6), { name: "broken.png", data: "x" }]));
  const reals = await write("reals.txt", names.map((name) => `images/${name}`).join("\n"));
  const ofShards = await evaluateDistribution(shards, reals, base);
  const ofFolder = await evaluateDistribution(images, images, base);
  for (const metric of base.metrics) expect(ofShards.results[metric]?.value).toBe(ofFolder.results[metric]?.value);
  expect(ofShards.outputs.unreadable).toEqual([
    { name: "report-1.tar#broken.png", reason: expect.stringMatching(/cannot read .*report-1\.tar#broken\.png: /) },
  ]);
  const page = join(folder, "report.html");
  await writeSetReport(page, ofShards);
  const html = await readFile(page, "utf8");
  expect(html).toContain("report-0.tar#0.png");
  // Each of the six outputs has a picture, and its nearest real image one, in both lists.
  expect(html.match(/src="data:image\/webp/g)).toHaveLength(24);
  const { set } = await computeStatistics(shards, { network: "tiny", cache: false });
  expect(set.images).toBe(6);
});

describe("gives images with the same name distinct names:", () => {
  const twice = ["a.png", "b.png", "a.png", "a.png"];
  // The n-th of a name has the first number that is free.
  const printed2 = ["a.png", "b.png", "a.png (2)", "a.png (3)"];
  // The images are there when a test runs, not yet when tests are collected.
  const members = () => twice.map((name, i) => ({ name, data: bytes[i] }));

  test.each([
    ["twice.tar", tarOf],
    ["twice.zip", zipOf],
  ] as const)("%s", async (name, archive) => {
    const path = await write(name, archive(members()));
    expect(await namesOf(path)).toEqual(printed2.map((each) => `${name}#${each}`));
    expect(new Set(await hashesOf(path)).size).toBe(4);
    await withSet(path, async (set) => {
      await expect((await set.load(3)).decode()).resolves.toBeDefined();
    });
    const broken = await write(`broken-${name}`, archive([...members().slice(0, 2), { name: "a.png", data: "x" }]));
    await withSet(broken, async (set) => {
      await expect((await set.load(2)).decode()).rejects.toThrow(
        `broken-${name}#a.png (2): its content is not an image`,
      );
    });
  });

  test("except for the same file listed twice, which is the same image", async () => {
    await write("same.txt", ["images/0.png", "images/1.png", "images/0.png"].join("\n"));
    expect(await namesOf(join(folder, "same.txt"))).toEqual(["images/0.png", "images/1.png", "images/0.png"]);
  });

  test("in linear time for 200,000 equal names", () => {
    const many = distinctNames(Array(200_000).fill("a.png"));
    expect([many[1], many.at(-1), new Set(many).size]).toEqual(["a.png (2)", "a.png (200000)", 200_000]);
    expect(distinctNames(["a", "a", "a (2)", "a"])).toEqual(["a", "a (2)", "a (2) (2)", "a (3)"]);
  });
});
