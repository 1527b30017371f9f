/**
 * `npm run monotonicity -- PHOTOGRAPHS`: whether losses get worse as images do, for each loss and each kind of distortion, and writes docs/monotonicity.md with its
 * picture. Takes about ten minutes of two processor cores; what was measured stays in .cache/monotonicity, so that stopped work resumes.
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import "../packages/reconloss/src/weights/disk.ts";
import { lossFactories } from "../packages/core/src/losses/registry.ts";
import { measure, photographsIn } from "./monotonicity/measure.ts";
import { writePage } from "./monotonicity/page.ts";

const usage = `npm run monotonicity -- PHOTOGRAPHS [options]
  PHOTOGRAPHS        a folder
  --photographs N    only the first N of them
  --about TEXT       what the page says of these photographs
  --page             measure nothing, write the page from what there is
  --weights FOLDER   weights of networks (default: RECONLOSS_WEIGHTS); losses whose weights are missing are listed as not measured
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    photographs: { type: "string" },
    about: { type: "string" },
    page: { type: "boolean" },
    weights: { type: "string" },
  },
});
if (positionals.length === 1) {
  if (values.weights !== undefined) process.env.RECONLOSS_WEIGHTS = values.weights;
  process.env.RECONLOSS_OFFLINE = "1";
  const root = fileURLToPath(new URL("..", import.meta.url));
  const names = lossFactories.map(({ info }) => info.name);
  const specs = [
    ...names,
    "ssim(preset=piq)",
    "lpips(net=squeeze)",
    "lpips(net=tiny,version=1)",
    "perceptual(net=alexnet,taps=relu3)",
    "contextual(net=alexnet,taps=relu3)",
  ];
  const photographs = await photographsIn(positionals[0], Number(values.photographs ?? Number.POSITIVE_INFINITY));
  const results = await measure(specs, photographs, join(root, ".cache", "monotonicity"), { only: values.page });
  const path = join(root, "docs", "monotonicity.md");
  await writePage(path, results, { photographs: photographs.length, about: values.about });
  console.log(`wrote ${relative(process.cwd(), path)}`);
} else {
  console.log(usage);
  process.exitCode = 2;
}
