/**
 * The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding), as far as ONNX models need it. A library would bring the description of all of ONNX's messages, whose
 * reading takes longer than the first comparison of a page.
 */

/** A field: its tag and its content. */
export interface Field {
  readonly parts: readonly Uint8Array[];
  /** The bytes of all parts. */
  readonly length: number;
}

/** The fields of a message, in the order of their numbers. */
export type Message = readonly Field[];

/** The kinds of content on the wire. */
const wire = { varint: 0, delimited: 2 };

/** A number in groups of seven bits, the lowest first; negative ones as 64 bits of their two's complement. */
function varint(value: number): number[] {
  const groups: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) groups.push(Number(rest & 127n) | 128);
  groups.push(Number(rest));
  return groups;
}

/** The bytes of several pieces together. */
function lengthOf(pieces: readonly { readonly length: number }[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function field(...parts: Uint8Array[]): Field {
  return { parts, length: lengthOf(parts) };
}

function delimited(number: number, length: number, parts: readonly Uint8Array[]): Field {
  return field(Uint8Array.of(...varint(number * 8 + wire.delimited), ...varint(length)), ...parts);
}

/** An integer. */
export function integer(number: number, value: number): Field {
  return field(Uint8Array.of(...varint(number * 8 + wire.varint), ...varint(value)));
}

/** Bytes, which are not copied before the message is encoded. */
export function bytes(number: number, value: Uint8Array): Field {
  return delimited(number, value.length, [value]);
}

/** Text, in UTF-8. */
export function text(number: number, value: string): Field {
  return bytes(number, new TextEncoder().encode(value));
}

/** A message within another. */
export function message(number: number, fields: Message): Field {
  return delimited(
    number,
    lengthOf(fields),
    fields.flatMap(({ parts }) => parts),
  );
}

/** The bytes of a message. */
export function encode(fields: Message): Uint8Array {
  const encoded = new Uint8Array(lengthOf(fields));
  let at = 0;
  for (const { parts } of fields) {
    for (const part of parts) {
      encoded.set(part, at);
      at += part.length;
    }
  }
  return encoded;
}
