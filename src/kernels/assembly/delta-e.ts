import { blueGradient, difference32, greenGradient, LAB_BYTES, labToRgbGradient, lanes32, redGradient, toLab } from "./lab";
import { firstLanes, laneSum, multiplyAdd, widen } from "./simd";
import { arctangent, cosineSmall, expNegative, sineSmall } from "./trigonometry";

// Colour differences of sRGB images with gradient. Colour 1 is the target, colour 2 the output. Everything that is small where the colours are close
// (dL, da, db, dC, dH) is computed from differences, never as the difference of two large numbers.

const CIE76: i32 = 0;
const CIE94: i32 = 1;
const LAB_MSE: i32 = 2;
const CIEDE2000: i32 = 3;

// The gradient with respect to L, a, b of the output, before the root's derivative.
let gL: v128 = f32x4.splat(0);
let ga: v128 = f32x4.splat(0);
let gb: v128 = f32x4.splat(0);

// @ts-ignore: decorator
@inline function constant(x: f64): v128 {
  return f32x4.splat(<f32>x);
}

// @ts-ignore: decorator
@inline function square(x: v128): v128 {
  return f32x4.mul(x, x);
}

// @ts-ignore: decorator
@inline function length(x: v128, y: v128): v128 {
  return f32x4.sqrt(multiplyAdd(x, x, square(y)));
}

/** 1 / x, and 0 for x = 0. */
// @ts-ignore: decorator
@inline function inverse(x: v128): v128 {
  return v128.and(f32x4.div(constant(1), x), f32x4.gt(x, constant(0)));
}

/** a1 b2 - b1 a2, from the differences where these are the smaller numbers. */
// @ts-ignore: decorator
@inline function crossProduct(a1: v128, b1: v128, a2: v128, b2: v128, da: v128, db: v128, C2: v128): v128 {
  const close = f32x4.lt(multiplyAdd(da, da, square(db)), square(C2));
  const x = v128.bitselect(da, a2, close), y = v128.bitselect(db, b2, close);
  return f32x4.sub(f32x4.mul(a1, y), f32x4.mul(b1, x));
}

/** |dH| with its sign, 2 sqrt(C1 C2) sin(turn / 2), from the cross and dot product of the two (a, b) and their lengths' product. */
// @ts-ignore: decorator
@inline function hueDifference(cross: v128, dot: v128, product: v128): v128 {
  const zero = constant(0);
  const near = f32x4.mul(cross, inverse(f32x4.sqrt(f32x4.mul(constant(0.5), f32x4.add(product, dot)))));
  const far = f32x4.sqrt(f32x4.pmax(f32x4.mul(constant(2), f32x4.sub(product, dot)), zero));
  const farSigned = v128.or(far, v128.and(cross, i32x4.splat(<i32>0x80000000)));
  return v128.and(v128.bitselect(near, farSigned, f32x4.ge(dot, zero)), f32x4.gt(product, zero));
}

/** sqrt(C^7 / (C^7 + 25^7)) with s = (C / 25)^7. */
// @ts-ignore: decorator
@inline function seventh(c: v128): v128 {
  const r = f32x4.mul(c, constant(1.0 / 25));
  const r2 = square(r);
  return f32x4.mul(f32x4.mul(square(r2), r2), r);
}

/** Squared CIEDE2000 difference (Sharma, Wu, Dalal 2005); leaves its gradient in gL, ga, gb. */
// @ts-ignore: decorator
@inline function squared2000(
  L1: v128, a1: v128, b1: v128, L2: v128, a2: v128, b2: v128, dL: v128, da: v128, db: v128, withGrad: bool,
): v128 {
  const zero = constant(0), one = constant(1), half = constant(0.5), two = constant(2);

  // Chroma, with a stretched where colours are dull.
  const plain1 = length(a1, b1), plain2 = length(a2, b2);
  const plainMean = f32x4.mul(half, f32x4.add(plain1, plain2));
  const s0 = seventh(plainMean);
  const s0Inverse = f32x4.div(one, f32x4.add(s0, one));
  const saturation0 = f32x4.sqrt(f32x4.mul(s0, s0Inverse));
  const stretch = f32x4.sub(constant(1.5), f32x4.mul(half, saturation0));
  const p1 = f32x4.mul(a1, stretch), p2 = f32x4.mul(a2, stretch), dp = f32x4.mul(da, stretch);
  const C1 = length(p1, b1), C2 = length(p2, b2);
  const i1 = inverse(C1), i2 = inverse(C2);
  const sumC = f32x4.add(C1, C2);
  const dC = f32x4.mul(
    multiplyAdd(dp, f32x4.add(p1, p2), f32x4.mul(db, f32x4.add(b1, b2))),
    inverse(sumC),
  );
  const C = f32x4.mul(half, sumC);

  // Hue: difference from the cross product, mean as the direction of the bisector.
  const cross = crossProduct(p1, b1, p2, b2, dp, db, C2);
  const dot = multiplyAdd(p1, p2, f32x4.mul(b1, b2));
  const product = f32x4.mul(C1, C2);
  const dH = hueDifference(cross, dot, product);
  const x1 = f32x4.mul(p1, i1), y1 = f32x4.mul(b1, i1), x2 = f32x4.mul(p2, i2), y2 = f32x4.mul(b2, i2);
  const acute = f32x4.ge(dot, zero);
  const turn = v128.and(cross, i32x4.splat(<i32>0x80000000));
  const mx = v128.bitselect(f32x4.add(x1, x2), v128.xor(f32x4.sub(y2, y1), turn), acute);
  const my0 = v128.bitselect(f32x4.add(y1, y2), v128.xor(f32x4.sub(x1, x2), turn), acute);
  const mLength = length(mx, my0);
  const mInverse = inverse(mLength);
  // Two greys have hue 0.
  const c = v128.bitselect(f32x4.mul(mx, mInverse), one, f32x4.gt(mLength, zero));
  const s = f32x4.mul(my0, mInverse);
  const c2 = f32x4.sub(square(c), square(s)), s2 = f32x4.mul(two, f32x4.mul(c, s));
  const c3 = f32x4.sub(f32x4.mul(c2, c), f32x4.mul(s2, s)), s3 = multiplyAdd(s2, c, f32x4.mul(c2, s));
  const c4 = f32x4.sub(square(c2), square(s2)), s4 = f32x4.mul(two, f32x4.mul(s2, c2));
  // -0.17 cos(h - 30) + 0.24 cos 2h + 0.32 cos(3h + 6) - 0.20 cos(4h - 63), angles in degrees, by the addition theorem.
  let T = multiplyAdd(constant(0.24), c2, one);
  T = f32x4.sub(T, multiplyAdd(constant(0.17 * 0.8660254037844387), c, f32x4.mul(constant(0.17 * 0.5), s)));
  T = f32x4.add(T, f32x4.sub(f32x4.mul(constant(0.32 * 0.9945218953682733), c3), f32x4.mul(constant(0.32 * 0.10452846326765347), s3)));
  T = f32x4.sub(T, multiplyAdd(constant(0.2 * 0.45399049973954675), c4, f32x4.mul(constant(0.2 * 0.8910065241883679), s4)));

  // The three terms.
  const l0 = f32x4.sub(f32x4.mul(half, f32x4.add(L1, L2)), constant(50));
  const q = square(l0);
  const q20 = f32x4.add(q, constant(20));
  const q20Root = f32x4.sqrt(q20);
  const SL = f32x4.add(one, f32x4.div(f32x4.mul(constant(0.015), q), q20Root));
  const SC = multiplyAdd(constant(0.045), C, one);
  const SH = multiplyAdd(f32x4.mul(constant(0.015), C), T, one);
  const SLInverse = f32x4.div(one, SL), SCInverse = f32x4.div(one, SC), SHInverse = f32x4.div(one, SH);
  const l = f32x4.mul(dL, SLInverse), k = f32x4.mul(dC, SCInverse), t = f32x4.mul(dH, SHInverse);

  // The rotation term: a bell around 275 degrees. Beyond 150 degrees from there it is below 1e-15 and counts as 0 (near grey its slope is divided by
  // the chroma, so that a nearer end would show), and so it is from 0 on, where the hue's numbering starts anew.
  const cos275 = constant(0.08715574274765814), sin275 = constant(-0.9961946980917455), farthest = constant(-0.8660254037844387);
  const cd = multiplyAdd(c, cos275, f32x4.mul(s, sin275)), sd = f32x4.sub(f32x4.mul(s, cos275), f32x4.mul(c, sin275));
  const within = v128.andnot(f32x4.gt(cd, farthest), v128.and(f32x4.gt(c, zero), f32x4.ge(s, zero)));
  // tan(x / 2) and tan(x / 4), which stays below 1.
  const halfTangent = f32x4.div(sd, f32x4.add(one, f32x4.pmax(cd, farthest)));
  const quarterTangent = f32x4.div(halfTangent, f32x4.add(one, f32x4.sqrt(multiplyAdd(halfTangent, halfTangent, one))));
  const delta = v128.and(f32x4.mul(constant(4), arctangent(quarterTangent)), within);
  const perWidth = constant(2.291831180523293); // 1 / 25 degrees
  const bell = v128.and(expNegative(square(f32x4.mul(delta, perWidth))), within);
  const s1 = seventh(C);
  const s1Inverse = f32x4.div(one, f32x4.add(s1, one));
  const saturation = f32x4.sqrt(f32x4.mul(s1, s1Inverse));
  const angle = f32x4.mul(bell, constant(1.0471975511965976));
  const sine = sineSmall(angle);
  const R = f32x4.mul(constant(-2), f32x4.mul(saturation, sine));
  const kt = f32x4.mul(k, t);
  const F = multiplyAdd(l, l, multiplyAdd(k, k, multiplyAdd(t, t, f32x4.mul(R, kt))));
  if (!withGrad) return F;

  const gl = f32x4.mul(two, l);
  const gk = multiplyAdd(two, k, f32x4.mul(R, t));
  const gt = multiplyAdd(two, t, f32x4.mul(R, k));
  const gSL = f32x4.neg(f32x4.mul(f32x4.mul(gl, l), SLInverse));
  const slopeSL = f32x4.div(f32x4.mul(constant(0.015), multiplyAdd(half, q, constant(20))), f32x4.mul(q20, q20Root));
  gL = multiplyAdd(gl, SLInverse, f32x4.mul(f32x4.mul(gSL, slopeSL), l0));

  const gdC = f32x4.mul(gk, SCInverse);
  const gdH = f32x4.mul(gt, SHInverse);
  const gSC = f32x4.neg(f32x4.mul(f32x4.mul(gk, k), SCInverse));
  const gSH = f32x4.neg(f32x4.mul(f32x4.mul(gt, t), SHInverse));
  const gT = f32x4.mul(f32x4.mul(constant(0.015), C), gSH);
  const gSaturation = f32x4.mul(f32x4.mul(constant(-2), sine), kt);
  const gBell = f32x4.mul(f32x4.mul(constant(-2 * 1.0471975511965976), f32x4.mul(saturation, cosineSmall(angle))), kt);
  // d saturation / dC = 3.5 saturation / (C (1 + s)).
  const slope1 = f32x4.mul(f32x4.mul(constant(3.5), saturation), f32x4.mul(s1Inverse, inverse(C)));
  let gC = multiplyAdd(constant(0.045), gSC, f32x4.mul(f32x4.mul(constant(0.015), T), gSH));
  gC = f32x4.mul(half, multiplyAdd(gSaturation, slope1, gC));

  let slopeT = multiplyAdd(constant(-0.48), s2, f32x4.sub(
    f32x4.mul(constant(0.17 * 0.8660254037844387), s), f32x4.mul(constant(0.17 * 0.5), c),
  ));
  slopeT = f32x4.sub(slopeT, multiplyAdd(constant(0.96 * 0.9945218953682733), s3, f32x4.mul(constant(0.96 * 0.10452846326765347), c3)));
  slopeT = f32x4.add(slopeT, f32x4.sub(f32x4.mul(constant(0.8 * 0.45399049973954675), s4), f32x4.mul(constant(0.8 * 0.8910065241883679), c4)));
  const slopeBell = f32x4.mul(f32x4.mul(constant(-2 * 2.291831180523293 * 2.291831180523293), delta), bell);
  const gh = multiplyAdd(gT, slopeT, f32x4.mul(gBell, slopeBell));
  // The mean hue follows both hues by half, or the only one there is.
  const coloured = f32x4.gt(product, zero);
  const share = f32x4.mul(gh, v128.bitselect(half, one, coloured));
  // d dH / d hue 2 = sqrt(C1 C2) cos(turn / 2).
  const root = v128.bitselect(
    f32x4.sqrt(f32x4.mul(half, f32x4.add(product, f32x4.pmax(dot, zero)))),
    f32x4.mul(f32x4.abs(cross), inverse(f32x4.abs(dH))),
    acute,
  );
  const turning = f32x4.mul(gdH, root);
  const gh1 = f32x4.sub(share, turning), gh2 = f32x4.add(share, turning);
  const halfTone = f32x4.mul(half, f32x4.mul(gdH, dH));
  const gC1 = f32x4.add(f32x4.sub(gC, gdC), f32x4.mul(halfTone, i1));
  const gC2 = f32x4.add(f32x4.add(gC, gdC), f32x4.mul(halfTone, i2));
  const gp1 = f32x4.sub(f32x4.mul(gC1, x1), f32x4.mul(f32x4.mul(gh1, y1), i1));
  const gp2 = f32x4.sub(f32x4.mul(gC2, x2), f32x4.mul(f32x4.mul(gh2, y2), i2));
  const gb2 = multiplyAdd(gC2, y2, f32x4.mul(f32x4.mul(gh2, x2), i2));
  const gStretch = multiplyAdd(gp1, a1, f32x4.mul(gp2, a2));
  const slope0 = f32x4.mul(f32x4.mul(constant(3.5), saturation0), f32x4.mul(s0Inverse, inverse(plainMean)));
  const gPlain2 = f32x4.mul(f32x4.mul(constant(-0.25), gStretch), f32x4.mul(slope0, inverse(plain2)));
  ga = multiplyAdd(gp2, stretch, f32x4.mul(gPlain2, a2));
  gb = multiplyAdd(gPlain2, b2, gb2);
  return F;
}

/** Squared CIE94 difference, graphic arts, the target as reference; leaves its gradient in gL, ga, gb. */
// @ts-ignore: decorator
@inline function squared94(a1: v128, b1: v128, a2: v128, b2: v128, dL: v128, da: v128, db: v128): v128 {
  const one = constant(1), two = constant(2);
  const C1 = length(a1, b1), C2 = length(a2, b2);
  const dC = f32x4.mul(
    multiplyAdd(da, f32x4.add(a1, a2), f32x4.mul(db, f32x4.add(b1, b2))),
    inverse(f32x4.add(C1, C2)),
  );
  const cross = crossProduct(a1, b1, a2, b2, da, db, C2);
  const dH = hueDifference(cross, multiplyAdd(a1, a2, f32x4.mul(b1, b2)), f32x4.mul(C1, C2));
  const wC = f32x4.div(one, square(multiplyAdd(constant(0.045), C1, one)));
  const wH = f32x4.div(one, square(multiplyAdd(constant(0.015), C1, one)));
  // dH^2 = da^2 + db^2 - dC^2. An output without chroma has no direction to go in.
  const radial = f32x4.mul(f32x4.mul(f32x4.mul(two, dC), f32x4.sub(wC, wH)), inverse(C2));
  const tangential = v128.and(f32x4.mul(two, wH), f32x4.gt(C2, constant(0)));
  gL = f32x4.mul(two, dL);
  ga = multiplyAdd(tangential, da, f32x4.mul(radial, a2));
  gb = multiplyAdd(tangential, db, f32x4.mul(radial, b2));
  return multiplyAdd(dL, dL, multiplyAdd(square(dC), wC, f32x4.mul(square(dH), wH)));
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, x: usize, y: usize, stride: i32, count: i32, grey: bool, range: f64,
  grad: usize, gradScale: f32, map: usize, scratch: usize,
): f64 {
  const zero = constant(0), one = constant(1);
  const plane: usize = grey ? 0 : <usize>stride << 2;
  const out = scratch, target = scratch + LAB_BYTES;
  const white = f32x4.splat(<f32>range), perRange = f64x2.splat(1 / range);
  const scale = f32x4.splat(gradScale / <f32>range);
  let total = f64x2.splat(0);
  const end = <usize>count << 2;
  for (let i: usize = 0; i < end; i += 16) {
    const r = v128.load(x + i);
    const g = v128.load(x + plane + i);
    const b = v128.load(x + 2 * plane + i);
    const r1 = v128.load(y + i);
    const g1 = v128.load(y + plane + i);
    const b1 = v128.load(y + 2 * plane + i);
    toLab(limit(r, white), limit(g, white), limit(b, white), perRange, out, withGrad);
    toLab(limit(r1, white), limit(g1, white), limit(b1, white), perRange, target, false);
    const dL = difference32(out, target), da = difference32(out + 32, target + 32), db = difference32(out + 64, target + 64);
    let value: v128, factor: v128;
    if (kind == CIE76 || kind == LAB_MSE) {
      gL = dL;
      ga = da;
      gb = db;
      value = multiplyAdd(dL, dL, multiplyAdd(da, da, square(db)));
      if (kind == CIE76) {
        value = f32x4.sqrt(value);
        factor = inverse(value);
      } else {
        value = f32x4.mul(value, constant(1.0 / 3.0));
        factor = constant(2.0 / 3.0);
      }
    } else {
      if (kind == CIE94) {
        value = squared94(lanes32(target + 32), lanes32(target + 64), lanes32(out + 32), lanes32(out + 64), dL, da, db);
      } else {
        value = squared2000(
          lanes32(target), lanes32(target + 32), lanes32(target + 64),
          lanes32(out), lanes32(out + 32), lanes32(out + 64), dL, da, db, withGrad,
        );
      }
      value = f32x4.sqrt(f32x4.pmax(value, zero));
      factor = f32x4.mul(constant(0.5), inverse(value));
    }
    if (withGrad) {
      const chain = f32x4.mul(factor, scale);
      labToRgbGradient(f32x4.mul(gL, chain), f32x4.mul(ga, chain), f32x4.mul(gb, chain), out);
      const red = v128.and(redGradient(), inside(r, white)), green = v128.and(greenGradient(), inside(g, white)), blue = v128.and(blueGradient(), inside(b, white));
      if (grey) {
        v128.store(grad + i, f32x4.add(red, f32x4.add(green, blue)));
      } else {
        v128.store(grad + i, red);
        v128.store(grad + plane + i, green);
        v128.store(grad + 2 * plane + i, blue);
      }
    }
    if (map) v128.store(map + i, value);
    total = f64x2.add(total, widen(v128.and(value, firstLanes(<i32>((end - i) >> 2)))));
  }
  return laneSum(total);
}

// @ts-ignore: decorator
@inline function limit(x: v128, white: v128): v128 {
  return f32x4.pmin(white, f32x4.pmax(constant(0), x));
}

// @ts-ignore: decorator
@inline function inside(x: v128, white: v128): v128 {
  return v128.and(f32x4.ge(x, constant(0)), f32x4.le(x, white));
}

/**
 * The sum of colour differences over `count` pixels; kind 0: CIE76, 1: CIE94, 2: mean square of the three Lab channels, 3: CIEDE2000.
 * `x`, `y`: three planes `stride` floats apart, or one if `grey`, of samples in [0, range]. Writes gradient * gradScale to `grad`, laid out as x, and each
 * pixel's difference to `map`, where these are not 0. `scratch`: 576 bytes. Touches up to 3 floats beyond the end of each plane.
 */
export function deltaE(
  kind: i32, x: usize, y: usize, stride: i32, count: i32, grey: bool, range: f64,
  grad: usize, gradScale: f32, map: usize, scratch: usize,
): f64 {
  const withGrad = grad != 0;
  if (kind == CIEDE2000) {
    if (withGrad) return run(CIEDE2000, true, x, y, stride, count, grey, range, grad, gradScale, map, scratch);
    return run(CIEDE2000, false, x, y, stride, count, grey, range, grad, gradScale, map, scratch);
  }
  if (kind == CIE94) return withGrad
    ? run(CIE94, true, x, y, stride, count, grey, range, grad, gradScale, map, scratch)
    : run(CIE94, false, x, y, stride, count, grey, range, grad, gradScale, map, scratch);
  if (kind == LAB_MSE) return withGrad
    ? run(LAB_MSE, true, x, y, stride, count, grey, range, grad, gradScale, map, scratch)
    : run(LAB_MSE, false, x, y, stride, count, grey, range, grad, gradScale, map, scratch);
  return withGrad
    ? run(CIE76, true, x, y, stride, count, grey, range, grad, gradScale, map, scratch)
    : run(CIE76, false, x, y, stride, count, grey, range, grad, gradScale, map, scratch);
}
