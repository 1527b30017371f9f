import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { filesOfGlob, globMatcher, nameMatcher, splitGlob } from "../../packages/reconloss/src/image/glob.ts";
import { temporaryFolder } from "../folder.ts";
import { processorTime } from "../processor-time.ts";

// The rules are those of shells and of .gitignore for names without a slash.
test.each([
  ["*.png", "a.png", true],
  ["*.png", "sub/a.png", false],
  ["**/*.png", "sub/deep/a.png", true],
  ["**/*.png", "a.png", true],
  ["sub/**", "sub/deep/a.png", true],
  ["sub/**", "other/a.png", false],
  ["a?.png", "ab.png", true],
  ["a?.png", "a/.png", false],
  ["[a-c]1.png", "b1.png", true],
  ["[!a-c]1.png", "b1.png", false],
  ["x.{png,jp{e,}g}", "x.jpg", true],
  ["x.{png,jp{e,}g}", "x.jpeg", true],
  ["x.{png,jpg}", "x.gif", false],
  ["x.{png}", "x.{png}", true],
  ["a.b", "axb", false],
  ["caf\u00e9*", "cafe\u0301.png", true],
  ["[", "[", true],
  ["", "", true],
])("%s against %s: %s", (glob, name, expected) => {
  expect(globMatcher(glob)(name)).toBe(expected);
});

test("a pattern without a slash matches the file name in any folder", () => {
  expect(nameMatcher("*_mask.png")("a/b/c_mask.png")).toBe(true);
  expect(nameMatcher("a/*_mask.png")("b/c_mask.png")).toBe(false);
});

test("matches many stars in little time, and limits the expansion of braces", async () => {
  const is = globMatcher(`${"*a".repeat(60)}b`);
  const name = "a".repeat(5000);
  expect(await processorTime(async () => expect(is(name)).toBe(false))).toBeLessThan(2000);
  expect(() => globMatcher("{a,b}".repeat(40))).toThrow(/more than 1000 names/);
});

test("splits a glob before its first special character", () => {
  expect(splitGlob("a/b/*.png")).toEqual({ folder: "a/b", rest: "*.png" });
  expect(splitGlob("*.png")).toEqual({ folder: ".", rest: "*.png" });
  expect(splitGlob("/x?/*.png")).toEqual({ folder: "/", rest: "x?/*.png" });
});

test("finds the matching files, hidden ones only on request", async () => {
  const folder = await temporaryFolder();
  for (const name of ["a/1.png", "a/2.jpg", "b/1.png", ".c/1.png", "b/deep/1.png", "b/.h.png"]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), "");
  }
  await symlink(join(folder, "a"), join(folder, "link"));
  const sorted = async (rest: string) => (await filesOfGlob(folder, rest)).sort();
  expect(await sorted("*/1.png")).toEqual(["a/1.png", "b/1.png", "link/1.png"]);
  expect(await sorted("?/*.png")).toEqual(["a/1.png", "b/1.png"]);
  expect(await sorted(".c/*")).toEqual([".c/1.png"]);
  expect(await sorted("*")).toEqual(["link"]);
});
