import type { ImageSet, SetOptions } from "../../packages/reconloss/src/distribution/image-set.ts";
import { openSet } from "../../packages/reconloss/src/distribution/inputs/open.ts";

/** Opens a set, uses it and closes it. */
export async function withSet<T>(path: string, use: (set: ImageSet) => Promise<T>, options?: SetOptions): Promise<T> {
  const source = await openSet(path, options);
  try {
    return await use((await source.images?.()) as ImageSet);
  } finally {
    await source.close();
  }
}

const each = <T>(set: ImageSet, get: (index: number) => T): T[] => Array.from({ length: set.count }, (_, i) => get(i));

/** The names of all images. */
export const namesOf = (path: string, options?: SetOptions) =>
  withSet(path, async (set) => each(set, set.name), options);

/** The hashes of what is stored of all images. */
export const hashesOf = (path: string, options?: SetOptions) =>
  withSet(path, (set) => Promise.all(each(set, async (index) => (await set.load(index)).hash)), options);

export const labelsOf = (path: string, options?: SetOptions) =>
  withSet(path, (set) => Promise.all(each(set, (index) => set.label?.(index))), options);

export const ignoredFilesIn = (path: string) => withSet(path, async (set) => set.ignoredFiles);

/** The error that a set, or one of its images, fails with. */
export async function failureOf(path: string, options?: SetOptions): Promise<Error & { code?: string }> {
  try {
    await hashesOf(path, options);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${path} is read`);
}
