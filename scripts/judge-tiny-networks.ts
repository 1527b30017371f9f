/**
 * `npx tsx scripts/judge-tiny-networks.ts --photographs FOLDER --learn FOLDER --published FOLDER --cache FOLDER [--version 1 | --weights FILE]`: how far `lpips(net=tiny)` says of the outputs of
 * networks for super-resolution what LPIPS-alex 0.1 says.
 *
 * Photographs that it was not trained with are reduced and enlarged again by ten methods: bicubic, Lanczos, sharpened, small networks trained here on the photographs of
 * `--learn` with four losses, and three published ones, in a folder that `npm install --prefix FOLDER @upscalerjs/esrgan-medium @upscalerjs/esrgan-thick @upscalerjs/esrgan-legacy`
 * has made. Which of two methods is better on one photograph is asked of all pairs. Then networks are trained with `l1` and with `l1 + 0.1*lpips(net=tiny)`, for the
 * edition that is judged, and the means of what both say of the outputs are compared.
 */
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { type Loss, lpips } from "../packages/core/src/losses/index.ts";
import type { LpipsVersion } from "../packages/core/src/nets/table.ts";
import { plainTable } from "../packages/reconloss/src/cli/table.ts";
import { readWeightsModule } from "./tiny-lpips/candidate.ts";
import { rankCorrelation } from "./tiny-lpips/correlation.ts";
import { enlarged, pairwiseAgreement, scales, valuesOf } from "./tiny-lpips/enlarged.ts";
import { ownMethods, publishedMethods, simpleMethods } from "./tiny-lpips/enlargers.ts";
import { type OwnNetwork, tinyOf } from "./tiny-lpips/own-networks.ts";

const usage = "usage: judge-tiny-networks.ts --photographs FOLDER --learn FOLDER --published FOLDER --cache FOLDER";
const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    learn: { type: "string" },
    published: { type: "string" },
    cache: { type: "string" },
    weights: { type: "string" },
    version: { type: "string", default: "2" },
    agreement: { type: "boolean", default: false },
    seeds: { type: "string", default: "1" },
  },
});
const { photographs, learn, published, cache } = flags;
if (!photographs || !learn || !published || !cache) throw new Error(usage);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const reportProgress = (text: string) => void process.stderr.write(`${text}\n`);

const against = flags.weights
  ? { name: basename(flags.weights, ".ts"), weights: await readWeightsModule(flags.weights) }
  : undefined;
const tiny: Loss = against
  ? tinyOf(against.weights)({ net: "tiny" })
  : lpips({ net: "tiny", version: flags.version as LpipsVersion });

const edition = against?.name ?? `version ${flags.version}`;

const own = (scale: OwnNetwork["scale"], loss: string, seed = 101): OwnNetwork => {
  return { scale, loss, seed, steps: 400, patch: 24 * scale };
};
// Of the first edition, whichever is judged, so that the methods stay the same.
const trainedWithFirst = "l1 + 0.1*lpips(net=tiny,version=1)";
const judgedLosses = ["l1", trainedWithFirst, "l1 + 0.2*ssim", "l1 + 0.1*lpips(net=alex)"];
/** The losses that networks are trained with to exploit the metric under test. */
const judged = against ? "l1 + 0.1*lpips(net=tiny)" : `l1 + 0.1*lpips(net=tiny,version=${flags.version})`;
const judgedPackages = (scale: number) => ["esrgan-medium", "esrgan-thick", `esrgan-legacy/models/div2k/x${scale}`];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const rows: string[][] = [];
const all: { mine: number[]; theirs: number[] } = { mine: [], theirs: [] };
const [shares, exchanged]: [number[], number[]] = [[], []];
for (const scale of scales) {
  const methods = [
    ...simpleMethods(scale).slice(0, 3),
    ...(await ownMethods(
      judgedLosses.map((loss) => own(scale, loss)),
      { photographs: learn, cache },
      reportProgress,
    )),
    ...(await publishedMethods(join(published, "node_modules"), judgedPackages(scale), scale)),
  ];
  const set = await enlarged(photographs, cache, scale, methods);
  const values = await valuesOf(tiny, set);
  const share = pairwiseAgreement(values, set.alex);
  const [mine, theirs] = [values.flat(), set.alex.flat()];
  all.mine.push(...mine);
  all.theirs.push(...theirs);
  shares.push(share);
  print(`x${scale}: agreement ${(100 * share).toFixed(2)} %, rank ${rankCorrelation(mine, theirs).toFixed(4)}`);
  for (const [index, method] of set.methods.entries()) {
    const [a, b] = [values, set.alex].map((of) => mean(of.map((row) => row[index])));
    rows.push([`x${scale} ${method}`, b.toFixed(4), a.toFixed(4), (a / b).toFixed(3)]);
  }
  if (flags.agreement) continue;
  // What was trained with the first edition is hard for that one; here what was trained with the judged one takes its place.
  const [other] = await ownMethods([own(scale, judged)], { photographs: learn, cache, against }, reportProgress);
  const place = methods.findIndex(({ name }) => name === `ours, ${trainedWithFirst}`);
  const inPlace = methods.map((method, index) =>
    index === place ? { ...other, name: `${other.name} ${edition}` } : method,
  );
  const otherSet = await enlarged(photographs, cache, scale, inPlace);
  exchanged.push(pairwiseAgreement(await valuesOf(tiny, otherSet), otherSet.alex));
}
print(`all: agreement ${(100 * mean(shares)).toFixed(2)} %, rank ${rankCorrelation(all.mine, all.theirs).toFixed(4)}`);
print(plainTable([["", "alex", "tiny", "tiny / alex"], ...rows], [], [0]));

if (!flags.agreement) {
  const percentages = [...exchanged, mean(exchanged)].map((share) => `${(100 * share).toFixed(2)} %`).join(", ");
  print(`with networks trained with what is judged in place of the first edition: ${percentages}`);
  for (const seed of flags.seeds.split(",").map(Number)) {
    const networks = ["l1", judged].map((loss) => ({ ...own(2, loss, seed), patch: 48 }));
    const where = { photographs: learn, cache };
    const methods = [
      ...(await ownMethods(networks.slice(0, 1), where, reportProgress)),
      ...(await ownMethods(networks.slice(1), { ...where, against }, reportProgress)),
    ].map(({ name, enlarge }) => ({ name: `flattery ${seed} ${name} ${edition}`, enlarge }));
    const set = await enlarged(photographs, cache, 2, methods);
    const values = await valuesOf(tiny, set);
    const ratios = methods.map((_, index) => {
      const [a, b] = [values, set.alex].map((of) => mean(of.map((row) => row[index])));
      print(
        `seed ${seed}, ${networks[index].loss}: alex ${b.toFixed(4)}, tiny ${a.toFixed(4)}, ratio ${(a / b).toFixed(4)}`,
      );
      return a / b;
    });
    print(`seed ${seed}: ratio of ratios ${(ratios[1] / ratios[0]).toFixed(4)}`);
  }
}
