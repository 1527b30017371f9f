import { Tensor as OnnxTensor } from "onnxruntime-node";
import sharp, { type Sharp } from "sharp";
import { afterEach, describe, expect, test, vi } from "vitest";
import "../../packages/reconloss/src/image/decode-input.ts";
import type { ImageOptions } from "../../packages/core/src/definitions/image-options.ts";
import { stageImages } from "../../packages/core/src/definitions/stage.ts";
import { ready } from "../../packages/core/src/kernels/index.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { resolveInputSync, toImage, toImageSync } from "../../packages/core/src/pixels/input.ts";
import type { LumaSource } from "../../packages/core/src/pixels/luma.ts";
import { fromPixels } from "../../packages/core/src/pixels/pixels.ts";
import { PreparedImage } from "../../packages/core/src/pixels/prepared-image.ts";
import type { ImageInput } from "../../packages/core/src/pixels/sources.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomPixels, randomTensor } from "../random.ts";

const [width, height] = [23, 17];
const area = width * height;

/** RGBA, RGB and grey of the same random pixels. */
function forms(seed: number) {
  const { pixels: rgba } = randomPixels(Uint8ClampedArray, 3, height, width, seed);
  const rgb = new Uint8Array(3 * area).map((_, i) => rgba.data[4 * Math.floor(i / 3) + (i % 3)]);
  const grey = new Uint8Array(area).map((_, i) => rgba.data[4 * i]);
  return { rgba: rgba.data as Uint8ClampedArray, rgb, grey };
}

/** A canvas as hosts without a DOM have it. */
function canvasOf(data: Uint8ClampedArray) {
  const getImageData = (x: number, y: number, w: number, h: number) => {
    expect([x, y, w, h]).toEqual([0, 0, width, height]);
    return { data, width, height };
  };
  return { width, height, getContext: () => ({ getImageData }) };
}

/** ONNX Runtime's tensor, as its packages make it. */
function onnxTensor({ data, shape }: Tensor) {
  return { dims: [...shape], type: "float32", data, size: data.length, location: "cpu" };
}

/** The same where its data is elsewhere. */
function onGpu({ data, shape }: Tensor) {
  return {
    dims: [...shape],
    type: "float32",
    location: "gpu-buffer",
    get data(): Float32Array {
      throw new Error("the data is not on CPU");
    },
    getData: async () => data,
  };
}

/** The types of hosts and packages are accepted by the compiler. */
type Sources =
  | ImageData
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | HTMLImageElement
  | VideoFrame
  | Sharp
  | Buffer
  | OnnxTensor;
export const taken = (source: Sources): ImageInput => source;
export const takenAsLuma = (frame: VideoFrame): LumaSource => frame;

afterEach(() => vi.unstubAllGlobals());

describe("every kind of image input is converted to the same tensor", async () => {
  const { rgba, rgb, grey } = forms(1);
  const size = { width, height };
  const colour = fromPixels({ data: rgb, ...size });
  const flat = fromPixels({ data: grey, ...size });
  const deep = new Uint16Array(3 * area).map((_, i) => (i * 7919) % 65536);
  const raw = { raw: { ...size, channels: 3 } } as const;
  const png = await sharp(rgb, raw).png().toBuffer();
  const cases: [string, ImageInput, Tensor][] = [
    ["a tensor", colour, colour],
    ["a prepared image", toImageSync({ data: rgb, ...size }), colour],
    ["RGB of 8 bits", { data: rgb, ...size }, colour],
    ["RGB of 16 bits", { data: deep, ...size, channels: 3 }, fromPixels({ data: deep, ...size })],
    ["grey", { data: grey, ...size }, flat],
    ["grey with opaque alpha", { data: grey.length === area ? interleave(grey) : grey, ...size, channels: 2 }, flat],
    ["ImageData of an opaque canvas", { data: rgba, ...size, colorSpace: "srgb" } as ImageInput, colour],
    ["a canvas", canvasOf(rgba), colour],
    ["a tensor of ONNX Runtime's", onnxTensor(colour), colour],
    ["a tensor that onnxruntime-node made", new OnnxTensor("float32", colour.data, colour.shape), colour],
    ["a tensor of ONNX Runtime's on a GPU", onGpu(colour), colour],
    ["an instance of sharp", sharp(rgb, raw), colour],
    ["an instance of sharp with opaque alpha", sharp(rgb, raw).ensureAlpha(), colour],
    [
      "an instance of sharp of 16 bits",
      sharp(deep, raw).toColourspace("rgb16").raw({ depth: "ushort" }),
      fromPixels({ data: deep, ...size }),
    ],
    ["the bytes of a file", png, colour],
  ];

  test.each(cases)("%s", async (_, input, wanted) => {
    const image = await toImage(input);
    expect(image.shape).toEqual(wanted.shape);
    expect(Buffer.from(image.tensor.data.buffer).equals(Buffer.from(wanted.data.buffer))).toBe(true);
    const target = randomTensor(wanted.shape, 9);
    for (const spec of ["l1", "ssim", "deltaE", "psnr(channels=y-rgb2ycbcr,crop=2)", "l1 + 0.1*ssim + 0.1*gmsd"]) {
      const loss = parseLoss(spec);
      const expected = await loss.valueAndGrad(wanted, target);
      expect(await loss.valueAndGrad(input, target), spec).toEqual(expected);
      expect(expected.grad.shape).toEqual(wanted.shape);
      expect(await loss.value(target, input), spec).toBe(await loss.value(target, wanted));
      expect(await loss.value(target, await loss.prepareTarget(input)), spec).toBe(await loss.value(target, wanted));
    }
  });

  test("does not modify an instance of sharp", async () => {
    const image = sharp(rgb, raw);
    await toImage(image);
    expect((await image.png().metadata()).format).toBe("raw");
    expect((await sharp(await image.png().toBuffer()).metadata()).format).toBe("png");
  });
});

function interleave(grey: Uint8Array): Uint8Array {
  return new Uint8Array(2 * grey.length).map((_, i) => (i % 2 === 0 ? grey[i / 2] : 255));
}

describe("drawable input", () => {
  /** An OffscreenCanvas that has whatever is drawn to it. */
  function stubCanvas() {
    const drawings: unknown[] = [];
    class OffscreenCanvas {
      constructor(
        readonly width: number,
        readonly height: number,
      ) {}
      getContext() {
        let drawn: { readonly content: Uint8ClampedArray } | undefined;
        return {
          drawImage: (source: { content: Uint8ClampedArray }, ...place: number[]) => {
            expect(place).toEqual([0, 0, this.width, this.height]);
            drawn = source;
            drawings.push(source);
          },
          getImageData: () => ({ data: drawn?.content, width: this.width, height: this.height }),
        };
      }
    }
    vi.stubGlobal("OffscreenCanvas", OffscreenCanvas);
    return drawings;
  }
  const content = forms(3).rgba;
  const wanted = fromPixels({ data: content, width, height });
  const close = () => {};
  const element = { naturalWidth: width, naturalHeight: height, complete: true, decode: async () => {}, content };
  const sources = {
    "an ImageBitmap": { width, height, close, content },
    "a VideoFrame": {
      displayWidth: width,
      displayHeight: height,
      format: "I420",
      copyTo: async () => [],
      close,
      content,
    },
    "an image element": element,
    "a canvas with another context": { width, height, getContext: () => null, content },
    "a canvas that a worker draws to": {
      width,
      height,
      getContext: () => {
        throw new Error("InvalidStateError");
      },
      content,
    },
  };

  test.each(Object.entries(sources))("%s is read synchronously", (_, source) => {
    const drawings = stubCanvas();
    expect(toImageSync(source).tensor.data).toEqual(wanted.data);
    expect(drawings).toEqual([source]);
  });

  test("waits for an image element that is still loading", async () => {
    stubCanvas();
    const loading = { ...element, naturalWidth: 0, complete: false };
    loading.decode = async () => {
      loading.naturalWidth = width;
    };
    expect(() => toImageSync(loading)).toThrow(
      "toImageSync: input cannot be read synchronously; await toImage(image) first",
    );
    expect((await toImage(loading)).tensor.data).toEqual(wanted.data);
  });

  test("rejects unreadable input with the reason", async () => {
    const refused = (input: ImageInput) => expect(parseLoss("l1").value(input, wanted)).rejects;
    await refused(sources["an ImageBitmap"]).toMatchObject({
      code: "image",
      message: "l1: output cannot be read here, where there is no OffscreenCanvas",
    });
    stubCanvas();
    await refused({ ...element, naturalWidth: 0 }).toThrow("l1: output is an image element without an image");
    const failed = { ...element, complete: false, decode: () => Promise.reject(new Error("broken")) };
    await refused(failed).toThrow("l1: output is an image element whose image did not load");
    const tainted = {
      width,
      height,
      getContext: () => ({
        getImageData: () => {
          throw new Error("tainted");
        },
      }),
    };
    await refused(tainted).toThrow("l1: output cannot be read (tainted); an image of another origin needs crossorigin");
    await refused({ width: 0, height: 0, getContext: () => null }).toThrow("is an empty canvas (0x0 pixels)");
    await refused({ ...onnxTensor(wanted), type: "float16" }).toThrow(
      "l1: output must be a float32 tensor [n, c, h, w], got float16 1x3x17x23",
    );
    await refused(Uint8Array.of(1, 2, 3)).toMatchObject({ code: "image" });
    for (const input of [undefined, null, 3, "a.png", {}, [1, 2], { data: new Float32Array(3), shape: [1, 3, 1, 1] }]) {
      await refused(input as never).toThrow(
        "l1: output must be an image (a Tensor, { data, width, height }, ImageData",
      );
    }
    await refused({ data: new Float32Array(3) as never, width: 1, height: 1 }).toMatchObject({
      code: "invalid-argument",
    });
    await refused({ data: new Uint8Array(5), width: 2, height: 1 }).toMatchObject({ code: "shape" });
    await refused({ data: new Uint8Array(3), width: 1, height: 1 }).toThrow(
      "l1: output is 1x3x1x1 but target is 1x3x17x23",
    );
  });
});

describe("rejects faulty input with the argument's name and an error code", () => {
  const tensor = { dims: [1, 3, 2, 2], type: "float32", data: new Float32Array(12) };
  const samples = (info: object, bytes = 12) => {
    const image = {
      clone: () => image,
      raw: () => image,
      metadata: () => ({}),
      toBuffer: async () => ({ data: new Uint8Array(bytes), info }),
    };
    return image;
  };
  test.each<[string, () => unknown, RegExp]>([
    [
      "a getter",
      () => ({
        get data() {
          throw new Error("gone");
        },
        width: 1,
        height: 1,
      }),
      /cannot be read \(gone\)/,
    ],
    [
      "a tensor that was disposed of",
      () => ({
        ...tensor,
        get data() {
          throw new Error("disposed");
        },
      }),
      /cannot be read \(disposed\)/,
    ],
    [
      "a tensor on a GPU that is lost",
      () => ({ ...tensor, location: "gpu-buffer", getData: () => Promise.reject(new Error("lost")) }),
      /cannot be read \(lost\)/,
    ],
    [
      "the same at once",
      () => ({
        ...tensor,
        location: "gpu-buffer",
        getData: () => {
          throw new Error("lost");
        },
      }),
      /cannot be read \(lost\)/,
    ],
    [
      "a tensor on a GPU that nothing fetches",
      () => ({ ...tensor, location: "gpu-buffer", data: undefined }),
      /is a tensor 1x3x2x2 without data/,
    ],
    [
      "a tensor with fewer numbers",
      () => ({ ...tensor, data: new Float32Array(7) }),
      /is a tensor 1x3x2x2 without data/,
    ],
    ["a tensor with a place that is none", () => ({ ...tensor, location: 5, data: null }), /without data/],
    [
      "an element whose decoding throws",
      () => ({
        naturalWidth: 1,
        naturalHeight: 1,
        complete: false,
        decode: () => {
          throw new Error("no");
        },
      }),
      /cannot be read \(no\)/,
    ],
    [
      "a file that is none",
      () => new TextEncoder().encode("no image"),
      /cannot be decoded: .*its content is not an image/,
    ],
    [
      "signed samples of sharp",
      () => samples({ width: 2, height: 2, channels: 3, depth: "char" }),
      /has samples of type char; uchar and ushort/,
    ],
    [
      "signed samples of 16 bits",
      () => samples({ width: 2, height: 1, channels: 3, depth: "short" }),
      /has samples of type short/,
    ],
    [
      "more channels than four",
      () => samples({ width: 2, height: 1, channels: 6, depth: "uchar" }),
      /has 6 channels; 1 to 4/,
    ],
  ])("%s", async (_, make, reason) => {
    const target = Tensor.full([1, 3, 2, 2], 0.5);
    for (const image of [
      () => parseLoss("l1").value(make() as never, target),
      () => parseLoss("l1+ssim(size=1)").value(target, make() as never),
    ]) {
      const error = await image().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "ReconlossError", code: "image", message: expect.stringMatching(reason) });
      expect((error as Error).message).toMatch(/^(l1: output|weighted: target) /);
    }
  });

  test.each<[unknown, string]>([
    [Promise.resolve(tensor), "a Promise"],
    [new Uint8ClampedArray(12), "a Uint8ClampedArray"],
    [new ArrayBuffer(12), "an ArrayBuffer"],
    [new URL("file:///a.png"), "a URL"],
    [{ data: new Float32Array(12), width: 2, height: 2 }, "a Float32Array"],
    [{ data: [1, 2, 3], width: 1, height: 1 }, "an array"],
  ])("the error states what was passed instead, case %#", async (input, words) => {
    await expect(parseLoss("l1").value(input as never, input as never)).rejects.toThrow(new RegExp(`, got ${words}$`));
  });
});

test("input that is already in memory works synchronously, with the same bits", async () => {
  await ready();
  const [output, target] = [1, 2].map((seed) => randomPixels(Uint8ClampedArray, 3, height, width, seed).pixels);
  for (const spec of ["l1", "ssim(size=7)", "psnr(channels=y-bt601,crop=1)", "l1 + 0.1*deltaE"]) {
    const loss = parseLoss(spec);
    const expected = await loss.valueAndGrad(output, target);
    expect(loss.valueAndGradSync(output, toImageSync(target))).toEqual(expected);
    expect(loss.valueSync(canvasOf(output.data as Uint8ClampedArray), target)).toBe(expected.value);
    expect(() => loss.valueSync(Uint8Array.of(1), target)).toThrow(
      "output cannot be read synchronously; await toImage(image) first",
    );
  }
});

describe("transparency", () => {
  const { rgba } = forms(4);
  const half = rgba.map((level, i) => (i % 4 === 3 ? i % 256 : level));
  const pixels = { data: half, width, height };

  test("the error names the first transparent pixel, wherever it is", async () => {
    const [width, height] = [131, 97];
    for (const at of [0, 4095, 4096, 8191, 8192, width * height - 1]) {
      const data = new Uint8Array(4 * width * height).fill(255);
      for (const alpha of [254, 127, 0]) {
        data[4 * at + 3] = alpha;
        const place = `pixel (${at % width}, ${Math.floor(at / width)}) is transparent (alpha ${alpha} of 255)`;
        expect(() => toImageSync({ data, width, height })).toThrow(place);
      }
    }
  });

  test("rejects a transparent pixel, as for files, and suggests a remedy", async () => {
    await expect(parseLoss("l1").value(pixels, pixels)).rejects.toMatchObject({
      code: "image",
      message:
        "l1: output: pixel (0, 0) is transparent (alpha 3 of 255); toImage(image, { background }) says what is behind it",
    });
  });

  test.each([{ background: "white" }, { background: [0.2, 0.4, 0.6] as const }, { alpha: "compare" } as const])(
    "%j gives the same as fromPixels",
    async (options) => {
      const [image, wanted] = [await toImage(pixels, options), fromPixels(pixels, options)];
      expect(image.shape).toEqual(wanted.shape);
      expect(image.tensor.data).toEqual(wanted.data);
    },
  );
});

describe("a prepared image", () => {
  const { pixels } = randomPixels(Uint8Array, 3, height, width, 6);
  const plain: ImageOptions = { channels: "rgb", crop: 0, clamp: false, low: 0, dataRange: 1 };

  test("reaches the kernels as RGBA, without conversion to float planes", async () => {
    const planes = vi.spyOn(PreparedImage.prototype, "tensor", "get");
    const [output, target] = [
      await toImage(pixels),
      await toImage(randomPixels(Uint8Array, 3, height, width, 7).pixels),
    ];
    expect(stageImages(output, plain)).toEqual({ ...pixels, channels: 3, step: 4 });
    for (const spec of ["psnr", "ssim", "deltaE", "l1(crop=2)", "ssim(channels=y-bt601)", "tv"]) {
      const { grad } = await parseLoss(spec).valueAndGrad(output, target);
      expect(grad.shape).toEqual([1, 3, height, width]);
    }
    expect(planes).not.toHaveBeenCalled();
    planes.mockRestore();
  });

  test("is cropped and converted to luma once for all losses with the same options", async () => {
    for (const image of [await toImage(pixels), await toImage(fromPixels(pixels))]) {
      const options = { ...plain, channels: "y-bt601", crop: 3 } as const;
      expect(stageImages(image, options)).toBe(stageImages(image, { ...options }));
      expect(stageImages(image, options)).not.toBe(stageImages(image, { ...options, crop: 2 }));
      expect(image.tensor).toBe(image.tensor);
    }
  });

  test("computes shared sums once for all losses of a pair", async () => {
    const images = [6, 7].map((seed) => toImageSync(randomPixels(Uint8Array, 3, 176, 180, seed).pixels));
    const tensors = images.map(({ tensor }) => tensor);
    for (const spec of ["ssim", "dssim", "ms-ssim", "psnr", "mse", "rmse"]) {
      expect(await parseLoss(spec).value(images[0], images[1]), spec).toBe(
        await parseLoss(spec).value(tensors[0], tensors[1]),
      );
    }
    const ofTargets = images[0].once("passes", () => new WeakMap<object, Map<string, unknown>>());
    expect(ofTargets.get(images[1].pixels as object)?.size).toBe(2);
  });

  test("is accepted by every loss in place of the input", () => {
    const image = toImageSync(pixels);
    expect(toImageSync(image)).toBe(image);
    expect(resolveInputSync("l1", "output", image)).toBe(image);
  });

  test("reports memory that was transferred", async () => {
    const data = new Uint8Array(3 * area);
    const evaluation = parseLoss("l1").value({ data, width, height }, Tensor.full([1, 3, height, width], 0.5));
    structuredClone(data, { transfer: [data.buffer] });
    await expect(evaluation).rejects.toThrow("l1: the memory of output (1x3x17x23) is no longer available");
  });
});
