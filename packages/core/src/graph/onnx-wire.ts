import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** The most messages and texts that a model may have: each takes some hundred bytes of memory, and as few as two in a file. */
const mostParts = 500_000;
/** The most bytes of whole numbers written one after the other, which take many times as much memory. */
const mostNumbers = 2 ** 24;

/** Protobuf's numbers of the ways in which a field is written. */
const wire = { number: 0, eightBytes: 1, withLength: 2, fourBytes: 5 } as const;
/** Protobuf's numbers of the scalar types that have a length: double, float, fixed64, fixed32, text, bytes, sfixed32, sfixed64. */
const hasLength = new Set([1, 2, 6, 7, 9, 12, 15, 16]);

const known = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(schema: DescMessage): ReadonlyMap<number, DescField> {
  const fields = known.get(schema) ?? new Map(schema.fields.map((field) => [field.number, field]));
  known.set(schema, fields);
  return fields;
}

/**
 * Returns the reason against decoding a protobuf message: that it ends too early, or would take far more memory than its bytes. Reads lengths alone. `undefined` where nothing does.
 */
export function wireProblem(bytes: Uint8Array, schema: DescMessage): string | undefined {
  let [position, parts, numbers] = [0, 0, 0];
  const next = (): number => {
    let value = 0;
    for (let power = 1; power < 2 ** 70; power *= 128) {
      const byte = bytes[position++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 127) * power;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  const open: { readonly end: number; readonly schema: DescMessage }[] = [{ end: bytes.length, schema }];
  for (let message = open.at(-1); message !== undefined; message = open.at(-1)) {
    if (position === message.end) {
      open.pop();
      continue;
    }
    const tag = next();
    const kind = tag % 8;
    if (kind === wire.number) {
      numbers++;
      next();
    } else if (kind === wire.eightBytes || kind === wire.fourBytes) {
      position += kind === wire.eightBytes ? 8 : 4;
    } else if (kind === wire.withLength) {
      const length = next();
      const field = fieldsOf(message.schema).get(Math.floor(tag / 8));
      parts++;
      const inner = field !== undefined && "message" in field ? field.message : undefined;
      const end = position + length;
      if (!(end <= message.end)) return "is damaged";
      if (inner !== undefined) open.push({ end, schema: inner });
      else {
        if (field?.fieldKind === "list" && field.listKind === "scalar" && !hasLength.has(field.scalar))
          numbers += length;
        position = end;
      }
    } else {
      return "is damaged";
    }
    if (!(position <= message.end)) return "is damaged";
    if (parts > mostParts) return `has more than ${mostParts} parts`;
    if (numbers > mostNumbers) return `has more than ${mostNumbers} bytes of whole numbers`;
    if (open.length > 100) return "is nested more than 100 deep";
  }
  return undefined;
}
