/**
 * `npx tsx scripts/synthetic-shards.ts --images 100000 -o shards/`: tar shards of small images, as webdataset writes them, to measure with. The same seed gives the same bytes.
 */
import { mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { Random } from "../packages/core/src/random.ts";
import { tarMember } from "./tar.ts";

/** Images that are encoded side by side. */
const atOnce = 64;
const classes = 10;

/** A background that fades into another colour, and three discs; the class says how large they are. */
function pixelsOf(random: Random, side: number, label: number): Uint8Array {
  const colour = () => [0, 1, 2].map(() => random.between(0, 255));
  const [top, bottom] = [colour(), colour()];
  const discs = Array.from({ length: 3 }, () => ({
    x: random.between(0, side),
    y: random.between(0, side),
    radius: (side * (label + 1)) / (2 * classes + 4),
    colour: colour(),
  }));
  const pixels = new Uint8Array(side * side * 3);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const disc = discs.find((each) => (x - each.x) ** 2 + (y - each.y) ** 2 < each.radius ** 2);
      for (let c = 0; c < 3; c++) pixels[at++] = disc ? disc.colour[c] : top[c] + ((bottom[c] - top[c]) * y) / side;
    }
  }
  return pixels;
}

/** The members of one sample: image, class and description. */
async function sampleOf(index: number, side: number, seed: number): Promise<Buffer> {
  const random = new Random(seed, "image", index);
  const label = random.below(classes);
  const raw = { width: side, height: side, channels: 3 } as const;
  const jpeg = await sharp(pixelsOf(random, side, label), { raw })
    .jpeg({ quality: 90 })
    .toBuffer();
  const key = String(index).padStart(9, "0");
  const description = JSON.stringify({ key, label, width: side, height: side });
  return Buffer.concat([
    tarMember(`${key}.cls`, Buffer.from(String(label))),
    tarMember(`${key}.jpg`, jpeg),
    tarMember(`${key}.json`, Buffer.from(description)),
  ]);
}

/** Writes the images `from` to `to` into one shard. */
async function writeShard(file: FileHandle, from: number, to: number, side: number, seed: number): Promise<void> {
  for (let start = from; start < to; start += atOnce) {
    const indices = Array.from({ length: Math.min(atOnce, to - start) }, (_, i) => start + i);
    await file.appendFile(Buffer.concat(await Promise.all(indices.map((index) => sampleOf(index, side, seed)))));
  }
  await file.appendFile(Buffer.alloc(1024));
}

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "1000" },
    "shard-size": { type: "string", default: "10000" },
    side: { type: "string", default: "64" },
    seed: { type: "string", default: "1" },
    output: { type: "string", short: "o", default: "shards" },
  },
});
const [images, shardSize, side, seed] = [values.images, values["shard-size"], values.side, values.seed].map(Number);
const count = Math.ceil(images / shardSize);
const number = (shard: number) => String(shard).padStart(6, "0");
mkdirSync(values.output, { recursive: true });
for (let shard = 0; shard < count; shard++) {
  const file = await open(join(values.output, `shard-${number(shard)}.tar`), "w");
  try {
    await writeShard(file, shard * shardSize, Math.min(images, (shard + 1) * shardSize), side, seed);
  } finally {
    await file.close();
  }
}
console.log(join(values.output, `shard-{${number(0)}..${number(count - 1)}}.tar`));
