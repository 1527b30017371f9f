import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import type { OnnxModelWriter, ValueInfo } from "../../packages/core/src/graph/onnx-model.ts";
import { resize } from "../../packages/core/src/pixels/resize.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { openModelMetric } from "../../packages/reconloss/src/compare/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { writeModel } from "./models.ts";

const folder = await temporaryFolder();
let count = 0;

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${++count}.onnx`);
  await writeFile(path, bytes);
  return path;
}

const anySize: ValueInfo["dims"] = ["n", 3, "h", "w"];
const scalar = (from: (writer: OnnxModelWriter) => string, name = "value") =>
  ({ name, type: "float", dims: [], from }) as const;
const mean = (writer: OnnxModelWriter, value: string) => writer.node("ReduceMean", [value], { keepdims: 0 });

/** mean(first - 2 * second): which input is which shows. */
const differences = (first: string, second: string, dims = anySize) =>
  writeModel(
    [first, second].map((name) => ({ name, type: "float", dims })),
    [scalar((writer) => mean(writer, writer.node("Sub", [first, writer.node("Add", [second, second])])))],
  );

/** mean |a - b|. */
const absolute = () =>
  writeModel(
    ["a", "b"].map((name) => ({ name, type: "float", dims: anySize })),
    [scalar((writer) => mean(writer, writer.node("Abs", [writer.node("Sub", ["a", "b"])])))],
  );

/** The mean of an image. */
const brightness = (dims = anySize) =>
  writeModel([{ name: "image", type: "float", dims }], [scalar((writer) => mean(writer, "image"))]);

/** The mean of one channel of interleaved pixels. */
const lastChannel = () =>
  writeModel(
    [{ name: "image", type: "float", dims: ["n", "h", "w", 3] }],
    [
      scalar((writer) =>
        mean(writer, writer.node("Gather", ["image", writer.constant("int64", [1], [2])], { axis: 3 })),
      ),
    ],
  );

const steps = (shape: Shape, seed: number) => {
  const { data } = randomTensor(shape, seed);
  return new Tensor(
    data.map((value) => Math.round(value * 255) / 255),
    shape,
  );
};
const average = (values: ArrayLike<number>) =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
const pairs = [0, 1, 2].map((i) => [steps([1, 3, 13, 18], i), steps([1, 3, 13, 18], 10 + i)] as const);
for (const [i, [output, target]] of pairs.entries()) {
  await writeImage(join(outputs, `${i}.png`), output);
  await writeImage(join(targets, `${i}.png`), target);
}

const compare = (...args: string[]) => run(["compare", outputs, targets, "--no-progress", ...args]);
const json = async (...args: string[]) => JSON.parse((await compare("--json", ...args)).stdout);

describe("a model with two inputs as a column of compare", () => {
  test("equals the loss that it implements", async () => {
    const path = await saved(absolute());
    const { losses, pairs, mean, statistics } = await json("-m", "l1", "--metric-model", `mine=${path},better=lower`);
    expect(Object.keys(losses)).toEqual(["l1", "mine"]);
    expect(losses.mine).toMatchObject({ spec: "mine(better=lower)", better: "lower", options: { range: "0-1" } });
    expect(losses.mine.options.weights).toMatch(/^[0-9a-f]{16}$/);
    for (const { values } of pairs) expect(values.mine).toBeCloseTo(values.l1, 6);
    expect(mean.mine).toBeCloseTo(mean.l1, 6);
    expect(statistics.mine.n).toBe(3);
  });

  test.each(["ssim", "psnr(channels=y-bt601)"])("equals %s for an exported loss", async (spec) => {
    const path = join(folder, `exported-${spec.length}.onnx`);
    expect((await run(["export", spec, "-o", path])).code).toBe(0);
    const several = await compare("-m", spec, "--metric-model", `mine=${path},better=higher`);
    expect([several.code, several.stderr]).toEqual([
      2,
      expect.stringMatching(/has \d outputs; choose one, as output=/),
    ]);
    const { pairs } = await json("-m", spec, "--metric-model", `mine=${path},better=higher,output=value`);
    for (const { values } of pairs) expect(values.mine).toBeCloseTo(values[spec], 4);
  });

  test.each([
    ["target", "output", "", true],
    ["output", "target", "", false],
    ["a", "b", "", false],
    ["a", "b", ",target=a", true],
  ])("takes inputs %s and %s%s by their names or order", async (first, second, option, isFirst) => {
    const path = await saved(differences(first, second));
    const { pairs: measured } = await json("-m", "l1", "--metric-model", `mine=${path},better=lower${option}`);
    for (const [i, [output, target]] of pairs.entries()) {
      const [a, b] = isFirst ? [target, output] : [output, target];
      expect(measured[i].values.mine).toBeCloseTo(average(a.data) - 2 * average(b.data), 5);
    }
  });

  test("appears in the table, the CSV file and the report, beside the default metrics", async () => {
    const path = await saved(absolute());
    const [csv, report] = [join(folder, "a.csv"), join(folder, "a.html")];
    const model = `mine=${path},better=higher,decimals=2`;
    const { code, stdout } = await compare("--metric-model", model, "--csv", csv, "--report", report);
    expect(code).toBe(0);
    expect(stdout).toMatch(/psnr ↑.*mine ↑/);
    const [header, row] = (await readFile(csv, "utf8")).split("\r\n");
    expect(header).toMatch(/^output,target,width,height,psnr,ssim,.*,mine,error$/);
    const wanted = average(pairs[0][0].data.map((value, i) => Math.abs(value - pairs[0][1].data[i])));
    expect(Number(row.split(",").at(-2))).toBeCloseTo(wanted, 6);
    expect(stdout).toContain(wanted.toFixed(2));
    expect(await readFile(report, "utf8")).toContain("mine");
  });

  test.each([
    ["mine<0.9", 1, /fail: mine<0\.9: it is 0\.3/],
    ["mine>0.9", 0, /^$/],
    ["any(mine>0.1)", 1, /fail: any\(mine>0\.1\)/],
    ["max(mine)>0.9, l1>0.9", 0, /^$/],
  ])("is evaluated in the condition %s", async (condition, code, stderr) => {
    const path = await saved(absolute());
    const result = await compare("-m", "l1", "--metric-model", `mine=${path},better=lower`, "--fail", condition);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(stderr)]);
  });
});

describe("a model with one input measures the outputs alone", () => {
  test("with higher, lower or closer to the target's own value as better", async () => {
    const path = await saved(brightness());
    const { pairs: measured, losses } = await json("-m", "l1", "--metric-model", `mine=${path},better=higher`);
    expect(losses.mine.better).toBe("higher");
    for (const [i, [output]] of pairs.entries()) expect(measured[i].values.mine).toBeCloseTo(average(output.data), 5);
    expect(measured[0].targetValues).toBeUndefined();
    const prior = await json("-m", "l1", "--metric-model", `mine=${path},better=target`);
    for (const [i, [, target]] of pairs.entries()) {
      expect(prior.pairs[i].targetValues.mine).toBeCloseTo(average(target.data), 5);
    }
  });

  test("in the given layout, order and range", async () => {
    const path = await saved(lastChannel());
    const model = `mine=${path},better=higher,channels=bgr,range=0-255,mean=1:2:3,std=4:5:6`;
    const { pairs: measured } = await json("-m", "l1", "--metric-model", model);
    for (const [i, [{ data }]] of pairs.entries()) {
      // The last of blue, green, red is red.
      expect(measured[i].values.mine).toBeCloseTo((255 * average(data.slice(0, 234)) - 3) / 6, 3);
    }
  });

  test("with a grey image as three equal channels, whatever the target has", async () => {
    const grey = steps([1, 1, 13, 18], 50);
    const file = join(folder, "grey.png");
    await writeImage(file, grey);
    const path = await saved(brightness());
    const target = join(targets, "0.png");
    const { stdout } = await run([
      "compare",
      file,
      target,
      "--json",
      "-m",
      "tv",
      "--metric-model",
      `mine=${path},better=lower`,
    ]);
    const { pairs: measured, notes } = JSON.parse(stdout);
    expect(measured[0].values.mine).toBeCloseTo(average(grey.data), 5);
    expect(notes).toEqual([]);
  });
});

describe("image sizes", () => {
  const fixed = async () => saved(brightness([1, 3, 6, 5]));

  test("that the model does not accept fail for that pair only", async () => {
    const { code, stdout, stderr } = await compare(
      "-m",
      "l1",
      "--json",
      "--metric-model",
      `mine=${await fixed()},better=lower`,
    );
    expect(code).toBe(1);
    const { pairs: measured, failed } = JSON.parse(stdout);
    expect(measured[0].values).toEqual({ l1: expect.any(Number) });
    expect(failed).toHaveLength(3);
    expect(failed[0]).toMatchObject({ loss: "mine" });
    expect(stderr).toMatch(
      /mine: output is 1x3x13x18, but \d+\.onnx takes images of 6x5; choose how to resize others, such as resize=clean/,
    );
  });

  test.each([
    [",resize=clean", [6, 5]],
    [",size=6x5", [6, 5]],
  ] as const)("are resized on request: %s", async (option, size) => {
    const { pairs: measured } = await json("-m", "l1", "--metric-model", `mine=${await fixed()},better=lower${option}`);
    for (const [i, [output]] of pairs.entries()) {
      expect(measured[i].values.mine).toBeCloseTo(average(resize(output, size, "clean").data), 5);
    }
  });

  test("of a model with dynamic sizes are set by the option", async () => {
    const path = await saved(brightness());
    const { pairs: measured } = await json(
      "-m",
      "l1",
      "--metric-model",
      `mine=${path},better=lower,size=4,crop=square`,
    );
    const [[output]] = pairs;
    const square = Float32Array.from({ length: 3 * 169 }, (_, i) => {
      const [x, y, plane] = [i % 13, Math.floor(i / 13) % 13, Math.floor(i / 169)];
      return output.data[(plane * 13 + y) * 18 + 2 + x];
    });
    const wanted = average(resize(new Tensor(square, [1, 3, 13, 13]), [4, 4], "clean").data);
    expect(measured[0].values.mine).toBeCloseTo(wanted, 5);
  });
});

describe("NaN and transparency are handled as for losses", () => {
  test("NaN is reported, excluded from the mean, and fails a condition", async () => {
    // 0 / 0 of black outputs.
    const ratio = writeModel(
      [{ name: "image", type: "float", dims: anySize }],
      [scalar((writer) => writer.node("Div", [mean(writer, "image"), mean(writer, "image")]))],
    );
    const black = join(folder, "black");
    await mkdir(black);
    await writeImage(join(black, "0.png"), Tensor.full([1, 3, 13, 18], 0));
    await writeImage(join(black, "1.png"), pairs[1][0]);
    await writeImage(join(black, "2.png"), pairs[2][0]);
    const args = ["-m", "l1", "--metric-model", `mine=${await saved(ratio)},better=lower`];
    const { code, stdout, stderr } = await run(["compare", black, targets, "--json", ...args, "--fail", "mine>2"]);
    const { pairs: measured, mean: means, notFinite, notes } = JSON.parse(stdout);
    expect(measured[0].values.mine).toBe("NaN");
    expect([means.mine, notFinite.mine]).toEqual([1, 1]);
    expect(notes).toEqual([expect.objectContaining({ kind: "not-finite", loss: "mine", name: "0.png" })]);
    expect(stderr).toMatch(/note: in 1 of 3 pairs, mine is NaN; the mean and the other statistics leave it out/);
    expect(code).toBe(1);
  });

  test("transparent images are evaluated over black and over white, and the worse counts", async () => {
    const clear = join(folder, "clear.png");
    const solid = join(folder, "solid.png");
    const grey = (alpha: number) =>
      sharp(
        Uint8Array.from({ length: 64 }, (_, i) => (i % 4 === 3 ? alpha : 102)),
        { raw: { width: 4, height: 4, channels: 4 } },
      );
    await grey(153).png().toFile(clear);
    await grey(254).png().toFile(solid);
    const path = await saved(absolute());
    const { stdout } = await run([
      "compare",
      clear,
      solid,
      "--alpha",
      "compare",
      "--json",
      "-m",
      "l1",
      "--metric-model",
      `mine=${path},better=lower`,
    ]);
    const { pairs: measured, notes } = JSON.parse(stdout);
    // Over white 0.4 * alpha + 1 - alpha; over black 0.4 * alpha, which differ less.
    const over = (alpha: number) => 0.4 * alpha + 1 - alpha;
    expect(measured[0].values.mine).toBeCloseTo(over(153 / 255) - over(254 / 255), 5);
    expect(notes).toContainEqual(expect.objectContaining({ kind: "alpha-worst", loss: "mine" }));
  });
});

describe("rejects with a message", () => {
  const info = (name: string): ValueInfo => ({ name, type: "float", dims: anySize });
  const cases: [string, () => Promise<string>, RegExp, number?][] = [
    [
      "no direction",
      async () => `mine=${await saved(absolute())}`,
      /mine: state which values are better: better=lower or better=higher/,
    ],
    [
      "another direction",
      async () => `mine=${await saved(absolute())},better=worse`,
      /mine: option better must be lower \| higher \| target, got "worse"/,
    ],
    [
      "an unknown option",
      async () => `mine=${await saved(absolute())},better=lower,rnage=0-1`,
      /mine: unknown option "rnage"; it has: better, decimals.*did you mean "range"/,
    ],
    ["no file", async () => "mine", /--metric-model is written NAME=model\.onnx,better=lower \(or higher\)/],
    [
      "a file that is not there",
      async () => "mine=none.onnx,better=lower",
      /cannot read none\.onnx: there is no such file/,
    ],
    [
      "a name that a loss has",
      async () => `SSIM=${await saved(absolute())},better=lower`,
      /cannot be named "SSIM": "ssim" exists already/,
    ],
    ["another name of a loss", async () => `mae=${await saved(absolute())},better=lower`, /cannot be named "mae"/],
    [
      "a name that nothing could ask for",
      async () => `a+b=${await saved(absolute())},better=lower`,
      /a metric cannot be named "a\+b"/,
    ],
    [
      "three inputs",
      async () =>
        `mine=${await saved(writeModel(["a", "b", "c"].map(info), [scalar((writer) => mean(writer, writer.node("Sum", ["a", "b", "c"])))]))},better=lower`,
      /must have one input, an image, or two, output and target; it has: a float32/,
    ],
    [
      "no input",
      async () =>
        `mine=${await saved(writeModel([], [scalar((writer) => writer.node("Identity", [writer.constant("float", [], [1])]))]))},better=lower`,
      /must have one input.*it has: none/,
    ],
    [
      "closeness to the target of a model of two",
      async () => `mine=${await saved(absolute())},better=target`,
      /better=target applies only to models of one image/,
    ],
    [
      "an input that there is not",
      async () => `mine=${await saved(absolute())},better=lower,target=c`,
      /has no second input c for the target; it has: a float32/,
    ],
    [
      "a size of a model that leaves it open",
      async () => `mine=${await saved(absolute())},better=lower,resize=clean`,
      /mine: the model does not fix the size of its images; set it, as size=224/,
    ],
    [
      "another size than the model's",
      async () => `mine=${await saved(brightness([1, 3, 6, 5]))},better=lower,size=7`,
      /takes images of 6x5, not of 7x7/,
    ],
    [
      "a class instead of a number",
      async () =>
        `mine=${await saved(writeModel([info("image")], [{ ...scalar((writer) => writer.node("Cast", [mean(writer, "image")], { to: 7 })), type: "int64" }]))},better=lower`,
      /gives int64 in its output value/,
    ],
    [
      "a map instead of a number",
      async () =>
        `mine=${await saved(writeModel([info("image")], [{ name: "map", type: "float", dims: anySize, from: (writer) => writer.node("Abs", ["image"]) }]))},better=lower`,
      /mine: \d+\.onnx returned 1x3x13x18 for one image in its output map, not one number/,
      1,
    ],
    [
      "what does not run",
      async () =>
        `mine=${await saved(writeModel([info("image")], [scalar((writer) => mean(writer, writer.node("Reshape", ["image", writer.constant("int64", [2], [-1, 5])])))]))},better=lower`,
      /does not run on 1x3x13x18/,
      1,
    ],
  ];
  test.each(cases)("%s", async (_, text, message, code = 2) => {
    const result = await compare("-m", "l1", "--metric-model", await text());
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
  });

  test("a duplicate name", async () => {
    const model = `mine=${await saved(absolute())},better=lower`;
    const { code, stderr } = await compare("--metric-model", model, "--metric-model", model);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--metric-model: mine is listed twice/)]);
  });

  test("gradients, maps, weights, synchronous calls and invalid images, while value and perImage work", async () => {
    const loss = await openModelMetric("mine", await saved(absolute()), { better: "lower" });
    const [output, target] = [Tensor.full([2, 3, 4, 4], 0.25), Tensor.full([2, 3, 4, 4], 0.75)];
    expect(await loss.value(output, target)).toBeCloseTo(0.5, 6);
    expect([...(await loss.perImage(output, target))]).toHaveLength(2);
    const weight = Tensor.full([1, 1, 4, 4], 1);
    for (const call of [
      () => loss.valueAndGrad(output, target),
      () => loss.map(output, target),
      () => loss.value(output, target, { weight }),
      () => loss.value(output, target, { engine: "kernels" }),
      () => loss.value(output),
      async () => loss.valueSync(output, target),
    ]) {
      const error = await call().catch((caught) => caught);
      expect([error.name, error.code]).toEqual(["ReconlossError", "invalid-argument"]);
    }
    await expect(loss.value(output, Tensor.full([2, 3, 4, 5], 0))).rejects.toThrow(
      /output is 2x3x4x4 but target is 2x3x4x5/,
    );
    await expect(loss.value(Tensor.full([2, 3, 4, 4], Number.NaN), target)).rejects.toThrow(
      /element 0 of output is NaN/,
    );
  });

  test("accepts file names with commas, and finds where the options begin", async () => {
    const path = join(folder, "a,b=c.onnx");
    await writeFile(join(folder, "a,b.onnx"), absolute());
    const { code } = await compare("-m", "l1", "--metric-model", `mine=${join(folder, "a,b.onnx")}, better=lower`);
    expect(code).toBe(0);
    expect((await compare("--metric-model", `mine=${path},better=lower`)).code).toBe(2);
  });
});
