/** The factors of a length that passes take, smallest first: six is one pass, and one of prime factors above 5 each. */
function radicesOf(n: number): number[] {
  let rest = n;
  const take = (radix: number) => {
    let count = 0;
    for (; rest % radix === 0; rest /= radix) count++;
    return Array<number>(count).fill(radix);
  };
  const fours = take(4);
  const [twos, threes, fives] = [take(2), take(3), take(5)];
  // A two that is left over is joined with a three.
  const sixes = twos.length === 1 && threes.length > 0 ? [6] : [];
  if (sixes.length > 0) {
    twos.pop();
    threes.pop();
  }
  const primes: number[] = [];
  for (let prime = 7; rest > 1; prime += 2) primes.push(...take(prime));
  return [...twos, ...threes, ...fours, ...fives, ...sixes, ...primes];
}

/** exp(-2 pi i k / n) for each k: cosines and sines in turn. */
function turns(n: number, powers: readonly number[]): number[] {
  return powers.flatMap((k) => {
    const angle = (-2 * Math.PI * (k % n)) / n;
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Bytes of a number of the transforms: four lanes of real parts, four of imaginary ones. */
const numberBytes = 32;

/** The plan of transforms of a length, as `assembly/fourier.ts` has it. */
export function fourierPlan(n: number): Uint8Array {
  const radices = radicesOf(n);
  const parts: number[][] = [];
  let length = n;
  for (const radix of radices) {
    const [m, own] = [length / radix, length];
    if (radix > 6) {
      parts.push(turns(radix, [...Array(radix).keys()]));
      parts.push(Array((radix * numberBytes) / 4).fill(0));
    }
    for (let p = 0; p < m; p++)
      parts.push(
        turns(
          own,
          Array.from({ length: radix - 1 }, (_, j) => p * (j + 1)),
        ),
      );
    length = m;
  }
  const header = 12 + 4 * radices.length;
  const start = Math.ceil(header / 16) * 16;
  const floats = Float32Array.from(parts.flat());
  const plan = new Uint8Array(start + floats.byteLength);
  plan.set(new Uint8Array(Int32Array.of(n, radices.length, start, ...radices).buffer));
  plan.set(new Uint8Array(floats.buffer), start);
  return plan;
}
