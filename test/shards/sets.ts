import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { tinyModel } from "../distribution/models.ts";
import { randomTensor } from "../random.ts";

/** Folders of small images for a network of 12 features, with all that a listing may have: grey images, copies, and files that are no images. */
export async function makeSets(folder: string, counts = { outputs: 150, reals: 90 }) {
  const [outputs, reals, network] = ["outputs", "reals", "tiny.onnx"].map((name) => join(folder, name));
  await mkdir(folder, { recursive: true });
  await writeFile(network, tinyModel());
  for (let i = 0; i < counts.outputs; i++) {
    const path = join(outputs, `${i}.png`);
    if (i % 50 === 17) await writeFile(path, "no image");
    else await writeImage(path, randomTensor([1, i % 7 === 3 ? 1 : 3, 24 + (i % 3), 32], i === 40 ? 41 : i));
  }
  for (let i = 0; i < counts.reals; i++) {
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 32, 32], 1000 + i, 0, 0.8));
  }
  await writeFile(join(reals, "notes.txt"), "Nothing to see.");
  return { outputs, reals, network };
}
