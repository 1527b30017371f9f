import { existsSync } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { listImages, readImage } from "../../packages/reconloss/src/image/index.ts";
import { drawGroup, type Group, members, pairs, side } from "./groups.ts";
import { layers, openTeacher } from "./teacher.ts";

/** Pixels of a group of images of a side, one byte each. */
export function groupBytes(side: number): number {
  return members * 3 * side * side;
}
const partCount = pairs.length * layers;

/** Groups and what the teacher says of them, on disk. */
export interface Cached {
  readonly groups: number;
  /** Height and width of the images. */
  readonly side: number;
  /** The images of a group as bytes, read when asked for: [member, 3, side, side]. */
  images(group: number): Promise<Uint8Array>;
  /** [group, pair, layer] */
  readonly parts: Float32Array;
  /** [group, pair, layer, row, column] */
  readonly maps: Float32Array;
  close(): Promise<void>;
}

const files = (folder: string) =>
  Object.fromEntries(["images.u8", "parts.f32", "maps.f32", "done.json"].map((name) => [name, join(folder, name)]));

/** Draws groups of photographs, asks the teacher and keeps both. What is kept already is used as it is. */
export async function fillCache(
  folder: string,
  photographs: string,
  { seed, perPhotograph }: { seed: number; perPhotograph: number },
  reportProgress: (text: string) => void,
): Promise<void> {
  const wanted = JSON.stringify({ seed, perPhotograph, version: 5 });
  await keepGroups(folder, photographs, { wanted, side, reportProgress }, async (photograph, index) =>
    Array.from({ length: perPhotograph }, (_, k) => drawGroup(photograph, seed, index, k)),
  );
}

/** One distorted group of each of some photographs, kept likewise. */
export async function keepDistortedGroups(
  folder: string,
  photographs: string,
  { seed, takes }: { seed: number; takes(index: number): boolean },
  reportProgress: (text: string) => void,
): Promise<void> {
  const wanted = JSON.stringify({ seed, one: true, version: 5 });
  await keepGroups(folder, photographs, { wanted, side, takes, reportProgress }, async (photograph, index) => [
    drawGroup(photograph, seed, index),
  ]);
}

/** The groups that {@link keepGroups} keeps. */
interface Kept {
  /** Says what the groups are. */
  readonly wanted: string;
  readonly side: number;
  /** Photographs that have any, by their place in the order of names. Default: all */
  takes?(index: number): boolean;
  reportProgress(text: string): void;
}

/**
 * Keeps groups of photographs and what the teacher says of them, unless the folder says that it has what is wanted.
 *
 * @param draw - the groups of a photograph
 */
export async function keepGroups(
  folder: string,
  photographs: string,
  { wanted, side, takes = () => true, reportProgress }: Kept,
  draw: (photograph: Tensor, index: number) => Promise<readonly Group[]>,
): Promise<void> {
  const paths = files(folder);
  if (existsSync(paths["done.json"]) && (await readFile(paths["done.json"], "utf8")) === wanted) return;
  await mkdir(folder, { recursive: true });
  const teacher = await openTeacher(side);
  const [images, parts, maps] = await Promise.all(
    ["images.u8", "parts.f32", "maps.f32"].map((name) => open(paths[name], "w")),
  );
  const names = (await listImages(photographs)).toSorted();
  const began = performance.now();
  let writing: Promise<unknown> = Promise.resolve();
  for (const [index, name] of names.entries()) {
    if (!takes(index)) continue;
    const photograph = await readImage(join(photographs, name));
    const groups = await draw(photograph, index);
    if (groups.length === 0) continue;
    // The teacher answers while the next photograph is distorted.
    await writing;
    writing = teacher(groups).then(async (answers) => {
      for (const group of groups) {
        for (const { data } of group) await images.write(Uint8Array.from(data, (value) => Math.round(255 * value)));
      }
      await parts.write(new Uint8Array(answers.parts.buffer));
      await maps.write(new Uint8Array(answers.maps.buffer));
    });
    if (index % 50 === 49) {
      reportProgress(
        `photographs ${index + 1} of ${names.length}, ${((performance.now() - began) / 1000).toFixed(0)} s`,
      );
    }
  }
  await writing;
  await Promise.all([images, parts, maps].map((file) => file.close()));
  await writeFile(paths["done.json"], wanted);
}

/** Opens what {@link fillCache} or {@link keepGroups} kept. */
export async function openCache(folder: string, side: number): Promise<Cached> {
  const paths = files(folder);
  const floats = async (path: string) => {
    const bytes = await readFile(path);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  };
  const [parts, maps] = [await floats(paths["parts.f32"]), await floats(paths["maps.f32"])];
  const images = await open(paths["images.u8"], "r");
  return {
    groups: parts.length / partCount,
    side,
    images: async (group) => {
      const bytes = new Uint8Array(groupBytes(side));
      await images.read(bytes, 0, bytes.length, group * bytes.length);
      return bytes;
    },
    parts,
    maps,
    close: () => images.close(),
  };
}
