import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { fromPixels, toPixels } from "../../packages/reconloss/src/image/index.ts";
import { jpeg } from "../../scripts/distortions/jpeg.ts";
import { readGoldenImage } from "../golden.ts";

/** Through a real file, written and read by libjpeg. */
async function throughFile(image: Tensor, quality: number): Promise<Tensor> {
  const { data, width, height, channels } = toPixels(image);
  const file = await sharp(data as Uint8Array, { raw: { width, height, channels } })
    .jpeg({ quality, chromaSubsampling: "4:2:0", quantisationTable: 0, trellisQuantisation: false })
    .toBuffer();
  const { data: back, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return fromPixels({ data: back, width: info.width, height: info.height, channels: info.channels });
}

const meanDistance = (a: Tensor, b: Tensor) =>
  (255 * a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]), 0)) / a.data.length;

describe("jpeg", () => {
  it.each(["scene.png", "odd.png", "gray.png"])("gives %s the artefacts of libjpeg", async (name) => {
    const image = await readGoldenImage(`inputs/${name}`);
    for (const quality of [10, 50, 90]) {
      const [ours, theirs] = [jpeg(image, quality), await throughFile(image, quality)];
      // libjpeg rounds at every step: less than one level on average, and far less than what is lost.
      expect(meanDistance(ours, theirs)).toBeLessThan(0.7);
      expect(meanDistance(ours, theirs)).toBeLessThan(0.25 * meanDistance(ours, image));
    }
  });

  it("treats images of a batch separately", () => {
    const data = Float32Array.from({ length: 2 * 3 * 20 * 18 }, (_, i) => ((i * 7919) % 255) / 255);
    const both = new Tensor(data, [2, 3, 20, 18]);
    expect(jpeg(both, 40).image(1).data).toEqual(jpeg(both.image(1), 40).data);
  });

  it("refuses invalid arguments", () => {
    const image = Tensor.full([1, 3, 8, 8], 0.5);
    for (const quality of [0, 101, Number.NaN]) expect(() => jpeg(image, quality)).toThrow("jpeg: quality");
    expect(() => jpeg(Tensor.full([1, 2, 8, 8], 0), 50)).toThrow("jpeg: images have 2 channels");
  });
});
