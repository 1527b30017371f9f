import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { halfBits } from "./elements.ts";
import type { StateDict } from "./state-dict.ts";

/** Options of {@link safetensors}. */
export interface SafetensorsOptions {
  /** The type of the numbers in the file. Half precision takes half the bytes; numbers are rounded to 11 binary digits. Default `float32`. */
  dtype?: "float32" | "float16";
}

const codes = { float32: "F32", float16: "F16", float64: "F64" } as const;

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
  if (dtype !== "float32" && dtype !== "float16") {
    throw new ReconlossError(
      "invalid-argument",
      `safetensors: dtype must be float32 or float16, got ${described(dtype)}`,
    );
  }
  const parts = Object.keys(tensors).map((name): [string, RawTensor] => {
    checkArguments("safetensors", { [name]: [tensors[name], "object", ["shape", "data"]] });
    const { shape, data } = tensors[name];
    if (shape.reduce((product, length) => product * length, 1) !== data.length) {
      throw new ReconlossError(
        "shape",
        `safetensors: ${name} of shape [${shape.join(", ")}] cannot have ${data.length} values`,
      );
    }
    const half = dtype === "float16" ? Uint16Array.from(data, (value) => halfOf(name, value)) : undefined;
    return [name, { dtype, shape, data: half ?? data }];
  });
  return packSafetensors(Object.fromEntries(parts), metadata);
}

/** A tensor as it lies in the file. */
export interface RawTensor {
  readonly dtype: keyof typeof codes;
  readonly shape: readonly number[];
  /** Its elements; those of half precision as bits. */
  readonly data: Float32Array | Float64Array | Uint16Array;
}

/** Tensors of several types as the bytes of a safetensors file, in the order of their names. */
export function packSafetensors(
  tensors: Readonly<Record<string, RawTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const names = Object.keys(tensors).sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let size = 0;
  for (const name of names) {
    const { dtype, shape, data } = tensors[name];
    header[name] = { dtype: codes[dtype], shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Tensors start at a multiple of 8 bytes, which spaces at the header's end make up for.
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + size).fill(0x20, 8, 8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  let offset = 8 + length;
  for (const name of names) {
    const { data } = tensors[name];
    // Little endian, as is every processor that this runs on.
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
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
