import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { StateDict } from "./state-dict.ts";

/**
 * Tensors as the bytes of a safetensors file, float32, in the order of their names, so that the same tensors give the same bytes.
 * Source: the format's description, https://github.com/huggingface/safetensors#format.
 *
 * @param metadata - texts that travel beside the tensors
 * @throws {ReconlossError} `shape` for a tensor whose shape and data do not agree
 * @example
 * ```ts
 * import { bytesSource, readCheckpoint, safetensors } from "@reconloss/core/weights";
 * const bytes = safetensors({ bias: { shape: [2], data: Float32Array.of(1, 2) } }, { step: "7" });
 * const checkpoint = await readCheckpoint(bytesSource("bias.safetensors", bytes));
 * Array.from((await checkpoint.read("bias")).data); // [1, 2]
 * checkpoint.metadata.step; // "7"
 * ```
 */
export function safetensors(tensors: StateDict, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  checkArguments("safetensors", { tensors: [tensors, "object"], metadata: [metadata, "object?"] });
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
    header[name] = { dtype: "F32", shape, data_offsets: [size, size + 4 * data.length] };
    size += 4 * data.length;
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
    for (let i = 0; i < data.length; i++) view.setFloat32(offset + 4 * i, data[i], true);
    offset += 4 * data.length;
  }
  return bytes;
}
