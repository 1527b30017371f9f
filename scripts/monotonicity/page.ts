import { writeFile } from "node:fs/promises";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { unseenDistortions } from "../distortions/index.ts";
import { drawShares, type Row } from "./draw.ts";
import { distortionNames, side, strengths, type Values } from "./measure.ts";
import { responseOf } from "./response.ts";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function rowOf(spec: string, photographs: readonly Values[]): Row {
  const { better } = parseLoss(spec);
  const responses = distortionNames.map((name) => photographs.map((values) => responseOf(values[name], better)));
  const shares = responses.map((list) => list.filter(({ monotone }) => monotone).length / list.length);
  return {
    spec,
    shares: Object.fromEntries(distortionNames.map((name, i) => [name, shares[i]])) as Row["shares"],
    correlation: mean(responses.flat().map(({ correlation }) => correlation)),
  };
}

/** 100 % means all of them. */
const percent = (share: number) => `${share === 1 ? 100 : Math.min(99.9, 100 * share).toFixed(1)} %`;

/** The distortions that a loss follows worst, from the worst. */
function weakest({ shares }: Row): string {
  const worst = distortionNames.toSorted((a, b) => shares[a] - shares[b]).slice(0, 4);
  return worst
    .filter((name) => shares[name] < 0.9)
    .map((name) => `${name} ${percent(shares[name])}`)
    .join(", ");
}

/** Writes the page, and its picture beside it. */
export async function writePage(
  path: string,
  {
    measured,
    impossible,
  }: { measured: ReadonlyMap<string, readonly Values[]>; impossible: ReadonlyMap<string, string> },
  { photographs, about }: { photographs: number; about?: string },
): Promise<void> {
  const rows = [...measured].map(([spec, values]) => rowOf(spec, values));
  const overall = ({ shares }: Row) => mean(distortionNames.map((name) => shares[name]));
  rows.sort((a, b) => overall(b) - overall(a));
  await writeFile(path.replace(/\.md$/, ".svg"), drawShares(rows));
  const unseen = new Set<string>(unseenDistortions);
  // What follows says where this machine was searched.
  const reason = (message: string) =>
    message.split(/ are not on this machine|[;\n]/)[0].replace(/^(.*: )?weights /, "needs the weights ");
  const lines = [
    "# Do losses get worse as images do?",
    "",
    `Each loss with its default options, on ${photographs} photographs (${side}x${side} pixels from the middle of each) and ${distortionNames.length} kinds of distortion, each at`,
    `strengths ${strengths.join(", ")}. A loss is monotone on a photograph where every step up in strength makes its value strictly worse; a prior, which has no target, where its`,
    "value moves strictly further away from that of the photograph. Rank correlation is Spearman's, of strength and badness of the value, the mean over all photographs and distortions.",
    ...(about ? [about] : []),
    "",
    "This is no measure of agreement with people: it shows what a loss is blind to, and where an improvement may go unrewarded. Some distortions are not monotone by nature (a hue",
    `that is turned, blocks that are misplaced): compare losses with each other in one column. Written by \`npm run monotonicity -- PHOTOGRAPHS\`.`,
    "",
    "![Share of photographs on which each loss is monotone, by distortion](monotonicity.svg)",
    "",
    "| loss | monotone | rank correlation | weakest distortions: monotone on |",
    "| --- | ---: | ---: | --- |",
    ...rows.map(
      (row) => `| \`${row.spec}\` | ${percent(overall(row))} | ${row.correlation.toFixed(3)} | ${weakest(row)} |`,
    ),
    "",
    ...(measured.has("lpips(net=tiny,version=1)")
      ? [
          `The network of \`lpips(net=tiny,version=1)\` was trained with these distortions, apart from ${[...unseen].join(", ")}: its row flatters it.`,
          "",
        ]
      : []),
    "`range` is 0 of every image in its range, whatever it shows; `niqe` has four blocks of these photographs, where it is customarily of whole ones.",
    "",
    ...(impossible.size > 0
      ? ["Not measured:", "", ...[...impossible].map(([spec, message]) => `- \`${spec}\`: ${reason(message)}`), ""]
      : []),
  ];
  await writeFile(path, lines.join("\n"));
}
