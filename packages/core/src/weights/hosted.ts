import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { listNames } from "../text.ts";
import { absoluteUrl, checkFetchOptions, type FetchOptions, fetchText, fetchVerified } from "./fetch.ts";
import { manifestName, parseManifest, type WeightsManifest } from "./manifest.ts";
import { addWeightsPlace, orDoWithout, type WeightsPlace } from "./places.ts";
import type { WeightsEntry } from "./registry.ts";
import { type ByteSource, bytesSource } from "./source.ts";

/** Options of {@link hostedWeights} and {@link weightsFrom}. */
export interface HostedOptions extends FetchOptions {
  /**
   * The content of the folder's `weights.json`, where the program has it already, as by `import manifest from "./weights.json"`: files must then have the hashes that the
   * program was built with, whoever changes the folder. Default: fetched.
   */
  manifest?: WeightsManifest;
}

/** The most bytes of a manifest; each file takes some four hundred. */
const largestManifest = 2 ** 20;

/**
 * A folder of a web site that `reconloss weights pack` has written, as a place for weights. Each file is verified by the size and SHA-256 that the
 * folder's `weights.json` has for it, and kept in the browser's Cache API, where there is one (not at insecure addresses): the next visit only asks whether
 * `weights.json` is still the same, and works without network too. What is kept is verified again.
 *
 * The losses that use the same file at the same time share one download. Nothing is fetched before a loss needs it.
 *
 * @param base - the folder's address; relative ones are those of the page, or of a worker's script
 * @throws {ReconlossError} `invalid-argument` for what is no address
 * @example
 * ```ts
 * import { lpips } from "reconloss";
 * import { hostedWeights } from "reconloss/weights";
 *
 * const place = hostedWeights("https://example.org/weights/", { onProgress: ({ received }) => console.log(received) });
 * const loss = lpips({ net: "alex" }, { trunk: place, heads: place });
 * place.name; // "https://example.org/weights/"
 * ```
 */
export function hostedWeights(base: string | { readonly href: string }, options: HostedOptions = {}): WeightsPlace {
  checkArguments("hostedWeights", { base: [typeof base === "object" ? base?.href : base, "text"] });
  checkFetchOptions("hostedWeights", options);
  const given = absoluteUrl(typeof base === "string" ? base : base.href);
  if (/[?#]/.test(given)) {
    throw new ReconlossError(
      "invalid-argument",
      `weights: ${given} is not the URL of a folder, which has neither ? nor #`,
    );
  }
  const folder = given.endsWith("/") ? given : `${given}/`;
  const index = folder + manifestName;
  const { manifest, ...fetching } = options;
  const advice = (entry: WeightsEntry) =>
    `; to host them: npx reconloss weights pack ${entry.name} -o FOLDER, where FOLDER is what is served at ${folder}` +
    orDoWithout(entry);

  let known: Promise<WeightsManifest> | undefined;
  const manifestFor = (name: string): Promise<WeightsManifest> => {
    known ??= manifest
      ? Promise.resolve(parseManifest("manifest", JSON.stringify(manifest)))
      : fetchText(name, index, { ...fetching, most: largestManifest }).then((text) => parseManifest(index, text));
    known.catch(() => {
      known = undefined;
    });
    return known;
  };
  const fetched = async (name: string): Promise<ByteSource> => {
    const { files } = await manifestFor(name);
    if (!Object.hasOwn(files, name)) {
      const has = listNames(Object.keys(files), 20);
      throw new ReconlossError("missing-weights", `weights ${name}: ${index} does not list them; it has ${has}`);
    }
    const { file, bytes, sha256 } = files[name];
    try {
      const url = folder + file;
      return bytesSource(url, await fetchVerified(name, url, { bytes, sha256 }, fetching));
    } catch (error) {
      // Whatever is wrong may be that the folder was packed anew since.
      known = undefined;
      throw error;
    }
  };

  const underWay = new Map<string, Promise<ByteSource>>();
  return {
    name: folder,
    open: async (entry) => {
      const { name } = entry;
      const file = underWay.get(name) ?? fetched(name).finally(() => underWay.delete(name));
      underWay.set(name, file);
      try {
        return await file;
      } catch (error) {
        if (!(error instanceof ReconlossError) || error.code !== "missing-weights") throw error;
        throw new ReconlossError("missing-weights", error.message + advice(entry), { cause: error });
      }
    },
  };
}

/**
 * Makes losses look for published weights in a folder of a web site first; see {@link hostedWeights}. A page has no other place by default: nothing is fetched from an address that it
 * did not say.
 *
 * @returns a function that takes the place away again
 * @throws {ReconlossError} `invalid-argument` for what is no address
 * @example
 * ```ts
 * import { lpips } from "reconloss";
 * import { weightsFrom } from "reconloss/weights";
 *
 * const remove = weightsFrom("https://example.org/weights/"); // in a page also "/weights/"
 * const loss = lpips({ net: "alex" }); // fetched when first evaluated
 * remove();
 * ```
 */
export function weightsFrom(base: string | { readonly href: string }, options: HostedOptions = {}): () => void {
  checkArguments("weightsFrom", { base: [typeof base === "object" ? base?.href : base, "text"] });
  checkFetchOptions("weightsFrom", options);
  return addWeightsPlace(hostedWeights(base, options));
}
