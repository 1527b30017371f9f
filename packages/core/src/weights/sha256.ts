import { host } from "./host.ts";

/** The first `count` primes. */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The first 32 bits of the fractional parts of roots of primes, which SHA-256 takes its constants from (FIPS 180-4, 4.2.2 and 5.3.3). */
const fractions = (count: number, exponent: number) =>
  Int32Array.from(primes(count), (prime) => ((prime ** exponent % 1) * 2 ** 32) | 0);

const hexadecimal = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * SHA-256 in plain JavaScript, for pages from an insecure address, which have no WebCrypto.
 * Source: FIPS 180-4, section 6.2.
 */
export function plainSha256(bytes: Uint8Array): string {
  const rounds = fractions(64, 1 / 3);
  const state = fractions(8, 1 / 2);
  const words = new Int32Array(64);
  const rotated = (x: number, by: number) => (x >>> by) | (x << (32 - by));
  const block = (view: DataView, offset: number) => {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(offset + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [a, b] = [words[i - 15], words[i - 2]];
      const small0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
      const small1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
      words[i] = (words[i - 16] + small0 + words[i - 7] + small1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const first = (h + big1 + ((e & f) ^ (~e & g)) + rounds[i] + words[i]) | 0;
      const big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => {
      state[i] = (state[i] + value) | 0;
    });
  };

  const whole = bytes.length - (bytes.length % 64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < whole; offset += 64) block(view, offset);
  const rest = bytes.length - whole;
  const end = new Uint8Array(rest < 56 ? 64 : 128);
  end.set(bytes.subarray(whole));
  end[rest] = 0x80;
  const tail = new DataView(end.buffer);
  tail.setBigUint64(end.length - 8, BigInt(bytes.length) * 8n);
  for (let offset = 0; offset < end.length; offset += 64) block(tail, offset);

  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => {
    digest.setInt32(4 * i, value);
  });
  return hexadecimal(new Uint8Array(digest.buffer));
}

/** SHA-256 of bytes in hexadecimal digits: WebCrypto's, or where a page from an insecure address has none, {@link plainSha256}. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = host.crypto ?? {};
  if (subtle === undefined) return plainSha256(bytes);
  return hexadecimal(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}
