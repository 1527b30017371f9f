import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { type DistortionName, distortions } from "../distortions/index.ts";

/** 0 is the photograph itself. */
export const strengths = [0, 0.25, 0.5, 0.75, 1];
export const distortionNames = Object.keys(distortions) as DistortionName[];
/** Sides of the part in the middle of a photograph that is distorted, in pixels. */
export const side = 256;

/** Values of one loss on one photograph by distortion and strength. */
export type Values = Record<DistortionName, number[]>;

type DistortedImages = Record<DistortionName, Tensor[]>;

/** The middle of each photograph of a folder, by name, in order of the names. */
export async function photographsIn(folder: string, most: number): Promise<Tensor[]> {
  const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).sort();
  if (names.length === 0) throw new Error(`${folder} holds no photographs`);
  return Promise.all(names.slice(0, most).map(async (name) => middle(join(folder, name))));
}

async function middle(path: string): Promise<Tensor> {
  const { data, shape } = await readImage(path);
  const [, c, h, w] = shape;
  if (c !== 3 || h < side || w < side) throw new Error(`${path}: colours and ${side}x${side} pixels are needed`);
  const [top, left] = [(h - side) >> 1, (w - side) >> 1];
  const part = Tensor.full([1, 3, side, side], 0);
  for (let row = 0; row < 3 * side; row++) {
    const from = (Math.floor(row / side) * h + top + (row % side)) * w + left;
    part.data.set(data.subarray(from, from + side), row * side);
  }
  return part;
}

/** Values that were measured before are read from `cache`; the others are measured and kept there, so that stopped work resumes, or with `only` left out. */
export async function measure(
  specs: readonly string[],
  photographs: readonly Tensor[],
  cache: string,
  { only = false } = {},
) {
  await mkdir(cache, { recursive: true });
  const measured = new Map<string, Values[]>(specs.map((spec) => [spec, []]));
  const impossible = new Map<string, string>();
  for (const [index, photograph] of photographs.entries()) {
    let images: DistortedImages | undefined;
    for (const [spec, values] of measured) {
      const file = join(cache, `${encodeURIComponent(spec)}-${index}.json`);
      const text = await readFile(file, "utf8").catch(() => undefined);
      if (text !== undefined) {
        // JSON has no infinity.
        values.push(JSON.parse(text, (_, value) => (value === "Infinity" ? Number.POSITIVE_INFINITY : value)));
        continue;
      }
      if (only) {
        impossible.set(spec, "not measured yet");
        measured.delete(spec);
        continue;
      }
      images ??= distort(photograph, index);
      try {
        values.push(await valuesOf(spec, photograph, images));
      } catch (error) {
        impossible.set(spec, (error as Error).message);
        measured.delete(spec);
        console.error(`${spec}: ${(error as Error).message}`);
        continue;
      }
      const kept = JSON.stringify(values[index], (_, value) =>
        value === Number.POSITIVE_INFINITY ? "Infinity" : value,
      );
      await writeFile(`${file}.part`, kept);
      await rename(`${file}.part`, file);
    }
    console.error(`photograph ${index + 1} of ${photographs.length}`);
  }
  return { measured, impossible };
}

function distort(photograph: Tensor, index: number): DistortedImages {
  const images = (name: DistortionName) =>
    strengths.map((strength) => distortions[name](photograph, strength, new Random("monotonicity", name, index)));
  return Object.fromEntries(distortionNames.map((name) => [name, images(name)])) as DistortedImages;
}

async function valuesOf(spec: string, photograph: Tensor, images: DistortedImages): Promise<Values> {
  const loss = parseLoss(spec);
  const target = await loss.prepareTarget(photograph);
  const values: Partial<Values> = {};
  for (const name of distortionNames) {
    const row: number[] = [];
    for (const image of images[name]) row.push(await loss.value(image, target));
    values[name] = row;
  }
  return values as Values;
}
