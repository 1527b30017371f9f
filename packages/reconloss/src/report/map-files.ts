import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Loss, ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { writeFileAtomically } from "../files.ts";
import { writeImage } from "../image/index.ts";
import { falseColour, toErrorMap, topOf } from "./error-map.ts";

/** The meaning of the colours of one file. */
export interface MapFile {
  /** Relative to the folder of maps. */
  file: string;
  /** Label of the loss. */
  loss: string;
  /** The loss's map where the file is black. */
  black: number;
  /** The loss's map where the file is brightest, and beyond. */
  brightest: number;
}

/** A map that could not be written. */
export interface FailedMap {
  file: string;
  error: ReconlossError;
}

/** The most bytes of a name that file systems take. */
const longestName = 255;

/** The name of a map's file. What makes it too long is replaced by a hash, so that names stay different. */
function fileNameOf(name: string, label: string): string {
  const ending = `.${label.replace(/[^\w.,=()+-]+/g, "_")}.png`;
  const slash = name.lastIndexOf("/") + 1;
  const [folder, base] = [name.slice(0, slash), name.slice(slash)];
  if (Buffer.byteLength(base + ending) <= longestName) return folder + base + ending;
  const hash = `~${createHash("sha256")
    .update(base + ending)
    .digest("hex")
    .slice(0, 8)}`;
  const room = longestName - hash.length;
  const shortEnding = Buffer.byteLength(ending) < room ? ending : ".png";
  let kept = base;
  while (Buffer.byteLength(kept + shortEnding) > room) kept = kept.slice(0, -1);
  return folder + kept + hash + shortEnding;
}

/**
 * Writes the maps of one pair as PNG files in false colours, each with its own scale, since they are written before all are known.
 *
 * @param maps - by label, as `comparePairs` gives them
 * @returns what the colours of each file mean ({@link writeMapScales} writes all of them to a file), and which maps could not be written
 */
export async function writeMaps(
  folder: string,
  name: string,
  losses: readonly Loss[],
  maps: Readonly<Record<string, Tensor>>,
): Promise<{ files: MapFile[]; lost: FailedMap[] }> {
  checkArguments("writeMaps", {
    folder: [folder, "text"],
    name: [name, "text"],
    losses: [losses, "objects"],
    maps: [maps, "object"],
  });
  const files: MapFile[] = [];
  const lost: FailedMap[] = [];
  for (const loss of losses.filter(({ label }) => maps[label] !== undefined)) {
    const map = toErrorMap(loss, maps[loss.label]);
    const top = topOf(map);
    const file = fileNameOf(name, loss.label);
    try {
      await writeImage(join(folder, file), falseColour(map, top));
      files.push({ file, loss: loss.label, black: map.zero, brightest: map.zero + map.sign * top });
    } catch (error) {
      // A map that is lost must not cost the numbers.
      if (!(error instanceof ReconlossError) || error.code !== "file") throw error;
      lost.push({ file, error });
    }
  }
  return { files, lost };
}

/** Writes `scales.json`: what the colours of each file in a folder of maps mean. */
export function writeMapScales(folder: string, files: readonly MapFile[]): Promise<void> {
  checkArguments("writeMapScales", { folder: [folder, "text"], files: [files, "objects"] });
  return writeFileAtomically(join(folder, "scales.json"), `${JSON.stringify(files, null, 2)}\n`);
}
