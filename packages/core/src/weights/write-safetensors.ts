import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { elementBytes, halfBits } from "./elements.ts";
import type { StateDict } from "./state-dict.ts";

/** Options of {@link safetensors}. */
export interface SafetensorsOptions {
  /** The type of the numbers in the file. Half precision takes half the bytes; numbers are rounded to 11 binary digits. Default `float32`. */
  dtype?: "float32" | "float16";
}

const codes = { float32: "F32", float16: "F16" } as const;

/**
 * Tensors as the bytes of a safetensors file, in the order of their names, so that the same tensors give the same bytes.
 * Source: the format's description, https://github.com/huggingface/safetensors#format.
 *
 * @param metadata - texts that travel beside the tensors
 * @throws {ReconlossError} `shape` for a tensor whose shape and data do not agree; `range` for a finite number beyond half precision, 65504
 * @example
 * ```ts
 * import { bytesSource, readCheckpoint, safetensors } from "@reconloss/core/weights";
 * const bytes = safetensors({ bias: { shape: [2], data: Float32Array.of(1, 2) } }, { step: "7" });
 * const checkpoint = await readCheckpoint(bytesSource("bias.safetensors", bytes));
 * Array.from((await checkpoint.read("bias")).data); // [1, 2]
 * checkpoint.metadata.step; // "7"
 * ```
 */
export function safetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsOptions = {},
): Uint8Array {
  checkArguments("safetensors", {
    tensors: [tensors, "object"],
    metadata: [metadata, "object?"],
    options: [options, "object?"],
  });
  const { dtype = "float32" } = options;
  if (!Object.hasOwn(codes, dtype)) {
    throw new ReconlossError(
      "invalid-argument",
      `safetensors: dtype must be float32 or float16, got ${described(dtype)}`,
    );
  }
  const elementSize = elementBytes[dtype];
  const names = Object.keys(tensors).sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let size = 0;
  for (const name of names) {
    checkArguments("safetensors", { [name]: [tensors[name], "object", ["shape", "data"]] });
    const { shape, data } = tensors[name];
    if (shape.reduce((product, length) => product * length, 1) !== data.length) {
      throw new ReconlossError(
        "shape",
        `safetensors: ${name} of shape [${shape.join(", ")}] cannot have ${data.length} values`,
      );
    }
    header[name] = { dtype: codes[dtype], shape, data_offsets: [size, size + elementSize * data.length] };
    size += elementSize * data.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Tensors start at a multiple of 8 bytes, which spaces at the header's end make up for.
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + size).fill(0x20, 8, 8 + length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  let offset = 8 + length;
  for (const name of names) {
    const { data } = tensors[name];
    if (dtype === "float32") for (let i = 0; i < data.length; i++) view.setFloat32(offset + 4 * i, data[i], true);
    else for (let i = 0; i < data.length; i++) view.setUint16(offset + 2 * i, halfOf(name, data[i]), true);
    offset += elementSize * data.length;
  }
  return bytes;
}

/** A number in half precision, which must not become infinite. */
function halfOf(name: string, value: number): number {
  const bits = halfBits(value);
  if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
    throw new ReconlossError("range", `safetensors: ${name} has ${value}, beyond the 65504 of half precision`);
  }
  return bits;
}
