import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeKinds } from "../../packages/core/src/pixels/notes.ts";
import { computeStatistics, evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { writeSetReport } from "../../packages/reconloss/src/report/index.ts";
import { temporaryFolder } from "../folder.ts";
import { exifOf } from "../image/exif.ts";

const folder = await temporaryFolder();
const options = { network: "tiny", cache: join(folder, "cache") } as const;

/** Four pictures, two of them turned by EXIF, one of 16-bit grey. */
async function makeSet(): Promise<string> {
  const path = join(folder, "set");
  await mkdir(path, { recursive: true });
  const picture = (seed: number) => {
    const data = Uint8Array.from({ length: 32 * 24 }, (_, i) => (i * seed * 7) % 256);
    return sharp(data, { raw: { width: 32, height: 24, channels: 1 } }).toColourspace("b-w");
  };
  for (const [i, orientation] of [1, 6, 3].entries()) {
    const jpeg = exifOf(
      await picture(i + 1)
        .jpeg({ quality: 95 })
        .toBuffer(),
      orientation,
    );
    await writeFile(join(path, `${i}.jpg`), jpeg);
  }
  const deep = Uint16Array.from({ length: 32 * 24 }, (_, i) => (i * 977) % 65536);
  const png = sharp(deep, { raw: { width: 32, height: 24, channels: 1 } })
    .toColourspace("grey16")
    .png();
  await writeFile(join(path, "3.png"), await png.toBuffer());
  return path;
}

test("reports conversions made while decoding a set, also when its features come from the cache", async () => {
  const set = await makeSet();
  const first = await computeStatistics(set, options);
  expect(first.set).toMatchObject({ computed: 4, decode: "2 rotated by EXIF, 1 16-bit grey" });
  const second = await computeStatistics(set, options);
  expect(second.set).toMatchObject({ computed: 0, decode: first.set.decode });
});

test("decode=pillow gives other features than the default, and is named in the protocol", async () => {
  const set = await makeSet();
  const report = await evaluateDistribution(set, set, { ...options, decode: "pillow", metrics: ["frechet"] });
  expect(report.outputs.decode).toBe("2 not rotated as EXIF says, 1 16-bit grey cut off at 255");
  expect(report.protocol.decode).toBe("pillow");
  const stored = await computeStatistics(set, options);
  const pillow = await computeStatistics(set, { ...options, decode: "pillow" });
  expect([stored.set.computed, pillow.set.computed]).toEqual([0, 0]);
  expect(pillow.statistics.protocol?.decode).toBe("pillow");
  expect(stored.statistics.protocol?.decode).toBeUndefined();
  expect(Array.from(pillow.statistics.fid.mean)).not.toEqual(Array.from(stored.statistics.fid.mean));
  const page = join(folder, "set.html");
  await writeSetReport(page, report, { decode: "pillow" });
});

test('refuses alpha "compare", which needs pairs', async () => {
  const set = await makeSet();
  await expect(computeStatistics(set, { ...options, alpha: "compare" })).rejects.toThrow(/alpha "compare" needs pairs/);
});

test("each kind of decoding note has a bit of its own in the feature records", () => {
  expect(decodeKinds.length).toBeLessThanOrEqual(32);
  expect(new Set(decodeKinds).size).toBe(decodeKinds.length);
});
