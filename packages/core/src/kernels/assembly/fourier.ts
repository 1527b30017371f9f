import { multiplyAdd, multiplyLess } from "./simd";

// Fourier transforms of four sequences at once, one in each lane: numbers are 32 bytes, four real parts and then four imaginary ones. Passes take one radix each and go from one place to another (Stockham), so that
// nothing has to be put in order afterwards. Inverse transforms are those of numbers whose parts are exchanged.

/** Bytes of a number. */
export const NUMBER: usize = 32;

/** Numbers beyond a sequence that others may touch. */
const SLACK: i32 = 4;

/** Bytes of room for a sequence of `n` numbers, `batch` of them side by side. */
export function fourierRoom(n: i32, batch: i32): usize {
  return <usize>((n + SLACK) * batch) * NUMBER;
}

/** Stores a number, turned by the complex number at `turn`, if so. */
// @ts-ignore: decorator
@inline function put(turned: bool, to: usize, re: v128, im: v128, turn: usize): void {
  if (!turned) {
    v128.store(to, re);
    v128.store(to, im, 16);
    return;
  }
  const c = v128.load32_splat(turn), s = v128.load32_splat(turn, 4);
  v128.store(to, multiplyLess(im, s, f32x4.mul(re, c)));
  v128.store(to, multiplyAdd(im, c, f32x4.mul(re, s)), 16);
}

// @ts-ignore: decorator
@inline function twos(turned: bool, x: usize, y: usize, m: i32, s: i32, turns: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block;
  for (let p = 0; p < m; p++, y += block, turns += 8) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      const ar = v128.load(x), ai = v128.load(x, 16), br = v128.load(x + apart), bi = v128.load(x + apart, 16);
      put(false, y, f32x4.add(ar, br), f32x4.add(ai, bi), 0);
      put(turned, y + block, f32x4.sub(ar, br), f32x4.sub(ai, bi), turns);
    }
  }
}

// @ts-ignore: decorator
@inline function threes(turned: bool, x: usize, y: usize, m: i32, s: i32, turns: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block;
  const half = f32x4.splat(0.5), sine = f32x4.splat(0.8660254037844386);
  for (let p = 0; p < m; p++, y += 2 * block, turns += 16) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      const b = x + apart, c = b + apart;
      const ar = v128.load(x), ai = v128.load(x, 16), br = v128.load(b), bi = v128.load(b, 16), cr = v128.load(c), ci = v128.load(c, 16);
      const sr = f32x4.add(br, cr), si = f32x4.add(bi, ci);
      const vr = f32x4.mul(f32x4.sub(br, cr), sine), vi = f32x4.mul(f32x4.sub(bi, ci), sine);
      put(false, y, f32x4.add(ar, sr), f32x4.add(ai, si), 0);
      const ur = multiplyLess(sr, half, ar), ui = multiplyLess(si, half, ai);
      put(turned, y + block, f32x4.add(ur, vi), f32x4.sub(ui, vr), turns);
      put(turned, y + 2 * block, f32x4.sub(ur, vi), f32x4.add(ui, vr), turns + 8);
    }
  }
}

// @ts-ignore: decorator
@inline function fours(turned: bool, x: usize, y: usize, m: i32, s: i32, turns: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block;
  for (let p = 0; p < m; p++, y += 3 * block, turns += 24) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      const b = x + apart, c = b + apart, d = c + apart;
      const ar = v128.load(x), ai = v128.load(x, 16), cr = v128.load(c), ci = v128.load(c, 16);
      const sr = f32x4.add(ar, cr), si = f32x4.add(ai, ci), dr = f32x4.sub(ar, cr), di = f32x4.sub(ai, ci);
      const br = v128.load(b), bi = v128.load(b, 16), er = v128.load(d), ei = v128.load(d, 16);
      const tr = f32x4.add(br, er), ti = f32x4.add(bi, ei), ur = f32x4.sub(br, er), ui = f32x4.sub(bi, ei);
      put(false, y, f32x4.add(sr, tr), f32x4.add(si, ti), 0);
      put(turned, y + block, f32x4.add(dr, ui), f32x4.sub(di, ur), turns);
      put(turned, y + 2 * block, f32x4.sub(sr, tr), f32x4.sub(si, ti), turns + 8);
      put(turned, y + 3 * block, f32x4.sub(dr, ui), f32x4.add(di, ur), turns + 16);
    }
  }
}

// @ts-ignore: decorator
@inline function fives(turned: bool, x: usize, y: usize, m: i32, s: i32, turns: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block;
  const quarter = f32x4.splat(0.25), root = f32x4.splat(0.5590169943749475), long = f32x4.splat(0.9510565162951535), short = f32x4.splat(0.5877852522924731);
  for (let p = 0; p < m; p++, y += 4 * block, turns += 32) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      const b = x + apart, c = b + apart, d = c + apart, e = d + apart;
      const br = v128.load(b), bi = v128.load(b, 16), er = v128.load(e), ei = v128.load(e, 16);
      const pr = f32x4.add(br, er), pi = f32x4.add(bi, ei), qr = f32x4.sub(br, er), qi = f32x4.sub(bi, ei);
      const cr = v128.load(c), ci = v128.load(c, 16), dr = v128.load(d), di = v128.load(d, 16);
      const sr = f32x4.add(cr, dr), si = f32x4.add(ci, di), tr = f32x4.sub(cr, dr), ti = f32x4.sub(ci, di);
      const ar = v128.load(x), ai = v128.load(x, 16), wr = f32x4.add(pr, sr), wi = f32x4.add(pi, si);
      put(false, y, f32x4.add(ar, wr), f32x4.add(ai, wi), 0);
      const hr = multiplyLess(wr, quarter, ar), hi = multiplyLess(wi, quarter, ai);
      const gr = f32x4.mul(f32x4.sub(pr, sr), root), gi = f32x4.mul(f32x4.sub(pi, si), root);
      const ur = f32x4.add(hr, gr), ui = f32x4.add(hi, gi), vr = multiplyAdd(tr, short, f32x4.mul(qr, long)), vi = multiplyAdd(ti, short, f32x4.mul(qi, long));
      put(turned, y + block, f32x4.add(ur, vi), f32x4.sub(ui, vr), turns);
      put(turned, y + 4 * block, f32x4.sub(ur, vi), f32x4.add(ui, vr), turns + 24);
      const kr = f32x4.sub(hr, gr), ki = f32x4.sub(hi, gi), lr = multiplyLess(tr, long, f32x4.mul(qr, short)), li = multiplyLess(ti, long, f32x4.mul(qi, short));
      put(turned, y + 2 * block, f32x4.add(kr, li), f32x4.sub(ki, lr), turns + 8);
      put(turned, y + 3 * block, f32x4.sub(kr, li), f32x4.add(ki, lr), turns + 16);
    }
  }
}

/** Half of a transform of six: that of three sums, or of three differences, of numbers three places apart. */
// @ts-ignore: decorator
@inline function half(
  turned: bool, firstTurned: bool, ar: v128, ai: v128, br: v128, bi: v128, cr: v128, ci: v128,
  y0: usize, y1: usize, y2: usize, turn0: usize, turn1: usize, turn2: usize,
): void {
  const by = f32x4.splat(0.5), sine = f32x4.splat(0.8660254037844386);
  const sr = f32x4.add(br, cr), si = f32x4.add(bi, ci);
  const vr = f32x4.mul(f32x4.sub(br, cr), sine), vi = f32x4.mul(f32x4.sub(bi, ci), sine);
  put(turned && firstTurned, y0, f32x4.add(ar, sr), f32x4.add(ai, si), turn0);
  const ur = multiplyLess(sr, by, ar), ui = multiplyLess(si, by, ai);
  put(turned, y1, f32x4.add(ur, vi), f32x4.sub(ui, vr), turn1);
  put(turned, y2, f32x4.sub(ur, vi), f32x4.add(ui, vr), turn2);
}

// @ts-ignore: decorator
@inline function sixes(turned: bool, x: usize, y: usize, m: i32, s: i32, turns: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block;
  for (let p = 0; p < m; p++, y += 5 * block, turns += 40) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      // Numbers 0 and 3, 2 and 5, 4 and 1: two and three have no common divisor, so that nothing is turned between them.
      const b = x + apart, c = b + apart, d = c + apart, e = d + apart, f = e + apart;
      const ar = v128.load(x), ai = v128.load(x, 16), dr = v128.load(d), di = v128.load(d, 16);
      const cr = v128.load(c), ci = v128.load(c, 16), fr = v128.load(f), fi = v128.load(f, 16);
      const er = v128.load(e), ei = v128.load(e, 16), br = v128.load(b), bi = v128.load(b, 16);
      half(
        turned, false, f32x4.add(ar, dr), f32x4.add(ai, di), f32x4.add(cr, fr), f32x4.add(ci, fi), f32x4.add(er, br), f32x4.add(ei, bi),
        y, y + 4 * block, y + 2 * block, 0, turns + 24, turns + 8,
      );
      half(
        turned, true, f32x4.sub(ar, dr), f32x4.sub(ai, di), f32x4.sub(cr, fr), f32x4.sub(ci, fi), f32x4.sub(er, br), f32x4.sub(ei, bi),
        y + 3 * block, y + block, y + 5 * block, turns + 16, turns, turns + 32,
      );
    }
  }
}

/** Any odd radix, by sums of its two halves; `roots`: its roots of 1. Needs room for `radix` numbers. */
function odds(radix: i32, x: usize, y: usize, m: i32, s: i32, turns: usize, roots: usize, room: usize): void {
  const block = <usize>s * NUMBER, apart = <usize>m * block, halves = radix >> 1;
  const isLast = m == 1;
  for (let p = 0; p < m; p++, y += <usize>(radix - 1) * block, turns += <usize>(radix - 1) << 3) {
    for (const end = x + block; x < end; x += NUMBER, y += NUMBER) {
      const ar = v128.load(x), ai = v128.load(x, 16);
      let sumR = ar, sumI = ai;
      let low = x + apart, high = x + <usize>(radix - 1) * apart, at = room;
      for (let k = 0; k < halves; k++, low += apart, high -= apart, at += 64) {
        const br = v128.load(low), bi = v128.load(low, 16), cr = v128.load(high), ci = v128.load(high, 16);
        const ur = f32x4.add(br, cr), ui = f32x4.add(bi, ci);
        sumR = f32x4.add(sumR, ur);
        sumI = f32x4.add(sumI, ui);
        v128.store(at, ur);
        v128.store(at, ui, 16);
        v128.store(at, f32x4.sub(br, cr), 32);
        v128.store(at, f32x4.sub(bi, ci), 48);
      }
      put(false, y, sumR, sumI, 0);
      for (let j = 1; j <= halves; j++) {
        let ur = ar, ui = ai, vr = f32x4.splat(0), vi = vr;
        at = room;
        for (let k = 1, power = j; k <= halves; k++, at += 64) {
          const root = roots + (<usize>power << 3), c = v128.load32_splat(root), t = v128.load32_splat(root, 4);
          ur = multiplyAdd(v128.load(at), c, ur);
          ui = multiplyAdd(v128.load(at, 16), c, ui);
          vr = multiplyAdd(v128.load(at, 32), t, vr);
          vi = multiplyAdd(v128.load(at, 48), t, vi);
          power += j;
          if (power >= radix) power -= radix;
        }
        // Roots are cos - i sin: i times the sums of differences is added, and taken away.
        const first = y + <usize>j * block, second = y + <usize>(radix - j) * block;
        const turn = turns + (<usize>(j - 1) << 3), other = turns + (<usize>(radix - j - 1) << 3);
        if (isLast) {
          put(false, first, f32x4.sub(ur, vi), f32x4.add(ui, vr), 0);
          put(false, second, f32x4.add(ur, vi), f32x4.sub(ui, vr), 0);
        } else {
          put(true, first, f32x4.sub(ur, vi), f32x4.add(ui, vr), turn);
          put(true, second, f32x4.add(ur, vi), f32x4.sub(ui, vr), other);
        }
      }
    }
  }
}

// Each a function of its own, for the registers.
function twosTurned(x: usize, y: usize, m: i32, s: i32, turns: usize): void { twos(true, x, y, m, s, turns); }
function twosLast(x: usize, y: usize, m: i32, s: i32): void { twos(false, x, y, m, s, 0); }
function threesTurned(x: usize, y: usize, m: i32, s: i32, turns: usize): void { threes(true, x, y, m, s, turns); }
function threesLast(x: usize, y: usize, m: i32, s: i32): void { threes(false, x, y, m, s, 0); }
function foursTurned(x: usize, y: usize, m: i32, s: i32, turns: usize): void { fours(true, x, y, m, s, turns); }
function foursLast(x: usize, y: usize, m: i32, s: i32): void { fours(false, x, y, m, s, 0); }
function fivesTurned(x: usize, y: usize, m: i32, s: i32, turns: usize): void { fives(true, x, y, m, s, turns); }
function fivesLast(x: usize, y: usize, m: i32, s: i32): void { fives(false, x, y, m, s, 0); }
function sixesTurned(x: usize, y: usize, m: i32, s: i32, turns: usize): void { sixes(true, x, y, m, s, turns); }
function sixesLast(x: usize, y: usize, m: i32, s: i32): void { sixes(false, x, y, m, s, 0); }

/**
 * Transforms sequences at `x` by the plan of their length, `batch` of them with their numbers side by side; returns where the result is: at `x` or at `y`, which are both written to.
 *
 * A plan: length, number of passes, bytes before the first turns, radix after radix, and for each pass the turns of its numbers, before which an odd radix above 5 has its roots of 1, and room for as many numbers.
 */
export function fourier(x: usize, y: usize, plan: usize, batch: i32): usize {
  let n = load<i32>(plan), s = batch, turns = plan + load<i32>(plan, 8);
  for (let pass = load<i32>(plan, 4), at = plan + 12; pass > 0; pass--, at += 4) {
    const radix = load<i32>(at), m = n / radix;
    let own = turns;
    if (radix == 2) { if (m > 1) twosTurned(x, y, m, s, own); else twosLast(x, y, m, s); }
    else if (radix == 3) { if (m > 1) threesTurned(x, y, m, s, own); else threesLast(x, y, m, s); }
    else if (radix == 4) { if (m > 1) foursTurned(x, y, m, s, own); else foursLast(x, y, m, s); }
    else if (radix == 5) { if (m > 1) fivesTurned(x, y, m, s, own); else fivesLast(x, y, m, s); }
    else if (radix == 6) { if (m > 1) sixesTurned(x, y, m, s, own); else sixesLast(x, y, m, s); }
    else {
      own += <usize>radix * (8 + NUMBER);
      odds(radix, x, y, m, s, own, turns, turns + (<usize>radix << 3));
    }
    turns = own + (<usize>(m * (radix - 1)) << 3);
    n = m;
    s *= radix;
    const z = x;
    x = y;
    y = z;
  }
  return x;
}
