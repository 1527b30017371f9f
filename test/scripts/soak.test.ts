import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../../packages/core/src/random.ts";
import { repairPng, repairZip } from "../../scripts/soak/checksums.ts";
import { commands } from "../../scripts/soak/commands.ts";
import { killCommand, stateOf } from "../../scripts/soak/kill.ts";
import { kinds } from "../../scripts/soak/kinds.ts";
import { mutated } from "../../scripts/soak/mutate.ts";
import { offenceIn, Reader, readMutated } from "../../scripts/soak/reading.ts";
import { encoded, sampleFiles } from "../../scripts/soak/samples.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();

function named<T extends { name: string }>(things: readonly T[], name: string): T {
  return things.find((thing) => thing.name === name) as T;
}

describe("mutated", () => {
  const file = Uint8Array.from({ length: 500 }, (_, i) => i);
  const donors = [file, new Uint8Array(40).fill(7)];
  const results = (seed: number) =>
    Array.from({ length: 300 }, (_, i) => mutated(file, donors, new Random(seed, "kind", i)));

  it("gives the same bytes for the same random numbers, and other bytes for others", () => {
    expect(results(1)).toEqual(results(1));
    expect(results(1)).not.toEqual(results(2));
  });

  it("changes almost every file in place, by shortening or by lengthening, and never modifies its input", () => {
    const whole = Buffer.from(file);
    const all = results(3);
    expect(all.filter((bytes) => bytes.equals(whole)).length).toBeLessThan(30);
    for (const of of [-1, 0, 1]) {
      expect(all.filter(({ length }) => Math.sign(length - file.length) === of).length).toBeGreaterThan(20);
    }
    expect(Buffer.from(file)).toEqual(whole);
  });

  it("accepts files of any length", () => {
    for (const length of [0, 1, 2]) {
      for (let i = 0; i < 200; i++) mutated(new Uint8Array(length), [file], new Random(i, "short"));
    }
  });
});

// A right checksum is not changed, and a wrong one becomes the one that the encoder wrote.
describe("checksums of mutated files", () => {
  it("are recomputed in PNG", async () => {
    const [png] = await encoded.png();
    const wrong = Buffer.from(png);
    wrong[29] ^= 1;
    repairPng(wrong);
    expect(wrong.equals(png)).toBe(true);
  });

  it("are recomputed in stored zip entries", () => {
    const [zip] = sampleFiles();
    const wrong = Buffer.from(zip);
    wrong[wrong.indexOf("PK\x01\x02", 0, "latin1") + 16] ^= 1;
    repairZip(wrong);
    expect(wrong.equals(zip)).toBe(true);
  });
});

describe("Reader", async () => {
  const script = join(folder, "reader.mjs");
  await writeFile(
    script,
    `process.on("message", ({ path }) => {
       if (path === "hang") for (;;);
       if (path === "crash") process.abort();
       if (path === "memory") globalThis.kept = Array.from({ length: 64 }, () => Buffer.alloc(2 ** 24, 1));
       process.send({ outcome: path === "raw" ? "other" : "result", peak: 1024 * process.resourceUsage().maxRSS });
     });
     process.send("ready");`,
  );
  const reader = new Reader(script, { seconds: 3, bytes: 2 ** 29 });
  afterAll(() => reader.close());

  it("reports a file that hangs, crashes, takes too much memory or throws an unexpected error, then reads the next", async () => {
    for (const path of ["hang", "crash", "memory", "raw"]) {
      expect(offenceIn(await reader.read({ kind: "", path })), path).toBeDefined();
      expect(offenceIn(await reader.read({ kind: "", path: "next" }))).toBeUndefined();
    }
  });
});

describe("stateOf", () => {
  it("tells a torn file from a whole one, an older one and none", async () => {
    const [whole, older] = [Buffer.from("whole"), Buffer.from("the older file, which is not of this run\n")];
    expect(await stateOf("a", whole, whole)).toBe("whole");
    expect(await stateOf("a", older, whole)).toBe("older");
    expect(await stateOf("a", undefined, whole)).toBe("absent");
    for (const torn of ["", "whol", "whale", "whole."]) {
      expect(await stateOf("a", Buffer.from(torn), whole)).toBe("torn");
    }
    expect(await stateOf("a", Buffer.from("w"), whole, async () => true)).toBe("whole");
  });
});

describe("a short run", () => {
  it.each(["png", "pytorch-zip"])("reads 20 mutated files: %s", async (name) => {
    const counts = await readMutated(named(kinds, name), { files: 20, seed: 1, folder: join(folder, "files") });
    expect(counts).toMatchObject({ files: 20, offences: [] });
  });

  it("kills an import twice without a torn file", async () => {
    const counts = await killCommand(named(commands, "import"), { kills: 2, seed: 1, folder: join(folder, "kills") });
    expect(counts).toMatchObject({ kills: 2, survived: 2, problems: [], found: { torn: 0 } });
  });
});
