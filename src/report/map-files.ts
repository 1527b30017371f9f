import { join } from "node:path";
import { writeFileAtomically } from "../files.ts";
import { writeImage } from "../image/index.ts";
import type { Loss } from "../losses/index.ts";
import type { Tensor } from "../tensor.ts";
import { falseColour, toErrorMap, topOf } from "./error-map.ts";

/** What the colours of one file mean. */
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

/** A label as part of a file's name. */
function fileNameOf(label: string): string {
  return label.replace(/[^\w.,=()+-]+/g, "_");
}

/**
 * Writes the maps of one pair as PNG files in false colours, each with its own scale, since they are written before all are known.
 *
 * @param maps - by label, as `comparePairs` gives them
 * @returns what the colours of each file mean; {@link writeMapScales} writes all of them to a file
 */
export async function writeMaps(
  folder: string,
  name: string,
  losses: readonly Loss[],
  maps: Readonly<Record<string, Tensor>>,
): Promise<MapFile[]> {
  const files: MapFile[] = [];
  for (const loss of losses.filter(({ label }) => maps[label] !== undefined)) {
    const map = toErrorMap(loss, maps[loss.label]);
    const top = topOf(map);
    const file = `${name}.${fileNameOf(loss.label)}.png`;
    await writeImage(join(folder, file), falseColour(map, top));
    files.push({ file, loss: loss.label, black: map.zero, brightest: map.zero + map.sign * top });
  }
  return files;
}

/** Writes `scales.json`: what the colours of each file in a folder of maps mean. */
export function writeMapScales(folder: string, files: readonly MapFile[]): Promise<void> {
  return writeFileAtomically(join(folder, "scales.json"), `${JSON.stringify(files, null, 2)}\n`);
}
