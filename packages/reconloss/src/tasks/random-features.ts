import { Random, Tensor } from "@reconloss/core";
import { compile } from "@reconloss/core/graph";
import { kaimingNormal } from "@reconloss/core/nets";

/** Channels of the layers, each half as high and wide as the one before. */
const layers = [48, 96, 192];

/** Features of images by a network whose weights are random numbers, always the same. */
export interface RandomFeatures {
  /** Of the real images that they were made for, [n, c, 1, 1]. */
  readonly real: Tensor;
  of(images: Tensor): Promise<Tensor>;
}

/**
 * Features of images without any trained network: the means over all positions of three layers of convolutions with fixed random weights, each scaled to
 * mean 0 and deviation 1 over a set of real images. A kernel distance of such features tells sets of images apart, and falls as a generator learns; it is no KID that
 * could be compared with published ones.
 *
 * @param real - [n, 3, h, w] in [0, 1]
 */
export async function randomFeatures(real: Tensor): Promise<RandomFeatures> {
  const program = await compile<string, string>({ images: ["n", 3, "h", "w"] }, (o, { images }) => {
    let x = o.sub(o.mul(images, 2), 1);
    let channels = 3;
    const means = layers.map((next, layer) => {
      const shape = [next, channels, 3, 3] as const;
      const weight = kaimingNormal(9 * channels)(new Random("features", layer), shape);
      x = o.relu(o.conv2d(x, o.constant(weight, shape), { stride: 2, padding: 1 }));
      channels = next;
      return o.mean(x, "hw");
    });
    return { features: o.concat(means) };
  });
  const raw = async (images: Tensor): Promise<Tensor> => {
    const { features } = await program.run({ images });
    return Tensor.from(features.data, features.shape);
  };
  const seen = await raw(real);
  const [n, c] = seen.shape;
  const statistics = Array.from({ length: c }, (_, channel) => {
    const column = Array.from({ length: n }, (_, image) => seen.data[image * c + channel]);
    const mean = column.reduce((sum, value) => sum + value, 0) / n;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    // A feature that is always the same says nothing.
    return { mean, scale: variance > 1e-12 ? 1 / Math.sqrt(variance) : 0 };
  });
  const scaled = ({ data, shape }: Tensor): Tensor =>
    new Tensor(
      data.map((value, index) => (value - statistics[index % c].mean) * statistics[index % c].scale),
      shape,
    );
  return { real: scaled(seen), of: async (images) => scaled(await raw(images)) };
}
