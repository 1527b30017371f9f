import { useEffect, useRef } from "preact/hooks";
import type { Pixels } from "../messages.ts";

/** A canvas that shows pixels. */
export function Canvas({
  image,
  label,
  class: className,
}: {
  image: Pixels | ImageData;
  label: string;
  class?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { current } = canvas;
    if (current === null) return;
    current.width = image.width;
    current.height = image.height;
    const pixels =
      image instanceof ImageData
        ? image
        : new ImageData(image.data as Uint8ClampedArray<ArrayBuffer>, image.width, image.height);
    current.getContext("2d")?.putImageData(pixels, 0, 0);
  }, [image]);
  return <canvas ref={canvas} role="img" aria-label={label} class={className} />;
}
