import { inflateSync } from "fflate";
import { decodeElements } from "../weights/elements.ts";
import type { TensorShapes } from "../weights/state-dict.ts";

/** The bytes of a text that is deflated and in base64. */
function inflated(text: string): Uint8Array {
  return inflateSync(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
}

/** Numbers of which all high bytes come before all low bytes. */
function halves(planes: Uint8Array): Float32Array {
  const count = planes.length / 2;
  const bytes = planes.map((_, at) => planes[(at % 2 === 0 ? count : 0) + (at >> 1)]);
  return decodeElements("float16", bytes) as Float32Array;
}

/** The numbers of the first edition, one after the other: half-precision numbers in base64, deflated, all high bytes before all low bytes. */
export function unpackHalves(text: string): Float32Array {
  return halves(inflated(text));
}

/** Whether a tensor is packed as steps: convolutions are, biases and heads are few and stay numbers. */
export function inSteps(shape: readonly number[]): boolean {
  return shape.length === 4 && shape[0] > 1;
}

/**
 * The numbers of the second edition, one after the other. First come all entries of convolutions as signed bytes, how many steps of a size each is, then half-precision
 * numbers: for each tensor in its turn the steps' sizes, one for each output channel, or the numbers themselves.
 *
 * @param shapes - of all tensors in their order
 */
export function unpackSteps(text: string, shapes: TensorShapes): Float32Array {
  const bytes = inflated(text);
  const tensors = Object.values(shapes).map((shape) => {
    return { shape, count: shape.reduce((product, size) => product * size, 1) };
  });
  const total = tensors.reduce((sum, { count }) => sum + count, 0);
  const counted = tensors.reduce((sum, { shape, count }) => sum + (inSteps(shape) ? count : 0), 0);
  const steps = new Int8Array(bytes.buffer, bytes.byteOffset, counted);
  const numbers = halves(bytes.subarray(counted));
  const values = new Float32Array(total);
  let [to, step, number] = [0, 0, 0];
  for (const { shape, count } of tensors) {
    if (inSteps(shape)) {
      const each = count / shape[0];
      for (let at = 0; at < count; at++) values[to + at] = steps[step + at] * numbers[number + Math.floor(at / each)];
      step += count;
      number += shape[0];
    } else {
      values.set(numbers.subarray(number, number + count), to);
      number += count;
    }
    to += count;
  }
  return values;
}
