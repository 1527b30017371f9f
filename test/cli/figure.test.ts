import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { parseBox, parseLength } from "../../packages/reconloss/src/cli/figure-options.ts";
import { proposeRegions } from "../../packages/reconloss/src/figure/index.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();
const at = (...names: string[]) => join(folder, ...names);
const methods = () => [`soft=${at("soft")}`, `hard=${at("hard")}`, "--targets", at("HR"), "--no-cache"];

/** Two methods on a small and a larger image, which differ more on the larger one. */
beforeAll(async () => {
  for (const [index, [name, side]] of (
    [
      ["a.png", 40],
      ["b.png", 56],
    ] as const
  ).entries()) {
    const grey = Tensor.full([1, 3, side, side], 0.5);
    const target = noise(grey, 0.2, index);
    await writeImage(at("HR", name), target);
    await writeImage(at("soft", name), noise(target, 0.01, 2 + index));
    await writeImage(at("hard", name), noise(target, 0.02 + 0.1 * index, 4 + index));
  }
});

describe("reconloss figure", () => {
  test("writes the figure of the requested image and box", async () => {
    const file = at("figure.svg");
    const wanted = ["--image", "a", "--box", "4,6,16,12,red", "--box", "20,20,8,6", "-m", "psnr as PSNR"];
    const { code, stdout, stderr } = await run(["figure", ...methods(), ...wanted, "-o", file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/figure\.svg {2}496x\d+ pt\n$/);
    const svg = await readFile(file, "utf8");
    expect(svg).toContain('stroke="#d62728"');
    for (const text of ["Target", "soft", "hard", "PSNR ↑"]) expect(svg).toContain(`>${text}<`);
    // Two crops of the target and of each method, beside the image.
    expect(svg.match(/<image /g)).toHaveLength(7);
  });

  test("chooses where methods differ most, and says so", async () => {
    const file = at("chosen.png");
    const { code, stderr } = await run(["figure", ...methods(), "-m", "l1", "-o", file, "--width", "640px"]);
    const outputs = await Promise.all(["soft", "hard"].map((name) => readImage(at(name, "b.png"))));
    const [{ x, y, width, height }] = proposeRegions(outputs, await readImage(at("HR", "b.png")));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `note: b.png: --box ${x},${y},${width},${height} is where the methods differ most\n`,
    });
    expect((await sharp(file).metadata()).width).toBe(640);
    const box = ["--box", "1,2,8,6", "--json"];
    const drawn = await run(["figure", ...methods(), "-m", "l1", "-o", file, ...box]);
    expect(JSON.parse(drawn.stdout).images).toEqual([
      { name: "b.png", isProposed: false, boxes: [{ x: 1, y: 2, width: 8, height: 6 }] },
    ]);
  });

  test("prints regions, as options and as JSON", async () => {
    const regions = ["--image", "a", "--image", "b.png", "--regions", "2", "--size", "10x8"];
    const { code, stdout } = await run(["figure", ...methods(), ...regions]);
    expect([code, stdout.match(/--box \d+,\d+,10,8/g)?.length]).toEqual([0, 4]);
    const { stdout: json } = await run(["figure", ...methods(), ...regions, "--json"]);
    const found: { name: string; regions: { x: number; y: number }[] }[] = JSON.parse(json);
    expect(found.map(({ name }) => name)).toEqual(["a.png", "b.png"]);
    for (const { regions } of found) {
      for (const { x, y } of regions) expect(stdout).toContain(`--box ${x},${y},10,8`);
    }
  });

  test("takes boxes with the image before them, and those before all images for each", async () => {
    const boxes = ["--box", "1,1,8,6", "--image", "a", "--box", "9,9,8,6", "--image", "b"];
    const { stdout } = await run(["figure", ...methods(), ...boxes, "--json", "-o", at("boxes.svg")]);
    const { images } = JSON.parse(stdout);
    expect(images.map(({ boxes }: { boxes: unknown[] }) => boxes.length)).toEqual([2, 1]);
  });

  test("shows a method that lacks the image, reports it, and exits with 1", async () => {
    await rm(at("hard", "a.png"));
    const { code, stderr } = await run(["figure", ...methods(), "--image", "a", "-o", at("missing.svg")]);
    expect(code).toBe(1);
    expect(stderr).toContain("note: hard: a.png is not shown: no output");
    expect(await readFile(at("missing.svg"), "utf8")).toContain(">no image<");
    await writeImage(at("hard", "a.png"), Tensor.full([1, 3, 40, 41], 0.5));
    const wide = await run(["figure", ...methods(), "--image", "a", "-o", at("missing.svg")]);
    expect(wide.code).toBe(1);
    expect(wide.stderr).toMatch(/hard: a\.png is not shown: .*40x41/);
    expect(await readFile(at("missing.svg"), "utf8")).toContain(">not comparable<");
  });

  test("explains why an image cannot be shown", async () => {
    await writeImage(at("alpha", "a.png"), Tensor.full([1, 3, 40, 40], 0.5), {
      alpha: Tensor.full([1, 1, 40, 40], 0.5),
    });
    const alone = [`alpha=${at("alpha")}`, "--targets", at("HR"), "--no-cache", "-o", at("none.svg")];
    const reason = /alpha: cannot read .*transparent/;
    for (const [args, message] of [
      [[], "no output can be compared: "],
      [["--image", "a"], "no output of a.png can be compared: "],
    ] as const) {
      const { code, stderr } = await run(["figure", ...alone, ...args]);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).toMatch(reason);
    }
  });

  test("pairs methods by the suffix patterns that it proposes, and matches sizes", async () => {
    const target = await readImage(at("HR", "b.png"));
    for (const [method, suffix, side] of [
      ["one", "_x4_one", 56],
      ["two", "x4", 57],
    ] as const) {
      for (const [index, name] of ["a", "b"].entries()) {
        const size = name === "a" ? 40 : side;
        const output = noise(name === "b" && size === 56 ? target : Tensor.full([1, 3, size, size], 0.5), 0.1, index);
        await writeImage(at("suffixed", method, `${name}${suffix}.png`), output);
      }
    }
    const inputs = ["one", "two"].map((name) => `${name}=${at("suffixed", name)}`);
    const args = ["figure", ...inputs, "--targets", at("HR"), "--no-cache", "--image", "b", "-m", "psnr"];
    const before = await run([...args, "-o", at("s.svg")]);
    expect(before.code).toBe(2);
    const patterns = ["{name}_x4_one.png={name}.png", "{name}x4.png={name}.png"];
    const flags = patterns.map((pattern) => `--pair "${pattern}"`).join(" ");
    expect(before.stderr).toContain(`note: all of them by ${flags}\n`);
    const pairs = [...patterns.flatMap((pattern) => ["--pair", pattern]), "-o", at("s.svg")];
    const wide = await run([...args, ...pairs]);
    expect(wide.code).toBe(1);
    expect(wide.stderr).toMatch(/two: b\.png is not shown: .*57x57/);
    expect((await run([...args, ...pairs, "--fit", "crop"])).code).toBe(0);
    expect((await readFile(at("s.svg"), "utf8")).match(/<image /g)).toHaveLength(4);
  });

  test.each([
    [["-o", "x.gif"], "x.gif must end in one of .png, .svg, .pdf"],
    [[], "give an output file, -o figure.png, or use --regions 3"],
    [["-o", "x.png", "--regions", "2"], "use only one of them"],
    [["-o", "x.png", "--image", "c"], "no target is named c; there are a.png, b.png"],
    [["-o", "x.png", "--box", "1,2,3"], "x,y,width,height"],
    [["-o", "x.png", "--box", "1,2,3,4,beige"], "#rrggbb"],
    [["-o", "x.png", "--box", "50,50,30,30", "--image", "b"], "is not within b.png of 56x56 pixels"],
    [["-o", "x.png", "--width", "8parsec"], "pt, px, in, cm or mm"],
    [["-o", "x.png", "--labels", "HR,A"], "3 in all, got 2"],
    [["-o", "x.png", "--regions", "0"], "--regions"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await run(["figure", ...methods(), ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

test("parses boxes and lengths", () => {
  expect(parseBox("1, 2,3,4,#00FF00")).toEqual({ x: 1, y: 2, width: 3, height: 4, colour: "#00FF00" });
  expect(() => parseBox("-1,2,3,4")).toThrow("whole pixels");
  const points = (text: string) => parseLength(text).points;
  // 1 inch is 72 points, 96 pixels of CSS and 2.54 cm.
  expect(["72", "72pt", "96px", "1in", "2.54cm", "25.4mm"].map(points)).toEqual(
    new Array(6).fill(expect.closeTo(72, 9)),
  );
});
