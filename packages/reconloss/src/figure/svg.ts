import { type Content, Html, html } from "../html.ts";
import type { Drawing, Frame, Line, Picture, Run } from "./drawing.ts";
import type { Fonts } from "./font.ts";

/** Fonts whose letters are as wide as those that the layout was made with. */
const family = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif";

const short = (value: number) => String(Math.round(value * 1000) / 1000);

function place({ x, y, width, height }: Picture | Frame): Html {
  return new Html(`x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`);
}

function picture(part: Picture, pictures: ReadonlyMap<Picture, Buffer>): Content {
  const uri = `data:image/png;base64,${(pictures.get(part) as Buffer).toString("base64")}`;
  return html`<image ${place(part)} preserveAspectRatio="none" xlink:href="${uri}"><title>${part.title}</title></image>`;
}

function frame(part: Frame): Content {
  const { fill = "none", stroke = "none", line = 1 } = part;
  return html`<rect ${place(part)} fill="${fill}" stroke="${stroke}" stroke-width="${short(line)}"/>`;
}

function text({ runs, x, y, size, anchor, colour }: Line): Content {
  const spans = runs.map(({ text, bold }) => (bold ? html`<tspan font-weight="bold">${text}</tspan>` : text));
  return html`<text x="${short(x)}" y="${short(y)}" font-size="${short(size)}" text-anchor="${anchor}" fill="${colour}" xml:space="preserve">${spans}</text>`;
}

/** The pieces of a line, with where each begins. */
export function placedRuns({ runs, x, anchor, size }: Line, fonts: Fonts): (Run & { left: number })[] {
  const widths = runs.map(({ text, bold }) => (bold ? fonts.bold : fonts.regular).widthOf(text, size));
  let left = anchor === "middle" ? x - widths.reduce((sum, width) => sum + width, 0) / 2 : x;
  return runs.map((run, index) => {
    const from = left;
    left += widths[index];
    return { ...run, left: from };
  });
}

/** The same as shapes. A line with a letter that the fonts lack stays text. */
function outlined(line: Line, fonts: Fonts): Content {
  if (line.runs.some(({ text, bold }) => (bold ? fonts.bold : fonts.regular).missing(text).length > 0))
    return text(line);
  const paths = placedRuns(line, fonts).map(({ text, bold, left }) =>
    (bold ? fonts.bold : fonts.regular).outline(text, left, line.y, line.size),
  );
  return html`<path fill="${line.colour}" d="${paths.join("")}"/>`;
}

/**
 * A drawing as SVG, with its pictures inside.
 *
 * @param outlines - fonts by which text becomes shapes, which look the same wherever they are drawn, for who draws a point as a pixel; default: text stays text
 */
export function toSvg(drawing: Drawing, pictures: ReadonlyMap<Picture, Buffer>, outlines?: Fonts): string {
  const { width, height, title, parts } = drawing;
  const [w, h] = [short(width), short(height)];
  const unit = outlines ? "" : "pt";
  const drawn = parts.map((part) => {
    if (part.kind === "picture") return picture(part, pictures);
    if (part.kind === "frame") return frame(part);
    return outlines ? outlined(part, outlines) : text(part);
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${w}${unit}" height="${h}${unit}" viewBox="0 0 ${w} ${h}" font-family="${family}">
<title>${title}</title>
<rect width="${w}" height="${h}" fill="#ffffff"/>
${drawn.map((part) => [part, new Html("\n")])}</svg>
`.text;
}
