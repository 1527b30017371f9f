import { ReconlossError } from "@reconloss/core";
import { reasonOf } from "../files.ts";
import type { Drawing, Picture } from "./drawing.ts";
import type { Fonts } from "./font.ts";
import { placedRuns } from "./svg.ts";

/**
 * The writer of PDF files, which is not installed with the package.
 *
 * @throws {ReconlossError} `missing-dependency` where it is not there
 */
export function loadPdfKit(importPdfKit = () => import("pdfkit")) {
  return importPdfKit().then(
    ({ default: PdfDocument }) => PdfDocument,
    (cause: unknown) => {
      throw new ReconlossError(
        "missing-dependency",
        `a figure as PDF needs pdfkit, which did not load (${reasonOf(cause)}); install it with: npm install pdfkit`,
        { cause },
      );
    },
  );
}

/**
 * A drawing as a PDF file of one page: text is text, in fonts that the file holds, and pictures are without loss. The same drawing gives the same bytes.
 *
 * @throws {ReconlossError} `missing-dependency` without pdfkit; `invalid-argument` for letters that the fonts lack
 */
export async function toPdf(
  drawing: Drawing,
  pictures: ReadonlyMap<Picture, Buffer>,
  fonts: Fonts,
): Promise<Uint8Array> {
  const PdfDocument = await loadPdfKit();
  const { width, height, title, parts } = drawing;
  for (const part of parts) {
    if (part.kind !== "line") continue;
    const text = part.runs.map((run) => run.text).join("");
    const missing = fonts.regular.missing(text);
    if (missing.length === 0) continue;
    throw new ReconlossError(
      "invalid-argument",
      `figure: the font of PDF files has no ${missing.join(" ")} of "${text}"; give other names, or write .svg or .png`,
    );
  }
  const document = new PdfDocument({
    size: [width, height],
    margin: 0,
    // pdfkit makes the file's number of the date, so that it needs one; the file does not say it.
    info: { Title: title, Creator: "reconloss", CreationDate: new Date(0) },
    font: "",
  });
  Object.defineProperty(document.info, "CreationDate", { enumerable: false });
  const chunks: Buffer[] = [];
  const finished = new Promise<void>((resolve, reject) => {
    document.on("data", (chunk: Buffer) => chunks.push(chunk));
    document.on("end", resolve);
    document.on("error", reject);
  });
  document.registerFont("regular", Buffer.from(fonts.regular.bytes));
  document.registerFont("bold", Buffer.from(fonts.bold.bytes));
  for (const part of parts) {
    if (part.kind === "picture") {
      document.image(pictures.get(part) as Buffer, part.x, part.y, { width: part.width, height: part.height });
    } else if (part.kind === "frame") {
      const { x, y, fill, stroke, line = 1 } = part;
      document.rect(x, y, part.width, part.height);
      if (fill) document.fill(fill);
      if (stroke) document.lineWidth(line).stroke(stroke);
    } else {
      for (const { text, bold, left } of placedRuns(part, fonts)) {
        document
          .font(bold ? "bold" : "regular", part.size)
          .fillColor(part.colour)
          .text(text, left, part.y, { lineBreak: false, baseline: "alphabetic" });
      }
    }
  }
  document.end();
  await finished;
  return Buffer.concat(chunks);
}
