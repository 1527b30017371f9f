import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The entry of the expected file for one checkpoint. */
export interface ExpectedCheckpoint {
  accept: boolean | "optional";
  why?: string;
  metadata?: Record<string, string>;
  tensors?: Record<string, { shape: number[]; dtype: string; first: number[]; sum: number }>;
}

export const folder = fileURLToPath(new URL("../goldens/checkpoints/", import.meta.url));
export const expected: Record<string, ExpectedCheckpoint> = JSON.parse(readFileSync(`${folder}expected.json`, "utf8"));
export const files = readdirSync(folder).filter((name) => name !== "expected.json");
export const goodFiles = files.filter((name) => expected[name].accept !== false);
export const badFiles = files.filter((name) => expected[name].accept === false);

/** A safetensors file from its header and data. */
export function safetensors(header: unknown, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** A safetensors file of float32 tensors. */
export function float32Safetensors(tensors: Record<string, { shape: number[]; data: ArrayLike<number> }>): Uint8Array {
  const header: Record<string, unknown> = {};
  const all: number[] = [];
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [4 * all.length, 4 * (all.length + data.length)] };
    all.push(...Array.from(data));
  }
  return safetensors(header, new Uint8Array(Float32Array.from(all).buffer));
}
