import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { fromPixels } from "../../packages/core/src/pixels/pixels.ts";
import { bundleForPage, launch, serve, withoutChromium } from "../browser.ts";

const [width, height] = [48, 40];
const spec = "l1 + 0.1*ssim + 0.01*deltaE";

/** RGBA of a pattern, opaque; as the page draws it. */
function pattern(seed: number): Uint8ClampedArray<ArrayBuffer> {
  const data = new Uint8ClampedArray(4 * 48 * 40).fill(255);
  for (let i = 0; i < 48 * 40; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = (seed * i * (7 + 4 * c) + 31 * c * (i % 48)) % 256;
  }
  return data;
}

/** The program of the page: every form in which a browser has an image, as output and as target. */
const program = `
import { l1, lumaOf, parseLoss, toImage, toImageSync } from "@reconloss/core";

${pattern.toString()}
const [width, height] = [${width}, ${height}];
const imageData = (seed) => new ImageData(pattern(seed), width, height);

function canvas(seed) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(imageData(seed), 0, 0);
  return canvas;
}

function offscreen(seed) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(imageData(seed), 0, 0);
  return canvas;
}

async function showing(seed) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(await createImageBitmap(imageData(seed)));
  return canvas;
}

const png = (seed) => offscreen(seed).convertToBlob({ type: "image/png" });

async function element(seed) {
  return Object.assign(new Image(), { src: URL.createObjectURL(await png(seed)) });
}

async function loaded(seed) {
  const image = await element(seed);
  await image.decode();
  return image;
}

const forms = {
  ImageData: imageData,
  HTMLCanvasElement: canvas,
  OffscreenCanvas: offscreen,
  "a canvas that shows a bitmap": showing,
  ImageBitmap: (seed) => createImageBitmap(imageData(seed)),
  "HTMLImageElement that is loading": element,
  "HTMLImageElement that is loaded": loaded,
  VideoFrame: (seed) => new VideoFrame(offscreen(seed), { timestamp: 0 }),
  "bytes of a PNG": async (seed) => new Uint8Array(await (await png(seed)).arrayBuffer()),
};

async function measure() {
  const loss = parseLoss(${JSON.stringify(spec)});
  const measured = {};
  for (const [name, make] of Object.entries(forms)) {
    const [output, target] = [await make(3), await make(5)];
    const { value, grad } = await loss.valueAndGrad(output, target);
    measured[name] = { value, shape: grad.shape, grad: Array.from(grad.data) };
  }
  return measured;
}

const outcome = (work) => work().then((value) => value, (error) => ({ code: error.code, message: error.message }));

async function frameLuma() {
  const data = Uint8Array.from({ length: (48 * 40 * 3) / 2 }, (_, i) => i % 251);
  const frame = new VideoFrame(data, { format: "I420", codedWidth: 48, codedHeight: 40, timestamp: 0, colorSpace: { matrix: "bt709", primaries: "bt709", transfer: "bt709", fullRange: false } });
  const { image, range, matrix } = await lumaOf(frame);
  return { range, matrix, shape: image.shape, luma: Array.from(image.tensor.data, (value) => Math.round(255 * value)) };
}

async function tainted() {
  const image = Object.assign(new Image(), { src: "http://localhost:" + location.port + "/other.png" });
  await image.decode();
  return l1().value(image, image);
}

const faint = () => new ImageData(pattern(3).map((level, i) => (i % 4 === 3 ? 51 : level)), width, height);

globalThis.program = {
  measure,
  frameLuma,
  refusals: async () => ({
    tainted: await outcome(tainted),
    transparent: await outcome(() => l1().value(faint(), faint())),
    "transparent over white": Array.from((await toImage(faint(), { background: "white" })).tensor.data),
    loading: await outcome(async () => toImageSync(Object.assign(new Image(), { src: "/never.png" }))),
    missing: await outcome(() => l1().value(Object.assign(new Image(), { src: "/missing.png" }), faint())),
    "two sizes": await outcome(() => l1().value(canvas(3), new ImageData(8, 8))),
    closed: await outcome(async () => {
      const frame = new VideoFrame(offscreen(3), { timestamp: 0 });
      frame.close();
      return l1().value(frame, frame);
    }),
  }),
};
`;

const png = await sharp(pattern(3), { raw: { width, height, channels: 4 } })
  .png()
  .toBuffer();

type Outcome = { code?: string; message?: string };
interface Program {
  measure(): Promise<Record<string, { value: number; shape: number[]; grad: number[] }>>;
  frameLuma(): Promise<object>;
  refusals(): Promise<Record<string, Outcome> & { "transparent over white": number[] }>;
}

describe.skipIf(withoutChromium)("a page in Chromium", () => {
  let site: Awaited<ReturnType<typeof serve>>;
  let browser: Awaited<ReturnType<typeof launch>>;
  let page: Awaited<ReturnType<typeof browser.context.newPage>>;

  beforeAll(async () => {
    const files = await bundleForPage(program);
    site = await serve((path) => {
      if (path === "/other.png") return png;
      if (path === "/page.html")
        return "<!doctype html><title>page</title><script type=module src=program.js></script>";
      return files.get(path.slice(1));
    });
    browser = await launch();
    page = await browser.context.newPage();
    await page.goto(`${site.url}/page.html`);
    await page.waitForFunction(() => "program" in globalThis);
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  /** Runs one of the page's functions. */
  function run<Name extends keyof Program>(name: Name) {
    return page.evaluate(
      (name) => (globalThis as unknown as { program: Program }).program[name as "measure"](),
      name,
    ) as ReturnType<Program[Name]>;
  }

  test("value and gradient of every kind of input equal those of its pixels in Node", async () => {
    const [output, target] = [3, 5].map((seed) => ({ data: pattern(seed), width, height }));
    const expected = await parseLoss(spec).valueAndGrad(fromPixels(output), fromPixels(target));
    const measured = await run("measure");
    expect(Object.keys(measured)).toHaveLength(9);
    for (const [name, { value, shape, grad }] of Object.entries(measured)) {
      expect(shape, name).toEqual([1, 3, height, width]);
      // The relaxed build rounds once less in every multiply-add.
      expect(value / expected.value, name).toBeCloseTo(1, 6);
      const largest = expected.grad.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const error = grad.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.grad.data[i])), 0);
      expect(error / largest, name).toBeLessThan(1e-4);
    }
  });

  test("lumaOf a frame returns its luma plane with range and matrix", async () => {
    const luma = Array.from({ length: width * height }, (_, i) => i % 251);
    expect(await run("frameLuma")).toEqual({ range: "limited", matrix: "bt709", shape: [1, 1, height, width], luma });
  });

  test("rejects unreadable input with the reason", async () => {
    const { "transparent over white": composited, ...refusals } = await run("refusals");
    expect(refusals.tainted).toMatchObject({ code: "image", message: expect.stringContaining("crossorigin") });
    expect(refusals.transparent).toEqual({
      code: "image",
      message:
        "l1: output: pixel (0, 0) is transparent (alpha 51 of 255); toImage(image, { background }) says what is behind it",
    });
    expect(refusals.loading.message).toContain("cannot be read synchronously; await toImage(image) first");
    expect(refusals.missing).toEqual({
      code: "image",
      message: "l1: output is an image element whose image did not load",
    });
    expect(refusals.closed.code).toBe("image");
    expect(refusals["two sizes"].code).toBe("image");
    const faint = pattern(3).map((level, i) => (i % 4 === 3 ? 51 : level));
    const wanted = fromPixels({ data: faint, width, height }, { background: "white" });
    for (const [i, value] of composited.entries()) expect(value).toBeCloseTo(wanted.data[i], 6);
  });
});
