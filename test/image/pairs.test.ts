import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { nameFromBytes, systemPath } from "../../packages/reconloss/src/files.ts";
import { describeIgnoredFiles, listFolder, listImages } from "../../packages/reconloss/src/image/listing.ts";
import { pairFolders, pairPaths } from "../../packages/reconloss/src/image/pairs.ts";
import { readImage } from "../../packages/reconloss/src/image/read.ts";
import { temporaryFolder } from "../folder.ts";
import { processorTime } from "../processor-time.ts";

const root = await temporaryFolder();
let count = 0;

/** A new folder with these empty files. */
async function folderOf(...names: string[]): Promise<string> {
  const folder = join(root, `folder ${count++}`);
  await mkdir(folder);
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), "");
  }
  return folder;
}

describe("listImages", () => {
  test("lists images of all subfolders in natural order, without hidden and other files", async () => {
    const folder = await folderOf(
      "img10.png",
      "img2.PNG",
      "sub/a.tiff",
      "notes.txt",
      ".hidden.png",
      ".git/b.png",
      "png",
    );
    expect(await listImages(folder)).toEqual(["img2.PNG", "img10.png", "sub/a.tiff"]);
  });

  test("follows links, ignores loops, and lists broken links", async () => {
    const folder = await folderOf("a.png");
    const elsewhere = await folderOf("b.png");
    await symlink(join(folder, "a.png"), join(folder, "link.png"));
    await symlink(elsewhere, join(folder, "other"));
    await symlink(folder, join(elsewhere, "back"));
    await symlink(folder, join(folder, "self"));
    await symlink("nowhere.png", join(folder, "broken.png"));
    expect(await listImages(folder)).toEqual(["a.png", "broken.png", "link.png", "other/b.png"]);
  });

  test("refuses a missing folder and a file", async () => {
    await expect(listImages(join(root, "none"))).rejects.toMatchObject({ code: "file" });
    const folder = await folderOf("a.png");
    await expect(listImages(join(folder, "a.png"))).rejects.toMatchObject({
      code: "file",
      message: expect.stringMatching(/cannot read folder .*a\.png/),
    });
  });
});

describe("listFolder accounts for every file", () => {
  const pgm = "P2 1 1 255 128";

  test("lists images by name or content, and counts all others", async () => {
    const named = ["a.bmp", "b.PPM", "c.jfif", "d.jpe", "e.pfm", "f.heic", "g.jxl", "h.jp2", "i.exr", "j.svg"];
    const folder = await folderOf(
      ...named,
      "notes.txt",
      "sub/more.TXT",
      "data.json",
      "Makefile",
      ".DS_Store",
      ".git/x.png",
    );
    await writeFile(join(folder, "sub", "picture.dat"), pgm);
    await writeFile(join(folder, "picture"), pgm);
    const { images, ignoredFiles } = await listFolder(folder);
    expect(images).toEqual([...named, "picture", "sub/picture.dat"]);
    expect(ignoredFiles).toEqual({ ".txt": 2, ".json": 1, hidden: 2, "without extension": 1 });
    expect(describeIgnoredFiles(ignoredFiles)).toBe("2 .txt, 2 hidden, 1 .json, 1 without extension");
    expect(describeIgnoredFiles({})).toBe("");
  });

  test("lists a folder once, under its own name where it has one, however many links lead to it", async () => {
    const folder = await folderOf("z/a.png");
    const outside = await folderOf("b.png");
    await symlink(join(folder, "z"), join(folder, "a link"));
    await symlink(outside, join(folder, "other"));
    await symlink(outside, join(folder, "same"));
    const { images, ignoredFiles } = await listFolder(folder);
    expect(images).toHaveLength(2);
    expect(images).toContain("z/a.png");
    expect(ignoredFiles).toEqual({ "folder listed before": 2 });
  });

  test("lists folders that all link to one another in little time", async () => {
    const folders = await Promise.all(Array.from({ length: 12 }, (_, i) => folderOf(`${i}.png`)));
    for (const from of folders) {
      for (const [i, to] of folders.entries()) if (from !== to) await symlink(to, join(from, `link ${i}`));
    }
    // Of the ways from folder to folder there are a hundred million.
    const milliseconds = await processorTime(async () => {
      const { images } = await listFolder(folders[0]);
      expect(images).toHaveLength(12);
    });
    expect(milliseconds).toBeLessThan(2000);
  });

  test("counts the files of both folders of a pairing", async () => {
    const [outputs, targets] = [await folderOf("a.png", "log.txt"), await folderOf("a.png", "b.csv", "c.csv")];
    expect((await pairFolders(outputs, targets)).ignoredFiles).toEqual({
      output: { ".txt": 1 },
      target: { ".csv": 2 },
    });
  });
});

describe.skipIf(process.platform !== "linux")("names that are not UTF-8", () => {
  // Latin-1, a lone continuation byte, an overlong form, a surrogate in UTF-8, one cut off; and names that are UTF-8.
  const names = ["636166e92e706e67", "80", "c0af2e706e67", "eda0802e706e67", "612ee6", "e58699", "f09f96bc2e706e67"];

  test.each(names)("convert to text and back: %s", (hex) => {
    const bytes = Buffer.from(hex, "hex");
    const name = nameFromBytes(bytes);
    expect(Buffer.from(systemPath(`/x/${name}`)).toString("hex")).toBe(`2f782f${hex}`);
    const isText = bytes.equals(Buffer.from(bytes.toString("utf8")));
    expect(name === bytes.toString("utf8")).toBe(isText);
  });

  test("are listed, paired and read", async () => {
    const folder = await folderOf();
    const name = nameFromBytes(Buffer.from("caf\xe9.pgm", "latin1"));
    await writeFile(systemPath(join(folder, name)), "P2 1 1 255 255");
    expect(await listImages(folder)).toEqual([name]);
    const { pairs } = await pairFolders(folder, folder);
    expect(pairs.map((pair) => pair.name)).toEqual([name]);
    expect((await readImage(pairs[0].output)).data).toEqual(Float32Array.of(1));
  });
});

describe("pairFolders", () => {
  /** The pairs and the unpaired files, by relative name. */
  async function pairing(outputNames: string[], targetNames: string[]) {
    const [outputs, targets] = [await folderOf(...outputNames), await folderOf(...targetNames)];
    const { pairs, unpaired } = await pairFolders(outputs, targets);
    for (const pair of pairs) expect(pair.output).toBe(join(outputs, pair.name));
    return {
      pairs: pairs.map((pair) => [pair.name, pair.target.slice(targets.length + 1)]),
      unpaired: unpaired.map(({ path, side, reason }) => [
        path.slice((side === "output" ? outputs : targets).length + 1),
        side,
        reason,
      ]),
    };
  }

  test("pairs by name, then by stem, in natural order", async () => {
    const names = ["10.png", "2.jpg", "sub/x.y.png", "same.png", "same.jpg"];
    expect(await pairing(names, ["10.png", "2.png", "sub/x.y.webp", "same.png", "same.jpg"])).toEqual({
      pairs: [
        ["2.jpg", "2.png"],
        ["10.png", "10.png"],
        ["same.jpg", "same.jpg"],
        ["same.png", "same.png"],
        ["sub/x.y.png", "sub/x.y.webp"],
      ],
      unpaired: [],
    });
  });

  test("reports images without a partner, in either folder", async () => {
    const { pairs, unpaired } = await pairing(["a.png", "b.png", "sub/c.png"], ["a.png", "c.png"]);
    expect(pairs).toEqual([["a.png", "a.png"]]);
    expect(unpaired).toEqual([
      ["b.png", "output", expect.stringContaining("no target")],
      ["sub/c.png", "output", expect.stringContaining("no target")],
      ["c.png", "target", expect.stringContaining("no output")],
    ]);
  });

  test("never guesses between two candidates", async () => {
    const { pairs, unpaired } = await pairing(["a.png"], ["a.jpg", "a.webp"]);
    expect(pairs).toEqual([]);
    expect(unpaired).toEqual([
      ["a.png", "output", "ambiguous: output a.png could go with target a.jpg, a.webp"],
      ["a.jpg", "target", "ambiguous: target a.jpg, a.webp could go with output a.png"],
      ["a.webp", "target", "ambiguous: target a.jpg, a.webp could go with output a.png"],
    ]);
  });

  test("excludes images paired by name from pairing by stem", async () => {
    expect(await pairing(["a.png", "a.jpg"], ["a.png", "a.webp"])).toEqual({
      pairs: [
        ["a.jpg", "a.webp"],
        ["a.png", "a.png"],
      ],
      unpaired: [],
    });
  });

  test("treats composed and decomposed Unicode names as equal", async () => {
    const { pairs, unpaired } = await pairing(["caf\u00e9 日本.png"], ["cafe\u0301 日本.png"]);
    expect(pairs).toHaveLength(1);
    expect(unpaired).toEqual([]);
  });

  test("refuses a folder without images, and names it", async () => {
    const [full, empty] = [await folderOf("a.png"), await folderOf("notes.txt")];
    await expect(pairFolders(full, empty)).rejects.toMatchObject({
      code: "file",
      message: expect.stringMatching(/target folder .* contains no image/),
    });
    await expect(pairFolders(empty, full)).rejects.toThrow(/output folder/);
  });
});

describe("pairPaths", () => {
  test("pairs two files whatever their names", async () => {
    const folder = await folderOf("restored.png", "truth.jpg");
    const [output, target] = [join(folder, "restored.png"), join(folder, "truth.jpg")];
    expect(await pairPaths(output, target)).toEqual({
      pairs: [{ name: "restored.png", output, target }],
      unpaired: [],
    });
  });

  test("pairs two folders by name", async () => {
    const [outputs, targets] = [await folderOf("a.png"), await folderOf("a.jpg")];
    expect((await pairPaths(outputs, targets)).pairs).toHaveLength(1);
  });

  test("refuses a file with a folder, and missing paths", async () => {
    const folder = await folderOf("a.png");
    const file = join(folder, "a.png");
    await expect(pairPaths(file, folder)).rejects.toMatchObject({
      code: "file",
      message: expect.stringMatching(/two files or two folders.*output .* is a file and target .* a folder/),
    });
    await expect(pairPaths(folder, join(root, "none"))).rejects.toThrow(/target .*none does not exist/);
    await rm(file);
    await expect(pairPaths(file, folder)).rejects.toThrow(/output .*a\.png does not exist/);
  });
});

describe("names that differ", () => {
  test("pair by a pattern, and files outside it are counted", async () => {
    const outputs = await folderOf("Set5/baby_x4.png", "Set5/bird_x4.png", "Set5/baby_x2.png", "log.txt");
    const targets = await folderOf("Set5/baby.png", "Set5/bird.png", "Set14/comic.png");
    const { pairs, unpaired, ignoredFiles } = await pairPaths(outputs, targets, { pair: "{name}_x4.png={name}.png" });
    expect(pairs).toEqual([
      ...["baby", "bird"].map((name) => ({
        ...{ name: `Set5/${name}_x4.png`, output: join(outputs, `Set5/${name}_x4.png`) },
        ...{ target: join(targets, `Set5/${name}.png`), group: "Set5" },
      })),
    ]);
    const path = join(targets, "Set14/comic.png");
    expect(unpaired).toEqual([{ path, side: "target", reason: "no output that fits {name}_x4.png", group: "Set14" }]);
    expect(ignoredFiles).toEqual({ output: { ".txt": 1, "not in --pair": 1 }, target: {} });
    const none = pairPaths(outputs, targets, { pair: "{name}_x8.png={name}.png" });
    await expect(none).rejects.toMatchObject({
      code: "invalid-argument",
      message: 'pair: none of 3 outputs fits "{name}_x8.png"; the first is Set5/baby_x2.png',
    });
    await expect(pairPaths(outputs, targets, { pair: "nonsense" })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test("pair by the pattern that matches most, of several", async () => {
    const targets = await folderOf("a.png", "b.png");
    const pair = ["{name}_x4.png={name}.png", "{name}x4.png={name}.png"];
    for (const [suffix, names] of [
      ["_x4", ["a_x4.png", "b_x4.png"]],
      ["x4", ["ax4.png", "bx4.png"]],
    ] as const) {
      const { pairs, unpaired } = await pairPaths(await folderOf(...names), targets, { pair });
      expect([suffix, ...pairs.map(({ name }) => name)]).toEqual([suffix, ...names]);
      expect(unpaired).toEqual([]);
    }
    await expect(pairPaths(await folderOf("c.png"), targets, { pair })).rejects.toThrow(
      'none of 1 outputs fits "{name}_x4.png", "{name}x4.png"; the first is c.png',
    );
    await expect(pairPaths(targets, targets, { pair: [] })).rejects.toThrow("pair must not be empty");
    await expect(pairPaths(targets, targets, { pair: [1] as never })).rejects.toThrow("pair");
  });

  test("get a proposed pattern where it would pair more than names do", async () => {
    const targets = await folderOf("a1.png", "b2.png", "c3.png");
    const outputs = await folderOf("a1_x4.png", "b2_x4.png", "c3.png");
    const { pairs, proposal } = await pairPaths(outputs, targets);
    expect(pairs.map(({ name }) => name)).toEqual(["c3.png"]);
    expect(proposal).toEqual({
      pair: "{name}_x4.png={name}.png",
      count: 2,
      of: 3,
      text: '2 of 3 would pair by removing _x4: --pair "{name}_x4.png={name}.png"',
    });
    // Those that pair by name are as many.
    expect((await pairPaths(await folderOf("a1_x4.png", "c3.png"), targets)).proposal).toBeUndefined();
    expect((await pairPaths(targets, targets)).proposal).toBeUndefined();
  });

  test("are excluded on both sides by globs, and counted", async () => {
    const outputs = await folderOf("a.png", "thumbs/a.png", "a_mask.png");
    const targets = await folderOf("a.png", "b_mask.png");
    const { pairs, unpaired, ignoredFiles } = await pairPaths(outputs, targets, { exclude: ["*_mask.*", "thumbs/**"] });
    expect(pairs.map(({ name }) => name)).toEqual(["a.png"]);
    expect(unpaired).toEqual([]);
    expect(ignoredFiles).toEqual({ output: { excluded: 2 }, target: { excluded: 1 } });
    await expect(pairPaths(outputs, targets, { exclude: ["**"] })).rejects.toThrow(
      /output folder .* contains no image; ignored: 3 excluded/,
    );
  });
});

describe("globs and single targets", () => {
  test("a glob selects images, with names relative to where its wildcards begin", async () => {
    const runs = await folderOf("r1/best.png", "r1/last.png", "r2/best.png", "r2/notes.txt");
    const targets = await folderOf("r1.png", "r2.png");
    const { pairs, unpaired } = await pairPaths(join(runs, "*/best.png"), targets, {
      pair: "{name}/best.png={name}.png",
    });
    expect(pairs.map(({ name, target }) => [name, target])).toEqual([
      ["r1/best.png", join(targets, "r1.png")],
      ["r2/best.png", join(targets, "r2.png")],
    ]);
    expect(unpaired).toEqual([]);
    expect((await pairPaths(join(runs, "**"), runs)).pairs).toHaveLength(3);
    expect((await pairPaths(join(runs, "r2/*"), join(runs, "r2"))).ignoredFiles?.output).toEqual({ ".txt": 1 });
    await expect(pairPaths(join(runs, "*.jpg"), targets)).rejects.toThrow(/output .*\*\.jpg names no image/);
    // A folder whose name looks like a glob is that folder.
    const odd = await folderOf("x[1]/a.png");
    expect((await pairPaths(join(odd, "x[1]"), odd)).unpaired).toHaveLength(2);
  });

  test("a single image is the target of all outputs", async () => {
    const outputs = await folderOf("a.png", "sub/b.png", "c_mask.png");
    const target = join(await folderOf("truth.png"), "truth.png");
    const { pairs, unpaired } = await pairPaths(outputs, target, { exclude: ["*_mask.png"] });
    expect(pairs).toEqual([
      { name: "a.png", output: join(outputs, "a.png"), target },
      { name: "sub/b.png", output: join(outputs, "sub/b.png"), target },
    ]);
    expect(unpaired).toEqual([]);
    await expect(pairPaths(outputs, target, { pair: "{a}={a}" })).rejects.toThrow(
      /pair applies only to names in folders/,
    );
    await expect(pairPaths(target, target, { exclude: ["x"] })).rejects.toThrow(
      /exclude applies only to names in folders/,
    );
  });
});
