import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { type WeightsEntry, weightsEntry } from "./registry.ts";
import type { ByteSource } from "./source.ts";

/**
 * Somewhere published weights are looked for by their registry name: this machine's disk, the folder of a web site.
 *
 * @example
 * ```ts
 * import { bytesSource, type WeightsPlace } from "@reconloss/core/weights";
 *
 * const files = new Map<string, Uint8Array>();
 * const memory: WeightsPlace = {
 *   name: "memory",
 *   open: async ({ name }) => files.has(name) ? bytesSource(name, files.get(name)!) : undefined,
 * };
 * ```
 */
export interface WeightsPlace {
  /** Its name in error messages. */
  readonly name: string;
  /**
   * The file of these weights, to be closed by the caller; undefined where this place has none and nothing to say about it.
   *
   * @throws {ReconlossError} `missing-weights` with where they were looked for and what brings them: other places are asked first. Any other error ends
   * the search.
   */
  open(entry: WeightsEntry): Promise<ByteSource | undefined>;
  /** The file at a path, as the weights of a name; absent where a place has no paths. */
  openPath?(path: string, name: string): Promise<ByteSource>;
}

/** All places, in the order in which they are asked. */
const places: WeightsPlace[] = [];

/**
 * Makes losses look for published weights in a place too, before all others added so far.
 *
 * @returns a function that takes the place away again
 * @example
 * ```ts
 * import { addWeightsPlace } from "@reconloss/core/weights";
 *
 * const remove = addWeightsPlace({ name: "nowhere", open: async () => undefined });
 * remove();
 * ```
 */
export function addWeightsPlace(place: WeightsPlace): () => void {
  checkArguments("addWeightsPlace", { place: [place, "object", ["name", "open"]] });
  places.unshift(place);
  return () => {
    const at = places.indexOf(place);
    if (at >= 0) places.splice(at, 1);
  };
}

/** The place that opens paths, where there is a disk. */
export function placeWithPaths(): (WeightsPlace & Required<Pick<WeightsPlace, "openPath">>) | undefined {
  return places.find((place): place is WeightsPlace & Required<Pick<WeightsPlace, "openPath">> => !!place.openPath);
}

/** The end of a message about weights that are missing: what takes their place, if anything does. */
export function orDoWithout({ without }: WeightsEntry): string {
  return without === undefined ? "" : `; or do without: ${without}`;
}

/**
 * The file of published weights, from the first place that has it. Close it when done.
 *
 * @throws {ReconlossError} `invalid-argument` for a name that the registry does not have; `missing-weights` where no place has them, with what each
 * of them says
 */
export async function openPublished(name: string, from: readonly WeightsPlace[] = places): Promise<ByteSource> {
  const entry = weightsEntry(name);
  const refusals: ReconlossError[] = [];
  for (const place of from) {
    try {
      const file = await place.open(entry);
      if (file === undefined) continue;
      checkArguments(`weights place ${place.name}`, { "what open gives": [file, "object", ["size", "read", "close"]] });
      return file;
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code !== "missing-weights") throw error;
      refusals.push(error);
    }
  }
  if (refusals.length === 1) throw refusals[0];
  const none =
    from.length === 0
      ? `nobody has said where they are: npx reconloss weights pack ${name} -o FOLDER writes them, and weightsFrom(ADDRESS) says where FOLDER is served`
      : `none of the places has them (${from.map((place) => place.name).join(", ")})`;
  const message =
    refusals.length > 0
      ? refusals.map((refusal) => refusal.message).join("; ")
      : `weights ${name}: ${none}${orDoWithout(entry)}`;
  throw new ReconlossError("missing-weights", message, { cause: refusals[0] });
}
