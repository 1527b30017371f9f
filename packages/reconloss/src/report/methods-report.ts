import type { Loss } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { isComparable } from "../figure/names.ts";
import { bySpread } from "../figure/spread.ts";
import { writeFileAtomically } from "../files.ts";
import type { JudgedImage, Judgement } from "../judge/types.ts";
import { methodsPage } from "./methods-page.ts";
import type { PageText } from "./page.ts";
import { type ImagePictures, judgedPictures } from "./pictures.ts";
import { firstInTurn } from "./statistics.ts";

/** The options of a report of several methods. */
export interface MethodsReportOptions extends LoadOptions, PageText {
  /**
   * The most images that are shown, those on which methods differ most by each metric in turn; default 12, fewer of more than four methods, down to 4. The numbers of all are
   * there in any case.
   */
  mostImages?: number;
  /** Called after each image that is ready. */
  onImage?: (done: number, total: number) => void;
}

/** The number of images that are shown: a page of many methods would be too large for browsers. */
function imagesFor(methods: number): number {
  return Math.max(4, Math.min(12, Math.floor(60 / (methods + 1))));
}

/** At most `limit` images: by each loss in turn those on which methods differ most. */
function chooseImages(losses: readonly Loss[], images: readonly JudgedImage[], limit: number): JudgedImage[] {
  const there = images.filter(isComparable);
  const orders = losses.map((loss) => bySpread(loss, there));
  const chosen = firstInTurn(orders, limit);
  return there.filter((image) => chosen.has(image));
}

/**
 * Writes a judgement of several methods as one HTML file that needs nothing else: the table of methods and metrics with intervals and tests; of each image the target and all
 * methods side by side, with one zoom for all, a slider, blinking, error maps on one scale, and the regions in which methods differ most; and the numbers of all images.
 * Images are read again, so that only those that are shown were ever kept.
 *
 * @throws {ReconlossError} `image` when an image cannot be read any more, `file` when the page cannot be written
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { judge } from "reconloss/judge";
 * import { writeMethodsReport } from "reconloss/report";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (const [name, level] of [["targets", 0.6], ["ours", 0.5], ["theirs", 0.2]] as const) {
 *   await writeImage(join(folder, name, "a.png"), Tensor.full([1, 3, 32, 32], level));
 * }
 * const methods = { ours: join(folder, "ours"), theirs: join(folder, "theirs") };
 * const judgement = await judge({ methods, targets: join(folder, "targets"), metrics: "psnr, ssim" });
 * await writeMethodsReport(join(folder, "report.html"), judgement, { title: "Ours and theirs" });
 * ```
 */
export async function writeMethodsReport(
  path: string,
  judgement: Judgement,
  options: MethodsReportOptions = {},
): Promise<void> {
  checkArguments("writeMethodsReport", {
    path: [path, "text"],
    judgement: [judgement, "object", ["methods", "images", "losses", "columns", "failed"]],
    options: [options, "object?"],
  });
  const { mostImages = imagesFor(judgement.methods.length), onImage } = options;
  const chosen = chooseImages(judgement.losses, judgement.images, mostImages);
  const pictures: ImagePictures[] = [];
  for (const image of chosen) {
    pictures.push(await judgedPictures(image, judgement.losses, loadOptionsOf(options)));
    onImage?.(pictures.length, chosen.length);
  }
  await writeFileAtomically(path, methodsPage(judgement, pictures, options));
}
