import { join } from "node:path";
import { expect, test } from "vitest";
import { openSet } from "../../packages/reconloss/src/distribution/inputs/open.ts";
import type { AlphaOptions } from "../../packages/reconloss/src/image/index.ts";
import { readImage, toPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { loadSharp } from "../../packages/reconloss/src/image/sharp.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

async function readAll(folder: string, alpha?: AlphaOptions) {
  const images = await (await openSet(folder, alpha)).images?.();
  if (!images) throw new Error("a folder is a set of images");
  const decode = async (index: number) => (await (await images.load(index)).decode()).image;
  return Promise.all(Array.from({ length: images.count }, (_, index) => decode(index)));
}

test("loads images as they are stored, and composites or refuses alpha as the option says", async () => {
  const folder = await temporaryFolder();
  const opaque = randomTensor([1, 3, 4, 6], 1);
  await writeImage(join(folder, "a.png"), opaque);
  const [stored] = await readAll(folder);
  expect(stored).toMatchObject({ width: 6, height: 4, channels: 3 });
  expect(Array.from(stored.data)).toEqual(Array.from(toPixels(opaque).data));

  const sharp = await loadSharp();
  const transparent = Uint8Array.from({ length: 4 * 6 * 4 }, (_, i) => (i * 37) % 256);
  await sharp(transparent, { raw: { width: 6, height: 4, channels: 4 } }).toFile(join(folder, "b.png"));
  const [, composed] = await readAll(folder, { alpha: "composite" });
  expect(composed).toEqual(await readImage(join(folder, "b.png"), { alpha: "composite" }));
  await expect(readAll(folder)).rejects.toThrow(/b\.png: pixel \(0, 0\) is transparent/);
  await expect(readAll(folder, { alpha: "ignore" as "reject" })).rejects.toThrow(/alpha must be/);
});
