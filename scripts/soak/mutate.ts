import type { Random } from "../../packages/core/src/random.ts";

/** A kind of mutation of a file. */
export const mutations = ["bits", "bytes", "cut", "length", "splice"] as const;

/** Numbers that lengths, counts and offsets go wrong at. */
const wrongLengths = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

/**
 * A copy of a file with something wrong; the same random numbers give the same bytes. Mutations are more often near the beginning, where headers are.
 *
 * @param donors - whole files, pieces of which are put into this one
 */
export function mutated(file: Uint8Array, donors: readonly Uint8Array[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(file);
  for (let times = random.pick([1, 1, 2]); times > 0 && bytes.length > 0; times--)
    bytes = mutateOnce(bytes, donors, random);
  return bytes;
}

/** Changes the bytes where their number stays, and returns them, or others. */
function mutateOnce(bytes: Buffer, donors: readonly Uint8Array[], random: Random): Buffer {
  // Two of three anywhere: what is wrong at the end, such as a zip archive's directory, must be met too.
  const place = (): number => Math.floor((bytes.length - 1) * random.uniform() ** random.pick([1, 1, 3]));
  switch (random.pick(mutations)) {
    case "bits":
      for (let count = random.pick([1, 1, 2, 8]); count > 0; count--) bytes[place()] ^= 1 << random.below(8);
      return bytes;
    case "bytes":
      for (let count = random.pick([1, 1, 2, 8]); count > 0; count--) bytes[place()] = random.below(256);
      return bytes;
    case "cut":
      return bytes.subarray(0, random.below(bytes.length));
    case "length":
      writeLength(bytes, place(), random);
      return bytes;
    case "splice":
      return splice(bytes, place(), random.pick(donors), random);
  }
}

/** Replaces 1, 2, 4 or 8 bytes by a number that a length should not be, or by one close to the length that was there. */
function writeLength(bytes: Buffer, at: number, random: Random): void {
  const size = Math.min(random.pick([1, 2, 4, 4, 8]), bytes.length - at, 6);
  const isLittle = random.below(2) === 0;
  const old = isLittle ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
  const wanted = random.pick([...wrongLengths, bytes.length, bytes.length - at, old + 1, old - 1, old * 2]);
  const value = Math.abs(wanted) % 2 ** (8 * size);
  if (isLittle) bytes.writeUIntLE(value, at, size);
  else bytes.writeUIntBE(value, at, size);
}

/** Puts a piece of a donor in, instead of a piece of the file or beside it, or leaves a piece out. */
function splice(bytes: Buffer, at: number, donor: Uint8Array, random: Random): Buffer {
  const from = random.below(donor.length);
  const piece = donor.subarray(from, from + 1 + random.below(Math.min(256, donor.length)));
  const removed = random.pick([0, piece.length, random.below(64)]);
  const isLeftOut = random.below(4) === 0;
  return Buffer.concat([bytes.subarray(0, at), isLeftOut ? Buffer.alloc(0) : piece, bytes.subarray(at + removed)]);
}
