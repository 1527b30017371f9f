import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

/** A layer as Keras writes it. */
interface KerasLayer {
  readonly name: string;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inbound_nodes: readonly (readonly (readonly [string, ...unknown[]])[])[];
}

interface Manifest {
  readonly paths: readonly string[];
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly quantization?: { readonly dtype: "uint8"; readonly min: number; readonly scale: number };
  }[];
}

/** Values of TensorFlow.js's weight files, by name; eight-bit ones at their step and offset. */
async function readValues(folder: string, manifests: readonly Manifest[]): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { paths, weights } of manifests) {
    const bytes = Buffer.concat(await Promise.all(paths.map((path) => readFile(join(folder, path)))));
    let at = 0;
    for (const { name, shape, dtype, quantization } of weights) {
      const count = shape.reduce((product, size) => product * size, 1);
      if (dtype !== "float32") throw new Error(`${folder}: ${name} is ${dtype}`);
      const data = new Float32Array(count);
      for (let i = 0; i < count; i++) {
        data[i] = quantization ? bytes[at + i] * quantization.scale + quantization.min : bytes.readFloatLE(at + 4 * i);
      }
      at += count * (quantization ? 1 : 4);
      values.set(name, data);
    }
  }
  return values;
}

/** Kernels [height, width, in, out] as [out, in, height, width]. */
function outerFirst(data: Float32Array, side: number, channels: number, filters: number): Float32Array {
  const result = new Float32Array(data.length);
  const area = side * side;
  for (let at = 0; at < data.length; at++) {
    const [filter, rest] = [at % filters, Math.floor(at / filters)];
    const [channel, place] = [rest % channels, Math.floor(rest / channels)];
    result[(filter * channels + channel) * area + place] = data[at];
  }
  return result;
}

/** An image `factor` times as high and wide as `x`, for `resize` to take the size of. */
function largerBy<T>(o: Ops<T>, x: T, factor: number): T {
  return o.depthToSpace(o.concat(new Array<T>(factor ** 2).fill(o.channel(x, 0))), factor);
}

/** TensorFlow's `depth_to_space`, whose channels are the fastest, by PyTorch's, whose channels are the slowest. */
function depthToSpace<T>(o: Ops<T>, x: T, factor: number): T {
  const [area, colours] = [factor ** 2, o.channels(x) / factor ** 2];
  const order = Array.from({ length: area * colours }, (_, at) => (at % area) * colours + Math.floor(at / area));
  return o.depthToSpace(o.concat(order.map((channel) => o.channel(x, channel))), factor);
}

/** A network that enlarges images [n, 3, h, w] in [0, 1]. */
export type Enlarger = (images: Tensor) => Promise<Tensor>;

/**
 * A network for super-resolution of the npm packages `@upscalerjs/esrgan-...` (idealo's RDN and RRDN, weights of UpscalerJS), which are layers of Keras in TensorFlow.js's files, run
 * by ONNX Runtime. Those without a residual scaling take and give values up to 255.
 *
 * @param path - of `model.json`
 */
export async function openPublished(path: string): Promise<Enlarger> {
  const { modelTopology: topology, weightsManifest } = JSON.parse(await readFile(path, "utf8"));
  const { layers, output_layers: outputs } = (topology.model_config ?? topology).config as {
    layers: readonly KerasLayer[];
    output_layers: readonly (readonly [string, ...unknown[]])[];
  };
  const values = await readValues(dirname(path), weightsManifest);
  const white = layers.some((layer) => layer.class_name === "MultiplyBeta") ? 1 : 255;

  const program = await compile<"image", "enlarged">({ image: ["n", 3, "h", "w"] }, (o, { image }) => {
    const known = new Map<string, typeof image>();
    for (const { name, class_name: kind, config, inbound_nodes: nodes } of layers) {
      const inputs = (nodes[0] ?? []).map(([from]) => known.get(from)!);
      const [x] = inputs;
      const convolution = () => {
        const { filters, kernel_size: kernel } = config as { filters: number; kernel_size: readonly [number, number] };
        const [side, channels] = [kernel[0], o.channels(x)];
        const data = outerFirst(values.get(`${name}/kernel`)!, side, channels, filters);
        const convolved = o.conv2d(x, o.constant(data, [filters, channels, side, side]), { padding: (side - 1) / 2 });
        const biased = o.add(convolved, o.constant(values.get(`${name}/bias`)!, [1, filters, 1, 1]));
        return config.activation === "relu" ? o.relu(biased) : biased;
      };
      const compute = (): typeof image => {
        if (kind === "InputLayer") return o.mul(image, white);
        if (kind === "Conv2D") return convolution();
        if (kind === "Activation" && config.activation === "relu") return o.relu(x);
        if (kind === "Concatenate") return o.concat(inputs);
        if (kind === "Add") return inputs.reduce((sum, term) => o.add(sum, term));
        if (kind === "MultiplyBeta") return o.mul(x, config.beta as number);
        if (kind === "UpSampling2D") {
          const [factor] = config.size as readonly [number, number];
          return o.resize(x, largerBy(o, x, factor), { mode: "nearest" });
        }
        if (kind.startsWith("PixelShuffle")) return depthToSpace(o, x, config.scale as number);
        throw new Error(`${path}: no layer ${kind} (${JSON.stringify(config)}) is known`);
      };
      known.set(name, compute());
    }
    return { enlarged: o.div(known.get(outputs[0][0])!, white) };
  });
  return async (images) => {
    const { enlarged } = await program.run({ image: images });
    return new Tensor(Float32Array.from(enlarged.data), enlarged.shape as Tensor["shape"]);
  };
}
