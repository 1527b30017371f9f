import { chromium } from "playwright-core";
import sharp from "sharp";
import { chromiumPath } from "../test/browser.ts";

/** A picture of a page: RGBA of 8 bits, and the PNG file that a browser makes of it. */
export interface Shot {
  data: Uint8Array;
  width: number;
  height: number;
  png: Buffer;
}

/** Differences of the page, in its style or its text. */
interface Page {
  css?: string;
  title?: string;
  icon?: string;
}

/** A page with text, a button with round corners, an icon, a rule and a picture of smooth colours. */
const html = ({ css = "", title = "Your order is on its way", icon = "" }: Page) => `<!doctype html><style>
body { margin: 0; padding: 24px; width: 432px; height: 252px; background: rgb(250, 250, 252); color: rgb(34, 38, 46); font: 15px/1.5 sans-serif; }
h1 { font-size: 22px; font-weight: 400; margin: 0 0 8px; }
hr { border: 0; border-top: 1px solid rgb(210, 214, 222); margin: 12px 0; }
button { border: 0; border-radius: 9px; padding: 9px 18px; color: white; background: rgb(36, 104, 220); font: 15px sans-serif; }
#icon { position: absolute; left: 420px; top: 28px; width: 20px; height: 20px; }
#badge { position: absolute; left: 390px; top: 29px; width: 18px; height: 18px; border-radius: 9px; background: rgb(206, 60, 70); }
#picture { position: absolute; left: 300px; top: 120px; width: 150px; height: 150px; border-radius: 75px;
  background: radial-gradient(circle at 40% 35%, rgb(255, 220, 160), rgb(200, 90, 60) 55%, rgb(60, 30, 80)); }
${css}
</style><h1>${title}</h1><p>It left the depot this morning and arrives<br>between two and four.</p><hr><button>Follow it</button>
<svg id="icon" viewBox="0 0 20 20" style="${icon}"><circle cx="10" cy="10" r="9" fill="none" stroke="rgb(80,88,100)" stroke-width="2"/><path d="M6 10l3 3 5-6" fill="none"
stroke="rgb(80,88,100)" stroke-width="2"/></svg><div id="badge"></div><div id="picture"></div>`;

/** A change of the page, and whether a guard should tell. */
export interface Change {
  name: string;
  /** False where nothing but the softness of edges differs. */
  isReal: boolean;
  page: Page;
  /** Changes the picture of the unchanged page, in place of another page. */
  redraw?: (shot: Shot) => Promise<Shot>;
}

const pixelsOf = async (png: Buffer): Promise<Shot> => {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height, png };
};

export const changes: readonly Change[] = [
  { name: "text moved by one pixel", isReal: true, page: { css: "p { position: relative; left: 1px; }" } },
  { name: "title's weight, 400 to 700", isReal: true, page: { css: "h1 { font-weight: 700; }" } },
  { name: "button's colour by 1 level", isReal: true, page: { css: "button { background: rgb(36, 105, 220); }" } },
  { name: "button's colour by 2 levels", isReal: true, page: { css: "button { background: rgb(36, 106, 220); }" } },
  { name: "button's colour by 5 levels", isReal: true, page: { css: "button { background: rgb(36, 109, 220); }" } },
  { name: "icon missing", isReal: true, page: { icon: "display: none" } },
  { name: "rule missing", isReal: true, page: { css: "hr { border-color: transparent; }" } },
  { name: "one letter, l to I", isReal: true, page: { title: "Your order is on Its way" } },
  {
    name: "faint shadow under the button",
    isReal: true,
    page: { css: "button { box-shadow: 0 2px 6px rgba(0, 0, 0, 0.08); }" },
  },
  {
    name: "picture compressed, JPEG of quality 80",
    isReal: true,
    page: {},
    redraw: async ({ png }) => {
      const area = { left: 300, top: 120, width: 150, height: 150 };
      const picture = await sharp(await sharp(png).extract(area).jpeg({ quality: 80 }).toBuffer())
        .png()
        .toBuffer();
      return pixelsOf(
        await sharp(png)
          .composite([{ input: picture, left: area.left, top: area.top }])
          .png()
          .toBuffer(),
      );
    },
  },
  {
    name: "anti-aliasing only: a disc a fifth of a pixel further",
    isReal: false,
    page: { css: "#badge { transform: translate(0.2px, 0.1px); }" },
  },
  {
    name: "anti-aliasing only: text a quarter of a pixel further",
    isReal: false,
    page: { css: "h1, p { transform: translateX(0.25px); will-change: transform; }" },
  },
];

/** Pictures of the page: as it is, then with each change, and the first and one change at 1920x1080. */
export async function shots(): Promise<{ base: Shot; changed: Shot[]; large: [Shot, Shot] }> {
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
  try {
    const take = async (page: Page, width: number, height: number, zoom = 1) => {
      const view = await browser.newPage({ viewport: { width, height } });
      await view.setContent(html(page));
      if (zoom !== 1) await view.evaluate((by) => document.body.style.setProperty("zoom", String(by)), zoom);
      const png = await view.screenshot();
      await view.close();
      return pixelsOf(png);
    };
    const base = await take({}, 480, 300);
    const changed: Shot[] = [];
    for (const { page, redraw } of changes) changed.push(redraw ? await redraw(base) : await take(page, 480, 300));
    const large: [Shot, Shot] = [await take({}, 1920, 1080, 3.6), await take(changes[0].page, 1920, 1080, 3.6)];
    return { base, changed, large };
  } finally {
    await browser.close();
  }
}
