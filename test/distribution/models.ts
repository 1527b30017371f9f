import { buildModel } from "../../packages/core/src/graph/model.ts";
import { randomTensor } from "../random.ts";

/** A small network as an ONNX file: two convolutions, 12 features of 32x32 images as maps, and their means as a second output where that is wanted. */
export function tinyModel({ vectors = false } = {}): Uint8Array {
  const [first, second] = [randomTensor([8, 3, 3, 3], 1, -0.5, 0.5), randomTensor([12, 8, 3, 3], 2, -0.5, 0.5)];
  return buildModel({ image: ["n", 3, 32, 32] }, (o, { image }) => {
    const x = o.relu(o.conv2d(image, o.constant(first.data, [8, 3, 3, 3]), { stride: 2 }));
    const y = o.relu(o.conv2d(x, o.constant(second.data, [12, 8, 3, 3]), { stride: 2 }));
    return vectors ? { features: y, vectors: o.mean(y, "hw") } : { features: y };
  }).bytes;
}
