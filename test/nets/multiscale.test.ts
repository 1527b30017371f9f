import { describe, expect, test } from "vitest";
import { multiscaleDiscriminator } from "../../packages/core/src/nets/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { expectValue } from "../golden.ts";
import { seededTensors } from "../models.ts";
import { randomTensor } from "../random.ts";
import { backends } from "../tiny-discriminator.ts";

/**
 * The logits of pix2pixHD's MultiscaleDiscriminator, from its description, in plain loops over float64. The goldens hold what its layers give (feature matching), not its logits; this is an independent computation
 * of these, not PyTorch's.
 */
type Planes = { c: number; h: number; w: number; at(c: number, y: number, x: number): number };

function planes(c: number, h: number, w: number, value: (c: number, y: number, x: number) => number): Planes {
  const data = new Float64Array(c * h * w);
  for (let k = 0; k < c; k++)
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) data[(k * h + y) * w + x] = value(k, y, x);
  return { c, h, w, at: (k, y, x) => (y < 0 || x < 0 || y >= h || x >= w ? 0 : data[(k * h + y) * w + x]) };
}

/** 4x4, two zeros at each side. */
function convolved(image: Planes, weight: Tensor, bias: Tensor, stride: number): Planes {
  const size = (length: number) => Math.floor(length / stride) + 1;
  const sides = (length: number) => (stride === 1 ? length + 1 : size(length));
  return planes(weight.shape[0], sides(image.h), sides(image.w), (k, y, x) => {
    let sum = bias.data[k];
    for (let c = 0; c < image.c; c++)
      for (let i = 0; i < 4; i++)
        for (let j = 0; j < 4; j++) {
          const w = weight.data[((k * image.c + c) * 4 + i) * 4 + j];
          sum += w * image.at(c, y * stride + i - 2, x * stride + j - 2);
        }
    return sum;
  });
}

function instanceNormalised({ c, h, w, at }: Planes): Planes {
  const statistics = Array.from({ length: c }, (_, k) => {
    let [sum, squares] = [0, 0];
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) sum += at(k, y, x);
    const mean = sum / (h * w);
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) squares += (at(k, y, x) - mean) ** 2;
    return { mean, deviation: Math.sqrt(squares / (h * w) + 1e-5) };
  });
  return planes(c, h, w, (k, y, x) => (at(k, y, x) - statistics[k].mean) / statistics[k].deviation);
}

const leaky = ({ c, h, w, at }: Planes) => planes(c, h, w, (k, y, x) => Math.max(at(k, y, x), 0.2 * at(k, y, x)));

/** The mean over what a 3x3 window has of the image, at every second pixel. */
function halved({ c, h, w, at }: Planes): Planes {
  return planes(c, Math.ceil(h / 2), Math.ceil(w / 2), (k, y, x) => {
    let [sum, count] = [0, 0];
    for (let i = 2 * y - 1; i <= 2 * y + 1; i++)
      for (let j = 2 * x - 1; j <= 2 * x + 1; j++) {
        if (i < 0 || j < 0 || i >= h || j >= w) continue;
        sum += at(k, i, j);
        count++;
      }
    return sum / count;
  });
}

function logits(image: Planes, tensors: Readonly<Record<string, Tensor>>, scale: number, depth: number): Planes {
  let x = image;
  for (let layer = 0; layer <= depth + 1; layer++) {
    const [weight, bias] = ["weight", "bias"].map((part) => tensors[`scale${scale}_layer${layer}.0.${part}`]);
    x = convolved(x, weight, bias, layer < depth ? 2 : 1);
    if (layer > 0 && layer <= depth) x = instanceNormalised(x);
    if (layer <= depth) x = leaky(x);
  }
  return x;
}

const [scales, depth] = [3, 2];
const discriminator = multiscaleDiscriminator({ features: 4, scales, depth });
const tensors = seededTensors(discriminator);

describe.each(Object.entries(backends))("multi-scale discriminator with seeded weights on %s", (_, run) => {
  test.each([
    [24, 21],
    [17, 30],
  ])("the logits of all scales, %ix%i", async (height, width) => {
    const image = randomTensor([1, 3, height, width], 1, -1, 1);
    const got = await run({ image, ...tensors }, (o, { image, ...values }) => {
      const { output, coarser = [] } = discriminator.forward(o, image, values, true);
      return Object.fromEntries([output, ...coarser].map((x, scale) => [`scale ${scale}`, x]));
    });
    let x = planes(3, height, width, (k, y, x) => image.data[(k * height + y) * width + x]);
    for (let scale = 0; scale < scales; scale++) {
      // The finest scale has the highest number.
      const expected = logits(x, tensors, scales - 1 - scale, depth);
      const found = got[`scale ${scale}`];
      expect(found.length).toBe(expected.h * expected.w);
      for (let i = 0; i < found.length; i++) {
        const value = expected.at(0, Math.floor(i / expected.w), i % expected.w);
        expectValue(found[i], value, { abs: 2e-5, rel: 2e-5 });
      }
      x = halved(x);
    }
  });
});
