import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Loss, lpips } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeFileAtomically } from "../../packages/reconloss/src/files.ts";
import { listImages, readImage } from "../../packages/reconloss/src/image/index.ts";
import { reduce } from "../../packages/reconloss/src/tasks/degrade.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { crop } from "../choosing/photographs.ts";
import type { Method } from "./enlargers.ts";

/** The factor of enlargement. */
export const scales = [2, 3, 4] as const;
/** Side of the squares that are judged: a multiple of all scales. */
const side = 252;

/** The middle of every photograph of a folder. */
async function squares(folder: string): Promise<Tensor[]> {
  const names = (await listImages(folder)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const image = await readImage(join(folder, name));
      const [, , h, w] = image.shape;
      return crop(image, Math.floor((w - side) / 2), Math.floor((h - side) / 2), side);
    }),
  );
}

/** The outputs of methods for small photographs, and their LPIPS-alex. */
export interface Enlarged {
  readonly scale: number;
  readonly methods: readonly string[];
  readonly targets: readonly Tensor[];
  /** By photograph and method. */
  readonly outputs: readonly (readonly Tensor[])[];
  readonly alex: readonly (readonly number[])[];
}

/** Enlarges reduced photographs by every method and asks LPIPS-alex; what is in the cache is taken from there. */
export async function enlarged(
  photographs: string,
  cache: string,
  scale: number,
  methods: readonly Method[],
): Promise<Enlarged> {
  const targets = await squares(photographs);
  const alex = lpips({ net: "alex" });
  const columns: { readonly outputs: readonly Tensor[]; readonly values: readonly number[] }[] = [];
  for (const { name, enlarge } of methods) {
    const path = join(cache, `judged x${scale} ${name}`.replaceAll(/[^\w.+-]+/g, "_"));
    const count = 3 * side * side;
    if (!existsSync(`${path}.json`)) {
      const bytes = new Uint8Array(targets.length * count);
      const values: number[] = [];
      for (const [index, target] of targets.entries()) {
        const output = asFile(await enlarge(asFile(reduce(target, scale))));
        bytes.set(
          output.data.map((value) => Math.round(255 * value)),
          index * count,
        );
        values.push(await alex.value(output, target));
      }
      await writeFileAtomically(`${path}.u8`, bytes);
      await writeFileAtomically(`${path}.json`, Buffer.from(JSON.stringify(values)));
    }
    const bytes = await readFile(`${path}.u8`);
    const outputs = targets.map(
      (_, i) =>
        new Tensor(
          Float32Array.from(bytes.subarray(i * count, (i + 1) * count), (byte) => byte / 255),
          [1, 3, side, side],
        ),
    );
    columns.push({ outputs, values: JSON.parse(await readFile(`${path}.json`, "utf8")) as number[] });
  }
  return {
    scale,
    methods: methods.map(({ name }) => name),
    targets,
    outputs: targets.map((_, i) => columns.map(({ outputs }) => outputs[i])),
    alex: targets.map((_, i) => columns.map(({ values }) => values[i])),
  };
}

/** Computes a loss of enlarged photographs, by photograph and method. */
export async function valuesOf(loss: Loss, { targets, outputs }: Enlarged): Promise<number[][]> {
  const values: number[][] = [];
  for (const [index, target] of targets.entries()) {
    const prepared = await loss.prepareTarget(target);
    const row: number[] = [];
    for (const output of outputs[index]) row.push(await loss.value(output, prepared));
    values.push(row);
  }
  return values;
}

/** Of all pairs of methods on the same photograph, the share that two measures put in the same order. */
export function pairwiseAgreement(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  let [same, all] = [0, 0];
  for (const [row, values] of a.entries()) {
    for (let i = 0; i < values.length; i++) {
      for (let j = i + 1; j < values.length; j++) {
        all++;
        if (Math.sign(values[i] - values[j]) === Math.sign(b[row][i] - b[row][j])) same++;
      }
    }
  }
  return same / all;
}
