import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";

/** An image with structure at several scales: a few soft waves and edges, in colour. */
export function scene(height: number, width: number, seed: number): Tensor {
  const random = new Random(seed, "scene");
  const waves = Array.from({ length: 6 }, () => ({
    across: random.between(-0.5, 0.5),
    down: random.between(-0.5, 0.5),
    phase: random.between(0, 6),
    colour: [random.uniform(), random.uniform(), random.uniform()],
  }));
  const data = new Float32Array(3 * height * width);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const sum = waves.reduce((total, { across, down, phase, colour }, index) => {
          const wave = Math.sin(across * x + down * y + phase);
          return total + colour[c] * (index % 2 === 0 ? wave : Math.sign(wave));
        }, 0);
        data[(c * height + y) * width + x] = Math.min(1, Math.max(0, 0.5 + sum / 8));
      }
    }
  }
  return new Tensor(data, [1, 3, height, width]);
}

/** A folder with so many small photographs. */
export async function photographFolder(folder: string, count: number, height = 48, width = 56): Promise<string> {
  for (let i = 0; i < count; i++) await writeImage(join(folder, `${i}.png`), scene(height, width, i));
  return folder;
}

/** The hashes of what a training leaves behind that must not depend on how often it was stopped. */
export async function traces(folder: string): Promise<Record<string, string>> {
  const names = ["log.jsonl", "validation.jsonl", "checkpoint.safetensors", "model.onnx"];
  const hashes = names.map(async (name) => {
    return [
      name,
      createHash("sha256")
        .update(await readFile(join(folder, name)))
        .digest("hex"),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(hashes));
}
