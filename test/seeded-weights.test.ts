import { describe, expect, test } from "vitest";
import { fnv1a32, seededTensor, seededWeights, uniform } from "./seeded-weights.ts";

// Expected values: the vectors of the seeded-weights specification, made by its numpy program.
const vectors = [
  {
    name: "features.0.weight",
    shape: [64, 3, 3, 3],
    seed: 0xebe83bf6,
    u: [0.10071240458637476, 0.2048109753523022, 0.2860895353369415, 0.13465201994404197, 0.5214379648678005],
    bits: [0xbec0be50, 0xbe8e7e3d, 0xbe4e8458, 0xbeb05c31, 0x3ca59371],
    sum: -29.77942813874688,
  },
  {
    name: "features.0.bias",
    shape: [64],
    seed: 0x024b6c23,
    u: [0.06132882321253419, 0.3615881495643407, 0.2830121086444706, 0.943298859288916, 0.9749989986885339],
    bits: [0xbd33ae02, 0xbc62c623, 0xbcb1c1a9, 0x3d359341, 0x3d428f41],
    sum: 0.21675207873340696,
  },
  {
    name: "Conv2d_1a_3x3.bn.running_var",
    shape: [32],
    seed: 0x8762cba4,
    u: [0.09353658789768815, 0.5403557606041431, 0.9268651951570064, 0.5976939497049898, 0.06087423046119511],
    bits: [0x3f826500, 0x3f8dd547, 0x3f97ba4e, 0x3f8f4d0c, 0x3f818ef2],
    sum: 35.45222055912018,
  },
  {
    name: "lin0.model.1.weight",
    shape: [1, 64, 1, 1],
    seed: 0xde310968,
    u: [0.6950105121359229, 0.45036056567914784, 0.5303700300864875, 0.16973484260961413, 0.5803363618906587],
    bits: [0x3d8e5691, 0x3d3877ba, 0x3d593d54, 0x3c8b0bfa, 0x3d6db4ae],
    sum: 2.79858774166496,
  },
  {
    name: "fc.weight",
    shape: [1008, 2048],
    seed: 0x4a6f9120,
    u: [0.16000778484158218, 0.682445258833468, 0.18308739084750414, 0.6201738731469959, 0.1933865719474852],
    bits: [0xbd16c117, 0x3ca1cb56, 0xbd0c8549, 0x3c55248e, 0xbd07f435],
    sum: -92.11130825779773,
  },
  {
    name: "Conv2d_1a_3x3.bn.weight",
    shape: [32],
    seed: 0xabab4157,
    u: [0.0329332344699651, 0.9383876316715032, 0.42600522306747735, 0.4721293547190726, 0.9073951665777713],
    bits: [0x3f681610, 0x3f8b3904, 0x3f7c3623, 0x3f7e92b2, 0x3f8a6de8],
    sum: 32.30803906917572,
  },
  {
    name: "Conv2d_1a_3x3.bn.running_mean",
    shape: [32],
    seed: 0x6a16c6e2,
    u: [0.5174470932688564, 0.2623164018150419, 0.04408440622501075, 0.04327008896507323, 0.911052635172382],
    bits: [0x3b64aebb, 0xbd42b5dd, 0xbdbabe37, 0xbdbb139a, 0x3da85dfe],
    sum: -0.02130640810355544,
  },
];

describe("seeded weights", () => {
  test.each(vectors)(
    "$name has the seed, numbers and bits of the specification",
    ({ name, shape, seed, u, bits, sum }) => {
      expect(fnv1a32(name)).toBe(seed);
      expect(u.map((_, index) => uniform(seed, index))).toEqual(u);
      const values = seededTensor(name, shape);
      expect(Array.from(new Uint32Array(values.buffer, 0, 5))).toEqual(bits);
      expect(values.length).toBe(shape.reduce((product, size) => product * size));
      expect(values.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 10);
    },
  );

  test("the bias of a batch norm follows its own rule", () => {
    const weights = seededWeights({
      "Conv2d_1a_3x3.bn.bias": [32],
      "Conv2d_1a_3x3.bn.running_mean": [32],
      "Conv2d_1a_3x3.bn.num_batches_tracked": [],
      "features.0.bias": [64],
    });
    expect(Array.from(weights["Conv2d_1a_3x3.bn.bias"].subarray(0, 5))).toEqual([
      -0.09216630458831787, 0.06563720107078552, 0.06760135293006897, 0.08284450322389603, -0.04116259142756462,
    ]);
    expect(Array.from(weights["Conv2d_1a_3x3.bn.num_batches_tracked"])).toEqual([0]);
    expect(weights["features.0.bias"]).toEqual(seededTensor("features.0.bias", [64]));
  });

  test("refuses a name that no rule covers", () => {
    expect(() => seededTensor("mystery", [3])).toThrow("no rule for mystery");
  });
});
