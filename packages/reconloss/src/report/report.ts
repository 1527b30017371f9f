import { checkArguments } from "@reconloss/core/internal";
import type { Comparison } from "../compare/index.ts";
import { type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { writeFileAtomically } from "../files.ts";
import { type PageText, page } from "./page.ts";
import { type PairPictures, picture } from "./pictures.ts";
import { chooseWorst } from "./statistics.ts";

/** The options of a report. */
export interface ReportOptions extends LoadOptions, PageText {
  /** The most pairs whose images are put into the page, the worst by each loss in turn; default 24. The numbers of all pairs are there in any case. */
  mostPairs?: number;
  /** Called after each pair whose images are ready. */
  onPair?: (done: number, total: number) => void;
}

/**
 * Writes a comparison as one HTML file that needs nothing else: images with a slider and error maps of the worst pairs, distributions, the numbers of all
 * pairs and the protocol of every number. The images are read again, so that only those that are shown were ever kept.
 *
 * @throws {ReconlossError} `image` when an image cannot be read any more, `file` when the page cannot be written
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { parseLosses, Tensor } from "reconloss";
 * import { comparePairs, type Outcome, summarise } from "reconloss/compare";
 * import { pairPaths, writeImage } from "reconloss/image";
 * import { writeReport } from "reconloss/report";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * const [output, target] = [join(folder, "output.png"), join(folder, "target.png")];
 * await writeImage(output, Tensor.full([1, 3, 16, 16], 0.2));
 * await writeImage(target, Tensor.full([1, 3, 16, 16], 0.6));
 * const losses = parseLosses("psnr, ssim");
 * const outcomes: Outcome[] = [];
 * for await (const outcome of comparePairs((await pairPaths(output, target)).pairs, losses)) outcomes.push(outcome);
 * await writeReport(join(folder, "report.html"), summarise(losses, outcomes), { title: "Grey on grey" });
 * ```
 */
export async function writeReport(path: string, comparison: Comparison, options: ReportOptions = {}): Promise<void> {
  checkArguments("writeReport", {
    path: [path, "text"],
    comparison: [comparison, "object", ["losses", "pairs", "measured", "failed"]],
    options: [options, "object?"],
  });
  const { mostPairs = 24, onPair } = options;
  const chosen = chooseWorst(comparison.losses, comparison.pairs, mostPairs);
  const pictures: PairPictures[] = [];
  for (const pair of chosen) {
    pictures.push(await picture(pair, comparison.losses, loadOptionsOf(options)));
    onPair?.(pictures.length, chosen.length);
  }
  await writeFileAtomically(path, page(comparison, pictures, options));
}
