import { addWeightsPlace, type ByteSource, weightsRegistry } from "@reconloss/core/weights";
import { manifestName, parseManifest } from "../../packages/core/src/weights/manifest.ts";
import { sha256 } from "../../packages/core/src/weights/sha256.ts";

/** The files that somebody chose, by the names of the registry. */
const chosen = new Map<string, File>();

function sourceOf(file: File): ByteSource {
  return {
    name: file.name,
    size: file.size,
    read: async (offset, length) => new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
    close: async () => {},
  };
}

addWeightsPlace({
  name: "the files that were chosen here",
  open: async ({ name }) => {
    const file = chosen.get(name);
    return file && sourceOf(file);
  },
});

/** Whether weights were chosen. */
export const hasWeights = (name: string): boolean => chosen.has(name);

/** Takes published files, or those of a folder of packed weights with its weights.json: each is known by its SHA-256, whatever it is called. */
export async function takeWeights(files: readonly File[]): Promise<void> {
  const known = new Map(weightsRegistry.flatMap(({ name, sha256 }) => (sha256 === undefined ? [] : [[sha256, name]])));
  const isManifest = (file: File) => file.name === manifestName;
  for (const manifest of files.filter(isManifest)) {
    const packed = Object.entries(parseManifest(manifest.name, await manifest.text()).files);
    for (const [name, { sha256 }] of packed) known.set(sha256, name);
  }
  const strangers: string[] = [];
  for (const file of files.filter((file) => !isManifest(file))) {
    const hash = await sha256(new Uint8Array(await file.arrayBuffer()));
    const name = known.get(hash);
    if (name === undefined) strangers.push(`${file.name} (SHA-256 ${hash.slice(0, 12)}…)`);
    else chosen.set(name, file);
  }
  if (strangers.length > 0)
    throw new Error(`none of the published files, nor of the weights.json beside it: ${strangers.join(", ")}`);
}
