/**
 * `npx tsx scripts/judging-example.ts [FOLDER]`: writes the images of the table in docs/judging.md: parts of the demo's photographs, compressed in three formats. In FOLDER the commands of that
 * page can be tried on them.
 */
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { photographNames, photographPath } from "./photographs.ts";

const side = 256;
const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), "reconloss-judging-")));

const formats: Readonly<Record<string, (image: Sharp) => Sharp>> = {
  png: (image) => image.png(),
  jpeg: (image) => image.jpeg({ quality: 50 }),
  webp: (image) => image.webp({ quality: 50 }),
  avif: (image) => image.avif({ quality: 42 }),
};
const folders = Object.keys(formats).map((format) => join(folder, format === "png" ? "photos" : `out/${format}`));
for (const path of folders) await mkdir(path, { recursive: true });

for (const name of photographNames) {
  const { width, height } = await sharp(photographPath(name)).metadata();
  for (let top = 0; top + side <= height; top += side) {
    for (let left = 0; left + side <= width; left += side) {
      const part = sharp(photographPath(name)).extract({ left, top, width: side, height: side });
      for (const [index, [format, encoded]] of Object.entries(formats).entries()) {
        await encoded(part.clone()).toFile(join(folders[index], `${name}-${top}-${left}.${format}`));
      }
    }
  }
}
process.stdout.write(`${folder}\n`);
