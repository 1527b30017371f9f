import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

/** A published weights file: what it is called, where it comes from and how to know it. */
export interface WeightsEntry {
  /** Our name for it, as in `reconloss weights pull NAME`. */
  readonly name: string;
  /** The file's name upstream; LPIPS heads keep their version's folder, since all versions use the same file names. */
  readonly file: string;
  readonly url: string;
  /** SHA-256 of the whole file; absent where no trustworthy value is known. */
  readonly sha256?: string;
  /** Size in bytes; absent where it is not known. */
  readonly bytes?: number;
  /** The most bytes that are fetched where the size is not known; default 1 GiB. */
  readonly most?: number;
  readonly licence: string;
  readonly citation: string;
  /** The substitute where there are no files, in words; absent where there is none. */
  readonly without?: string;
}

const TORCHVISION_LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply";
const LPIPS_CITATION =
  "Zhang, Isola, Efros, Shechtman, Wang. The Unreasonable Effectiveness of Deep Features as a Perceptual Metric. CVPR 2018";
const INCEPTION_CITATION =
  "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer Vision. CVPR 2016";
const VGG_CITATION =
  "Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015";

/** The network that is part of the package; its numbers are no published network's. */
const TINY_FOR_PAIRS = "net=tiny is part of this package, as in lpips(net=tiny)";
const TINY_FOR_SETS = "network tiny is part of this package, for distances that are no FID";

function torchvision(name: string, file: string, bytes: number, sha256: string, citation: string): WeightsEntry {
  const url = `https://download.pytorch.org/models/${file}`;
  return { name, file, url, sha256, bytes, licence: TORCHVISION_LICENCE, citation, without: TINY_FOR_PAIRS };
}

// A commit, unlike a branch, always gives the same bytes.
const LPIPS_WEIGHTS =
  "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights";

// Heads are lists of a few hundred to two thousand numbers.
const LARGEST_HEADS = 2 ** 18;

function lpips(name: string, file: string, known: { bytes?: number; sha256?: string } = {}): WeightsEntry {
  return {
    name,
    file,
    url: `${LPIPS_WEIGHTS}/${file}`,
    most: LARGEST_HEADS,
    ...known,
    licence: "BSD-2-Clause",
    citation: LPIPS_CITATION,
    without: TINY_FOR_PAIRS,
  };
}

/** Whether an entry is an archive of arrays or a text of numbers, known by its SHA-256 alone, and no checkpoint. */
export function isArchive({ file }: WeightsEntry): boolean {
  return /\.(npz|yml)$/.test(file);
}

/**
 * Every weights file that reconloss knows. The hashes of torchvision and pytorch-fid files begin with the eight digits that upstream puts
 * into the file names.
 *
 * @example
 * ```ts
 * import { weightsRegistry } from "@reconloss/core/weights";
 *
 * const total = weightsRegistry.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
 * console.log(`all weights together take ${total / 1e9} GB`);
 * ```
 */
export const weightsRegistry: readonly WeightsEntry[] = [
  torchvision(
    "alexnet",
    "alexnet-owt-7be5be79.pth",
    244_408_911,
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "Krizhevsky. One weird trick for parallelizing convolutional neural networks. arXiv:1404.5997, 2014",
  ),
  torchvision(
    "vgg16",
    "vgg16-397923af.pth",
    553_433_881,
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    VGG_CITATION,
  ),
  torchvision(
    "vgg19",
    "vgg19-dcbb9e9d.pth",
    574_673_361,
    "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    VGG_CITATION,
  ),
  torchvision(
    "vgg16_bn",
    "vgg16_bn-6c64b313.pth",
    553_507_836,
    "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
    VGG_CITATION,
  ),
  torchvision(
    "vgg19_bn",
    "vgg19_bn-c79401a0.pth",
    574_769_405,
    "c79401a0cf3cb42714e4182f5868c7a6f4f4534f5df9e956e2bb2098de41cbb6",
    VGG_CITATION,
  ),
  torchvision(
    "squeezenet1_1",
    "squeezenet1_1-b8a52dc0.pth",
    4_958_839,
    "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    "Iandola et al. SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size. arXiv:1602.07360, 2016",
  ),
  lpips("lpips-alex", "v0.1/alex.pth", {
    bytes: 6_009,
    sha256: "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
  }),
  lpips("lpips-vgg", "v0.1/vgg.pth", {
    bytes: 7_289,
    sha256: "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
  }),
  lpips("lpips-squeeze", "v0.1/squeeze.pth", {
    bytes: 10_811,
    sha256: "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
  }),
  lpips("lpips-alex-v0.0", "v0.0/alex.pth"),
  lpips("lpips-vgg-v0.0", "v0.0/vgg.pth"),
  lpips("lpips-squeeze-v0.0", "v0.0/squeeze.pth"),
  {
    name: "inception-fid",
    file: "pt_inception-2015-12-05-6726825d.pth",
    url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    bytes: 95_628_359,
    licence: "Apache-2.0 (pytorch-fid); trained on ImageNet, whose terms may apply",
    citation: INCEPTION_CITATION,
    without: TINY_FOR_SETS,
  },
  {
    ...torchvision(
      "inception_v3",
      "inception_v3_google-0cc3c7bd.pth",
      108_949_747,
      "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
      INCEPTION_CITATION,
    ),
    without: TINY_FOR_SETS,
  },
  {
    name: "dists",
    file: "DISTS_pytorch/weights.pt",
    url: "https://raw.githubusercontent.com/dingkeyan93/DISTS/1267d8cb626c98706db3697422701c56a85ebf2e/DISTS_pytorch/weights.pt",
    sha256: "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
    bytes: 12_288,
    licence: "MIT",
    citation:
      "Ding, Ma, Wang, Simoncelli. Image Quality Assessment: Unifying Structure and Texture Similarity. IEEE Transactions on Pattern Analysis and Machine Intelligence, 2020",
    without: TINY_FOR_PAIRS,
  },
  {
    name: "niqe",
    file: "niqe_pris_params.npz",
    url: "https://raw.githubusercontent.com/XPixelGroup/BasicSR/8d56e3a045f9fb3e1d8872f92ee4a4f07f886b0a/basicsr/metrics/niqe_pris_params.npz",
    sha256: "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
    bytes: 11_850,
    licence: "Apache-2.0 (BasicSR)",
    citation:
      'Mittal, Soundararajan, Bovik. Making a "Completely Blind" Image Quality Analyzer. IEEE Signal Processing Letters, 2013',
  },
  {
    name: "brisque",
    file: "brisque_model_live.yml",
    url: "https://raw.githubusercontent.com/opencv/opencv_contrib/4.6.0/modules/quality/samples/brisque_model_live.yml",
    sha256: "4c44c7eec9e5139830c0bb0e4a044c9cd351ba5bbc9e3798beca3243e2782ff4",
    bytes: 567_815,
    licence: "Apache-2.0 (OpenCV); trained on the LIVE database, whose authors ask to be cited",
    citation:
      "Mittal, Moorthy, Bovik. No-Reference Image Quality Assessment in the Spatial Domain. IEEE Transactions on Image Processing, 2012",
  },
];

/**
 * The registry's entry of that name.
 *
 * @throws {ReconlossError} `invalid-argument` when there is none; the message lists the names.
 * @example
 * ```ts
 * import { weightsEntry } from "@reconloss/core/weights";
 *
 * weightsEntry("vgg16").file; // "vgg16-397923af.pth"
 * ```
 */
export function weightsEntry(name: string): WeightsEntry {
  checkArguments("weightsEntry", { name: [name, "text"] });
  const entry = weightsRegistry.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    const names = weightsRegistry.map((candidate) => candidate.name).join(", ");
    throw new ReconlossError(
      "invalid-argument",
      `weights: there are none named ${JSON.stringify(name)}; known: ${names}`,
    );
  }
  return entry;
}
