import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Device, ReconlossError } from "@reconloss/core";
import { checkDevice, checkFields, checkKind } from "@reconloss/core/internal";
import type { FeatureKind, FeatureRows, Protocol, Side, Statistics } from "@reconloss/core/metrics";
import type { InceptionFeature } from "@reconloss/core/nets";
import { type Resizer, resizers } from "@reconloss/core/pixels";
import type { PixelOptions } from "../image/index.ts";
import { isPresetName, networkPresets } from "../onnx/presets.ts";
import { weightsCache } from "../weights/folders.ts";
import { type ExtractedSet, type ExtractOptions, extractFeatures } from "./extract.ts";
import { type Extractor, inceptionExtractor, inputFor, networks, tinyExtractor } from "./extractor.ts";
import { FeatureStore } from "./feature-store.ts";
import type { ImageSet } from "./image-set.ts";
import { largestBatch, refuseLargeBatch } from "./memory.ts";
import { type OnnxExtractorOptions, onnxExtractor } from "./onnx-extractor.ts";
import { type PatchOptions, patchText, resolvePatches } from "./patches.ts";
import { statisticsOf } from "./statistics.ts";

/** Work under way. */
export interface DistributionProgress {
  readonly side: Side;
  /** Images done, of `total`. */
  readonly done: number;
  readonly total: number;
}

/** The lengths of Inception's features, as pytorch-fid's `--dims`: after the first max pool, the second, `Mixed_6e`, and FID's own. */
export const inceptionDims = [64, 192, 768, 2048] as const;

/** The options by which images become features. */
export interface FeatureOptions extends PixelOptions {
  /** Default: the network's own, else `clean`. */
  resizer?: Resizer;
  /**
   * `inception-fid` (default), `inception_v3`, `tiny` (part of the package), `dinov2` or `clip` (published ONNX files, given as `weights`), or the path of an ONNX model. Only
   * Inception's Frechet distance is FID.
   */
  network?: string;
  /** The path of the network's checkpoint, of `dinov2` and `clip` an ONNX file; default, of Inception: found or downloaded by name. */
  weights?: string;
  /** Under which key of the checkpoint the tensors are; see `openCheckpoint`. */
  key?: string;
  /** The layer of Inception, by its number of features, for all metrics but sfid and is; default 2048, FID's. Of others they are called `fid(dims=64)`. */
  dims?: (typeof inceptionDims)[number];
  /** The input and the output of an ONNX model. */
  onnx?: OnnxExtractorOptions;
  /** Your own network; `network`, `weights` and `onnx` do not count then. */
  extractor?: Extractor;
  /** The device of the network: the CPU (default), or with `webgpu` a GPU, which the protocol then says. */
  device?: Device;
  /** Images that the network takes at once; it changes no number. Default 4. */
  batch?: number;
  /**
   * Metrics of patches instead of whole images: the height and width of a patch, or options. Default places, `shifted`: side by side, and once more from half a patch
   * on, as FID/256 of HiFiC; `grid`: side by side alone; `random`: `count` of each image, by `seed`. Images that are smaller than a patch are counted, and in no number.
   */
  patches?: number | Partial<PatchOptions>;
  /** The folder in which features are kept for the next run, or `false` to keep none. Default: in reconloss's cache folder. */
  cache?: string | false;
  /** The most bytes of a file at an address that is downloaded whole, because its server gives no parts of files; default 1 GiB. */
  limitDownload?: number;
  onProgress?: (progress: DistributionProgress) => void;
}

/** Whether the network is one of Inception's. */
export function isInception({ extractor, network = "inception-fid" }: FeatureOptions): boolean {
  return extractor === undefined && Object.hasOwn(networks, network);
}

/** Refuses options that make no sense, before anything is opened. */
export function checkFeatureOptions(options: FeatureOptions): void {
  checkFields("options", options, {
    resizer: "string",
    network: "string",
    weights: "string",
    key: "string",
    dims: "number",
    onnx: "object",
    extractor: "object",
    device: "string",
    batch: "number",
    cache: ["string", "boolean"],
    limitDownload: "number",
    patches: ["number", "object"],
    onProgress: "function",
  });
  checkDevice("options", options.device);
  if (options.patches !== undefined) resolvePatches(options.patches);
  if (options.extractor !== undefined) checkExtractor(options.extractor);
  const { resizer, batch = 1, dims, alpha } = options;
  const fail = (problem: string): never => {
    throw new ReconlossError("invalid-argument", problem);
  };
  if (resizer !== undefined && !resizers.includes(resizer)) {
    fail(`resizer must be one of ${resizers.join(", ")}, got ${resizer}`);
  }
  if (alpha === "compare") fail('alpha "compare" needs pairs; networks see three channels, so composite');
  if (!Number.isInteger(batch) || batch < 1) fail(`batch must be from 1 to ${largestBatch}, got ${batch}`);
  checkOfNetwork(options, fail);
  if (dims === undefined) return;
  if (!inceptionDims.includes(dims)) fail(`dims must be one of ${inceptionDims.join(", ")}, got ${dims}`);
  if (!isInception(options))
    fail("dims applies only to inception-fid and inception_v3; other networks have features of one length");
}

/** Refuses what is of another kind of network than the one that is asked for. */
function checkOfNetwork(options: FeatureOptions, fail: (problem: string) => never): void {
  const { extractor, network = "inception-fid", weights, key, onnx } = options;
  if (extractor !== undefined) return;
  const isOnnx = !isInception(options) && network !== "tiny";
  if (onnx !== undefined && !isOnnx)
    fail(`input applies only to ONNX files; network ${network} always gets the input it was trained with`);
  if (onnx?.preset !== undefined && isPresetName(network) && onnx.preset !== network) {
    fail(`network is ${network}, but the input is that of ${onnx.preset}`);
  }
  if (key !== undefined && !isInception(options))
    fail(`key applies only to checkpoints of Inception, but network is ${network}`);
  if (weights === undefined || isInception(options) || isPresetName(network)) return;
  fail(`a checkpoint applies only to networks known by name; ${network} has its own weights`);
}

function checkExtractor(extractor: Extractor): void {
  const { name, size, outputs, input, key, run } = extractor;
  checkFields("extractor", extractor, { weights: "string" });
  for (const [field, value] of Object.entries({ name, input, key })) checkKind(`extractor.${field}`, value, "string");
  for (const [field, value] of Object.entries({ size, outputs })) checkKind(`extractor.${field}`, value, "list");
  checkKind("extractor.run", run, "function");
}

/** The layers of Inception by their numbers of features. */
function inceptionFeatureOf(kind: FeatureKind, { network, dims = 2048 }: FeatureOptions): InceptionFeature {
  if (kind === "spatial") return "spatial";
  if (kind === "logits") return network === "inception_v3" ? "logits" : "logits-no-bias";
  return `${dims}`;
}

/** The features of one side. */
export interface SetFeatures extends ExtractedSet {
  rows(kind: FeatureKind): FeatureRows;
  /** Mean and covariance of a kind of features. */
  statistics(kind: FeatureKind): Promise<Statistics>;
}

/** Turns images into features that are stored until the work is done. */
export interface Features {
  readonly protocol: Protocol;
  /** Notes on the network's checkpoint. */
  readonly notes: readonly string[];
  /** {@link Extractor.key} of the network. */
  readonly key: string;
  /** The output of the network that holds features of a kind. */
  outputOf(kind: FeatureKind): string;
  of(side: Side, images: ImageSet, options?: Pick<ExtractOptions, "signal" | "onUnreadable">): Promise<SetFeatures>;
}

/** Uses features of these kinds, and puts away what they took. */
export async function withFeatures<T>(
  kinds: readonly FeatureKind[],
  options: FeatureOptions,
  use: (features: Features) => Promise<T>,
): Promise<T> {
  const { batch = 4 } = options;
  const { extractor, outputOf } = await chooseExtractor(kinds, options);
  const { resizer: ofNetwork } = extractor.fit ?? {};
  const resizer = ofNetwork ?? options.resizer ?? "clean";
  if (options.resizer !== undefined && options.resizer !== resizer) {
    throw new ReconlossError(
      "invalid-argument",
      `resizer is ${options.resizer}, but network ${extractor.name} has ${resizer}; set only one of them`,
    );
  }
  refuseLargeBatch(batch, extractor.size);
  const temporary = options.cache === false ? await mkdtemp(join(tmpdir(), "reconloss-features-")) : undefined;
  const folder = temporary ?? (options.cache || join(dirname(weightsCache()), "features"));
  const stores: Record<string, FeatureStore> = {};
  try {
    for (const output of extractor.outputs) {
      // Whatever changes the features of a file is in the name of the folder.
      const key = createHash("sha256").update(
        JSON.stringify([
          extractor.key,
          extractor.size,
          output,
          resizer,
          options.alpha ?? null,
          options.background ?? null,
          options.decode ?? "stored",
          ...(extractor.fit ? [extractor.fit] : []),
        ]),
      );
      stores[output] = await FeatureStore.open(join(folder, key.digest("hex").slice(0, 32)));
    }
    return await use({
      protocol: {
        network: extractor.name,
        weights: (extractor.weights ?? extractor.key).slice(0, 16),
        resize: resizer,
        size: extractor.size.join("x"),
        input: extractor.input,
        ...extractor.protocol,
        ...(options.decode === "pillow" ? { decode: "pillow" } : {}),
        ...(options.device === "webgpu" ? { device: "webgpu" } : {}),
        ...(options.patches === undefined ? {} : { patches: patchText(resolvePatches(options.patches)) }),
      },
      notes: extractor.notes ?? [],
      key: extractor.key,
      outputOf,
      of: async (side, images, extractOptions) => {
        let done = 0;
        const extracted = await extractFeatures(images, extractor, stores, {
          ...extractOptions,
          resizer,
          batch,
          onImage: () => options.onProgress?.({ side, done: ++done, total: images.count }),
        });
        const hashes = extracted.images.map(({ hash }) => hash);
        const rows = (kind: FeatureKind) => stores[outputOf(kind)].rows(hashes);
        return { ...extracted, rows, statistics: (kind) => statisticsOf(rows(kind), extracted.indices, images.count) };
      },
    });
  } finally {
    for (const store of Object.values(stores)) await store.close();
    if (temporary) await rm(temporary, { recursive: true, force: true });
  }
}

async function chooseExtractor(
  kinds: readonly FeatureKind[],
  options: FeatureOptions,
): Promise<{ extractor: Extractor; outputOf: (kind: FeatureKind) => string }> {
  const { extractor, network = "inception-fid", weights, key, device, resizer = "clean" } = options;
  if (isInception(options)) {
    const outputOf = (kind: FeatureKind) => inceptionFeatureOf(kind, options);
    const features = [...new Set(kinds.map(outputOf))];
    const input = inputFor(network, resizer);
    const name = network as keyof typeof networks;
    return { extractor: await inceptionExtractor({ network: name, features, weights, key, input, device }), outputOf };
  }
  const chosen = extractor ?? (network === "tiny" ? await tinyExtractor({ device }) : await ownExtractor(options));
  return { extractor: chosen, outputOf: () => chosen.outputs[0] };
}

/** An ONNX file as the extractor, by its path or by the name of the published network that it is. */
async function ownExtractor({ network = "", weights, onnx, device, resizer }: FeatureOptions): Promise<Extractor> {
  const resize = resizer === undefined ? {} : { resize: resizer };
  if (!isPresetName(network)) return onnxExtractor(network, { device, ...resize, ...onnx });
  if (weights !== undefined) return onnxExtractor(weights, { device, preset: network, ...resize, ...onnx });
  const { file } = networkPresets[network];
  throw new ReconlossError(
    "missing-weights",
    `network ${network} needs its ONNX file, as --checkpoint file.onnx (weights in code); the one that fits is ${file}`,
  );
}
