import { ReconlossError, Tensor } from "@reconloss/core";
import { firstNonFinite } from "@reconloss/core/internal";
import type { IgnoredFiles } from "../image/index.ts";
import { type FitResizer, fitImage } from "../onnx/fit.ts";
import type { Extractor } from "./extractor.ts";
import type { FeatureStore, StoredImage } from "./feature-store.ts";
import type { ImageSet } from "./image-set.ts";

/** An image that could not be read, and is in no number. */
export interface UnreadableImage {
  readonly name: string;
  readonly reason: string;
}

/** The images of a set whose features are stored, in order, and those that could not be read. */
export interface ExtractedSet {
  readonly images: readonly StoredImage[];
  /** The place of each of them in the set. */
  readonly indices: readonly number[];
  readonly unreadable: readonly UnreadableImage[];
  readonly ignoredFiles?: IgnoredFiles;
  /** The number that were computed now; the others were stored already. */
  readonly computed: number;
}

/** Options of {@link extractFeatures}. */
export interface ExtractOptions {
  resizer: FitResizer;
  /** Images that the network takes at once. */
  batch: number;
  /** Called after each image that is done. */
  onImage?: () => void;
  /** Ends the work before its next image: what is stored by then is found when it goes on. */
  signal?: AbortSignal;
  /** Told of each image that cannot be read, and may throw where that is the machine's fault. */
  onUnreadable?: (error: ReconlossError) => void;
}

/** Files that are read and decoded at the same time. */
const decoders = 4;

/** An image that the network is to take. */
interface Waiting {
  readonly name: string;
  readonly stored: StoredImage;
  readonly image: Tensor;
}

type Loaded = { stored: StoredImage; image?: Tensor } | UnreadableImage;

/**
 * Stores the features of all images of a set: those that are stored already are not read again. Decoding and resizing of the next images go
 * on while the network is busy with a batch; at most two batches are in memory.
 */
export async function extractFeatures(
  set: ImageSet,
  extractor: Extractor,
  stores: Readonly<Record<string, FeatureStore>>,
  { resizer, batch, onImage, signal, onUnreadable }: ExtractOptions,
): Promise<ExtractedSet> {
  const images: StoredImage[] = [];
  const indices: number[] = [];
  let index = -1;
  const unreadable: UnreadableImage[] = [];
  const limit = limiter(decoders);
  let waiting: Waiting[] = [];
  let computed = 0;

  const load = async (index: number): Promise<Loaded> => {
    try {
      // The bytes of few files at a time are in memory, however large the batch.
      return await limit(async () => {
        const { hash, decode } = await set.load(index);
        const known = extractor.outputs.map((output) => stores[output].find(hash));
        if (known.every((found) => found !== undefined)) return { stored: known[0] as StoredImage };
        const { image, notes } = await decode();
        const [height, width] = image instanceof Tensor ? image.shape.slice(2) : [image.height, image.width];
        const stored = { hash, height, width, decode: notes.map(({ kind }) => kind) };
        return { stored, image: toColour(await fitImage(image, { size: extractor.size, ...extractor.fit, resizer })) };
      });
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code !== "image") throw error;
      onUnreadable?.(error);
      return { name: set.cut?.from(index).name ?? set.name(index), reason: error.message };
    }
  };
  const flush = async () => {
    if (waiting.length === 0) return;
    const now = waiting;
    waiting = [];
    const results = await extractor.run(concatenate(now.map(({ image }) => image)));
    for (const output of extractor.outputs) refuseNonFinite(results[output], now, extractor.name);
    const stored = now.map((entry) => entry.stored);
    for (const output of extractor.outputs) await stores[output].append(stored, results[output].data);
    computed += now.length;
    for (const _ of now) onImage?.();
  };

  for await (const loaded of inOrder(set.count, 2 * batch, load)) {
    signal?.throwIfAborted();
    index++;
    if ("reason" in loaded) {
      // An image is told once, however many patches it has.
      if (set.cut === undefined || unreadable.at(-1)?.name !== loaded.name) unreadable.push(loaded);
      onImage?.();
      continue;
    }
    images.push(loaded.stored);
    indices.push(index);
    if (loaded.image === undefined) onImage?.();
    else waiting.push({ name: set.name(index), stored: loaded.stored, image: loaded.image });
    if (waiting.length === batch) await flush();
  }
  await flush();
  return { images, indices, unreadable, computed, ignoredFiles: set.ignoredFiles };
}

/** Features are kept for good, so nothing that is no number may get there. */
function refuseNonFinite({ data, shape }: Tensor, images: readonly Waiting[], network: string): void {
  const at = firstNonFinite(data);
  if (at < 0) return;
  const { name } = images[Math.floor(at / shape[1])];
  throw new ReconlossError("non-finite", `network ${network} returned ${data[at]} for ${name}`);
}

/** The results of `work` for 0 to count - 1 in order, with up to `ahead` under way at a time. */
export async function* inOrder<T>(
  count: number,
  ahead: number,
  work: (index: number) => Promise<T>,
): AsyncGenerator<T> {
  const underWay: Promise<T>[] = [];
  let next = 0;
  while (next < count || underWay.length > 0) {
    while (next < count && underWay.length < ahead) {
      const promise = work(next++);
      // A failure is thrown when its turn comes; until then it is not unhandled.
      promise.catch(() => {});
      underWay.push(promise);
    }
    yield await (underWay.shift() as Promise<T>);
  }
}

/** Runs at most `most` tasks at the same time. */
function limiter(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (task) => {
    if (running === most) await new Promise<void>((resolve) => queue.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running--;
    }
  };
}

/** A grey image as three equal channels. */
function toColour(image: Tensor): Tensor {
  const [, c, h, w] = image.shape;
  if (c === 3) return image;
  const data = new Float32Array(3 * h * w);
  for (let channel = 0; channel < 3; channel++) data.set(image.data, channel * h * w);
  return new Tensor(data, [1, 3, h, w]);
}

function concatenate(images: readonly Tensor[]): Tensor {
  const [, c, h, w] = images[0].shape;
  const data = new Float32Array(images.length * c * h * w);
  for (const [i, image] of images.entries()) data.set(image.data, i * c * h * w);
  return new Tensor(data, [images.length, c, h, w]);
}
