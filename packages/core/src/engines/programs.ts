import type { Definition } from "../definitions/definition.ts";
import type { AnyProgram, InputDims, Program } from "../graph/program.ts";
import { Recent } from "../recent.ts";
import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

type CompiledProgram = Program<string, string>;

const programsKept = 8;
const programs = new WeakMap<Definition, Recent<AnyProgram>>();

/** The program of a definition under this name on a device, made if it is not there. */
export function programFor(
  definition: Definition,
  name: string,
  device: Device,
  make: () => Promise<CompiledProgram>,
): Promise<CompiledProgram> {
  const cache = programs.get(definition) ?? new Recent<AnyProgram>(programsKept);
  programs.set(definition, cache);
  return cache.get(`${device} ${name}`, make);
}

/** The dims of a batch of images: height and width by number only where the mathematics depends on them. */
export function imageDims(definition: Definition, { shape: [, c, h, w] }: Tensor): InputDims {
  return definition.bySize ? ["n", c, h, w] : ["n", c, "h", "w"];
}
