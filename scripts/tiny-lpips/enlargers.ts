import { join } from "node:path";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { enlarge } from "../../packages/reconloss/src/tasks/degrade.ts";
import { distortions } from "../distortions/index.ts";
import { type Against, type OwnNetwork, ownNetwork } from "./own-networks.ts";
import { type Enlarger, openPublished } from "./published.ts";

/** A method that enlarges images, and its name. */
export interface Method {
  readonly name: string;
  readonly enlarge: Enlarger;
}

/** Lanczos's window of three lobes, as `resize` of most libraries has it. */
export function lanczos(image: Tensor, factor: number): Tensor {
  const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const weights = Array.from({ length: factor }, (_, phase) => {
    const centre = (phase + 0.5) / factor - 0.5;
    const first = Math.floor(centre) - 2;
    const values = Array.from({ length: 6 }, (_, k) => sinc(first + k - centre) * sinc((first + k - centre) / 3));
    const sum = values.reduce((a, b) => a + b);
    return { first, values: values.map((value) => value / sum) };
  });
  const along = (data: Float32Array, lines: number, from: number): Float32Array => {
    const to = from * factor;
    // Transposed, so that the same does for both axes.
    const result = new Float32Array(lines * to);
    for (let line = 0; line < lines; line++) {
      for (let at = 0; at < to; at++) {
        const { first, values } = weights[at % factor];
        let sum = 0;
        for (let k = 0; k < 6; k++) {
          const place = Math.min(from - 1, Math.max(0, Math.floor(at / factor) + first + k));
          sum += values[k] * data[line * from + place];
        }
        result[at * lines + line] = sum;
      }
    }
    return result;
  };
  const [n, c, h, w] = image.shape;
  const planes = Array.from({ length: n * c }, (_, plane) => {
    const data = image.data.subarray(plane * h * w, (plane + 1) * h * w);
    return along(along(data, h, w), w * factor, h);
  });
  const result = new Float32Array(n * c * h * w * factor ** 2);
  for (const [index, plane] of planes.entries()) result.set(plane, index * plane.length);
  return new Tensor(result, [n, c, h * factor, w * factor]);
}

/** Those that need no network. */
export function simpleMethods(scale: number): Method[] {
  const sharpened = (strength: number) => async (images: Tensor) =>
    distortions.sharpen(enlarge(images, scale), strength, new Random("enlargers", strength));
  return [
    { name: "bicubic", enlarge: async (images) => enlarge(images, scale) },
    { name: "lanczos", enlarge: async (images) => lanczos(images, scale) },
    { name: "bicubic, sharpened", enlarge: sharpened(0.3) },
    { name: "bicubic, sharpened more", enlarge: sharpened(0.5) },
  ];
}

/** Published networks whose outputs are learned from, by scale; those that judge are others. */
export const learnedPackages: Readonly<Record<number, readonly string[]>> = {
  2: ["esrgan-slim", "esrgan-legacy/models/psnr-small"],
  3: ["esrgan-slim"],
  4: ["esrgan-slim", "esrgan-legacy/models/gans"],
};

/** Published networks in a folder `node_modules` by package and scale. */
export async function publishedMethods(folder: string, packages: readonly string[], scale: number): Promise<Method[]> {
  const methods: Method[] = [];
  for (const name of packages) {
    const path = name.includes("/") ? name : `${name}/models/x${scale}`;
    methods.push({ name, enlarge: await openPublished(join(folder, "@upscalerjs", path, "model.json")) });
  }
  return methods;
}

/** Small networks of this project. */
export async function ownMethods(
  networks: readonly OwnNetwork[],
  where: { photographs: string; cache: string; against?: Against },
  reportProgress?: (text: string) => void,
): Promise<Method[]> {
  const methods: Method[] = [];
  for (const network of networks) {
    methods.push({ name: `ours, ${network.loss}`, enlarge: await ownNetwork(network, where, reportProgress) });
  }
  return methods;
}
