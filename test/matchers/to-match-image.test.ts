import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { readPixels } from "../../packages/reconloss/src/image/index.ts";
import {
  type ImageMatcherOptions,
  type MatcherState,
  toMatchImage,
} from "../../packages/reconloss/src/matchers/index.ts";
import { snapshotName } from "../../packages/reconloss/src/matchers/snapshot-files.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();
let files = 0;

/** The `this` that Vitest and Jest give matchers, of a test file of its own. */
function running(update: "all" | "new" | "none", runner: "vitest" | "jest" = "vitest") {
  const name = runner === "vitest" ? "snapshotUpdateState" : "_updateSnapshot";
  const state = {
    testPath: join(folder, `file-${++files}.test.ts`),
    currentTestName: "page > looks",
    assertionCalls: 0,
    snapshotState: { [name]: update, added: 0, updated: 0 },
  };
  const snapshot = (name: string) => join(folder, "__image_snapshots__", `file-${files}.test.ts`, name);
  const match = (image: unknown, conditions?: string | ImageMatcherOptions, more: Partial<MatcherState> = {}) => {
    state.assertionCalls++;
    return toMatchImage.call({ ...state, ...more }, image, conditions);
  };
  return { state, match, snapshot };
}

const grey = (level: number, width = 16) => ({
  ...{ width, height: 16 },
  data: new Uint8Array(3 * width * 16).fill(level),
});
const png = (level: number) =>
  sharp(grey(level).data, { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer();

describe("toMatchImage", () => {
  it("writes a snapshot that is missing, then compares with it, and leaves a picture of the difference", async () => {
    const { state, match, snapshot } = running("new");
    const name = snapshotName("page > looks 1");
    expect((await match(grey(100))).pass).toBe(true);
    expect([...(await readPixels(snapshot(`${name}.png`))).data]).toEqual(Array(768).fill(100));
    state.assertionCalls = 0;
    expect((await match(grey(100))).pass).toBe(true);
    expect(existsSync(snapshot(`${name}.diff.png`))).toBe(false);

    state.assertionCalls = 0;
    const changed = grey(100);
    changed.data.set([0, 0, 0], 3 * 21);
    const { pass, message } = await match(changed);
    expect(pass).toBe(false);
    const lines = message().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^the image does not match its snapshot .*page_-_looks_1~[0-9a-f]{8}\.png$/),
      expect.stringMatching(/^not met: deltaE\.max<1, it is \d/),
      expect.stringMatching(/^actual: .*\.actual\.png$/),
      expect.stringMatching(/^diff: .*\.diff\.png \(deltaE: black is 0, brightest \d+(\.\d+)?\)$/),
    ]);
    expect([...(await readPixels(snapshot(`${name}.actual.png`))).data]).toEqual([...changed.data]);
    const { data, ...size } = await readPixels(snapshot(`${name}.diff.png`));
    expect(size).toMatchObject({ width: 16, height: 16 });
    const step = data.length / 256;
    expect([...data.slice(step * 21, step * 21 + 3)]).toEqual([252, 253, 191]);
    expect([...data.slice(0, 3)]).toEqual([0, 0, 4]);
    // The snapshot stays, and what matches again leaves nothing behind.
    state.assertionCalls = 0;
    expect((await match(grey(100))).pass).toBe(true);
    expect([existsSync(snapshot(`${name}.actual.png`)), existsSync(snapshot(`${name}.diff.png`))]).toEqual([
      false,
      false,
    ]);
  });

  it("fails without a snapshot where none is written, as in CI", async () => {
    const { match, snapshot } = running("none");
    const { pass, message } = await match(grey(1), { name: "home" });
    expect([pass, message()]).toEqual([false, expect.stringMatching(/there is no snapshot .*home\.png/)]);
    expect(existsSync(snapshot("home.png"))).toBe(false);
  });

  it.each(["vitest", "jest"] as const)(
    "rewrites what does not match with the flag of %s, and nothing else",
    async (runner) => {
      const { state, match, snapshot } = running("all", runner);
      const read = async () => (await readFile(snapshot("home.png"))).toString("hex");
      await match(grey(100), { name: "home" });
      const first = await read();
      // Within the default condition.
      expect((await match(grey(101), { name: "home" })).pass).toBe(true);
      expect(await read()).toBe(first);
      expect((await match(grey(120), { name: "home" })).pass).toBe(true);
      expect((await readPixels(snapshot("home.png"))).data[0]).toBe(120);
      expect((await match(grey(120, 20), { name: "home" })).pass).toBe(true);
      expect((await readPixels(snapshot("home.png"))).width).toBe(20);
      expect(state.snapshotState).toMatchObject({ added: 1, updated: 2 });
    },
  );

  it("numbers the snapshots of a test, and anew when the test is tried again", async () => {
    const { state, match, snapshot } = running("new");
    for (let attempt = 0; attempt < 2; attempt++) {
      state.assertionCalls = 0;
      expect([(await match(grey(10))).pass, (await match(grey(90))).pass]).toEqual([true, true]);
    }
    const levels = [1, 2].map(
      async (n) => (await readPixels(snapshot(`${snapshotName(`page > looks ${n}`)}.png`))).data[0],
    );
    expect(await Promise.all(levels)).toEqual([10, 90]);
    expect(existsSync(snapshot(`${snapshotName("page > looks 3")}.png`))).toBe(false);
  });

  it("numbers snapshots by Vitest's test, whatever its assertions count, and anew for each attempt and repeat", async () => {
    const { match, snapshot } = running("new");
    const [first, second] = [{}, {}].map((result) => ({ task: { result }, assertionCalls: 0, currentTestName: "" }));
    first.currentTestName = "first";
    second.currentTestName = "second";
    const took = [match(grey(10), {}, first), match(grey(50), {}, second), match(grey(90), {}, first)];
    expect((await Promise.all(took)).map(({ pass }) => pass)).toEqual([true, true, true]);
    const levelOf = async (name: string) => (await readPixels(snapshot(`${snapshotName(name)}.png`))).data[0];
    expect([await levelOf("first 1"), await levelOf("first 2"), await levelOf("second 1")]).toEqual([10, 90, 50]);
    for (const result of [{ retryCount: 1 }, { retryCount: 1, repeatCount: 1 }]) {
      expect((await match(grey(10), {}, { ...first, task: Object.assign(first.task, { result }) })).pass).toBe(true);
    }
  });

  it("names snapshots by the concurrent test of Jest's that calls", async () => {
    const { match, snapshot } = running("new", "jest");
    const names = ["c1", "c2"];
    // The name of the last test that began is every test's.
    const took = names.map((name, i) =>
      match(grey(10 + 80 * i), {}, { currentTestName: "c2", currentConcurrentTestName: () => name }),
    );
    expect((await Promise.all(took)).map(({ pass }) => pass)).toEqual([true, true]);
    const levels = names.map(async (name) => (await readPixels(snapshot(`${name}_1.png`))).data[0]);
    expect(await Promise.all(levels)).toEqual([10, 90]);
  });

  it("compares images that come at once under one new name with the first of them", async () => {
    const { match, snapshot } = running("new");
    const took = await Promise.all([10, 10, 90].map((level) => match(grey(level), { name: "home" })));
    expect(took.map(({ pass }) => pass)).toEqual([true, true, false]);
    expect((await readPixels(snapshot("home.png"))).data[0]).toBe(10);
  });

  it("writes no snapshot for conditions that can never be checked, nor for a target that is undefined", async () => {
    const { match, snapshot } = running("new");
    for (const conditions of ["sim>0.5", "any(l1<0.5)", "l1"]) {
      await expect(match(grey(1), { name: "home", conditions })).rejects.toThrow(conditions.slice(0, 3));
    }
    await expect(match(grey(1), { name: "home", target: undefined })).rejects.toThrow(/target is undefined/);
    expect(existsSync(snapshot("home.png"))).toBe(false);
  });

  it("fails where the sizes differ, and says both", async () => {
    const { match, snapshot } = running("new");
    await match(grey(1), { name: "home" });
    const { pass, message } = await match(grey(1, 18), { name: "home" });
    expect([pass, message()]).toEqual([false, expect.stringContaining("the image is 18x16, its target 16x16")]);
    expect((await readPixels(snapshot("home.actual.png"))).width).toBe(18);
    expect(existsSync(snapshot("home.diff.png"))).toBe(false);
  });

  it("takes files, their bytes and pipelines of sharp, and keeps a PNG's own bytes", async () => {
    const { match, snapshot } = running("new");
    const bytes = await png(50);
    const path = join(folder, "an image ü.png");
    await writeFile(path, bytes);
    expect((await match(bytes, { name: "a" })).pass).toBe(true);
    expect((await readFile(snapshot("a.png"))).equals(bytes)).toBe(true);
    expect((await match(path, { name: "a" })).pass).toBe(true);
    expect((await match(sharp(bytes), { name: "a" })).pass).toBe(true);
    const jpeg = await sharp(bytes).jpeg({ quality: 100 }).toBuffer();
    expect((await match(jpeg, { name: "b" })).pass).toBe(true);
    expect((await readPixels(snapshot("b.png"))).data[0]).toBe(50);
    await expect(match(join(folder, "none.png"), { name: "a" })).rejects.toThrow(/no such file/);
    await expect(match(bytes.subarray(0, 40), { name: "a" })).rejects.toMatchObject({ code: "image" });
    await expect(match(5, { name: "a" })).rejects.toMatchObject({ code: "invalid-argument" });
    // A snapshot that is damaged is no snapshot that is missing.
    await writeFile(snapshot("a.png"), bytes.subarray(0, 60));
    await expect(match(bytes, { name: "a" })).rejects.toMatchObject({ code: "image" });
  });

  it("keeps 16 bits, transparency and grey", async () => {
    const { match, snapshot } = running("new");
    const deep = { ...grey(0), data: Uint16Array.from({ length: 768 }, (_, i) => 40000 + i) };
    const clear = { width: 8, height: 8, data: Uint8Array.from({ length: 256 }, (_, i) => (i * 37) % 256) };
    const plain = { width: 8, height: 8, data: Uint8Array.from({ length: 64 }, (_, i) => i) };
    for (const [name, image] of Object.entries({ deep, clear, plain })) {
      await match(image, { name });
      expect([...(await readPixels(snapshot(`${name}.png`))).data]).toEqual([...image.data]);
      expect((await match(image, { name, conditions: "l1<=0" })).pass).toBe(true);
    }
  });

  it("compares with a target in place of a snapshot, and can be negated then", async () => {
    const { match, snapshot } = running("none");
    const not = { isNot: true };
    expect((await match(grey(100), { target: grey(100) })).pass).toBe(true);
    const other = await match(grey(100), { target: await png(150), name: "other" });
    expect([other.pass, other.message()]).toEqual([
      false,
      expect.stringMatching(/does not match its target[\s\S]*diff: /),
    ]);
    expect(existsSync(snapshot("other.diff.png"))).toBe(true);
    expect((await match(grey(100), { target: grey(150) }, not)).pass).toBe(false);
    expect((await match(grey(100), { target: grey(100) }, not)).pass).toBe(true);
    await expect(match(grey(100), {}, not)).rejects.toThrow(/\.not needs a target/);
  });

  it("refuses what is said twice, and snapshots without a runner", async () => {
    const { match } = running("new");
    await expect(match(grey(1), { conditions: "l1<1", nme: "x" } as object)).rejects.toThrow(/no option nme/);
    const twice = toMatchImage.call({}, grey(1), "l1<1", { conditions: "l1<1", target: grey(1) });
    await expect(twice).rejects.toThrow(/conditions are given twice/);
    await expect(toMatchImage.call({}, grey(1), {}, {})).rejects.toThrow(/options are given twice/);
    await expect(toMatchImage.call({}, grey(1))).rejects.toThrow(/Vitest, Jest, Playwright or Bun/);
  });
});

describe("snapshotName", () => {
  it("keeps letters and digits of any script, and tells all names apart", async () => {
    expect(snapshotName("home page 1")).toBe("home_page_1");
    expect(snapshotName("Über uns – 日本 v1.2-b")).toMatch(/^Über_uns_-_日本_v1\.2-b~[0-9a-f]{8}$/);
    const names = [
      "a b",
      "a_b",
      "a-b",
      "a/b",
      "a\\b",
      "a:b",
      "../a",
      "..",
      ".",
      "",
      "a\0b",
      "x".repeat(300),
      "x".repeat(301),
      "é".repeat(150),
    ];
    const made = names.map(snapshotName);
    expect(new Set(made).size).toBe(names.length);
    await mkdir(join(folder, "names"));
    for (const name of made) {
      expect(name).not.toMatch(/[/\\\0]|^\.*$/);
      await writeFile(join(folder, "names", `${name}.actual.png`), "");
    }
  });
});
