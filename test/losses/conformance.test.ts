import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Definition, OwnEvaluation, Wants } from "../../packages/core/src/definitions/definition.ts";
import { type DefinedValues, evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { kernels } from "../../packages/core/src/engines/kernels.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { ready } from "../../packages/core/src/kernels/index.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { toImage } from "../../packages/core/src/pixels/input.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { enginesFor, evaluateBy, requestOf } from "../engine.ts";
import { mapTensor } from "../golden.ts";
import { randomPixels, randomTensor } from "../random.ts";

/**
 * One tester for every loss: what holds for all of them, whatever they compute. Expected values are the float64 reference backend's, and
 * finite differences of it.
 */
interface Case {
  spec: string;
  /** The smallest height and width it takes; default 1. */
  least?: number;
  channels?: number;
  /** The step of finite differences; a larger one for values that change less with a pixel than float64 shows after the default, 1e-6. */
  step?: number;
  /** Whether images of one channel are refused. */
  colours?: boolean;
  /** Whether values are rounded to 8 bits on the way, so that differences are of steps. */
  rounds?: boolean;
  /** Whether the gradient leaves out a part of the value that only weights the rest. */
  detached?: boolean;
}

const cases: Case[] = [
  { spec: "l1" },
  { spec: "l1(channels=y-bt601,crop=2)", least: 5 },
  { spec: "l1(reduction=sum)" },
  { spec: "mse" },
  { spec: "mse(channels=y-yiq,dataRange=2)" },
  { spec: "charbonnier" },
  { spec: "charbonnier(eps=0.1,reduction=sum)" },
  { spec: "huber(delta=0.3)" },
  { spec: "huber(reduction=sum,channels=y-bt601)" },
  { spec: "smooth-l1(beta=0.3,crop=1)", least: 3 },
  { spec: "log-cosh" },
  { spec: "log-cosh(c=0.01,reduction=sum)" },
  { spec: "cauchy" },
  { spec: "cauchy(c=0.1)" },
  { spec: "geman-mcclure(c=0.1)" },
  { spec: "welsch" },
  { spec: "welsch(c=0.1,low=-1,dataRange=2)" },
  { spec: "barron" },
  { spec: "barron(alpha=2)" },
  { spec: "barron(alpha=3,c=0.5)" },
  { spec: "barron(alpha=1.999,c=0.1)" },
  { spec: "barron(alpha=1e-6,c=0.1)" },
  { spec: "barron(alpha=0,c=0.1)" },
  { spec: "barron(alpha=-1,c=0.1,reduction=sum)" },
  { spec: "barron(alpha=-Infinity,c=0.2)" },
  { spec: "psnr-loss" },
  { spec: "psnr-loss(channels=y-bt601,eps=1e-4)" },
  { spec: "cosine", colours: true },
  { spec: "cosine(eps=0.9,crop=1)", least: 3, colours: true },
  { spec: "cosine(form=degrees)", colours: true },
  { spec: "cosine(form=degrees,margin=0.01,low=-1,dataRange=2)", colours: true },
  { spec: "psnr" },
  { spec: "psnr(pooling=dataset)" },
  { spec: "psnr(eps=1e-8,clamp=true)" },
  { spec: "psnr(pooling=channels)" },
  { spec: "psnr(low=-1,dataRange=2,clamp=true)" },
  { spec: "l1(channels=y-bt601,low=0.25)" },
  { spec: "ssim(size=5,low=-0.5,dataRange=2)", least: 5 },
  { spec: "rmse" },
  { spec: "rmse(channels=y-yiq,crop=1,dataRange=2)", least: 3 },
  { spec: "nrmse" },
  { spec: "nrmse(normalization=min-max,crop=1)", least: 3 },
  { spec: "nrmse(normalization=mean,channels=y-bt601)" },
  { spec: "dssim", least: 11 },
  { spec: "dssim(preset=ssim.m)", least: 11 },
  { spec: "ssim", least: 11 },
  { spec: "ssim(size=5,sigma=1,channels=y-yiq)", least: 5 },
  { spec: "ssim(preset=skimage)", least: 7 },
  { spec: "ssim(preset=torchmetrics,size=7)", least: 4 },
  { spec: "ssim(preset=fused)" },
  { spec: "ssim(preset=piq,nonNegative=true)", least: 11 },
  { spec: "ssim(preset=ssim.m)", least: 11 },
  { spec: "ssim(preset=matlab)" },
  { spec: "ssim(preset=matlab,sigma=0.6,volume=true)" },
  { spec: "ssim(size=3,volume=true,k1=0,k2=0)", least: 3 },
  { spec: "ssim(preset=pyiqa)", least: 11, rounds: true },
  { spec: "ssim(preset=skimage,window=gaussian,sigma=0.9)", least: 7 },
  { spec: "ssim(preset=torchmetrics,sigma=0.9:0.5)", least: 4 },
  { spec: "ssim(size=4,part=cs)", least: 4 },
  { spec: "ssim(size=3:6,sigma=1:2,window=gaussian,region=replicate)" },
  { spec: "ssim(size=4,region=reflect)", least: 3 },
  { spec: "ssim(size=5,channelMaps=true)", least: 5 },
  { spec: "ssim(size=5,part=cs,region=zero)" },
  { spec: "ssim(size=5,k1=0,k2=0)", least: 5 },
  { spec: "ms-ssim(size=3)", least: 33 },
  { spec: "ms-ssim(size=3,preset=tensorflow)", least: 33 },
  { spec: "ms-ssim(size=3,preset=torchmetrics)", least: 32 },
  { spec: "ms-ssim(size=3,preset=torchmetrics,normalize=simple)", least: 32 },
  { spec: "ms-ssim(size=3,preset=pyiqa)", least: 33, rounds: true },
  { spec: "ms-ssim(size=4:3,weights=0.5:0.5,odd=symmetric,k2=0)", least: 7 },
  { spec: "ms-ssim(weights=0.2:0.3:0.5,size=3,region=replicate,odd=drop,normalize=simple)", least: 6 },
  { spec: "ms-ssim(size=3,preset=piq)", least: 33, channels: 1 },
  { spec: "ms-ssim-l1(sigmas=0.5:1.5)" },
  { spec: "ms-ssim-l1(preset=psyrocloud,alpha=0.84,compensation=1)" },
  { spec: "deltaE" },
  { spec: "deltaE(formula=94)" },
  { spec: "deltaE(low=-1,dataRange=2)" },
  { spec: "deltaE(formula=76,crop=1)", least: 3 },
  { spec: "deltaE(formula=lab-mse)" },
  { spec: "deltaE(formula=cmc)" },
  { spec: "deltaE(formula=cmc,kL=2,kC=0.8)" },
  { spec: "deltaE(formula=hyab)" },
  { spec: "deltaE(formula=oklab)" },
  { spec: "deltaE(formula=94,kL=2,kC=0.7,kH=1.5)" },
  { spec: "deltaE(kL=2,kC=0.7,kH=1.5)" },
  { spec: "deltaE(formula=oklab,crop=1)", least: 3, channels: 1 },
  { spec: "fft" },
  { spec: "fft(preset=rfft2,crop=1)", least: 3 },
  { spec: "fft(preset=rfft2-ortho,error=modulus,channels=y-yiq)" },
  { spec: "fft(error=amplitude,norm=ortho,dataRange=2)" },
  { spec: "fft(error=amplitude,power=2)" },
  { spec: "fft(power=2,error=modulus,spectrum=half)" },
  { spec: "fft(scales=3,pixels=10)", least: 4 },
  { spec: "focal-frequency", detached: true },
  { spec: "focal-frequency(alpha=0,crop=1)", least: 3 },
  { spec: "focal-frequency(alpha=1.5,logMatrix=true,dataRange=2)", detached: true },
  { spec: "wavelet" },
  { spec: "wavelet(wavelet=db2,weights=1:0.5,bands=0:1:2:0.5)", least: 4 },
  { spec: "wavelet(wavelet=db4,normalization=both,crop=1)", least: 6 },
  { spec: "wavelet(wavelet=sym7,normalization=low-pass)", least: 7 },
  { spec: "wavelet(preset=korkmaz)", least: 19 },
  { spec: "colour(size=5)" },
  { spec: "colour(size=3,deviations=2,reduction=sum,crop=1)", least: 3 },
  { spec: "chroma", least: 4, colours: true },
  { spec: "chroma(size=2,distance=mse,crop=1)", least: 4, colours: true },
  { spec: "average", least: 4 },
  { spec: "average(size=3,distance=mse,channels=y-yiq)", least: 3 },
  { spec: "edge" },
  { spec: "edge(eps=0.1,channels=y-bt601,crop=1)", least: 3 },
  { spec: "sobel" },
  { spec: "sobel(distance=mse,normalized=false,crop=1)", least: 3 },
  { spec: "sobel(mode=diff)" },
  { spec: "sobel(order=2)" },
  { spec: "sobel(mode=diff,order=2,distance=mse)" },
  { spec: "sobel(form=magnitude,eps=0.01)" },
  { spec: "sobel(form=magnitude,mode=diff,distance=mse)" },
  { spec: "gradient", least: 2 },
  { spec: "gradient(form=magnitude,alpha=2,crop=1)", least: 4 },
  { spec: "gradient(order=2)", least: 3 },
  { spec: "gradient(order=2,form=magnitude,alpha=2)", least: 3 },
  { spec: "gradient-variance(size=3)", least: 3 },
  { spec: "gradient-weighted" },
  { spec: "gradient-weighted(preset=cdc-corner)" },
  { spec: "gradient-weighted(preset=cdc-flat,crop=1)", least: 3 },
  { spec: "gradient-weighted(directions=diagonal,strength=2,low=-1,dataRange=2)" },
  { spec: "tv", least: 2 },
  { spec: "tv(form=isotropic,eps=0.01)", least: 2 },
  { spec: "tv(form=squared,reduction=sum)", least: 2 },
  { spec: "tv(form=l2-norm)", least: 2 },
  { spec: "tv(preset=piq)", least: 2 },
  { spec: "tv(preset=kornia,form=isotropic)", least: 2 },
  { spec: "exposure(patch=3)", least: 3 },
  { spec: "exposure(preset=zero-dce,patch=2,level=0.5,crop=1)", least: 4 },
  { spec: "colour-constancy" },
  { spec: "colour-constancy(preset=zero-dce,crop=1)", least: 3 },
  { spec: "illumination-smoothness", least: 2 },
  { spec: "illumination-smoothness(preset=zero-dce)", least: 2 },
  { spec: "spatial-consistency(patch=2)", least: 4 },
  { spec: "spatial-consistency(preset=zero-dce)", least: 4 },
  { spec: "saturation" },
  { spec: "dark-channel(window=3)" },
  { spec: "bright-channel(dataRange=2)" },
  { spec: "hyper-laplacian", least: 2 },
  { spec: "hyper-laplacian(form=isotropic,p=0.5,eps=0.01)", least: 2 },
  { spec: "l0-gradient(eps=0.3)", least: 2 },
  { spec: "l0-gradient(form=gaussian)", least: 2 },
  { spec: "range(low=0.25,dataRange=0.5)" },
  { spec: "range(form=absolute,low=0.25,dataRange=0.5,reduction=sum)" },
  { spec: "gmsd", least: 3 },
  { spec: "gmsd(preset=matlab,t=50)", least: 3 },
  { spec: "gmsd(preset=pyiqa)", least: 4, rounds: true },
  { spec: "ms-gmsd(weights=0.5:0.3:0.2)", least: 9 },
  { spec: "ms-gmsd(weights=1:2,chromatic=true,alpha=0.2)", least: 5 },
  { spec: "mdsi" },
  { spec: "mdsi(combination=mult,crop=1)", least: 3 },
  { spec: "mdsi(combination=mult,preset=matlab,gamma=0.6,beta=0.4,q=2)" },
  { spec: "mdsi(rho=2,o=0.5,q=1)" },
  { spec: "haarpsi", least: 16 },
  { spec: "haarpsi(preset=matlab,subsample=false,c=5,alpha=5.8)", least: 16 },
  { spec: "vif", least: 41, step: 1e-4 },
  { spec: "vif(preset=torchmetrics,sigmaNSq=0.4)", least: 41, step: 1e-4 },
  { spec: "iw-ssim(weights=0.3:0.3:0.4,size=3)", least: 9 },
  { spec: "iw-ssim(weights=1:2,size=4,sigma=1,parents=false,sigmaNSq=2,crop=1,low=-1,dataRange=2)", least: 9 },
  { spec: "iw-ssim(weights=1,size=5,k1=0.02,k2=0)", least: 5 },
  { spec: "fsim", least: 2 },
  { spec: "fsimc(preset=matlab,scales=2,orientations=3,crop=1)", least: 4 },
  { spec: "sr-sim(size=3)", least: 12, step: 1e-4 },
  { spec: "sr-simc(size=4,sigma=2,crop=1)", least: 18, step: 1e-4 },
  { spec: "dss", least: 8 },
  { spec: "dss(share=1,crop=1,low=-1,dataRange=2)", least: 10 },
  { spec: "vsi(size=8)", step: 1e-5 },
  { spec: "vsi(size=15,crop=1,low=-1,dataRange=2)", least: 3, step: 1e-5 },
  { spec: "ssimulacra2", least: 8 },
  { spec: "ssimulacra2(crop=1,low=-1,dataRange=2)", least: 10 },
  { spec: "flip" },
  { spec: "flip(pixelsPerDegree=20,crop=1,low=-1,dataRange=2)", least: 3 },
  { spec: "uqi(size=5)", least: 5 },
  { spec: "uqi(preset=wang)", least: 8 },
  { spec: "sam", colours: true },
  { spec: "sam(unit=degrees,crop=1)", least: 3, colours: true },
  { spec: "ergas" },
  { spec: "ergas(ratio=2,channels=y-yiq)" },
  { spec: "scc(size=4)", least: 4 },
  { spec: "scc(size=5,crop=1)", least: 7 },
  { spec: "contextual(taps=image)" },
  { spec: "contextual(taps=2*image,h=0.1,positions=30,range=signed,floor=1e-5,eps=1e-3)" },
  { spec: "contextual(taps=image,dataRange=2,h=2)" },
  { spec: "l1 + 0.1*ssim(size=5) + 0.01*tv", least: 5 },
  { spec: "2*psnr + 0.5*deltaE" },
];

const value = (loss: Loss, output: Float64Array, target: Tensor): number =>
  evaluateDefinition(
    reference,
    loss.definition as Definition,
    { output: { data: output, shape: target.shape }, target: toFloat64(target) },
    {},
  ).value.data[0];

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

test("every loss of the grammar is tested here", () => {
  const tested = cases.flatMap(({ spec }) => [...spec.matchAll(/[A-Za-z][\w-]*(?=\(|\s|$)/g)].map(([name]) => name));
  const learned = ["lpips", "dists", "perceptual", "niqe", "brisque"];
  for (const { info } of lossFactories) if (!learned.includes(info.name)) expect(tested).toContain(info.name);
});

describe.each(cases)(
  "$spec",
  ({ spec, least = 1, channels = 3, colours = false, rounds = false, detached = false, step = 1e-6 }) => {
    const loss = parseLoss(spec);
    const [h, w] = [least + 3, least + 6];
    const shape: Shape = [2, channels, h, w];
    const output = randomTensor(shape, 1);
    const target = randomTensor(shape, 2);
    const definition = loss.definition as Definition;

    const wants = { grad: true, map: loss.hasMap };
    const images = { output, target };
    let expected: DefinedValues<Float64Image>;
    beforeAll(() => {
      const inFloat64 = { output: toFloat64(output), target: toFloat64(target) };
      expected = evaluateDefinition(reference, definition, inFloat64, wants);
    });

    const expectEqual = (got: OwnEvaluation, { map }: Wants) => {
      expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-5);
      expect(relativeError(got.perImage, expected.perImage.data)).toBeLessThan(1e-5);
      expect(got.grad?.shape).toEqual(shape);
      expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-4);
      if (!map) return;
      expect(got.map?.shape).toEqual(expected.map?.shape);
      expect(relativeError(got.map!.data, expected.map!.data)).toBeLessThan(1e-4);
    };

    describe.each(enginesFor(definition, images, wants))("engine $name", (engine) => {
      test("value, gradient and map equal the float64 reference", async () => {
        expectEqual(await evaluateBy(engine, definition, images, wants), wants);
      });
    });

    test.each([wants, { grad: true }])("what is asked of the loss, %j, equals the float64 reference", async (wants) => {
      expectEqual(await loss.evaluate(output, target, wants), wants);
    });

    test.skipIf(rounds || detached)("the gradient equals finite differences", () => {
      const { grad } = expected;
      const picked = [0, 7, output.data.length >> 1, output.data.length - 2];
      const differences = picked.map((position) => {
        const at = (by: number) => {
          const data = Float64Array.from(output.data);
          data[position] += by;
          return value(loss, data, target);
        };
        return (at(step) - at(-step)) / (2 * step);
      });
      const got = picked.map((position) => grad!.data[position]);
      expect(relativeError(got, differences)).toBeLessThan(1e-5);
    });

    test("value, perImage, valueAndGrad and map agree with evaluate", async () => {
      const all = await loss.evaluate(output, target, { grad: true, map: loss.hasMap });
      expect(await loss.value(output, target)).toBeCloseTo(all.value, 6);
      expect(Array.from(await loss.perImage(output, target))).toEqual(Array.from(all.perImage));
      const { value, grad } = await loss.valueAndGrad(output, target);
      expect(value).toBeCloseTo(all.value, 6);
      expect(grad.data).toEqual(all.grad?.data);
      if (loss.hasMap) expect((await loss.map(output, target)).data).toEqual(all.map?.data);
      else await expect(loss.map(output, target)).rejects.toMatchObject({ code: "invalid-argument" });
    });

    test("at once, without a promise: the same bits, where a kernel computes it", async () => {
      await ready();
      // The terms of the sums here have kernels.
      if (loss.name !== "weighted" && kernels.refusal(definition, requestOf(images, wants)) !== undefined) {
        expect(() => loss.valueSync(output, target)).toThrow(`${loss.name}: cannot be evaluated at once`);
        return;
      }
      expect(loss.valueSync(output, target)).toBe(await loss.value(output, target));
      expect(loss.valueAndGradSync(output, target)).toEqual(await loss.valueAndGrad(output, target));
    });

    test("the gradient is written where it is wanted, again and again, and nowhere else", async () => {
      const { value, grad } = await loss.valueAndGrad(output, target);
      const memory = new Float32Array(grad.data.length + 64).fill(7);
      const into = new Tensor(memory.subarray(32, -32), shape);
      for (let call = 0; call < 3; call++) {
        const written = await loss.valueAndGrad(output, target, { into });
        expect(written.grad).toBe(into);
        expect(written.value).toBe(value);
        expect(into.data).toEqual(grad.data);
        into.data.fill(Number.NaN);
      }
      expect([...memory.subarray(0, 32), ...memory.subarray(-32)].every((x) => x === 7)).toBe(true);
      // Two calls at once do not meddle with each other.
      const others = [Tensor.full(shape, 1), Tensor.full(shape, 2)];
      await Promise.all(others.map((other) => loss.valueAndGrad(output, target, { into: other })));
      for (const other of others) expect(other.data).toEqual(grad.data);
    });

    test("refuses to write the gradient to what does not fit or is read", async () => {
      const refused = (into: unknown) => expect(loss.valueAndGrad(output, target, { into: into as Tensor })).rejects;
      await refused(output.data).toMatchObject({ code: "invalid-argument" });
      await refused(output).toMatchObject({ code: "invalid-argument" });
      if (loss.needsTarget) await refused(target).toMatchObject({ code: "invalid-argument" });
      await refused(Tensor.full([2, channels, h, w + 1], 0)).toMatchObject({ code: "shape" });
      await refused(Tensor.full([2, channels, w, h], 0)).toMatchObject({ code: "shape" });
    });

    test("pixels of 8 and 16 bits give the bits of the planes that they mean, or are refused where the range is another", async () => {
      for (const Samples of [Uint8ClampedArray, Uint16Array]) {
        const [a, b] = [randomPixels(Samples, channels, h, w, 5), randomPixels(Samples, channels, h, w, 6)];
        if (String(loss.range ?? [0, 1]) !== "0,1") {
          await expect(loss.value(a.pixels, b.pixels)).rejects.toThrow(
            "but pixels of any number of bits are read as [0, 1]",
          );
          continue;
        }
        const wanted = await loss.evaluate(a.planes, b.planes, wants);
        for (const output of [a.pixels, await toImage(a.pixels)])
          expect(await loss.evaluate(output, b.pixels, wants)).toEqual(wanted);
      }
    });

    test("an image has the same value alone and in a batch", async () => {
      const together = await loss.perImage(output, target);
      for (const index of [0, 1]) {
        const [alone] = await loss.perImage(output.image(index), target.image(index));
        expect(relativeError([alone], [together[index]])).toBeLessThan(1e-6);
      }
    });

    test("gradients are finite for identical, flat and saturated images, and values are the best for identical ones", async () => {
      const flat = Tensor.full(shape, 0.5);
      const [black, white] = [Tensor.full(shape, 0), Tensor.full(shape, 1)];
      const pairs: [Tensor, Tensor][] = [
        [output, output],
        [flat, flat],
        [black, black],
        [white, white],
        [white, black],
        [black, white],
        [flat, target],
        [target, flat],
        [output, mapTensor(output, (x) => 1 - x)],
      ];
      for (const [a, b] of pairs) {
        const got = await loss.evaluate(a, b, { grad: true, map: loss.hasMap });
        expect(got.grad?.data.every(Number.isFinite)).toBe(true);
        expect(Number.isNaN(got.value)).toBe(false);
        if (loss.hasMap) expect(got.map?.data.every(Number.isFinite)).toBe(true);
      }
      if (!loss.needsTarget || loss.name === "weighted") return;
      const [same, other] = [await loss.value(output, output), await loss.value(output, target)];
      expect(loss.better === "lower" ? same < other : same > other).toBe(true);
    });

    test("other sizes and channels, down to the smallest", async () => {
      const sizes = fc.tuple(fc.integer({ min: least, max: least + 9 }), fc.integer({ min: least, max: least + 9 }));
      await fc.assert(
        fc.asyncProperty(
          sizes,
          fc.constantFrom(...(colours ? [3] : [1, 3])),
          fc.integer(),
          async ([height, width], c, seed) => {
            const [a, b] = [randomTensor([1, c, height, width], seed), randomTensor([1, c, height, width], seed + 1)];
            const got = await loss.evaluate(a, b, { grad: true });
            expect(relativeError([got.value], [value(loss, Float64Array.from(a.data), b)])).toBeLessThan(1e-5);
            expect(got.grad?.data.every(Number.isFinite)).toBe(true);
          },
        ),
        { numRuns: 4, seed: 5, examples: [[[least, least], 3, 1]] },
      );
    });

    test("bad input is refused with names and shapes", async () => {
      const refused = (a: unknown, b: unknown) => expect(loss.valueAndGrad(a as Tensor, b as Tensor)).rejects;
      const withValue = (x: number) => mapTensor(output, (value, i) => (i === 5 ? x : value));
      await refused(withValue(Number.NaN), target).toMatchObject({ code: "non-finite" });
      await refused(withValue(Number.NEGATIVE_INFINITY), target).toThrow(
        /element 5 of output \(2x\d+x\d+x\d+\) is -Infinity/,
      );
      await refused([1, 2], target).toMatchObject({ code: "invalid-argument" });
      if (!loss.needsTarget) return;
      await refused(output, withValue(Number.NaN)).toMatchObject({ code: "non-finite" });
      await refused(output, undefined).toThrow(/target must be an image \(a Tensor/);
      const wider = randomTensor([2, channels, h, w + 1], 3);
      await refused(output, wider).toThrow(
        `output is 2x${channels}x${h}x${w} but target is 2x${channels}x${h}x${w + 1}`,
      );
      const bytes = mapTensor(target, (x) => 255 * x);
      await refused(output, bytes).toMatchObject({ code: "range" });
    });

    test.runIf(least > 1)("images that are too small are refused", async () => {
      const small = randomTensor([1, 3, least - 1, least + 9], 4);
      const refusal = expect(loss.value(small, small)).rejects;
      await refusal.toMatchObject({ code: "shape" });
      await refusal.toThrow(`1x3x${least - 1}x${least + 9}`);
    });
  },
);
