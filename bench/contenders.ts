import { createRequire } from "node:module";
import blazediff from "@blazediff/ssim/ssim";
import { ssim as ssimJs } from "ssim.js";
import { type KernelSpec, runKernel, setKernelThreads, sharedTensors } from "../packages/core/src/kernels/index.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";
import type { Pair } from "./images.ts";
import type { PythonTask } from "./python.ts";

/** image-ssim's declared types do not compile, so the little that is used is declared here. */
interface ImageSsim {
  compare(a: RgbaImage, b: RgbaImage): { ssim: number };
}
interface RgbaImage {
  data: Uint8ClampedArray;
  width: number;
  height: number;
  channels: 4;
}
const imageSsim: ImageSsim = createRequire(import.meta.url)("image-ssim");

/** One way to compute something, called once per round. Returns the value, for the record. */
export interface Contender {
  name: string;
  /** The difference between its definition and ours, if there is one. */
  differs?: string;
  threads: number;
  run?: (pair: Pair) => Promise<number> | number;
  python?: Pick<PythonTask, "task" | "gradient">;
}

/** Contenders for the same job; ratios are to the first. */
export interface Contest {
  name: string;
  contenders: Contender[];
}

/** SSIM as its authors define it, which most packages compute. */
export const wang: KernelSpec = {
  kind: "ssim",
  window: { shape: "gaussian", size: 11, sigma: 1.5 },
  region: "valid",
  covariance: "population",
  k1: 0.01,
  k2: 0.03,
  dataRange: 1,
};

/** Gradients go to one array again and again, as in a training loop. */
const gradients = new Map<number, Float32Array>();
function gradientArray(length: number): Float32Array {
  const array = gradients.get(length) ?? new Float32Array(length);
  gradients.set(length, array);
  return array;
}

/** Output, target and gradient in the kernels' memory. */
const shared = new WeakMap<Pair, Tensor[]>();
function sharedPair(pair: Pair): Tensor[] {
  const known = shared.get(pair);
  if (known) return known;
  const tensors = sharedTensors(pair.output.shape, pair.output.shape, pair.output.shape);
  tensors[0].data.set(pair.output.data);
  tensors[1].data.set(pair.target.data);
  shared.set(pair, tensors);
  return tensors;
}

/** Ours, by default from float32 planes, with the gradient in an array that is there already. */
function ours(
  spec: KernelSpec,
  gradient: boolean,
  threads: number,
  way: "" | "from 8-bit pixels" | "to a new array" | "in shared tensors" = "",
): Contender {
  return {
    name: `reconloss ${way}`.trim(),
    threads,
    run: async (pair) => {
      setKernelThreads(threads);
      if (way === "in shared tensors") {
        const [output, target, { data }] = sharedPair(pair);
        return (await runKernel(spec, output, target, { grad: gradient && data })).perImage[0];
      }
      const [output, target] = way === "from 8-bit pixels" ? pair.pixels : [pair.output, pair.target];
      const grad = gradient && (way === "to a new array" || gradientArray(pair.output.data.length));
      return (await runKernel(spec, output, target, { grad })).perImage[0];
    },
  };
}

function python(name: string, task: string, gradient: boolean, threads: number, differs?: string): Contender {
  return { name, threads, python: { task, gradient }, differs };
}

let copies: Float32Array[] = [];

/** A plain copy of what a pixel loss reads and writes: each byte read or written once by the loss is copied once, so half the traffic is free. */
function copyOf(images: 1 | 2): Contender {
  return {
    name: images === 2 ? "copy of both images" : "copy of the image",
    threads: 1,
    run: ({ output, target }) => {
      if (copies[0]?.length !== output.data.length) copies = [output.data.slice(), target.data.slice()];
      copies[0].set(output.data);
      if (images === 2) copies[1].set(target.data);
      return 0;
    },
  };
}

function structural(gradient: boolean, threads: number): Contest {
  const contenders = [
    ours(wang, gradient, threads),
    ours(wang, gradient, threads, "in shared tensors"),
    python("PyTorch, depthwise convolution", "ssim-depthwise", gradient, threads),
    python("PyTorch, separable convolution", "ssim-separable", gradient, threads),
    python("torchmetrics", "ssim-torchmetrics", gradient, threads, "windows beyond the border too, reflected"),
  ];
  if (!gradient && threads === 1) {
    contenders.splice(1, 0, ours(wang, gradient, threads, "from 8-bit pixels"));
    contenders.push(
      python("scikit-image", "ssim-skimage", false, 1, "float64 inside"),
      {
        name: "ssim.js, fast",
        threads: 1,
        differs: "one channel, luma; 8-bit rounding",
        run: ({ rgba: [x, y], width, height }) => {
          const image = (data: Uint8ClampedArray) => ({ data, width, height }) as ImageData;
          return ssimJs(image(x), image(y), { ssim: "fast", downsample: false }).mssim;
        },
      },
      {
        name: "@blazediff/ssim",
        threads: 1,
        differs: "one channel, luma; averages large images down first",
        run: ({ rgba: [x, y], width, height }) => blazediff(x, y, undefined, width, height),
      },
      {
        name: "image-ssim",
        threads: 1,
        differs: "one channel, luma; 8x8 blocks that do not overlap",
        run: ({ rgba: [x, y], width, height }) => {
          const image = (data: Uint8ClampedArray) => ({ data, width, height, channels: 4 as const });
          return imageSsim.compare(image(x), image(y)).ssim;
        },
      },
    );
  }
  return { name: `ssim, ${gradient ? "value and gradient" : "value"}`, contenders };
}

/** On one thread all ways; on more only in shared tensors, since copying to another thread takes as long as these losses. */
function pointwise(spec: KernelSpec, images: 1 | 2, threads: number): Contest {
  const name = `${spec.kind}, value and gradient`;
  if (threads > 1) return { name, contenders: [ours(spec, true, threads, "in shared tensors"), copyOf(images)] };
  return {
    name,
    contenders: [
      ours(spec, true, 1),
      ours(spec, true, 1, "to a new array"),
      ours(spec, true, 1, "in shared tensors"),
      copyOf(images),
      python("PyTorch", spec.kind, true, 1),
    ],
  };
}

/** Everything that is measured at one size. */
export function contests(allThreads: number): Contest[] {
  const deltaE: KernelSpec = { kind: "deltaE", formula: "2000", dataRange: 1 };
  const msSsim: KernelSpec = {
    kind: "ms-ssim",
    window: { shape: "gaussian", size: 11, sigma: 1.5 },
    k1: 0.01,
    k2: 0.03,
    dataRange: 1,
    weights: [0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
    odd: "zero",
  };
  const threads = allThreads > 1 ? [1, allThreads] : [1];
  const skimage = "deltaE-skimage";
  return [
    ...threads.flatMap((count) => [structural(false, count), structural(true, count)]),
    ...threads.flatMap((count) => [
      pointwise({ kind: "l1" }, 2, count),
      pointwise({ kind: "mse" }, 2, count),
      pointwise({ kind: "charbonnier", epsilon: 1e-3 }, 2, count),
      pointwise({ kind: "tv", form: "anisotropic", reduction: "mean" }, 1, count),
    ]),
    ...threads.map((count) => ({
      name: "deltaE 2000, value and gradient",
      contenders: [
        ours(deltaE, true, count),
        ours(deltaE, true, count, "in shared tensors"),
        python("scikit-image, value alone", skimage, false, 1, "no gradient; float64 inside, one thread"),
      ],
    })),
    {
      name: "ms-ssim, value and gradient",
      contenders: [ours(msSsim, true, 1), python("torchmetrics", "ms-ssim-torchmetrics", true, 1)],
    },
  ];
}
