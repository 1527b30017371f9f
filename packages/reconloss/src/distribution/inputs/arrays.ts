import { createHash } from "node:crypto";
import { basename } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { longestHeader, type NpyHeader, type NpzArray, readNpyHeader, readNpz } from "@reconloss/core/internal";
import { defaultLimitPixels } from "../../image/limit.ts";
import type { ImageSet } from "../image-set.ts";
import { statisticsIn } from "../statistics-file.ts";
import type { Input } from "./input.ts";
import { bytesAt } from "./members.ts";

/** An archive of NumPy's: samples as the ADM evaluator's (`arr_0`, their classes in `arr_1`), statistics, or both. */
export const npz: Input = {
  name: "npz",
  extensions: [".npz"],
  matches: (head) => head[0] === 0x50 && head[1] === 0x4b,
  open: async (source) => {
    const archive = await readNpz(source);
    const [hasSamples, hasStatistics] = [archive.has("arr_0"), archive.has("mu")];
    if (!hasSamples && !hasStatistics) {
      const names = archive.names.join(", ") || "none";
      const problem = `neither images (arr_0) nor statistics (mu and sigma); it has: ${names}`;
      throw new ReconlossError("content", `${source.name}: ${problem}`);
    }
    const images = async () => {
      const [samples, labels] = [await archive.array("arr_0"), archive.has("arr_1") && (await archive.array("arr_1"))];
      const set = sampleImages(source.name, "arr_0", samples.header, (index) => samples.rows(index, index + 1));
      return labels && isLabels(labels, set.count) ? { ...set, label: labelsOf(labels) } : set;
    };
    return {
      ...(hasSamples ? { images } : {}),
      ...(hasStatistics ? { statistics: () => statisticsIn(source.name, archive) } : {}),
    };
  },
};

/** One array of NumPy's, [n, h, w, 3]. */
export const npy: Input = {
  name: "npy",
  extensions: [".npy"],
  matches: (head) => head[0] === 0x93 && new TextDecoder("latin1").decode(head.subarray(1, 6)) === "NUMPY",
  open: async (source) => ({
    images: async () => {
      const beginning = await source.read(0, Math.min(source.size, longestHeader));
      const header = readNpyHeader(source.name, beginning, source.size);
      const rowBytes = (source.size - header.start) / header.shape[0];
      const name = basename(source.name);
      return sampleImages(source.name, name, header, (index) =>
        bytesAt(source, header.start + index * rowBytes, rowBytes, `${source.name}[${index}]`),
      );
    },
  }),
};

const isLabels = ({ shape }: NpzArray, count: number) => shape.length === 1 && shape[0] === count;

function labelsOf(labels: NpzArray): NonNullable<ImageSet["label"]> {
  let values: Promise<Float64Array> | undefined;
  return async (index) => String((await (values ??= labels.values()))[index]);
}

function sampleImages(
  path: string,
  array: string,
  { type, isFortran, shape }: NpyHeader,
  row: (index: number) => Promise<Uint8Array>,
): ImageSet {
  const [count, height, width, channels] = shape;
  const name = path.endsWith(array) ? path : `${path}: ${array}`;
  if (type !== "uint8" || isFortran || shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    const order = isFortran ? " in Fortran order" : "";
    throw new ReconlossError(
      "content",
      `${name} must be 8-bit images [n, h, w, 3], got ${type} ${shape.join("x")}${order}`,
    );
  }
  const most = defaultLimitPixels();
  if (height * width > most) {
    throw new ReconlossError("content", `${name} has images of ${width}x${height} pixels; at most ${most} are read`);
  }
  return {
    count: height * width === 0 ? 0 : count,
    name: (index) => `${array}[${index}]`,
    load: async (index) => {
      const data = await row(index);
      return {
        hash: createHash("sha256").update(`${height} ${width} ${channels} `).update(data).digest("hex"),
        size: async () => [height, width],
        decode: async () => ({ image: { data, width, height, channels }, notes: [] }),
      };
    },
  };
}
