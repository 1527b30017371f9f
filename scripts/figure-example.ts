/**
 * `npx tsx scripts/figure-example.ts [FOLDER]`: the figure in docs/figures.md, of a picture that this script draws, reduced by 4 and enlarged again by four methods. The outputs and targets are kept in FOLDER,
 * where `reconloss compare` and `reconloss figure` can be tried on them.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { loadFonts } from "../packages/reconloss/src/figure/font.ts";
import { writeFigure } from "../packages/reconloss/src/figure/index.ts";
import { fromPixels, writeImage } from "../packages/reconloss/src/image/index.ts";
import { judge } from "../packages/reconloss/src/judge/index.ts";
import { enlarge, reduce } from "../packages/reconloss/src/tasks/degrade.ts";
import { lanczos } from "./tiny-lpips/enlargers.ts";

const [width, height, scale] = [256, 192, 4];
const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), "reconloss-figure-")));

/** A workshop: a wall of bricks, a sign with letters, a wheel with spokes, a fence. */
async function scene(seed: number): Promise<Tensor> {
  const random = new Random("figure-example", seed);
  const fonts = await loadFonts();
  const shapes: string[] = [];
  for (let y = 0; y < height; y += 8) {
    for (let x = -16; x < width; x += 16) {
      const level = 150 + random.between(-25, 25);
      const left = x + (y % 16 === 0 ? 0 : 8);
      const colour = `rgb(${level},${level * 0.62},${level * 0.5})`;
      shapes.push(`<rect x="${left}" y="${y}" width="15" height="7" fill="${colour}"/>`);
    }
  }
  shapes.push(`<rect x="20" y="18" width="124" height="44" rx="5" fill="#16324f" stroke="#f4e3b2" stroke-width="2"/>`);
  const letters = ["SSIM", "PSNR", "LPIPS"][seed % 3];
  shapes.push(`<path d="${fonts.bold.outline(letters, 30, 42, 24)}" fill="#f4e3b2"/>`);
  shapes.push(`<path d="${fonts.regular.outline("reconstruction & loss", 32, 55, 9)}" fill="#f4e3b2"/>`);
  const [cx, cy, radius] = [192, 118, 48];
  shapes.push(`<circle cx="${cx}" cy="${cy}" r="${radius}" fill="#e8eef2" stroke="#222" stroke-width="5"/>`);
  for (let spoke = 0; spoke < 28; spoke++) {
    const angle = (spoke / 28) * 2 * Math.PI + seed;
    const [x, y] = [cx + radius * Math.cos(angle), cy + radius * Math.sin(angle)];
    shapes.push(`<line x1="${cx}" y1="${cy}" x2="${x}" y2="${y}" stroke="#333" stroke-width="1.2"/>`);
  }
  shapes.push(`<circle cx="${cx}" cy="${cy}" r="7" fill="#b5442c"/>`);
  for (let x = 6; x < 130; x += 7) {
    shapes.push(
      `<path d="M${x} 190V${110 + random.between(0, 6)}l2 -5l2 5V190Z" fill="#e9dfc9" stroke="#5b4a33" stroke-width=".6"/>`,
    );
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#7d6a5b"/>${shapes.join("")}</svg>`;
  const { data, info } = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return fromPixels({ data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 });
}

/** Every pixel becomes a square. */
function nearest({ data, shape: [n, c, h, w] }: Tensor): Tensor {
  const [high, wide] = [h * scale, w * scale];
  const result = Float32Array.from({ length: n * c * high * wide }, (_, i) => {
    const [plane, y, x] = [Math.floor(i / (high * wide)), Math.floor(i / wide) % high, i % wide];
    return data[(plane * h + Math.floor(y / scale)) * w + Math.floor(x / scale)];
  });
  return new Tensor(result, [n, c, high, wide]);
}

/** A copy whose edges are raised: what is lost is not made up for, but it looks sharper. */
function sharpened(image: Tensor): Tensor {
  const blurred = enlarge(reduce(image, 2), 2);
  const data = image.data.map((value, i) => Math.min(1, Math.max(0, value + 0.8 * (value - blurred.data[i]))));
  return new Tensor(data, image.shape);
}

const methods = {
  nearest,
  bicubic: (image: Tensor) => enlarge(image, scale),
  Lanczos: (image: Tensor) => lanczos(image, scale),
  sharpened: (image: Tensor) => sharpened(enlarge(image, scale)),
};

for (const [index, name] of ["wall", "yard", "shed"].entries()) {
  const target = await scene(index);
  await writeImage(join(folder, "HR", `${name}.png`), target);
  const small = reduce(target, scale);
  for (const [method, enlarged] of Object.entries(methods)) {
    await writeImage(join(folder, method, `${name}.png`), enlarged(small));
  }
}

const judgement = await judge({
  methods: Object.keys(methods).map((name) => ({ name, outputs: join(folder, name) })),
  targets: join(folder, "HR"),
  metrics: "psnr as PSNR, ssim as SSIM, lpips(net=tiny) as LPIPS",
});
const { images } = await writeFigure(join("docs", "figure.png"), judgement, { dpi: 144, columns: 3 });
process.stdout.write(`docs/figure.png of ${folder}: ${JSON.stringify(images)}\n`);
