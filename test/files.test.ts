import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  machine,
  makeFolder,
  nameFromBytes,
  openFile,
  readFileBytes,
  readFileHead,
  systemPath,
  writeFileAtomically,
} from "../packages/reconloss/src/files.ts";
import { temporaryFolder } from "./folder.ts";

const folder = await temporaryFolder();

test("creates parent folders, writes text and bytes, replaces an existing file, leaves no other file", async () => {
  const path = join(folder, "made", "on the way", "日本.json");
  await writeFileAtomically(path, "first é");
  await writeFileAtomically(path, new Uint8Array([1, 2, 255]));
  expect([...(await readFile(path))]).toEqual([1, 2, 255]);
  expect(await readdir(join(path, ".."))).toEqual(["日本.json"]);
});

test("writes a name as long as the file system allows", async () => {
  const path = join(folder, "x".repeat(255));
  await writeFileAtomically(path, "long");
  expect(await readFile(path, "utf8")).toBe("long");
});

test("a failed write keeps the old file and removes the temporary", async () => {
  const inside = join(folder, "failing");
  await mkdir(join(inside, "taken"), { recursive: true });
  await expect(writeFileAtomically(join(inside, "taken"), "x")).rejects.toMatchObject({
    code: "file",
    message: expect.stringMatching(/^cannot write .*taken: it is a folder/),
  });
  // The temporary is written before the rename onto a too long name fails.
  await expect(writeFileAtomically(join(inside, "x".repeat(300)), "x")).rejects.toMatchObject({ code: "file" });
  expect(await readdir(inside)).toEqual(["taken"]);
});

test("refuses a parent that is a file", async () => {
  await writeFile(join(folder, "plain"), "");
  await expect(writeFileAtomically(join(folder, "plain", "a.txt"), "x")).rejects.toMatchObject({ code: "file" });
});

test("creates a folder with its parents, several calls at once included, and keeps an existing one", async () => {
  const path = join(folder, "several", "of", "them");
  await Promise.all(Array.from({ length: 5 }, () => makeFolder(path)));
  await writeFile(join(path, "a"), "");
  await makeFolder(path);
  expect(await readdir(path)).toEqual(["a"]);
  await expect(makeFolder(join(path, "a", "b"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test.skipIf(!existsSync("/proc/version"))("fails at once where a file system allows no folders", async () => {
  await expect(makeFolder("/proc/none/below")).rejects.toMatchObject({ code: "ENOENT" });
  await expect(writeFileAtomically("/proc/none/below/a.txt", "x")).rejects.toMatchObject({ code: "file" });
});

test("writes to the target of a link and keeps the link", async () => {
  const [real, link] = [join(folder, "real.txt"), join(folder, "link.txt")];
  await writeFile(real, "old");
  await symlink("real.txt", link);
  await writeFileAtomically(link, "new");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(real, "utf8")).toBe("new");
});

test.skipIf(process.platform === "win32")("writes to a device instead of replacing it", async () => {
  await writeFileAtomically("/dev/null", "gone");
  expect((await lstat("/dev/null")).isCharacterDevice()).toBe(true);
});

test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("refuses a read-only folder", async () => {
  const closed = join(folder, "closed");
  await mkdir(closed);
  await chmod(closed, 0o555);
  await expect(writeFileAtomically(join(closed, "a.txt"), "x")).rejects.toMatchObject({ code: "file" });
});

test("reads a file whole or in part, and refuses one larger than the limit", async () => {
  const path = join(folder, "six");
  await writeFile(path, "sixsix");
  expect(Buffer.from(await readFileBytes(path)).toString()).toBe("sixsix");
  expect(Buffer.from(await readFileHead(path, 3)).toString()).toBe("six");
  expect(await readFileHead(path, 99)).toHaveLength(6);
  await expect(readFileBytes(path, { most: 5 })).rejects.toMatchObject({
    code: "file",
    message: `cannot read ${path}: it has 6 bytes, and at most 5 are read`,
  });
  const { handle, size } = await openFile(path);
  await handle.close();
  expect(size).toBe(6);
});

test("explains why a file cannot be read, with the caller's own error if given", async () => {
  const missing = join(folder, "none");
  await expect(openFile(missing)).rejects.toMatchObject({
    code: "file",
    message: `cannot read ${missing}: there is no such file`,
  });
  const error = (reason: string) => new RangeError(`mine: ${reason}`);
  await expect(readFileBytes(folder, { error })).rejects.toThrow(new RangeError("mine: it is a folder"));
});

test.skipIf(process.platform !== "linux")("keeps a name that is not UTF-8", async () => {
  const inside = join(folder, "names");
  const name = nameFromBytes(Uint8Array.of(0x61, 0xff));
  await writeFileAtomically(join(inside, name), "first");
  await writeFileAtomically(join(inside, name), "second");
  expect(await readdir(inside, { encoding: "buffer" })).toEqual([Buffer.of(0x61, 0xff)]);
  expect(await readFile(systemPath(join(inside, name)), "utf8")).toBe("second");
});

test("removes temporary files of killed processes, not of running ones", async () => {
  const inside = join(folder, "leftovers");
  await mkdir(inside);
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const name = (of: string, pid: number) => `.reconloss-${of}-${pid}-${randomUUID()}.tmp`;
  const [dead, living, elsewhere] = [name(machine, pid), name(machine, process.ppid), name("0123abcd", pid)];
  for (const file of [dead, living, elsewhere, ".reconloss-of-mine.tmp"]) await writeFile(join(inside, file), "half");
  await writeFileAtomically(join(inside, "a.txt"), "whole");
  expect((await readdir(inside)).sort()).toEqual([".reconloss-of-mine.tmp", "a.txt", elsewhere, living].sort());
});

test("flushes a file before renaming it", async () => {
  const calls = execFileSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", flushed(join(folder, "flushed.txt"))],
    { encoding: "utf8" },
  );
  expect(JSON.parse(calls)).toEqual(["sync", "rename"]);
});

/** A program that writes a file and prints in which order it was flushed and renamed. */
function flushed(path: string): string {
  const module = new URL("../packages/reconloss/src/files.ts", import.meta.url).href;
  return `
    import promises from "node:fs/promises";
    import { syncBuiltinESMExports } from "node:module";
    const calls = [];
    const { open, rename } = promises;
    promises.open = async (...args) => {
      const file = await open(...args);
      const { sync } = file;
      file.sync = () => { calls.push("sync"); return sync.call(file); };
      return file;
    };
    promises.rename = (...args) => { calls.push("rename"); return rename(...args); };
    syncBuiltinESMExports();
    const { writeFileAtomically } = await import(${JSON.stringify(module)});
    await writeFileAtomically(${JSON.stringify(path)}, "content");
    console.log(JSON.stringify(calls));`;
}
