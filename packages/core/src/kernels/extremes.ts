import type { Tensor } from "../tensor.ts";
import { loadedKernels, loadKernels } from "./load.ts";
import { type NotedExtremes, planarRows } from "./rows.ts";

/** Values in memory at a time: as many as a first-level cache holds. */
const band = 8192;

/** With fewer values a loop in JavaScript is done before the kernels are called. */
const leastValues = 2 ** 15;

/** The batches of a pair, those that can hold any value. */
interface Batches {
  readonly output?: Tensor;
  readonly target?: Tensor;
}

/** Those of a pair that are worth a note. */
function largeOf({ output, target }: Batches): (readonly [keyof NotedExtremes, Float32Array])[] {
  const pair = [["output", output] as const, ["target", target === output ? undefined : target] as const];
  return pair.flatMap(([name, batch]) =>
    batch && batch.data.length >= leastValues ? [[name, batch.data] as const] : [],
  );
}

/**
 * The least and the greatest value of large batches, for losses whose own work does not come across them: several times as fast as a loop in JavaScript. Small batches
 * have no note.
 */
export async function noteExtremes(images: Batches): Promise<NotedExtremes> {
  if (largeOf(images).length > 0) await loadKernels();
  return noteExtremesSync(images);
}

/** The same at once; no batch has a note before the kernels are loaded. */
export function noteExtremesSync(images: Batches): NotedExtremes {
  const noted: NotedExtremes = {};
  const kernels = loadedKernels();
  if (kernels === undefined) return noted;
  for (const [name, data] of largeOf(images)) {
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
