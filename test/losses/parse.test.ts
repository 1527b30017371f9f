import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { parseLoss as parseAll, parseLosses as parseAllLosses } from "../../packages/core/src/grammar.ts";
import { weighted } from "../../packages/core/src/losses/combine.ts";
import { l1 } from "../../packages/core/src/losses/l1.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { defineLoss } from "../../packages/core/src/losses/loss.ts";
import { parseLoss, parseLosses } from "../../packages/core/src/losses/parse.ts";
import { lossFactories, otherNames } from "../../packages/core/src/losses/registry.ts";
import { ssim } from "../../packages/core/src/losses/ssim.ts";
import { tv } from "../../packages/core/src/losses/tv.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

describe("the grammar", () => {
  test("parses a sum equal to the same sum in code", async () => {
    const [output, target] = [randomTensor([1, 3, 16, 16], 1), randomTensor([1, 3, 16, 16], 2)];
    const parsed = await parseLoss(" l1 + 0.1 * ssim(preset=wang)+1e-2*tv ").valueAndGrad(output, target);
    const written = await weighted([
      [1, l1()],
      [0.1, ssim()],
      [0.01, tv()],
    ]).valueAndGrad(output, target);
    expect(parsed).toEqual({ ...written, terms: expect.anything() });
    expect(Object.values(parsed.terms)).toEqual(Object.values(written.terms));
    const terms = [
      await l1().value(output, target),
      1 - (await ssim().value(output, target)),
      await tv().value(output),
    ];
    expect(Object.values(written.terms ?? {})).toEqual(terms);
    expect(written.value).toBeCloseTo(terms[0] + 0.1 * terms[1] + 0.01 * terms[2], 12);
  });

  test.each([
    ["ssim(preset=wang)", "ssim"],
    ["l2", "mse"],
    ["psnr( channels = y-bt601 , crop=4 )", "psnr(channels=y-bt601,crop=4)"],
    ["2*l1", "2*l1"],
    ["l1+-0.5*tv", "l1 + -0.5*tv"],
    ["SSIM(Preset=SKImage)", "ssim(preset=skimage)"],
    ["ms_ssim", "ms-ssim"],
    ["MSSSIM", "ms-ssim"],
    ["delta_e(Formula=LAB_MSE)", "deltaE(formula=lab-mse)"],
    ["psnr(data_range=2,CLAMP=True,channels=Y_BT601)", "psnr(dataRange=2,clamp=true,channels=y-bt601)"],
    ["mae(crop=2)", "l1(crop=2)"],
    ["CIEDE2000", "deltaE"],
    ["de76(crop=1)", "deltaE(formula=76,crop=1)"],
    ["total_variation", "tv"],
    ["0.5*lpips_vgg", "0.5*lpips(net=vgg)"],
  ])("%s is formatted as %s", (text, spec) => {
    expect(parseLoss(text).spec).toBe(spec);
    expect(parseLoss(spec).spec).toBe(spec);
  });

  test("presets set options, and explicit options override presets", () => {
    expect(parseLoss("ssim(preset=skimage)").options).toMatchObject({
      window: "uniform",
      size: 7,
      covariance: "sample",
    });
    expect(parseLoss("ssim(preset=skimage,size=9)").options).toMatchObject({ window: "uniform", size: 9 });
  });

  test("lists split at commas outside parentheses only", () => {
    expect(parseLosses("psnr(channels=y-bt601,crop=4),ssim, l1 + tv").map(({ spec }) => spec)).toEqual([
      "psnr(channels=y-bt601,crop=4)",
      "ssim",
      "l1 + tv",
    ]);
  });

  test.each([
    ["ssim(preset=wang)", "ssim(preset=wang)"],
    [" l2 ", "l2"],
    ["0.5*l1", "0.5*l1"],
    ["l1  +\n0.1 * ssim( preset=wang )", "l1 + 0.1 * ssim( preset=wang )"],
  ])("the label of %j in results is the text as typed", (text, label) => {
    expect(parseLoss(text).label).toBe(label);
    expect(parseLosses(text).map((loss) => loss.label)).toEqual([label]);
  });

  test("the label of a loss made in code is its specification, that of a sum lists its terms", () => {
    const loss = ssim({ preset: "skimage" });
    expect(loss.label).toBe("ssim(preset=skimage)");
    expect(weighted([[0.5, loss]]).label).toBe("0.5*ssim(preset=skimage)");
  });

  test.each([
    ["l1 + 0.5*l1", ["l1", "l1 (2)"]],
    ["l2 + mse + 2*l2 + 3 * l2", ["l2", "mse", "l2 (2)", "l2 (3)"]],
    ["l1 + 0.1*ssim(preset=wang)", ["l1", "ssim(preset=wang)"]],
    ["2*ssim", ["ssim"]],
  ])("%s has the terms %j, which add up to its value", async (text, names) => {
    const [output, target] = [randomTensor([2, 3, 16, 16], 1), randomTensor([2, 3, 16, 16], 2)];
    const { value, terms } = await parseLoss(text).valueAndGrad(output, target);
    expect(Object.keys(terms)).toEqual(names);
    const weights = text.split("+").map((term) => Number(/^\s*(?<weight>[\d.]+)\s*\*/.exec(term)?.groups?.weight ?? 1));
    const sum = Object.values(terms).reduce((total, term, index) => total + weights[index] * term, 0);
    expect(sum).toBeCloseTo(value, 12);
  });

  test("a single loss is its own term, labelled as typed", async () => {
    const [output, target] = [randomTensor([2, 3, 16, 16], 1), randomTensor([2, 3, 16, 16], 2)];
    for (const text of ["l2", "ssim(preset=wang)", "psnr", "tv"]) {
      const { value, terms } = await parseLoss(text).evaluate(output, target, {});
      expect(terms).toEqual({ [text]: value });
    }
  });

  test.each([
    // What a preset or another option gives anyway is left out; what differs from it is not.
    ["ssim(preset=skimage,size=7)", "ssim(preset=skimage)"],
    ["ssim(preset=skimage,size=11)", "ssim(preset=skimage,size=11)"],
    ["ssim(preset=torchmetrics,sigma=2,size=15)", "ssim(preset=torchmetrics,sigma=2)"],
    ["ssim(preset=torchmetrics,sigma=2,size=11)", "ssim(preset=torchmetrics,sigma=2,size=11)"],
    ["ssim(size=11:11,sigma=1:2)", "ssim(sigma=1:2)"],
    ["ms-ssim(weights=0.5:0.5)", "ms-ssim(weights=0.5:0.5)"],
  ])("%j parses as %j, with the same options", (text, spec) => {
    const loss = parseLoss(text);
    expect(loss.spec).toBe(spec);
    expect(parseLoss(spec).options).toEqual(loss.options);
  });

  test.each([
    ["", "syntax", /expected name/],
    ["nope", "syntax", /no loss "nope"; there are: l1, /],
    ["l1(", "syntax", /parentheses/],
    ["l1)", "syntax", /parentheses/],
    ["l1 +", "syntax", /expected name/],
    ["x*l1", "syntax", /expected name/],
    ["*l1", "syntax", /expected name/],
    ["l1 tv", "syntax", /expected name/],
    ["constructor", "syntax", /no loss/],
    ["__proto__", "syntax", /expected name/],
    ["l1(__proto__=1)", "invalid-argument", /unknown option "__proto__"/],
    ["l1(crop=1,CROP=2)", "syntax", /CROP is given twice/],
    ["de2000(formula=76)", "syntax", /the name de2000 already implies formula; write deltaE\(formula=76\)/],
    ["simm", "syntax", /did you mean "ssim"\?/],
    ["psrn", "syntax", /did you mean "psnr"\?/],
    ["lpip", "syntax", /did you mean "lpips"\?/],
    ["ciede200", "syntax", /did you mean "ciede2000"\?/],
    ["l1(corp=1)", "invalid-argument", /unknown option "corp"; it has: .*; did you mean "crop"\?/],
    ["ssim(preset=skimmage)", "invalid-argument", /preset must be wang .*did you mean "skimage"\?/],
    ["lpips(net=vgg16)", "invalid-argument", /net must be alex .*did you mean "vgg"\?/],
    ["perceptual(net=vgg18)", "invalid-argument", /did you mean "vgg16"\?/],
    ["psnr(pooling=dataste)", "invalid-argument", /did you mean "dataset"\?/],
    ["l1(crop)", "syntax", /name=value/],
    ["l1(crop=1,crop=2)", "syntax", /twice/],
    ["l1(size=3)", "invalid-argument", /unknown option "size"; it has: channels/],
    ["l1(constructor=3)", "invalid-argument", /unknown option/],
    ["ssim(size=4.5)", "invalid-argument", /size must be whole number >= 1, or two, height:width, got "4.5"/],
    ["ssim(size=3:5:7)", "invalid-argument", /size must be whole number/],
    ["ms-ssim(weights=0.5:)", "invalid-argument", /weights must be numbers > 0, separated by colons/],
    ["ssim(sigma=0)", "invalid-argument", /sigma must be number > 0/],
    ["ssim(preset=wang-downsampled)", "invalid-argument", /preset must be wang \| /],
    ["psnr(dataRange=1e999x)", "invalid-argument", /dataRange/],
  ] as const)("rejects %j", (text, code, message) => {
    expect(() => parseLoss(text)).toThrow(ReconlossError);
    expect(() => parseLoss(text)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test("names of losses, options, words and presets differ in more than case, hyphens and underscores", () => {
    const folded = (name: string) => name.toLowerCase().replace(/[-_]/g, "");
    const distinct = (names: readonly string[]) => expect(new Set(names.map(folded)).size).toBe(names.length);
    distinct([...lossFactories.map(({ info }) => info.name), ...Object.keys(otherNames)]);
    for (const { info } of lossFactories) {
      distinct(Object.keys(info.options));
      for (const { words = [] } of Object.values(info.options)) distinct(words);
      expect(Object.keys(info.presets ?? {}).filter((preset) => !info.options.preset.words?.includes(preset))).toEqual(
        [],
      );
    }
  });

  test.each(Object.entries(otherNames))("%s is an alias of a loss in the library", (name, [meant, options = {}]) => {
    const loss = parseLoss(name);
    expect(loss.name).toBe(meant);
    expect(loss.options).toMatchObject(options);
    expect(loss.label).toBe(name);
  });

  test("the package's grammar includes gan, whose discriminator learns through its learners", async () => {
    const loss = parseAll("l1 + 0.1*GAN(features=4,depth=1,norm=none)");
    expect(loss.learners).toHaveLength(1);
    const [output, target] = [randomTensor([1, 3, 16, 16], 1), randomTensor([1, 3, 16, 16], 2)];
    const before = await loss.valueAndGrad(output, target);
    expect(Object.keys(before.terms)).toEqual(["l1", "GAN(features=4,depth=1,norm=none)"]);
    await loss.learners?.[0].update(target, output);
    expect(await loss.value(output, target)).not.toBe(before.value);
    expect(() => parseLoss("gan")).toThrow(/no loss "gan" here; it is a network that learns beside the model/);
  });

  test("accepts custom losses by name, in lists too, unless the name is taken", async () => {
    const own = (name: string) =>
      defineLoss({
        name,
        summary: "mean of the output",
        better: "lower",
        source: "a test",
        needsTarget: false,
        options: {},
        define: () => ({ score: (o, { output }) => o.mean(output, "chw") }),
      });
    const half = Tensor.full([1, 1, 4, 4], 0.5);
    for (const parse of [parseLosses, parseAllLosses]) {
      const [loss, sum] = parse("bright, l1 + 2*Bright", [own("bright")]);
      expect([await loss.value(half), await sum.value(half, half)]).toEqual([0.5, 1]);
      expect(sum.info.summary).toBe("weighted sum: mean absolute error; mean of the output");
    }
    for (const taken of ["ssim", "MS_SSIM", "mae"]) {
      expect(() => parseLoss("l1", [own(taken)])).toThrow(/cannot be named ".*": ".*" exists already/);
    }
  });

  test("rejects the same loss twice, quoting both names as typed", () => {
    expect(() => parseLosses("mae, psnr, L1")).toThrow(/mae and L1 are the same/);
    expect(() => parseLosses("lpips(net=alex),lpips")).toThrow(/lpips\(net=alex\) and lpips are the same/);
  });

  test.each(["my.loss", "two words", "1st", "constructor", "toString"])("rejects %o as the name of a loss", (name) => {
    const loss = {
      summary: "s",
      better: "lower",
      source: "s",
      options: {},
      define: () => ({ score: () => undefined }),
    };
    expect(() => defineLoss({ ...loss, name } as unknown as Parameters<typeof defineLoss>[0])).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(`named "${name}"`) }),
    );
  });

  test("rejects duplicates in a list", () => {
    expect(() => parseLosses("ssim,ssim(preset=wang)")).toThrow(/twice/);
  });

  test("rejects sums without terms, and weights that are not finite", () => {
    expect(() => weighted([])).toThrow(/empty/);
    expect(() => weighted([[Number.NaN, l1()]])).toThrow(/weight of l1 must be finite/);
  });
});

describe("a specification contains every option that affects the value", () => {
  test.each(lossFactories.map((factory) => [factory.info.name, factory] as const))("%s", (_, factory) => {
    const { options, presets = {} } = factory.info;
    const values = (accepts: string, fallback: unknown) =>
      /^[\w.-]+( \| [\w.-]+)+$/.test(accepts) ? accepts.split(" | ") : [fallback];
    for (const preset of [undefined, ...Object.keys(presets)]) {
      for (const [name, { accepts, default: fallback }] of Object.entries(options)) {
        if (name === "preset") continue;
        for (const value of values(accepts, fallback)) {
          let loss: Loss;
          try {
            loss = factory({ ...(preset && { preset }), [name]: value } as Parameters<typeof factory>[0]);
          } catch {
            continue; // combinations that the loss refuses
          }
          expect(parseLoss(loss.spec).options, `${loss.spec} for ${preset}, ${name}=${value}`).toEqual(loss.options);
          expect(parseLoss(loss.spec).spec).toBe(loss.spec);
        }
      }
    }
  });

  test("including one set back from its preset to the default", () => {
    expect(ssim({ preset: "skimage", size: 11 }).spec).toBe("ssim(preset=skimage,size=11)");
    expect(ssim({ preset: "skimage", size: 7 }).spec).toBe("ssim(preset=skimage)");
  });
});
