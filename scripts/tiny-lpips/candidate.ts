import { readFile } from "node:fs/promises";
import { tensorsOf, tinyTensors } from "../../packages/core/src/nets/tiny.ts";
import { unpackSteps } from "../../packages/core/src/nets/tiny-packed.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";

/** The weights in a module that `weightsModule` wrote. */
export async function readWeightsModule(path: string): Promise<StateDict> {
  const [, packed] = /"([\w+/=]+)";/.exec(await readFile(path, "utf8")) ?? [];
  if (packed === undefined) throw new Error(`${path} holds no packed weights`);
  return tensorsOf(unpackSteps(packed, tinyTensors()));
}
