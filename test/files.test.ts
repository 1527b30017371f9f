import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeFileAtomically } from "../src/files.ts";
import { temporaryFolder } from "./folder.ts";

const folder = await temporaryFolder();

test("makes parent folders, writes text and bytes, replaces what was there, leaves nothing else", async () => {
  const path = join(folder, "made", "on the way", "日本.json");
  await writeFileAtomically(path, "first é");
  await writeFileAtomically(path, new Uint8Array([1, 2, 255]));
  expect([...(await readFile(path))]).toEqual([1, 2, 255]);
  expect(await readdir(join(path, ".."))).toEqual(["日本.json"]);
});

test("a name as long as the file system allows", async () => {
  const path = join(folder, "x".repeat(255));
  await writeFileAtomically(path, "long");
  expect(await readFile(path, "utf8")).toBe("long");
});

test("a failed write keeps the old file and removes the temporary", async () => {
  const inside = join(folder, "failing");
  await mkdir(join(inside, "taken"), { recursive: true });
  await expect(writeFileAtomically(join(inside, "taken"), "x")).rejects.toMatchObject({
    code: "file",
    message: expect.stringMatching(/writeFileAtomically: cannot write .*taken: it is a folder/),
  });
  // The temporary is written before the rename onto a too long name fails.
  await expect(writeFileAtomically(join(inside, "x".repeat(300)), "x")).rejects.toMatchObject({ code: "file" });
  expect(await readdir(inside)).toEqual(["taken"]);
});

test("a parent that is a file is an error", async () => {
  await writeFile(join(folder, "plain"), "");
  await expect(writeFileAtomically(join(folder, "plain", "a.txt"), "x")).rejects.toMatchObject({ code: "file" });
});

test("a link keeps pointing and its target is written", async () => {
  const [real, link] = [join(folder, "real.txt"), join(folder, "link.txt")];
  await writeFile(real, "old");
  await symlink("real.txt", link);
  await writeFileAtomically(link, "new");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(real, "utf8")).toBe("new");
});

test.skipIf(process.platform === "win32")("a device is written, not replaced", async () => {
  await writeFileAtomically("/dev/null", "gone");
  expect((await lstat("/dev/null")).isCharacterDevice()).toBe(true);
});

test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("a read-only folder is an error", async () => {
  const closed = join(folder, "closed");
  await mkdir(closed);
  await chmod(closed, 0o555);
  await expect(writeFileAtomically(join(closed, "a.txt"), "x")).rejects.toMatchObject({ code: "file" });
});
