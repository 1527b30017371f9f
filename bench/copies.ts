import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLosses } from "@reconloss/core";
import { setKernelThreads } from "@reconloss/core/kernels";
import { comparePairs } from "reconloss/compare";
import { writeImage } from "reconloss/image";
import { PreparedImage } from "../packages/core/src/pixels/prepared-image.ts";
import { elementCount } from "../packages/core/src/tensor.ts";
import { makePair } from "./images.ts";

// npx tsx bench/copies.ts [METRICS]: how many bytes `compare` copies for a pair of 768x512, in pairs of float32 planes: what typed arrays bring into the kernels' memory, of it, and
// from one to another, and the planes that are made of pixels. In one thread, where all of it can be seen; decoding the files is not counted.

const metrics = process.argv[2] ?? "psnr,ssim,ms-ssim,deltaE,l1";
const [height, width] = [512, 768];
const pairBytes = 2 * 3 * height * width * Float32Array.BYTES_PER_ELEMENT;

let copied = 0;
const typed = Object.getPrototypeOf(Float32Array.prototype);
const { set } = typed;
typed.set = function (source: ArrayLike<number>, offset?: number) {
  copied += source.length * this.BYTES_PER_ELEMENT;
  return set.call(this, source, offset);
};
const { get } = Object.getOwnPropertyDescriptor(PreparedImage.prototype, "tensor")!;
const converted = new WeakSet<PreparedImage>();
Object.defineProperty(PreparedImage.prototype, "tensor", {
  get(this: PreparedImage) {
    if (this.pixels && !converted.has(this)) copied += elementCount(this.shape) * Float32Array.BYTES_PER_ELEMENT;
    converted.add(this);
    return get!.call(this);
  },
});

const folder = mkdtempSync(join(tmpdir(), "bench-copies-"));
const { output, target } = makePair(height, width);
const paths = { name: "pair", output: join(folder, "output.png"), target: join(folder, "target.png") };
await writeImage(paths.output, output);
await writeImage(paths.target, target);
setKernelThreads(1);
const count = async (losses: string) => {
  copied = 0;
  for await (const { failures } of comparePairs([paths], parseLosses(losses))) {
    if (failures.length > 0) throw new Error(failures[0].error);
  }
  return copied / pairBytes;
};
// Once for what is done once: the kernels' code.
await count("l1");
for (const losses of [...metrics.split(/,(?![^(]*\))/), metrics]) {
  console.log(`${losses}: ${(await count(losses)).toFixed(2)} of a pair`);
}
rmSync(folder, { recursive: true });
