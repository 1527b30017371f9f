/**
 * `npx tsx scripts/judge-tiny-lpips.ts --photographs FOLDER [--version 1 | --weights FILE] [--cache FOLDER] [--speed]`: how well `lpips(net=tiny)` agrees with LPIPS-alex 0.1 on photographs that it was not trained on.
 *
 * Every photograph, whole, is spoiled in every way that the network was trained with at a strength drawn by a fixed seed, in six mixtures of them, and in three ways that
 * it never saw; then along five steps of the strength of every way, where the distance must rise at every step. With `--speed`, times on this machine as well;
 * with `--weights`, those of a module that `refine-tiny-lpips.ts` wrote in place of the package's. What LPIPS-alex says is kept in the cache folder.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Loss, lpips } from "../packages/core/src/losses/index.ts";
import type { LpipsVersion } from "../packages/core/src/nets/table.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { plainTable } from "../packages/reconloss/src/cli/table.ts";
import { listImages, readImage } from "../packages/reconloss/src/image/index.ts";
import { readWeightsModule } from "./tiny-lpips/candidate.ts";
import { linearCorrelation, rankCorrelation } from "./tiny-lpips/correlation.ts";
import { applyDistortions } from "./tiny-lpips/distortion-sequence.ts";
import { tinyOf } from "./tiny-lpips/own-networks.ts";
import { rungs, type Trial, trialsOf } from "./tiny-lpips/trials.ts";

const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    weights: { type: "string" },
    version: { type: "string", default: "2" },
    cache: { type: "string" },
    seed: { type: "string", default: "1" },
    speed: { type: "boolean", default: false },
  },
});
if (flags.photographs === undefined) throw new Error("usage: judge-tiny-lpips.ts --photographs FOLDER [--speed]");
const print = (text: string) => void process.stdout.write(`${text}\n`);

const alex = lpips({ net: "alex" });
const tiny =
  flags.weights === undefined
    ? lpips({ net: "tiny", version: flags.version as LpipsVersion })
    : tinyOf(await readWeightsModule(flags.weights))({ net: "tiny" });

/** A trial, and what both say of it; the teacher is not asked about ladders. */
interface Answer {
  readonly trial: Trial;
  readonly tiny: number;
  readonly alex: number;
}

const answers: Answer[] = [];
let identical = 0;
const names = (await listImages(flags.photographs)).toSorted();
for (const [index, name] of names.entries()) {
  const image = await readImage(join(flags.photographs, name));
  const [ofAlex, ofTiny] = [await alex.prepareTarget(image), await tiny.prepareTarget(image)];
  identical = Math.max(identical, await tiny.value(image, image));
  const path = flags.cache && join(flags.cache, `alex ${flags.seed} ${name}.json`);
  const known: number[] = path && existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : [];
  const taught: number[] = [];
  for (const trial of trialsOf(index, Number(flags.seed))) {
    const output = applyDistortions(image, trial);
    let teacher = Number.NaN;
    if (trial.part !== "ladder") {
      teacher = known[taught.length] ?? (await alex.value(output, ofAlex));
      taught.push(teacher);
    }
    answers.push({ trial, tiny: await tiny.value(output, ofTiny), alex: teacher });
  }
  if (path) await writeFile(path, JSON.stringify(taught));
  process.stderr.write(`photographs ${index + 1} of ${names.length}\n`);
}

const measures = ["rank", "linear", "mean error / mean", "mean / mean"];

/** The agreement of some distances with the teacher's, by each of the measures. */
function agreement(of: readonly Answer[]): string[] {
  const [mine, theirs] = [of.map((answer) => answer.tiny), of.map((answer) => answer.alex)];
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const ratios = [mine.map((value, i) => Math.abs(value - theirs[i])), mine].map((values) => sum(values) / sum(theirs));
  return [rankCorrelation(mine, theirs), linearCorrelation(mine, theirs), ...ratios].map((value) => value.toFixed(4));
}

const partOf = (part: Trial["part"]) => answers.filter(({ trial }) => trial.part === part);
const single = ({ trial }: Answer, kind: string) => trial.kinds.length === 1 && trial.kinds[0] === kind;
const kinds = [...new Set(partOf("ladder").map(({ trial }) => trial.kinds[0]))];

print(`${names.length} photographs; identical images: ${identical}`);
const rows = [
  ["kinds trained with", String(partOf("seen").length), ...agreement(partOf("seen"))],
  ["kinds never seen", String(partOf("unseen").length), ...agreement(partOf("unseen"))],
];
print(plainTable([["", "pairs", ...measures], ...rows], [], [0]));

const ladders = kinds.map((kind) => {
  const values = partOf("ladder").filter((answer) => single(answer, kind));
  const rising = names.filter((_, photograph) => {
    const steps = values.filter(({ trial }) => trial.photograph === photograph).map((answer) => answer.tiny);
    return steps.every((value, step) => value > (step === 0 ? 0 : steps[step - 1]));
  }).length;
  return { kind, rising };
});
const total = ladders.reduce((sum, { rising }) => sum + rising, 0) / (kinds.length * names.length);
print(`rising at each of ${rungs.join(", ")}: ${(100 * total).toFixed(2)} % of photographs and kinds`);
print(
  plainTable(
    [
      ["", "rising", "pairs", ...measures],
      ...ladders.map(({ kind, rising }) => {
        const own = [...partOf("seen"), ...partOf("unseen")].filter((answer) => single(answer, kind));
        return [kind, `${rising} of ${names.length}`, String(own.length), ...agreement(own)];
      }),
    ],
    [],
    [0],
  ),
);

/** Two images of a size, one of them a little off. */
function pairOf(height: number, width: number): [Tensor, Tensor] {
  const random = new Random("speed");
  const data = new Float32Array(3 * height * width).map(() => random.uniform());
  const shape = [1, 3, height, width] as const;
  return [
    new Tensor(
      data.map((value) => 0.9 * value),
      shape,
    ),
    new Tensor(data, shape),
  ];
}

/** The median of times, in milliseconds, after two runs that do not count. */
async function median(run: () => Promise<unknown>, count: number): Promise<number> {
  const times: number[] = [];
  for (let i = -2; i < count; i++) {
    const start = performance.now();
    await run();
    if (i >= 0) times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(count / 2)];
}

if (flags.speed) {
  const large = pairOf(1080, 1920);
  const timed = async (loss: Loss) => median(() => loss.value(...large), 5);
  const [slow, quick] = [await timed(alex), await timed(tiny)];
  print(`1920x1080 value: alex ${slow.toFixed(0)} ms, tiny ${quick.toFixed(0)} ms: ${(slow / quick).toFixed(1)} times`);
  const small = pairOf(256, 256);
  const both = await median(() => tiny.valueAndGrad(...small), 20);
  print(
    `256x256 value and gradient: ${both.toFixed(1)} ms; the target prepared: ${(await prepared(small)).toFixed(1)} ms`,
  );
}

async function prepared([output, target]: [Tensor, Tensor]): Promise<number> {
  const ready = await tiny.prepareTarget(target);
  return median(() => tiny.valueAndGrad(output, ready), 20);
}
