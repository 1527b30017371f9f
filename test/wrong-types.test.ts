import { describe, expect, test } from "vitest";
import { isLossFactory } from "../packages/core/src/losses/loss.ts";
import * as reconloss from "../packages/reconloss/src/index.ts";
import { randomTensor } from "./random.ts";
import { rawErrors, subjectsOf } from "./wrong-types.ts";

// The rule: whatever is given to an exported function, what it throws is a ReconlossError with a code.
const { l1, Tensor, weighted, parseLoss } = reconloss;
const [output, target] = [randomTensor([1, 3, 12, 12], 1), randomTensor([1, 3, 12, 12], 2)];
const options = { weight: undefined };
const factories = Object.entries(reconloss).filter(([, value]) => isLossFactory(value));
const right = {
  ...Object.fromEntries(factories.map(([name]) => [name, [{}, {}]])),
  Tensor: [new Float32Array(16), [1, 1, 4, 4]],
  "Tensor.from": [
    [1, 2],
    [1, 1, 1, 2],
  ],
  "Tensor.full": [[1, 1, 4, 4], 0.5],
  parseLoss: ["l1", []],
  parseLosses: ["l1", []],
  exportLoss: [l1(), {}],
  weighted: [[[1, l1()]]],
  defineLoss: [{ ...l1.info, define: () => ({}) }],
};

describe("the package", () => {
  test.each(subjectsOf(reconloss, right))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});

const losses = [
  l1(),
  weighted([
    [1, l1()],
    [0.5, parseLoss("ssim(size=3)")],
  ]),
  parseLoss("lpips(net=tiny)"),
];
const ofLoss = { value: [output, target, options], evaluate: [output, target, {}, options], prepareTarget: [target] };
const calls = { ...ofLoss, perImage: ofLoss.value, valueAndGrad: ofLoss.value, map: ofLoss.value };

describe.each(losses)("a loss: $spec", (loss) => {
  test.each(subjectsOf(loss, calls))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});

describe.each(losses)("options of valueAndGrad of $spec", (loss) => {
  test.each(["weight", "into", "weightNormalisation"])("%s", async (name) => {
    const call = (value: unknown) => loss.valueAndGrad(output, target, { [name]: value });
    expect(await rawErrors({ name, call, right: [undefined] })).toEqual([]);
  });
});

describe.each(losses)("options of value of $spec", (loss) => {
  test.each([{ weights: undefined }, { Device: "cpu" }, { gradient: true }])(
    "refuses the unknown option %o",
    async (wrong) => {
      const refused = {
        code: "invalid-argument",
        message: expect.stringMatching(/: options has no "\w+"; it has: weight, /),
      };
      await expect(loss.value(output, target, wrong as never)).rejects.toMatchObject(refused);
      expect(() => loss.valueSync(output, target, wrong as never)).toThrow(expect.objectContaining(refused));
      await expect(loss.evaluate(output, target, { gradient: true } as never)).rejects.toThrow(
        'requested has no "gradient"; it has: grad, map',
      );
    },
  );
  test.each(["engine", "device"])("%s", async (name) => {
    const call = (value: unknown) => loss.value(output, target, { [name]: value });
    expect(await rawErrors({ name, call, right: [undefined] })).toEqual([]);
  });
});

describe("a tensor", () => {
  test.each(subjectsOf(new Tensor(new Float32Array(16), [1, 1, 4, 4])))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});

describe("random numbers", () => {
  test.each(subjectsOf(new reconloss.Random(1)))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});
