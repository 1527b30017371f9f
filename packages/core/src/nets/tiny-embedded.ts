import { inflateSync } from "fflate";
import { decodeElements } from "../weights/elements.ts";
import { packed } from "./tiny-weights.ts";

/** Numbers that were packed as text: half-precision numbers in base64, deflated, all high bytes before all low bytes. */
export function unpackHalves(text: string): Float32Array {
  const planes = inflateSync(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  const count = planes.length / 2;
  const bytes = planes.map((_, at) => planes[(at % 2 === 0 ? count : 0) + (at >> 1)]);
  return decodeElements("float16", bytes) as Float32Array;
}

/** The numbers of all tensors of the embedded network, one after the other. */
export function embeddedNumbers(): Float32Array {
  return unpackHalves(packed);
}
