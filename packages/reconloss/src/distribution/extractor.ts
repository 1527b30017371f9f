import { createHash } from "node:crypto";
import { type Device, loadRuntime, ReconlossError, type Session, Tensor } from "@reconloss/core";
import { buildModel } from "@reconloss/core/graph";
import {
  networks as all,
  checkDevice,
  checkFields,
  tinyFirst,
  tinyFirstWeights,
  tinyTensors,
  unitLength,
  weightsOf,
} from "@reconloss/core/internal";
import type { Protocol } from "@reconloss/core/metrics";
import {
  flattenSpatial,
  type InceptionFeature,
  inceptionFeatures,
  normalise,
  type StateDict,
  type TensorShapes,
  tinyTaps,
} from "@reconloss/core/nets";
import type { Resizer } from "@reconloss/core/pixels";
import { readStateDict } from "@reconloss/core/weights";
import type { Fit } from "../onnx/fit.ts";
import { openWeights } from "../weights/locate.ts";

/** A network that turns images into feature vectors. */
export interface Extractor {
  /** Its name in results. */
  readonly name: string;
  /** Height and width of its images. */
  readonly size: readonly [height: number, width: number];
  /** The names of the feature vectors that it gives of each image. */
  readonly outputs: readonly string[];
  /** The mapping of values in [0, 1] to its input, for the protocol. */
  readonly input: string;
  /** Changes whenever its features might: cached features are found by it. */
  readonly key: string;
  /** Says which weights it has, whatever is asked of it, for the protocol; default: the key. */
  readonly weights?: string;
  /** Notes on its checkpoint, such as which of several sets of tensors was taken. */
  readonly notes?: readonly string[];
  /** The fitting of images of other sizes to its own; default: all of the image, stretched by the resizer that is asked for. */
  readonly fit?: Partial<Pick<Fit, "resizer" | "crop" | "shorter">>;
  /** Further details of its input and output, for the protocol. */
  readonly protocol?: Protocol;
  /** Feature vectors [n, c, 1, 1] by output, of images [n, 3, height, width] in [0, 1]. */
  run(images: Tensor): Promise<Record<string, Tensor>>;
}

/** The networks that are known by name. */
export const networks = { "inception-fid": all["inception-fid"].network, inception_v3: all.inception_v3.network };

/** Options of {@link inceptionExtractor}. */
export interface InceptionExtractorOptions {
  /** Default `inception-fid`. */
  network?: keyof typeof networks;
  /** Default: FID's 2048 values. */
  features?: readonly InceptionFeature[];
  /** The tensors, or the path of a checkpoint; default: the published file, found or downloaded by name. */
  weights?: StateDict | string;
  /** Under which key of the checkpoint the tensors are; see `openCheckpoint`. */
  key?: string;
  /** `unit`: 2x - 1. `bytes`: (255 x - 128) / 128, as TensorFlow's FID code. */
  input?: "unit" | "bytes";
  /** Its device: the CPU (default), or with `webgpu` a GPU, whose features are not those of the CPU to the last digits, and are kept apart. */
  device?: Device;
}

/** The input convention that goes with a resizer in the evaluators that use it. */
export function inputFor(network: string, resizer: Resizer): "unit" | "bytes" {
  return network === "inception-fid" && (resizer === "clean" || resizer === "legacy-tensorflow") ? "bytes" : "unit";
}

/**
 * Inception v3 as a feature extractor.
 *
 * @throws {ReconlossError} `missing-weights` when the weights are not on this machine and cannot be downloaded; `checkpoint` when they do not fit
 *
 * @example
 * ```ts
 * import { inceptionExtractor } from "reconloss/distribution";
 * const error = await inceptionExtractor({ weights: "no-such-file.pth" }).catch((caught) => caught);
 * error.code; // "missing-weights"
 * ```
 */
export async function inceptionExtractor(options: InceptionExtractorOptions = {}): Promise<Extractor> {
  checkFields("options", options, { features: "list", weights: ["string", "object"], key: "string" });
  const { network = "inception-fid", features = ["2048"], weights, key, input = "unit", device = "cpu" } = options;
  checkChoice("network", network, Object.keys(networks));
  checkChoice("input", input, ["unit", "bytes"]);
  checkDevice("inceptionExtractor", device);
  if (features.length === 0) throw new ReconlossError("invalid-argument", "features must not be empty");
  for (const feature of features) checkChoice("features", feature, inceptionFeatures);
  const net = networks[network];
  const notes: string[] = [];
  const tensors =
    typeof weights === "object" ? weights : await loadWeights(network, features, notes, { path: weights, key });
  const [scale, offset] = input === "unit" ? [2, 1] : [255 / 128, 1];
  const model = buildModel({ image: ["n", 3, 299, 299] }, (o, { image }) => {
    const values = net.features(o, o.sub(o.mul(image, scale), offset), tensors, features);
    return Object.fromEntries(features.map((feature, i) => [feature, values[i]]));
  });
  // Of all tensors, not only of those that these features need: they are found again whatever else is asked for.
  const ofWeights = hashOfTensors(net.tensors(), tensors);
  const session = await (await loadRuntime()).createSession(model.bytes, { device });
  return {
    name: network,
    size: [299, 299],
    outputs: features,
    input: input === "unit" ? "2x - 1" : "(255x - 128) / 128",
    key: hashOf(`${network} ${input} ${await placeOf(device)} ${ofWeights}`),
    weights: ofWeights,
    notes,
    run: async (images) => {
      const results = await runSession(session, images);
      return Object.fromEntries(
        features.map((feature) => {
          const { data, shape } = results[feature];
          const flat = feature === "spatial" ? flattenSpatial(data, shape) : data;
          return [feature, new Tensor(flat, [shape[0], flat.length / shape[0], 1, 1])];
        }),
      );
    },
  };
}

function checkChoice(what: string, value: unknown, choices: readonly string[]): void {
  if (choices.some((choice) => choice === value)) return;
  throw new ReconlossError("invalid-argument", `${what} must be of ${choices.join(", ")}, got ${String(value)}`);
}

/**
 * All tensors of the network that the file has; those that the wanted features need must be there. The others are read too, since the two
 * networks differ only in the classifier's shape, and since the hash is that of the whole file.
 */
async function loadWeights(
  network: keyof typeof networks,
  features: readonly InceptionFeature[],
  notes: string[],
  file: { path?: string; key?: string },
): Promise<StateDict> {
  const checkpoint = await openWeights(network, file);
  notes.push(...checkpoint.notes.map((note) => `${checkpoint.file}: ${note}`));
  const ignore = weightsOf(network)?.unused;
  const [all, needed] = [networks[network].tensors(), networks[network].tensors(features)];
  const optional = new Set(Object.keys(all).filter((name) => !Object.hasOwn(needed, name)));
  try {
    return await readStateDict(checkpoint, all, { ignore, optional, onNote: (note) => notes.push(note) });
  } finally {
    await checkpoint.close();
  }
}

function hashOf(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of the tensors that there are of these, by name and content. */
function hashOfTensors(shapes: TensorShapes, tensors: StateDict): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(shapes))
    if (Object.hasOwn(tensors, name)) hash.update(name).update(tensors[name].data);
  return hash.digest("hex");
}

/**
 * The name of the features of network `tiny` in results. Those of version 1 were not scaled to unit length, which made distances of no
 * readable size.
 */
export const tinyName = "tiny-v2";

/**
 * The network of `lpips(net=tiny,version=1)` as a feature extractor: 272 values, the means over an image of its features at all five taps, the channels of each
 * position scaled to unit length, as LPIPS does. It needs no download; a Frechet distance of these features is none of Inception's, and results
 * call it `frechet(features=tiny-v2)`.
 *
 * @example
 * ```ts
 * import { Tensor } from "reconloss";
 * import { tinyExtractor } from "reconloss/distribution";
 * const extractor = await tinyExtractor();
 * const { features } = await extractor.run(Tensor.full([2, 3, 256, 256], 0.5));
 * features.shape; // [2, 272, 1, 1]
 * ```
 */
export async function tinyExtractor(options: Pick<InceptionExtractorOptions, "device"> = {}): Promise<Extractor> {
  checkFields("options", options, { device: "string" });
  const { device = "cpu" } = options;
  checkDevice("tinyExtractor", device);
  const weights = await tinyFirstWeights();
  const size = [256, 256] as const;
  const model = buildModel({ image: ["n", 3, ...size] }, (o, { image }) => {
    const values = tinyFirst.features(o, normalise(o, image, all["tiny-1"].input), weights, tinyTaps);
    const means = values.map((value, i) => {
      return o.mul(o.mean(unitLength(o, value), "hw"), Math.sqrt(tinyFirst.channels(tinyTaps[i])));
    });
    return { features: o.concat(means) };
  });
  const ofWeights = hashOfTensors(tinyTensors(tinyFirst), weights);
  const session = await (await loadRuntime()).createSession(model.bytes, { device });
  return {
    name: tinyName,
    size,
    outputs: ["features"],
    input: "(x - mean) / std, as LPIPS",
    key: hashOf(`${tinyName} ${await placeOf(device)} ${ofWeights}`),
    weights: ofWeights,
    run: async (images) => {
      const { data, shape } = (await runSession(session, images)).features;
      return { features: new Tensor(data, shape) };
    },
  };
}

/** The environment of the computation, on which the last digits of features depend: the runtime's version, and the device where it is not the CPU. */
export async function placeOf(device: Device): Promise<string> {
  const { version } = await loadRuntime();
  return device === "cpu" ? version : `${version} ${device}`;
}

interface Values {
  data: Float32Array;
  shape: readonly number[];
}

/** Some outputs of a session of one input. Numbers per image may be double; features are float32. */
async function runSession(
  session: Session,
  images: Tensor,
  outputs: readonly string[] = session.outputs.map(({ name }) => name),
): Promise<Record<string, Values>> {
  const feeds = { [session.inputs[0].name]: { data: images.data, dims: images.shape } };
  const results = await session.run(feeds, outputs);
  return Object.fromEntries(
    outputs.map((name) => {
      const { data, dims } = results[name];
      return [
        name,
        { data: data instanceof Float32Array ? data : Float32Array.from(data as Float64Array), shape: dims },
      ];
    }),
  );
}
