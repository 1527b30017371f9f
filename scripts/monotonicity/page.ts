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
    "# Monotonicity of losses",
    "",
    "This page shows if each loss gets worse as images get worse. It is written by",
    "`npm run monotonicity -- PHOTOGRAPHS`.",
    "",
    `- Each loss has its default options. It is measured on ${photographs} photographs (the central ${side}x${side} pixels of each)`,
    `  and ${distortionNames.length} kinds of distortion, each at strengths ${strengths.join(", ")}.`,
    "- A loss is monotone on a photograph if every increase in strength makes its value strictly worse. A prior, which has no",
    "  target, is monotone if its value moves strictly further away from that of the photograph.",
    "- Rank correlation is Spearman's, between strength and how bad the value is: the mean over all photographs and",
    "  distortions.",
    ...(about ? [`- ${about}`] : []),
    "",
    "These results do not measure agreement with people. They show to which distortions a loss is insensitive, and where an",
    "improvement may go unrewarded. Some distortions are not monotone by nature (hue rotation, misplaced blocks), so compare",
    "losses with each other within one column.",
    "",
    "![Share of photographs on which each loss is monotone, by distortion](monotonicity.svg)",
    "",
    "| loss | monotone | rank correlation | weakest distortions, and share that is monotone |",
    "| --- | ---: | ---: | --- |",
    ...rows.map(
      (row) => `| \`${row.spec}\` | ${percent(overall(row))} | ${row.correlation.toFixed(3)} | ${weakest(row)} |`,
    ),
    "",
    ...(measured.has("lpips(net=tiny,version=1)")
      ? [
          `The network of \`lpips(net=tiny,version=1)\` was trained with these distortions, except ${[...unseen].join(", ")}, so its row is too favourable.`,
          "",
        ]
      : []),
    "`range` is 0 for every image in its range. `niqe` uses four blocks of these photographs; it is customarily computed on whole ones.",
    "",
    ...(impossible.size > 0
      ? ["Not measured:", "", ...[...impossible].map(([spec, message]) => `- \`${spec}\`: ${reason(message)}`), ""]
      : []),
  ];
  await writeFile(path, lines.join("\n"));
}
