import { type PreparedImage, Tensor, toImageSync } from "@reconloss/core";

/** The first rows and columns of an image, of the samples that it has. */
export function cropped<T extends PreparedImage | Tensor>(image: T, [height, width]: readonly [number, number]): T {
  const [n, c, h, w] = image.shape;
  if (h === height && w === width) return image;
  if (!(image instanceof Tensor) && image.pixels !== undefined) {
    const { data, channels, step = channels } = image.pixels;
    const kept = new (data.constructor as Uint8ArrayConstructor)(height * width * channels);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let k = 0; k < channels; k++) {
          kept[(y * width + x) * channels + k] = data[(y * w + x) * step + k];
        }
      }
    }
    return toImageSync({ data: kept, width, height, channels: channels as 1 | 3 }) as T;
  }
  const source = image instanceof Tensor ? image : (image as PreparedImage).tensor;
  const kept = new Float32Array(n * c * height * width);
  for (let plane = 0; plane < n * c; plane++) {
    for (let y = 0; y < height; y++) {
      const start = (plane * h + y) * w;
      kept.set(source.data.subarray(start, start + width), (plane * height + y) * width);
    }
  }
  const made = new Tensor(kept, [n, c, height, width]);
  return (image instanceof Tensor ? made : toImageSync(made)) as T;
}
