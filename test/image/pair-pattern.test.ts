import { describe, expect, test } from "vitest";
import { pairByPattern, proposePattern, readPattern } from "../../packages/reconloss/src/image/pair-pattern.ts";

const paired = (pattern: string, outputs: string[], targets: string[]) =>
  pairByPattern(readPattern(pattern), outputs, targets);

describe("a pattern", () => {
  test("pairs names whose placeholders are equal, across folders too", () => {
    const outputs = ["Set5/baby_x4.png", "Set14/baby_x4.png", "notes.png"];
    const { pairs, unpaired, unmatched } = paired("{name}_x4.png={name}.png", outputs, [
      "Set5/baby.png",
      "Set14/baby.png",
      "Set14/comic.png",
    ]);
    expect(pairs).toEqual([
      { output: "Set5/baby_x4.png", target: "Set5/baby.png" },
      { output: "Set14/baby_x4.png", target: "Set14/baby.png" },
    ]);
    expect(unpaired).toEqual([
      { side: "target", name: "Set14/comic.png", reason: "no output that fits {name}_x4.png" },
    ]);
    expect(unmatched).toEqual({ output: ["notes.png"], target: [] });
  });

  test("accepts several placeholders, in any order, and repeated ones", () => {
    const { pairs } = paired("{set}/x4/{name}/{name}.png={name}-{set}.png", ["Set5/x4/a-b/a-b.png"], ["a-b-Set5.png"]);
    expect(pairs).toEqual([{ output: "Set5/x4/a-b/a-b.png", target: "a-b-Set5.png" }]);
  });

  test("pairs one target with many outputs where these have a placeholder that it lacks", () => {
    const outputs = ["a-1.png", "a-2.png", "b-1.png"];
    const { pairs, unpaired } = paired("{name}-{seed}.png={name}.png", outputs, ["a.png", "b.png"]);
    expect(pairs.map(({ target }) => target)).toEqual(["a.png", "a.png", "b.png"]);
    expect(unpaired).toEqual([]);
  });

  test("chooses between neither two targets nor two outputs that differ in a star, and lists both", () => {
    expect(paired("{name}_x4.png={name}.*", ["a_x4.png"], ["a.png", "a.jpg"]).unpaired).toEqual([
      { side: "output", name: "a_x4.png", reason: "ambiguous: output a_x4.png could go with target a.png, a.jpg" },
    ]);
    const reason = "ambiguous: output a_x4.png, a_x4.jpg could go with target a.png";
    expect(paired("{name}_x4.*={name}.png", ["a_x4.png", "a_x4.jpg"], ["a.png"])).toMatchObject({
      pairs: [],
      unpaired: [
        { name: "a_x4.png", reason },
        { name: "a_x4.jpg", reason },
      ],
    });
    // Two ways to read a name, to two targets that are both there.
    const { unpaired } = paired("{a}_{b}.png={a}.png", ["x_y_z.png"], ["x.png", "x_y.png"]);
    expect(unpaired[0].reason).toBe("ambiguous: output x_y_z.png could go with target x.png, x_y.png");
  });

  test("reports which target is missing", () => {
    const { unpaired } = paired("{name}_x4.png={name}.png", ["a_x4.png", "b_x4.png"], ["a.png"]);
    expect(unpaired).toEqual([{ side: "output", name: "b_x4.png", reason: "no target b.png" }]);
  });

  test("treats composed and decomposed Unicode as equal", () => {
    expect(paired("{name}é.png={name}.png", ["xe\u0301.png"], ["x.png"]).pairs).toHaveLength(1);
  });

  test.each([
    ["{name}.png", /OUTPUT=TARGET is needed/],
    ["a=b=c", /OUTPUT=TARGET is needed/],
    ["={name}", /OUTPUT=TARGET is needed/],
    ["a.png=b.png", /one placeholder in common/],
    ["{a}.png={b}.png", /one placeholder in common/],
    ["{a}{b}.png={a}.png", /two adjacent placeholders/],
    ["{a}*={a}", /two adjacent placeholders/],
    ["{a b}.png={a b}.png", /letters, digits/],
    ["{name.png={name}.png", /has an unmatched \{/],
  ])("refuses %s", (text, message) => {
    expect(() => readPattern(text)).toThrow(message);
  });

  test("refuses a name that fits in too many ways, in little time", () => {
    const name = `${"a_".repeat(100)}.png`;
    expect(() => paired("{a}_{b}_{c}_{d}_{e}.png={a}.png", [name], ["x.png"])).toThrow(/too many ways/);
  });
});

describe("a proposal", () => {
  const names = ["baby", "bird", "butterfly", "head", "woman"];
  const propose = (output: (name: string) => string, target: (name: string) => string, of = names) =>
    proposePattern(of.map(output), of.map(target), 1);

  test.each<[string, (name: string) => string, (name: string) => string, string, RegExp]>([
    ["a suffix", (n) => `${n}_x4.png`, (n) => `${n}.png`, "{name}_x4.png={name}.png", /by removing _x4: --pair/],
    ["a suffix without a separator", (n) => `${n}x4.png`, (n) => `${n}.png`, "{name}x4.png={name}.png", /removing x4/],
    ["a prefix", (n) => `sr-${n}.png`, (n) => `${n}.jpg`, "sr-{name}.png={name}.jpg", /removing sr-/],
    ["one of the target", (n) => `${n}.png`, (n) => `${n}_HR.png`, "{name}.png={name}_HR.png", /adding _HR/],
    ["two", (n) => `${n}_LR.png`, (n) => `${n}_HR.png`, "{name}_LR.png={name}_HR.png", /putting _HR in place of _LR/],
    ["both ends", (n) => `out_${n}_0.png`, (n) => `${n}.png`, "out_{name}_0.png={name}.png", /out_ and removing _0/],
    ["a folder", (n) => `x4/${n}.png`, (n) => `${n}.png`, "x4/{name}.png={name}.png", /removing x4\//],
  ])("%s", (_, output, target, pair, text) => {
    const proposal = propose(output, target);
    expect(proposal).toMatchObject({ pair, count: 5, of: 5, text: expect.stringMatching(text) });
    const { pairs, unpaired } = paired(pair, names.map(output), names.map(target));
    expect([pairs.length, unpaired.length]).toEqual([5, 0]);
  });

  test("handles numbered names that share digits", () => {
    const numbers = Array.from({ length: 100 }, (_, i) => String(801 + i).padStart(4, "0"));
    expect(
      propose(
        (n) => `${n}x4.png`,
        (n) => `${n}.png`,
        numbers,
      ),
    ).toMatchObject({ pair: "{name}x4.png={name}.png", count: 100 });
    const srf = (kind: string) => (n: string) => `img_${n}_SRF_4_${kind}.png`;
    expect(propose(srf("EDSR"), srf("HR"), numbers)).toMatchObject({ count: 100 });
  });

  test("uses a star for several extensions", () => {
    const proposal = proposePattern(["a1_x2.png", "b2_x2.jpg"], ["a1.png", "b2.png"], 1);
    expect(proposal?.pair).toBe("{name}_x2.*={name}.png");
  });

  test("is absent where too few would pair, names have nothing in common, or no pattern can express it", () => {
    expect(proposePattern(["q.png", "w.png"], ["x.png", "y.png"], 1)).toBeUndefined();
    expect(proposePattern(["a_x4.png", "b.png"], ["a.png", "c.png"], 2)).toBeUndefined();
    expect(proposePattern(["a={x}.png"], ["a.png"], 1)).toBeUndefined();
    expect(proposePattern([], [], 1)).toBeUndefined();
  });

  test("takes little time for many names", () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `frame-${i}`);
    const start = process.cpuUsage();
    const proposal = propose(
      (n) => `${n}_out.png`,
      (n) => `${n}.png`,
      many,
    );
    expect(proposal).toMatchObject({ count: 20_000 });
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(10_000);
  });
});
