import type { Pixels } from "./pixels.ts";
import type { CanvasSource, Fail } from "./sources.ts";

/** The little of a canvas's 2D context that is used. */
interface Context {
  drawImage(source: object, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number, settings?: object): { data: Uint8ClampedArray };
}

interface Host {
  OffscreenCanvas?: new (
    width: number,
    height: number,
  ) => { getContext(kind: "2d", settings?: object): Context | null };
}

/** The pixels of a 2D context; browsers refuse those of other origins. */
function pixelsOf(context: Context, width: number, height: number, fail: Fail): Pixels {
  try {
    const { data } = context.getImageData(0, 0, width, height, { colorSpace: "srgb" });
    return { data, width, height, channels: 4 };
  } catch (cause) {
    return fail(`cannot be read (${(cause as Error).message}); an image of another origin needs crossorigin`, cause);
  }
}

/** Returns a drawable source as RGBA of this size. */
export function drawn(source: object, width: number, height: number, fail: Fail): Pixels {
  const { OffscreenCanvas } = globalThis as unknown as Host;
  if (OffscreenCanvas === undefined) return fail("cannot be read here, where there is no OffscreenCanvas");
  if (!(width >= 1 && height >= 1)) return fail(`is empty (${width}x${height} pixels)`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) return fail("cannot be read here, where OffscreenCanvas has no 2D context");
  try {
    context.drawImage(source, 0, 0, width, height);
  } catch (cause) {
    return fail(`cannot be drawn (${(cause as Error).message})`, cause);
  }
  return pixelsOf(context, width, height, fail);
}

/** A canvas's pixels: by its own 2D context, or drawn where it has another. */
export function readCanvas(canvas: CanvasSource, fail: Fail): Pixels {
  const { width, height } = canvas;
  if (!(width >= 1 && height >= 1)) return fail(`is an empty canvas (${width}x${height} pixels)`);
  const context = contextOf(canvas);
  return context ? pixelsOf(context, width, height, fail) : drawn(canvas, width, height, fail);
}

/** The 2D context; null where the canvas has another, or is drawn to by a worker. */
function contextOf(canvas: CanvasSource): Context | null {
  try {
    return canvas.getContext("2d") as Context | null;
  } catch {
    return null;
  }
}
