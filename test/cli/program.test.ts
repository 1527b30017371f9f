import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { lossFactories } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];

beforeAll(async () => {
  for (const [name, level] of [
    ["a.png", 0.2],
    ["sub/b.png", 0.4],
  ] as const) {
    await writeImage(join(outputs, name), Tensor.full([1, 3, 20, 20], level));
    await writeImage(join(targets, name), Tensor.full([1, 3, 20, 20], 0.6));
  }
});

describe("compare", () => {
  it("reports the background under transparent pixels, and that alpha can be compared", async () => {
    const [output, target] = [join(folder, "clear.png"), join(folder, "white.png")];
    const white = Uint8Array.from({ length: 20 * 20 * 4 }, () => 255);
    const clear = white.map((value, i) => (i % 4 === 3 && i < 800 ? 0 : value));
    const image = { raw: { width: 20, height: 20, channels: 4 } } as const;
    await sharp(clear, image).toFile(output);
    await sharp(white, image).toFile(target);
    const compare = (...more: string[]) => run(["compare", output, target, "-m", "l1", "--json", ...more]);
    const refused = await compare();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/transparent.*"compare"/)]);
    const laid = await compare("--background", "white");
    expect(laid.stderr).toBe("note: in the pair, the output has transparent pixels, which were laid over white\n");
    expect(JSON.parse(laid.stdout)).toMatchObject({ mean: { l1: 0 }, decode: "1 composited" });
    // Half of the pixels: premultiplied colours and alpha are 0 against 1.
    expect(JSON.parse((await compare("--alpha", "compare")).stdout).mean.l1).toBeCloseTo(0.5, 6);
    // Pillow drops alpha and shows the white under it.
    expect(JSON.parse((await compare("--decode", "pillow")).stdout)).toMatchObject({
      mean: { l1: 0 },
      decode: "1 without their alpha",
    });
    const senseless = await compare("--alpha", "compare", "--background", "red");
    expect([senseless.code, senseless.stderr]).toEqual([
      2,
      expect.stringMatching(/--background needs --alpha composite/),
    ]);
    const unknown = await compare("--background", "reddish");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringMatching(/background.*"reddish"/)]);
  });

  it("prints a table with the mean, without colours off a terminal", async () => {
    const { code, stdout, stderr } = await run(["compare", outputs, targets, "-m", "l1,psnr(crop=2)"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [, , , a, b, , ...summary] = stdout.split("\n").map((line) => line.split(/\s{2,}/));
    // 0.4 and 0.2 away, 20 log10 of which is 7.96 and 13.98 dB.
    expect(a).toEqual(["a.png", "0.4000", "7.96"]);
    expect(b).toEqual(["sub/b.png", "0.2000", "13.98"]);
    expect(summary.slice(0, -1)).toEqual([
      ["mean", "0.3000", "10.97"],
      ["std", "0.1000", "3.01"],
      ["min", "0.2000", "7.96"],
      ["median", "0.3000", "10.97"],
      ["max", "0.4000", "13.98"],
      ["n", "2", "2"],
    ]);
    expect(stripVTControlCharacters(stdout)).toBe(stdout);
  });

  it("colours a terminal unless NO_COLOR is set", async () => {
    const args = ["compare", outputs, targets, "-m", "l1"];
    const coloured = (await run(args, { tty: true })).stdout;
    expect(stripVTControlCharacters(coloured)).not.toBe(coloured);
    const plain = (await run(args, { tty: true, env: { NO_COLOR: "1" } })).stdout;
    expect(plain).toBe((await run(args)).stdout);
  });

  it("compares two files whatever their names", async () => {
    const { code, stdout } = await run([
      ...["compare", join(outputs, "a.png"), join(targets, "sub/b.png")],
      ...["--json", "-m", "l1"],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).mean.l1).toBeCloseTo(0.4, 6);
  });

  it("leaves ms-ssim out of the default metrics where images are too small, with one note", async () => {
    const { code, stdout, stderr } = await run(["compare", outputs, targets, "--json"]);
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout).losses)).toEqual(["psnr", "ssim", "lpips(net=tiny)", "deltaE", "l1"]);
    expect(stderr.match(/ms-ssim is left out of 2 of 2 pairs/g)).toHaveLength(1);
  });

  it("fails where ms-ssim was requested and cannot be computed, and keeps the rest", async () => {
    const { code, stdout, stderr } = await run(["compare", outputs, targets, "--json", "-m", "ms-ssim,l1"]);
    expect(code).toBe(1);
    const { mean, failed, pairs } = JSON.parse(stdout);
    expect(Object.keys(mean)).toEqual(["l1"]);
    expect(pairs).toHaveLength(2);
    expect(failed.map(({ loss }: { loss: string }) => loss)).toEqual(["ms-ssim", "ms-ssim"]);
    expect(stderr).toContain("161x161");
  });

  it.each([
    ["l1>0.3", 0],
    ["l1>0.29", 1],
    ["l1<=0.1,l1>=0.2", 1],
  ])("--fail %s exits with %i", async (conditions, expected) => {
    // The mean is 0.3 up to float32.
    const { code, stderr } = await run([
      ...["compare", outputs, targets, "-m", "l1"],
      ...["--fail", conditions.replace("0.3", "0.3001")],
    ]);
    expect(code).toBe(expected);
    expect(stderr.includes("fail:")).toBe(expected === 1);
  });

  describe("with pairs of which one is identical, and one too small for ms-ssim", () => {
    const [made, wanted] = [join(folder, "made"), join(folder, "wanted")];
    beforeAll(async () => {
      for (const [name, side, level] of [
        ["a.png", 176, 0.2],
        ["b.png", 176, 0.6],
        ["c.png", 20, 0.2],
      ] as const) {
        await writeImage(join(made, name), Tensor.full([1, 3, side, side], level));
        await writeImage(join(wanted, name), Tensor.full([1, 3, side, side], 0.6));
      }
    });
    const compare = (...args: string[]) => run(["compare", made, wanted, ...args]);

    it("prints how many pairs each mean covers, and which are excluded", async () => {
      const { code, stdout, stderr } = await compare("-m", "psnr,l1");
      expect(code).toBe(0);
      const row = (name: string) =>
        stdout
          .split("\n")
          .find((line) => line.startsWith(`${name} `))
          ?.split(/\s{2,}/);
      // 0.4 away is 7.96 dB, twice.
      expect(row("mean")).toEqual(["mean", "7.96", "0.2667"]);
      expect(row("n")).toEqual(["n", "2 of 3", "3"]);
      expect(row("b.png")).toEqual(["b.png", "∞", "0.0000"]);
      expect(stderr).toContain(
        "note: in 1 of 3 pairs, what psnr compares is identical; the mean and the other statistics leave it out",
      );
    });

    it.each([
      ["psnr<30", 1],
      ["psnr<7", 0],
      ["psnr>50", 1],
      ["any(psnr<7)", 0],
      ["min(psnr)<8", 1],
      ["max(l1)>0.3", 1],
      ["any(deltaE.max>200)", 0],
      ["any(deltaE.max>10)", 1],
      ["lpips>=0", 1],
      ["ms-ssim<0.1", 1],
      ["any(ms-ssim<-1)", 1],
    ])("--fail %s exits with %i under the default metrics", async (condition, expected) => {
      const { code, stderr } = await compare("--fail", condition);
      expect({ code, stderr }).toEqual({ code: expected, stderr });
      expect(stderr.includes(`fail: ${condition}`)).toBe(expected === 1);
    });

    it("fails a gate on a metric that a pair lacks, though that metric is optional otherwise", async () => {
      expect((await compare()).code).toBe(0);
      const { code, stderr, stdout } = await compare("--fail", "ms-ssim<0.1", "--json");
      expect(code).toBe(1);
      expect(stderr).toContain("fail: ms-ssim<0.1: 1 of 3 pairs lack a value");
      const { measured, failed, conditions } = JSON.parse(stdout);
      expect(measured["ms-ssim"]).toBe(2);
      expect(failed).toMatchObject([{ loss: "ms-ssim" }]);
      expect(conditions).toMatchObject([{ condition: "ms-ssim<0.1", holds: true, measured: 2, missing: 1 }]);
    });

    it("labels every number with the specification that was typed, map statistics too", async () => {
      const csv = join(folder, "typed.csv");
      const metrics = "l1(dataRange=1), psnr(crop=2,channels=rgb), tv";
      const { stdout } = await compare("-m", metrics, "--json", "--csv", csv, "--fail", "l1.max>2");
      const { mean, losses, pairs, measured, notFinite, statistics, targetMean } = JSON.parse(stdout);
      const [l1, psnr, tv] = metrics.split(", ");
      expect(Object.keys(losses)).toEqual([l1, psnr, tv]);
      expect(losses[psnr]).toMatchObject({ spec: "psnr(crop=2)", better: "higher", options: { crop: 2 } });
      expect(losses[l1].spec).toBe("l1");
      expect(mean[psnr]).toBeCloseTo(7.9588, 3);
      expect([measured[psnr], notFinite[psnr], statistics[psnr].n]).toEqual([3, 1, 2]);
      expect(pairs[0].values[`${l1}.max`]).toBeCloseTo(0.4, 6);
      expect(pairs[1].values[psnr]).toBe("Infinity");
      // Flat images have no variation.
      expect([pairs[0].targetValues, targetMean]).toEqual([{ tv: 0 }, { tv: 0 }]);
      const [header] = (await readFile(csv, "utf8")).split("\r\n");
      expect(header).toBe(`output,target,width,height,${l1},"${psnr}",tv,tv of target,${l1}.max,error`);
    });
  });

  it("ranks a prior by the distance from the target's own value", async () => {
    const [made, wanted] = [join(folder, "blurred"), join(folder, "sharp")];
    const stripes = (contrast: number) =>
      Tensor.from(
        Array.from({ length: 16 * 16 }, (_, index) => 0.4 + (index % 2) * contrast),
        [1, 1, 16, 16],
      );
    for (const [name, contrast] of [
      ["blurry.png", 0],
      ["close.png", 0.2],
    ] as const) {
      await writeImage(join(made, name), stripes(contrast));
      await writeImage(join(wanted, name), stripes(0.4));
    }
    const { stdout } = await run(["compare", made, wanted, "-m", "tv"], { tty: true, env: { FORCE_COLOR: "1" } });
    const lines = stdout.split("\n");
    expect(stripVTControlCharacters(lines[0]).trim()).toBe("tv ≈  target");
    // The lowest is the worst, not the best; steps of 0, 51 and 102 of 255 levels.
    const blurry = lines.find((line) => line.includes("blurry")) as string;
    expect(blurry).toContain("\u001b[33m0.0000");
    expect(stripVTControlCharacters(blurry).split(/\s{2,}/)).toEqual(["blurry.png", "0.0000", "0.4000"]);
    expect(lines.find((line) => line.includes("close"))).not.toContain("\u001b[33m");
  });

  it("fits the table into the given width, with dropped metrics below", async () => {
    const args = ["compare", outputs, targets, "-m", "psnr,ssim,l1,mse,charbonnier,deltaE,tv,l1 + 0.1*tv"];
    for (const options of [{ columns: 40 }, { columns: null, env: { COLUMNS: "40" } }]) {
      const { stdout } = await run(args, options);
      const lines = stdout.split("\n");
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(40);
      expect(stdout.match(/^mean/gm)?.length).toBeGreaterThan(1);
      for (const name of ["psnr", "charbonnier", "deltaE", "0.1*tv"]) expect(stdout).toContain(name);
    }
    const wide = (await run(args, { columns: null })).stdout;
    expect(wide.match(/^mean/gm)).toHaveLength(1);
  });

  it("keeps the decimals of a column whatever its values", async () => {
    const at = async (output: string, target: string) => {
      const args = ["compare", output, target, "-m", "psnr,ssim,l1,deltaE"];
      const row = (await run(args)).stdout.split("\n").find((line) => line.includes(".png"));
      return row
        ?.split(/\s{2,}/)
        .slice(1)
        .map((cell) => cell.replace(/^[\d-]*\.?/, "").length);
    };
    const decimals = [2, 4, 4, 2];
    expect(await at(join(outputs, "a.png"), join(targets, "a.png"))).toEqual(decimals);
    const [near, wanted] = [join(folder, "near.png"), join(folder, "near-target.png")];
    await writeImage(wanted, randomTensor([1, 3, 20, 20], 5));
    await writeImage(near, randomTensor([1, 3, 20, 20], 6));
    expect(await at(near, wanted)).toEqual(decimals);
  });

  it("writes a CSV file, and maps with their scales", async () => {
    const [csv, maps] = [join(folder, "new", "all.csv"), join(folder, "maps")];
    const args = ["compare", outputs, targets, "-m", "l1,ssim,ms-ssim", "--csv", csv, "--maps", maps];
    expect((await run(args)).code).toBe(1);
    expect((await readFile(csv, "utf8")).split("\r\n")[0]).toBe("output,target,width,height,l1,ssim,ms-ssim,error");
    expect((await readdir(maps)).sort()).toEqual(["a.png.l1.png", "a.png.ssim.png", "scales.json", "sub"]);
    expect(await readdir(join(maps, "sub"))).toEqual(["b.png.l1.png", "b.png.ssim.png"]);
    const scales = JSON.parse(await readFile(join(maps, "scales.json"), "utf8"));
    expect(scales[0]).toMatchObject({ file: "a.png.l1.png", loss: "l1", black: 0 });
    expect(scales[0].brightest).toBeCloseTo(0.4, 6);
    // Everywhere at the top of its scale: the last colour of the map, #fcfdbf.
    const { data, shape } = await readImage(join(maps, "a.png.l1.png"));
    expect(shape).toEqual([1, 3, 20, 20]);
    expect([0, 1, 2].map((channel) => Math.round(data[400 * channel] * 255))).toEqual([0xfc, 0xfd, 0xbf]);
  });

  it("prints the numbers even where a file cannot be written", async () => {
    const csv = join(outputs, "a.png", "x.csv");
    const { code, stdout, stderr } = await run(["compare", outputs, targets, "-m", "l1", "--csv", csv]);
    expect(code).toBe(2);
    expect(stdout).toMatch(/mean +0\.3000/);
    expect(stderr).toMatch(/^error: .*x\.csv/);
  });

  it("counts images without a partner as failed", async () => {
    const alone = join(folder, "alone");
    await writeImage(join(alone, "a.png"), Tensor.full([1, 3, 20, 20], 0.2));
    const { code, stdout } = await run(["compare", alone, targets, "-m", "l1", "--json"]);
    expect(code).toBe(1);
    const { pairs, failed } = JSON.parse(stdout);
    expect(pairs).toHaveLength(1);
    expect(failed).toMatchObject([{ output: null, target: join(targets, "sub/b.png") }]);
  });

  it("escapes control characters of file names, so that they cannot drive the terminal", async () => {
    const evil = join(folder, "evil");
    await mkdir(evil);
    await writeFile(join(evil, "\u001b[2Jx.png"), "");
    const { stdout, stderr } = await run(["compare", join(evil, "\u001b[2Jx.png"), join(targets, "a.png")]);
    expect(stdout + stderr).not.toContain("\u001b");
    expect(stderr).toContain("\\x1b[2Jx.png");
  });

  it("shows the worst of many pairs on a terminal, all of them elsewhere", async () => {
    const [many, wanted] = [join(folder, "many"), join(folder, "wanted")];
    for (let i = 0; i < 45; i++) {
      await writeImage(join(many, `${i}.png`), Tensor.full([1, 1, 4, 4], i / 255));
      await writeImage(join(wanted, `${i}.png`), Tensor.full([1, 1, 4, 4], 0));
    }
    const onTerminal = (await run(["compare", many, wanted, "-m", "l1", "--no-progress"], { tty: true })).stdout;
    const lines = stripVTControlCharacters(onTerminal).split("\n");
    expect(lines[2]).toMatch(/^44\.png /);
    expect(lines).not.toContainEqual(expect.stringMatching(/^0\.png /));
    expect(onTerminal).toContain("the 40 worst by l1; 5 more");
    const piped = (await run(["compare", many, wanted, "-m", "l1"])).stdout.split("\n");
    expect(piped.filter((line) => line.includes(".png"))).toHaveLength(45);
    expect(piped[2]).toMatch(/^0\.png /);
  });
});

describe("losses", () => {
  it("lists every loss with every option, its default and accepted values", async () => {
    const { code, stdout } = await run(["losses"]);
    expect(code).toBe(0);
    for (const { info } of [...lossFactories, gan]) {
      const better = info.better === "target" ? "closer to the target's is better" : `${info.better} is better`;
      expect(stdout).toContain(`${info.name}  ${info.summary}; ${better}`);
      // Lines are wrapped between words.
      expect(stdout.replace(/\s+/g, " ")).toContain(`${info.formula} ${info.use} ${info.source}`);
      for (const [name, option] of Object.entries(info.options)) {
        expect(stdout).toContain(`${name}=${option.default}`);
        expect(stdout).toContain(option.accepts);
      }
    }
  });

  it("lists them as JSON", async () => {
    const losses = JSON.parse((await run(["losses", "--json"])).stdout);
    expect(losses.map(({ name }: { name: string }) => name)).toEqual(
      [...lossFactories, gan].map(({ info }) => info.name),
    );
    expect(losses.filter(({ learned }: { learned: boolean }) => learned)).toEqual([losses.at(-1)]);
    const psnr = losses.find(({ name }: { name: string }) => name === "psnr");
    expect(psnr.options).toContainEqual(expect.objectContaining({ name: "identical", default: "Infinity" }));
  });
});

it("prints the package's version", async () => {
  const { version } = JSON.parse(
    await readFile(new URL("../../packages/reconloss/package.json", import.meta.url), "utf8"),
  );
  expect(await run(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n` });
});

describe("wrong usage", () => {
  it.each([
    [[], ""],
    [["nothing"], "unknown command"],
    [["compare"], "missing required argument"],
    [["compare", outputs], "missing required argument"],
    [["weights", "nothing"], "unknown command"],
    [["weights", "path", "vgg16", "more"], "too many arguments"],
    [["compare", outputs, targets, "more"], "too many arguments"],
    [["compare", outputs, targets, "--bogus"], "unknown option"],
    [["compare", outputs, targets, "--alpha", "ignore"], "reject, composite"],
    [["compare", outputs, targets, "-m", "nothing"], 'there is no loss "nothing"'],
    [["compare", outputs, targets, "-m", "ssim(window=big)"], "window must be gaussian | uniform"],
    [["compare", outputs, targets, "-m", "l1,l1"], "listed twice"],
    [["compare", outputs, targets, "--fail", "l1"], "loss<number"],
    [["compare", outputs, targets, "--fail", "tv>1"], "tv is not among the metrics"],
    [["compare", join(folder, "nowhere"), targets], "does not exist"],
    [["compare", join(outputs, "a.png"), targets], "two files or two folders"],
  ])("%j exits with 2", async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it("help is not an error", async () => {
    const { code, stdout } = await run(["compare", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Exit codes:");
  });
});

it("gives the values of the library", async () => {
  const [a, b] = [randomTensor([1, 3, 40, 40], 1), randomTensor([1, 3, 40, 40], 2)];
  const [output, target] = [join(folder, "noise-a.png"), join(folder, "noise-b.png")];
  await writeImage(output, a);
  await writeImage(target, b);
  // Too small for three, and no weights for the others.
  const left = ["ms-ssim", "iw-ssim", "vif", "lpips", "dists", "contextual", "perceptual", "niqe", "brisque"];
  const specs = lossFactories.map(({ info }) => info.name).filter((name) => !left.includes(name));
  const { stdout } = await run(["compare", output, target, "--json", "-m", specs.join(",")]);
  const { values } = JSON.parse(stdout).pairs[0];
  const images = [await readImage(output), await readImage(target)];
  for (const factory of lossFactories.filter(({ info }) => specs.includes(info.name))) {
    expect(values[factory.info.name]).toBe(await factory().value(images[0], images[1]));
  }
});
