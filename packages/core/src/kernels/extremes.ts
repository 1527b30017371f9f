import type { Tensor } from "../tensor.ts";
import { loadKernels } from "./load.ts";
import { type NotedExtremes, planarRows } from "./rows.ts";

/** Values in memory at a time: as many as a first-level cache holds. */
const band = 8192;

/** With fewer values a loop in JavaScript is done before the kernels are called. */
const leastValues = 2 ** 15;

/**
 * The least and the greatest value of large batches, for losses whose own work does not come across them: several times as fast as a loop in JavaScript. Small batches
 * have no note.
 */
export async function noteExtremes(images: {
  readonly output: Tensor;
  readonly target?: Tensor;
}): Promise<NotedExtremes> {
  const noted: NotedExtremes = {};
  for (const name of ["output", "target"] as const) {
    const data = images[name]?.data;
    const known = name === "target" && images.target === images.output;
    if (data === undefined || known || data.length < leastValues) continue;
    const { kernels } = await loadKernels();
    kernels.reset();
    const address = kernels.floats(band);
    const rows = { ...planarRows(data, [1, 1, data.length]), noted: name };
    for (let from = 0; from < data.length; from += band) {
      kernels.read(rows, [0, 1], from, Math.min(from + band, data.length), address, band, 0);
    }
    noted[name] = kernels.takeExtremes()[name];
  }
  return noted;
}
