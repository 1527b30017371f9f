import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { alexnet } from "./alexnet.ts";
import { type Inception, inceptionFid, inceptionV3 } from "./inception.ts";
import { headShapes } from "./lpips-heads.ts";
import { Network } from "./network.ts";
import { type ChannelStatistics, imagenetStatistics, signedStatistics } from "./normalise.ts";
import { squeezenet } from "./squeezenet.ts";
import { tiny, tinyFirst, tinyFirstWeights, tinyTaps, tinyWeights } from "./tiny.ts";
import { type Pooling, type VggOptions, vgg } from "./vgg.ts";

/** The properties of a network. Its shapes, channels, windows and least sizes follow from its graph. */
interface Row {
  readonly network: Network | Inception;
  /** The normalisation of images in [0, 1] before they enter it. */
  readonly input: ChannelStatistics;
  /** Other tensors of its published file: beginnings or ends of their names. */
  readonly unused?: readonly string[];
  /** Its weights, where they are part of the package; else they are a file that the registry has under the row's name. */
  readonly embedded?: () => Promise<StateDict>;
  /** The most pixels of an output that are compared with a target at once; there is none of networks whose images have a fixed size. */
  readonly pixelsAtOnce?: number;
  /** The taps of LPIPS, the network's name in LPIPS, and its edition where there are several. */
  readonly lpips?: { readonly net: string; readonly taps: readonly string[]; readonly edition?: string };
  /** The default taps of the perceptual loss; the others have no default, as their layers are too many and too different. */
  readonly taps?: readonly string[];
  /** The same with other pooling in place of the largest of pixels. */
  readonly pooled?: Readonly<Record<Exclude<Pooling, "max">, Network>>;
}

/** VGG of the depth and with or without batch norms. LPIPS of so many pixels takes 2.1 GB, the peak of a process; a 1920x1080 image is just two tiles. */
function vggRow(depth: "vgg16" | "vgg19", options: VggOptions = {}) {
  return {
    network: vgg(depth, options),
    input: imagenetStatistics,
    unused: ["classifier."],
    pixelsAtOnce: 1_250_000,
    pooled: {
      average: vgg(depth, { ...options, pooling: "average" }),
      l2: vgg(depth, { ...options, pooling: "l2" }),
    },
  };
}

/** All networks whose weights are known, by the names of these. A network is added by its own file and a row. */
export const networks = {
  alexnet: {
    network: alexnet,
    input: imagenetStatistics,
    unused: ["classifier."],
    // LPIPS of so many takes 1.2 GB.
    pixelsAtOnce: 8_000_000,
    lpips: { net: "alex", taps: ["relu1", "relu2", "relu3", "relu4", "relu5"] },
  },
  vgg16: {
    ...vggRow("vgg16"),
    lpips: { net: "vgg", taps: ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"] },
  },
  vgg16_bn: vggRow("vgg16", { batchNorm: true }),
  vgg19: vggRow("vgg19"),
  vgg19_bn: vggRow("vgg19", { batchNorm: true }),
  squeezenet1_1: {
    network: squeezenet,
    input: imagenetStatistics,
    unused: ["classifier."],
    // LPIPS of so many takes 1.6 GB.
    pixelsAtOnce: 3_400_000,
    lpips: { net: "squeeze", taps: ["relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"] },
  },
  tiny: {
    network: tiny,
    input: imagenetStatistics,
    embedded: tinyWeights,
    pixelsAtOnce: 8_000_000,
    lpips: { net: "tiny", taps: tinyTaps, edition: "2" },
    taps: tinyTaps,
  },
  "tiny-1": {
    network: tinyFirst,
    input: imagenetStatistics,
    embedded: tinyFirstWeights,
    pixelsAtOnce: 8_000_000,
    lpips: { net: "tiny", taps: tinyTaps, edition: "1" },
    taps: tinyTaps,
  },
  "inception-fid": { network: inceptionFid, input: signedStatistics },
  inception_v3: { network: inceptionV3, input: signedStatistics, unused: ["AuxLogits."] },
} as const satisfies Readonly<Record<string, Row>>;

type Networks = typeof networks;

/** The name of a network in `perceptual`. */
export type PerceptualNet = {
  [Name in keyof Networks]: Networks[Name] extends { network: Network } ? Name : never;
}[keyof Networks];

/** The name of a network in `lpips`. */
export type LpipsNet = Extract<Networks[keyof Networks], { lpips: object }>["lpips"]["net"];

/** A row of a network that losses look through. */
export interface LossNetwork extends Row {
  readonly network: Network;
  readonly pixelsAtOnce: number;
}

const rows = Object.entries<Row>(networks);

function isForLosses(row: Row): row is LossNetwork {
  return row.network instanceof Network && row.pixelsAtOnce !== undefined;
}

/** The networks of `perceptual`, in the table's order. */
export const perceptualNets = rows.filter(([, row]) => isForLosses(row)).map(([name]) => name) as PerceptualNet[];

/** A network of `lpips`, and where it is tapped. */
export interface LpipsNetwork extends LossNetwork {
  readonly taps: readonly string[];
  readonly edition?: string;
}

const lpipsRows: readonly LpipsNetwork[] = rows.flatMap(([, row]) =>
  row.lpips && isForLosses(row) ? [{ ...row, ...row.lpips }] : [],
);

/** The names of the networks of `lpips`, in the table's order. */
export const lpipsNets = [...new Set(lpipsRows.map(({ lpips }) => lpips?.net))] as LpipsNet[];

/** The versions of published heads, and the editions of networks of this project; the first of each is the default. */
const publishedVersions = ["0.1", "0.0"] as const;
const editions = ["2", "1"] as const;
export const lpipsVersions = [...publishedVersions, ...editions] as const;
export type LpipsVersion = (typeof lpipsVersions)[number];

/** The versions of a network of `lpips`, its default first. */
export function versionsOf(net: string): readonly LpipsVersion[] {
  return lpipsNetwork(net).edition === undefined ? publishedVersions : editions;
}

/** A network of `lpips`: its edition where it has several, else the only one whatever the version of its heads. */
export function lpipsNetwork(net: string, version?: string): LpipsNetwork {
  const own = lpipsRows.filter(({ lpips }) => lpips?.net === net);
  return own.find(({ edition }) => edition === version) ?? own[0];
}

/** The heads of a network of `lpips`: names and shapes. */
export function lpipsHeads(net: string, version?: string): TensorShapes {
  const { network, taps } = lpipsNetwork(net, version);
  return headShapes(taps.map((tap) => network.channels(tap)));
}

/** The name of the weights of a network's heads. */
export function headsName(net: string, version: string): string {
  return `lpips-${net}${version === versionsOf(net)[0] ? "" : `-v${version}`}`;
}

const { pooled, input } = networks.vgg16;
const distsTaps = networks.vgg16.lpips.taps;

/** The features of DISTS: VGG16 with L2 pooling, the layers that it compares besides the image, and the weights of their channels. */
export const dists = {
  network: pooled.l2,
  input,
  taps: distsTaps,
  // Of its graph, which takes time that programs without DISTS do not have.
  get tensors(): TensorShapes {
    const channels = distsTaps.reduce((sum, tap) => sum + pooled.l2.channels(tap), 3);
    return { alpha: [1, channels, 1, 1], beta: [1, channels, 1, 1] };
  },
} as const;

/** Counters of training. */
const counters = "num_batches_tracked";

/** A set of weights: its tensors, the other contents of its published file, and its loader where it is part of the package. */
export interface NetworkWeights {
  readonly tensors: TensorShapes;
  readonly unused: readonly string[];
  readonly embedded?: () => Promise<StateDict>;
}

/** Returns the row of the weights of a network, of LPIPS's heads or of DISTS, `vgg16` or `lpips-alex-v0.0`; undefined of any others. */
export function weightsOf(name: string): NetworkWeights | undefined {
  const row = Object.hasOwn(networks, name) ? (networks as Readonly<Record<string, Row>>)[name] : undefined;
  if (row) return { tensors: row.network.tensors(), unused: [...(row.unused ?? []), counters], embedded: row.embedded };
  if (name === "dists") return { tensors: dists.tensors, unused: [] };
  for (const net of lpipsNets) {
    const version = versionsOf(net).find((known) => headsName(net, known) === name);
    if (version)
      return { tensors: lpipsHeads(net, version), unused: [], embedded: lpipsNetwork(net, version).embedded };
  }
  return undefined;
}
